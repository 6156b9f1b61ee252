/* SPDX-License-Identifier: MIT */
/*
 * Random small models with every kind of node, and an evaluator of the graph itself: float32
 * operations node by node on plain maps, no packing, no thresholds. The oracle of fold, tree and
 * engine.
 */
#ifndef CHECK_RANDOM_GRAPH_H
#define CHECK_RANDOM_GRAPH_H

#include "check/check.h"
#include "model/graph.h"

typedef struct check_graph_options {
    bool masks; /* MC-SpatialDropout before some layers */
    bool element_masks;
    bool scales; /* Scale-Dropout and members behind some sums */
    bool float_head;
    bool channel_means; /* one mean and std per input channel */
    bool branches; /* residuals, joins, groups and dilations; all constants are such that nothing
                      is rounded, so that real values between layers agree exactly */
} check_graph_options;

/* A random model; preprocessing is exact in float32, so that an integer first layer equals a float
 * one. */
bb_graph *check_random_graph(bb_context *context, uint64_t seed,
                             const check_graph_options *options);

/* A small fixed dense network of `n_layers` hidden layers of `width`, a Scale-Dropout site behind
 * each, on 1 x side x side bytes; for tests of sampling. */
bb_graph *check_dense_graph(bb_context *context, uint64_t seed, uint32_t side, uint32_t width,
                            uint32_t n_layers, float p);

/* Logits of one NHWC byte input under one row of draws (layout of bb_plan_row_size()); row NULL:
 * deterministic. */
void check_evaluate(const bb_graph *graph, const uint8_t *input, const uint8_t *row, float *logits);

#endif
