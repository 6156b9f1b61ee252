/* SPDX-License-Identifier: MIT */
/* Networks built in C from a seed: whole models for speed, and small ones around a single layer. */
#ifndef BITBAYES_BENCH_MODELS_H
#define BITBAYES_BENCH_MODELS_H

#include "model/graph.h"

/* A graph that grows. After a failure `status` stays set and later calls do nothing. */
typedef struct model_builder {
    bb_graph *graph;
    bb_shape shape; /* of the node that the next one reads, */
    uint32_t last;  /* and its index: set both to begin a branch */
    uint64_t state; /* of the generator */
    bb_status status;
} model_builder;

/* The square window of a layer. */
typedef struct layer_window {
    uint32_t kernel_h, kernel_w, step, dilation, pad;
} layer_window;

void model_begin(model_builder *b, bb_context *context, const char *name, bb_shape input,
                 uint64_t seed);
void model_linear(model_builder *b, const layer_window *window,
                  uint32_t channels); /* +-1 weights */
void model_grouped(model_builder *b, const layer_window *window, uint32_t channels,
                   uint32_t groups);
void model_scale(model_builder *b, float p); /* Scale-Dropout site, scales of 1/2 to 2 */
void model_normalize(model_builder *b);      /* by the fan-in of the linear node before */
void model_pool(model_builder *b, uint32_t size);
void model_sign(model_builder *b);
void model_average(model_builder *b);        /* over the whole map */
void model_add(model_builder *b, uint32_t node); /* the value of another node of the same shape */
void model_dense(model_builder *b, uint32_t channels); /* covers the whole map */

/* Check the graph and hand it over; NULL with the context's error set. */
bb_status model_end(model_builder *b, bb_graph **out);

/* A model by its name, or BB_UNSUPPORTED with the reason; `*out` stays NULL and BB_OK is returned
 * for a name that is none of them (a file). */
bb_status model_build(bb_graph **out, bb_context *context, const char *name, uint64_t seed);

/* SplitMix64. */
uint64_t bench_random(uint64_t *state);

#endif
