/* SPDX-License-Identifier: MIT */
/* Cutting a run in chunks that fit the memory budget. */
#ifndef BITBAYES_CHUNK_H
#define BITBAYES_CHUNK_H

#include "execute/backend.h"
#include "sampling/worklist.h"

/* Which tensors share a buffer: two may if no stage needs both. */
typedef struct bb_lanes {
    uint32_t *lane; /* [stages] */
    uint32_t n_lanes;
} bb_lanes;

bb_status bb_lanes_assign(bb_lanes *out, bb_context *context, const bb_plan *plan);

/* The inputs of a run, and what was drawn for them. */
typedef struct bb_run {
    const bb_sampler *sampler;
    const bb_lanes *lanes;
    const void *inputs; /* [n] as bb_engine_run() takes them */
    uint64_t first_index;
    uint32_t n;
    uint64_t budget;     /* bytes */
    uint64_t preferred;  /* bytes that a chunk takes only with its first pass; 0: up to the budget */
    uint64_t largest_lane;  /* bytes of the largest buffer that the device takes; 0: any */
    bb_leaf_set *leaves; /* [n], drawn as the run proceeds */
    size_t *first_row;   /* [n] row of the first leaf in the results */
    size_t n_rows;
    uint32_t input, item; /* where the next chunk begins; item 0: not drawn yet */
} bb_run;

/* One chunk with all that the backend reads. */
typedef struct bb_chunk_store {
    bb_worklist *list;
    uint64_t *inputs;
    size_t capacity_words;
    size_t *row_of_output; /* [n_outputs] result row of a logits slot */
    size_t capacity_outputs;
    uint32_t n_outputs;
    bb_chunk chunk;
} bb_chunk_store;

bb_status bb_chunk_store_create(bb_chunk_store *store, const bb_sampler *sampler);
void bb_chunk_store_free(bb_chunk_store *store, bb_context *context);

/* Fill `store` with as much of the run as fits; n_outputs is 0 when nothing is left. BB_MEMORY if
 * not even one pass fits. */
bb_status bb_chunk_fill(bb_chunk_store *store, bb_run *run);

/* Write the bytes of the store's chunk per lane and return the whole. */
uint64_t bb_chunk_bytes(const bb_chunk_store *store, const bb_run *run, size_t *lane_bytes);

#endif
