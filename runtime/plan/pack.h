/* SPDX-License-Identifier: MIT */
/* Packing of weights, and the border classes of a first layer on bytes. */
#ifndef BITBAYES_PACK_H
#define BITBAYES_PACK_H

#include "plan/plan.h"

/* The stage's weights in the layout of kernels/shared.h for its sum. */
bb_status bb_pack_weights(bb_context *context, bb_stage *stage, const bb_linear *linear);

/*
 * For a first layer on raw bytes: a normalised pixel is x = p * g - o with g = scale / std and
 * o = mean / std, and a padded tap is x = 0, not p = 0. So
 *   sum over valid taps of w * x  =  g * (sum of w * p)  -  o * (sum of w over the valid taps)
 * and the second term depends on which taps are valid: one class per set of valid rows and columns.
 * The weights are packed. Sets the border classes of the stage, its channel_scale
 * (BB_SUM_BYTES_SCALED), and for the chain: `scale` = g (1 where channel_scale holds it) and
 * `offset` [classes][out_channels], owned by the caller. Leaves everything alone for other sums.
 */
bb_status bb_pack_border(const bb_plan *plan, bb_stage *stage, const bb_node *core,
                         const bb_preprocess *preprocess, float *scale, float **offset);

/* Hash over all that determines results. */
uint64_t bb_pack_hash(const bb_plan *plan);

#endif
