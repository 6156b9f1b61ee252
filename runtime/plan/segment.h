/* SPDX-License-Identifier: MIT */
/*
 * A segment is the group of graph nodes that becomes one stage. In order:
 *   [mask] [linear, average pool, max pool or concat] steps [max pool] steps [sign] [max pool]
 * or, where a real value leaves the stage,
 *   [mask] [linear, average pool, max pool or concat] steps [add] {itself, steps sign}
 * whose braces are two readers of one value: the value leaves, and so do the bits behind it. A node
 * with several readers ends a segment, so what lies inside is read there alone; masks are the
 * exception and belong to every linear that reads them.
 */
#ifndef BITBAYES_SEGMENT_H
#define BITBAYES_SEGMENT_H

#include "plan/chain.h"

typedef struct bb_segment {
    const bb_node *mask;     /* or NULL */
    const bb_node *core;     /* the node that makes the sum; NULL: the input itself */
    const bb_node *max_pool; /* around the sign, or NULL */
    const bb_node *add;      /* or NULL: no residual */
    const bb_node *sign;     /* or NULL; `bits` without a sign is binary already */
    const bb_node *real;     /* the node whose real value leaves, or NULL */
    const bb_node *bits;     /* the node whose bits leave, or NULL; one of the two does */
    const bb_node *last;     /* for messages */
    uint32_t input;          /* nodes whose values are read; second: of `add` or a concat, */
    uint32_t second;         /* else BB_NO_INDEX */
    const bb_step *steps[BB_MAX_STEPS];
    uint32_t n_steps;
    uint32_t first_behind_pool;
    const bb_step *bit_steps[BB_MAX_STEPS]; /* between `real` and the sign, where both leave */
    uint32_t n_bit_steps;
    bb_shape in, sum, out; /* sum: before the max pool */
} bb_segment;

/* Who reads what, and which nodes already are in a segment. */
typedef struct bb_cutter {
    bb_context *context;
    const bb_graph *graph;
    uint32_t *n_readers; /* [nodes] */
    uint32_t *reader;    /* [nodes] first of the edges that leave a node; edge / 2 is the reader */
    uint32_t *next;      /* [2 * nodes] the edge after it, or BB_NO_INDEX */
    bool *taken;         /* [nodes] */
    bool *binary;        /* [nodes] the value is +-1, or 0 where masked */
} bb_cutter;

/* On failure bb_cutter_free() frees what there is. */
bb_status bb_cutter_create(bb_cutter *out, bb_context *context, const bb_graph *graph);
void bb_cutter_free(bb_cutter *cutter);

/* Cut the segment that begins at node `first`, which is not taken and not a mask; all nodes before
 * it are taken, or masks. BB_UNSUPPORTED names the node that no stage can hold. */
bb_status bb_segment_cut(bb_segment *out, bb_cutter *cutter, uint32_t first);

/* The segment that makes real values of the bits of a node. */
bb_segment bb_segment_convert(const bb_graph *graph, uint32_t node);

#endif
