/* SPDX-License-Identifier: MIT */
/* Writing the operations from the input to the output down as nodes of a bb_graph. */
#ifndef BITBAYES_LOWER_H
#define BITBAYES_LOWER_H

#include "model/import.h"

/* A draw that they use, and how it was used first: a second use must be the same. */
typedef struct bb_draw {
    uint32_t value; /* UNIFORM */
    bool assigned, inverted;
} bb_draw;

/* What an activation of the file is in the graph. */
typedef struct bb_lowered {
    uint32_t node;  /* that makes it */
    bb_shape shape; /* of the map as it lies; ONNX may call it flattened meanwhile */
    bb_window pad;  /* of a Pad node that waits for its Conv: pad_* only */
    bool padded, masked; /* something waits for the next LINEAR */
    float factor;   /* of masks that wait for the next LINEAR */
} bb_lowered;

typedef struct bb_lowering {
    bb_import *import;
    bb_graph *graph;
    bb_lowered at;      /* what the next node reads; becomes what it makes */
    bb_lowered *values; /* [values of the import] once they are made */
    bb_draw *draws;     /* n_sites of the graph, in their order */
} bb_lowering;

/* An operation that counts: `in` is the activation that it takes, `which` the number of the input.
 * Of those that join several, the first. */
typedef struct bb_station {
    const bb_operation *operation;
    const bb_value *in, *out;
    uint32_t which;
} bb_station;

typedef bb_status bb_lower_function(bb_lowering *lowering, const bb_station *at);
bb_lower_function bb_lower_convolution, bb_lower_product, bb_lower_arithmetic, bb_lower_negative,
    bb_lower_normalization, bb_lower_clip, bb_lower_sign, bb_lower_bipolar, bb_lower_choice,
    bb_lower_pool, bb_lower_layout, bb_lower_pad, bb_lower_dropout, bb_lower_where, bb_lower_join;

/* Whether the operation takes several activations, and adds them or puts them side by side. */
bool bb_lower_joins(const bb_import *import, const bb_operation *operation);

/* A constant as one float per channel; refused if it differs within a channel or is not finite. */
bb_status bb_lower_channels(bb_lowering *lowering, const bb_station *at, const bb_tensor *tensor,
                            const char *what, float *out);
/* A new STEP with room for a (and b) of `n_draws` x channels. */
bb_step *bb_lower_new_step(bb_lowering *lowering, const bb_station *at, bb_step_kind kind,
                           uint32_t n_draws, bool second, bb_status *status);
/* One with a constant. Nothing is added where it would change nothing. */
bb_status bb_lower_step(bb_lowering *lowering, const bb_station *at, bb_step_kind kind,
                        const bb_tensor *tensor, const char *what);
bb_node *bb_lower_node(bb_lowering *lowering, const bb_station *at, bb_node_kind kind);
/* x combined with a choice by a draw. */
bb_status bb_lower_random(bb_lowering *lowering, const bb_station *at, bb_step_kind kind,
                          const bb_value *choice);

/* tidy.c: scales between a sign and a LINEAR go behind it; the factor of a mask into the LINEAR. */
bb_status bb_lower_tidy(bb_lowering *lowering);
/* All values of a and every draw the same per draw, not negative: commutes with sums and max. */
bool bb_step_is_scale(const bb_node *node);

#endif
