/* SPDX-License-Identifier: MIT */
/*
 * The folded network: a graph of stages in topological order; stage s writes tensor s. Tensor
 * BB_NO_INDEX is the network's input. The last stage writes the logits.
 */
#ifndef BITBAYES_PLAN_INTERNAL_H
#define BITBAYES_PLAN_INTERNAL_H

#include "base/base.h"
#include "kernels/shared.h"
#include "model/graph.h"
#include <bitbayes/plan.h>

#define BB_MAX_STAGE_SITES 4
#define BB_MAX_STAGE_DRAWS 256

/*
 * How draws select a stage's bank entry: index = sum over bank sites of draw * weight. A masked
 * stage has a second set of entries behind the first, with factor 1 instead of 1/(1-p), for
 * deterministic runs; `deterministic` is the entry that those use (every scale kept).
 */
typedef struct bb_stage {
    bb_stage_descriptor descriptor;
    char *name;
    uint32_t input;     /* producing stage, or BB_NO_INDEX for the network's input */
    uint32_t second;    /* the same of the second operand, where the descriptor has one */
    uint32_t node;      /* of the graph, for messages */
    uint32_t mask_site; /* or BB_NO_INDEX */
    uint32_t n_bank_sites;
    uint32_t bank_site[BB_MAX_STAGE_SITES];
    uint32_t bank_weight[BB_MAX_STAGE_SITES];
    uint32_t deterministic; /* entry for deterministic runs; the mask is BB_NONE then */
    void *weights;          /* layout in kernels/shared.h; NULL for pools */
    size_t weight_bytes;
    float *channel_scale; /* BB_SUM_BYTES_SCALED: [in_channels]; else NULL */
    bb_bank_entry *bank;  /* [classes][n_draws][out_channels], BB_EMIT_BOTH: then [out_channels] */
    bb_bank_entry *tie_bank; /* the same under the rule x > 0, where the model says Sign: a bit that
                                differs is a tie, Sign(0); else NULL */
    size_t n_bank_entries;
    uint32_t *border;                       /* [sum_h + sum_w]; NULL without border classes */
    uint32_t sites[BB_MAX_STAGE_SITES + 1]; /* mask site first, then bank sites */
    uint32_t n_sites;
} bb_stage;

struct bb_plan {
    bb_context *context;
    bb_input_type input_type;
    bb_shape input_shape;
    float *input_scale, *input_mean,
        *input_std;        /* per channel, for float input: (x*scale - mean)/std on the host */
    uint32_t input_stride; /* 64-bit words per input slot */
    bool input_is_real; /* the first stage wants f32: bytes are converted and normalised on the host
                         */
    bb_stage *stages;
    uint32_t n_stages;
    bb_site *sites; /* copies, names included */
    uint32_t n_sites;
    uint32_t n_classes;
    uint64_t hash;
};

/* Of BB_SUM_...: linear layers, not pools and joins; a sum in i32, not f32. */
static inline bool bb_sum_has_weights(uint32_t sum)
{
    return sum < BB_SUM_POOL_BITS;
}

static inline bool bb_sum_is_integer(uint32_t sum)
{
    return sum == BB_SUM_BITS || sum == BB_SUM_BYTES || sum == BB_SUM_POOL_BITS ||
           sum == BB_SUM_JOIN_BITS;
}

/* Bytes of the row of draws of one pass, as in the check sets: sites in order, one byte (the bank
 * index) for a drop or member site, ceil(n_elements / 8) bytes for a mask (bit e%8 of byte e/8, 1
 * kept). site_offset (may be NULL) receives n_sites offsets. */
size_t bb_plan_row_bytes(const bb_plan *plan, size_t *site_offset);

/* Whether stage s reads the tensor of stage t (or BB_NO_INDEX), as either operand. */
bool bb_plan_reads(const bb_plan *plan, uint32_t s, uint32_t t);

/* Last stage that reads the tensor of stage s (s itself for the last one). */
uint32_t bb_plan_last_use(const bb_plan *plan, uint32_t s);

#endif
