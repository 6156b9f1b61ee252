/* SPDX-License-Identifier: MIT */
/*
 * A segment is the run of graph nodes that becomes one stage:
 *   [mask] [linear or average pool] steps [max pool] steps [sign] [max pool]
 */
#ifndef BITBAYES_SEGMENT_H
#define BITBAYES_SEGMENT_H

#include "plan/chain.h"

typedef struct bb_segment {
    const bb_node *mask;     /* or NULL */
    const bb_node *core;     /* LINEAR or AVERAGE_POOL; NULL: the steps act on the input itself */
    const bb_node *max_pool; /* or NULL */
    const bb_node *sign;     /* or NULL: a real value leaves the stage */
    const bb_node *last;     /* the node whose value leaves the stage */
    const bb_step *steps[BB_MAX_STEPS];
    uint32_t n_steps;
    uint32_t first_behind_pool;
    bb_shape in, sum, out; /* sum: before the max pool */
} bb_segment;

/* Cut the segment that begins at node *next and move *next behind it. BB_UNSUPPORTED names the node
 * that no stage can hold. */
bb_status bb_segment_cut(bb_segment *out, const bb_graph *graph, bb_context *context,
                         bool input_is_bits, uint32_t *next);

#endif
