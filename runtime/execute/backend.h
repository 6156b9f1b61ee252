/* SPDX-License-Identifier: MIT */
/*
 * What executes a plan. The engine cuts the work in chunks that fit the memory budget; a backend
 * runs a chunk: for each stage one stage call (kernels/shared.h) over a work list. Two chunks may
 * be in the making at a time: the engine builds the next one while the backend runs the current
 * one.
 */
#ifndef BITBAYES_BACKEND_H
#define BITBAYES_BACKEND_H

#include "sampling/work.h"

typedef struct bb_chunk {
    const void *inputs; /* n_inputs slots of plan->input_stride words, NHWC, pad bytes 0 */
    uint32_t n_inputs;
    const bb_stage_work *stages; /* plan->n_stages of them */
    uint32_t n_stages;           /* how many to run, from the first on; verification stops early */
} bb_chunk;

/* Sizes that no chunk will exceed, so that memory is allocated once. lane: tensors whose lifetimes
 * do not overlap share a buffer; lane[s] is the buffer of stage s's output. */
typedef struct bb_limits {
    uint32_t n_inputs;
    uint32_t n_lanes;
    const uint32_t *lane;      /* [n_stages] */
    const size_t *lane_bytes;  /* [n_lanes] */
    const uint32_t *n_entries; /* [n_stages] */
    const uint32_t *n_masks;   /* [n_stages] */
} bb_limits;

typedef struct bb_backend bb_backend;

typedef struct bb_backend_operations {
    /* Allocate for chunks up to `limits`, which stay valid until the next reserve or free. May be
     * called again with other limits. BB_MEMORY, BB_DEVICE. */
    bb_status (*reserve)(bb_backend *backend, const bb_limits *limits);
    /* Start a chunk. Returns before it is done if it can. The chunk and all it points to stay
     * unchanged until finish() returns. At most one chunk is under way. */
    bb_status (*submit)(bb_backend *backend, const bb_chunk *chunk);
    /* Wait for the chunk and copy the first `bytes` bytes of the output tensor of its last stage.
     */
    bb_status (*finish)(bb_backend *backend, void *output, size_t bytes);
    /* Which kernel runs stage s, with its sizes, and why; borrowed text. */
    const char *(*variant)(bb_backend *backend, uint32_t s);
    void (*free)(bb_backend *backend); /* takes half-built backends */
} bb_backend_operations;

/* Seconds since creation, by kind. */
typedef struct bb_backend_times {
    double compile, transfer, compute;
} bb_backend_times;

struct bb_backend {
    const bb_backend_operations *operations;
    bb_context *context;
    const bb_plan *plan;
    bb_backend_times times;
    uint64_t cycles; /* clock cycles of the device since creation; 0 where it does not tell */
};

#endif
