/* SPDX-License-Identifier: MIT */
/*
 * The elementwise operations between a stage's sum and its output, and what they fold to.
 */
#ifndef BITBAYES_CHAIN_H
#define BITBAYES_CHAIN_H

#include "plan/plan.h"

#define BB_MAX_STEPS 64

/* Before the steps: z = float32(sum) * scale - offset[class][channel], where the sum is over raw
 * bytes, then z * factor[channel]. */
typedef struct bb_chain {
    const bb_step *steps[BB_MAX_STEPS];
    uint32_t n_steps;
    uint32_t first_behind_pool; /* steps from here on act on the pooled value */
    float scale;                /* 1 unless BB_SUM_BYTES */
    const float *offset;        /* [classes][out_channels], or NULL for none */
    const float *magnitude;     /* [out_channels], or NULL for 1 */
    float mask_factor;          /* 1 without a mask; entries of deterministic runs leave it out */
    bool zero_is_positive;      /* the sign's rule */
} bb_chain;

/* Fill the stage's bank. The descriptor, sites and mask of the stage are set. */
void bb_chain_thresholds(const bb_chain *chain, const bb_stage *stage, bb_bank_entry *bank);
void bb_chain_affine(const bb_chain *chain, const bb_stage *stage, bb_bank_entry *bank);
/* BB_EMIT_BOTH: [out_channels] thresholds on the real value, by a chain of steps alone. */
void bb_chain_second(const bb_chain *chain, const bb_stage *stage, bb_bank_entry *bank);

#endif
