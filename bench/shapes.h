/* SPDX-License-Identifier: MIT */
/*
 * Shapes to measure, one per line of a text file; `#` begins a comment:
 *
 *     conv3x3  16x16x256x256  pool=2 draws=2     map height x width x input x output channels
 *     first3x3 32x32x3x128                       the same on 8-bit input
 *     dense    1024x1024      real               inputs x outputs
 *
 * Words behind the size: step=N, dilation=N, groups=N, pad=N (default: the map keeps its size at
 * step 1), pool=N, draws=1|2 (bank entries, all emitted; default 1), real (values instead of bits;
 * dense only).
 */
#ifndef BITBAYES_BENCH_SHAPES_H
#define BITBAYES_BENCH_SHAPES_H

#include "models.h"

#include <bitbayes/plan.h>

typedef struct bench_shape {
    char name[96]; /* as rows carry it, without the batch: "conv3x3/16x16x256x256/pool2" */
    bool first, dense, real;
    bb_shape in;
    uint32_t out_channels, groups, pool, n_draws;
    layer_window window;
} bench_shape;

typedef struct bench_shapes {
    bench_shape *list;
    uint32_t n;
} bench_shapes;

/* Append the shapes of a file, or of a built-in set by its name ("vgg-small"). BB_INPUT names file
 * and line. */
bb_status shapes_read(bench_shapes *set, bb_context *context, const char *name);

/* Append all built-in sets. */
bb_status shapes_read_all(bench_shapes *set, bb_context *context);
void shapes_free(bench_shapes *set, bb_context *context);

/* A plan that holds the shape as stage `*stage`, with weights from the seed. */
bb_status shape_fold(bb_plan **out, uint32_t *stage, bb_context *context, const bench_shape *shape,
                     uint64_t seed);

#endif
