/* SPDX-License-Identifier: MIT */
/*
 * The draws of one input: a row per pass, equal rows found, leaves sorted so that passes which
 * share a prefix stand side by side.
 */
#ifndef BITBAYES_DRAWS_H
#define BITBAYES_DRAWS_H

#include "plan/plan.h"
#include <bitbayes/sampling.h>

/*
 * Sites stand in the order in which stages first read them. A stage depends on the sites of the
 * tensors that it reads, and through them on those of all before: `masked` says how many sites of
 * the order come before its sum, its mask included, `emitted` how many before its output. Passes
 * that agree in as many share the sum, or the output.
 */
typedef struct bb_depths {
    uint32_t *order;   /* [sites] */
    uint32_t *place;   /* [sites] of a site in the order */
    uint32_t *masked;  /* [stages] */
    uint32_t *emitted; /* [stages] */
} bb_depths;

/* BB_MEMORY; bb_depths_free() frees what there is in any case. */
bb_status bb_depths_find(bb_depths *out, const bb_plan *plan, bb_context *context);
void bb_depths_free(bb_depths *depths, bb_context *context);

/* What is fixed for a plan and a way of sampling. */
typedef struct bb_sampler {
    bb_context *context;
    const bb_plan *plan;
    bb_sampling sampling;
    size_t row_bytes;
    size_t *offset; /* [sites] of a site in a row */
    bb_depths depths;
    uint64_t *threshold; /* [sites] a word below it drops */
    uint32_t n_passes;   /* of one input */
    uint8_t *exact_rows; /* EXACT: the same rows for all inputs, with their weights */
    double *exact_weights;
} bb_sampler;

/* The leaves of one input. Index l counts distinct rows in order of the first pass that drew them;
 * `sorted` lists them in prefix order; shared[i] is the number of sites in which sorted leaf i
 * agrees with sorted leaf i-1 (0 for the first). */
typedef struct bb_leaf_set {
    uint32_t n_leaves, n_passes;
    const uint8_t *rows;    /* [n_leaves][row_bytes] */
    uint32_t *counts;       /* [n_leaves] */
    uint32_t *leaf_of_pass; /* [n_passes] */
    uint32_t *sorted, *shared;
    uint8_t *row_store; /* behind `rows`, NULL for EXACT */
    uint32_t capacity;
} bb_leaf_set;

/* The coordinates of a draw in the random stream. */
typedef struct bb_draw_place {
    uint64_t seed;
    uint32_t input, pass, site;
} bb_draw_place;

/* A word below it drops: ceil(p * 2^32). */
uint64_t bb_drop_threshold(double p);

/* One draw of one site into its bytes of a row. */
void bb_draw(const bb_site *site, const bb_draw_place *at, uint64_t threshold, uint8_t *draw);

bb_status bb_sampler_create(bb_sampler **out, bb_context *context, const bb_plan *plan,
                            const bb_sampling *sampling);
void bb_sampler_free(bb_sampler *sampler);

/* Draw the leaves of one input. `replayed` are the rows of this input for BB_SAMPLING_REPLAYED. The
 * set's memory is reused from call to call. */
bb_status bb_sampler_draw(const bb_sampler *sampler, uint64_t input, const uint8_t *replayed,
                          bb_leaf_set *leaves);
void bb_leaf_set_free(bb_context *context, bb_leaf_set *leaves);

#endif
