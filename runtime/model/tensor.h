/* SPDX-License-Identifier: MIT */
/*
 * Constant tensors while a model is read: extents with a symbolic batch, values as double. A
 * double holds every float32, int32 and bool exactly, and int64 as far as shapes and axes need.
 */
#ifndef BITBAYES_TENSOR_H
#define BITBAYES_TENSOR_H

#include "base/base.h"

#define BB_MAX_RANK 8

/* Extent, or value in a shape tensor, that stands for the number of inputs of a run. */
#define BB_BATCH ((int64_t)-0x10000000000)

#define BB_MAX_ELEMENTS ((int64_t)1 << 28) /* of one activation, per input */
#define BB_MAX_CHANNELS ((int64_t)1 << 20)

typedef struct bb_dims {
    uint32_t rank;
    int64_t extent[BB_MAX_RANK];
} bb_dims;

typedef enum bb_element {
    BB_ELEMENT_FLOAT,
    BB_ELEMENT_DOUBLE,
    BB_ELEMENT_INTEGER,
    BB_ELEMENT_BOOL,
    BB_ELEMENT_OTHER /* half, complex, text: only ever seen, never computed with */
} bb_element;

typedef struct bb_tensor {
    const char *name; /* for messages; NULL if it has none */
    bb_element element;
    bb_dims dims; /* a batch extent is stored once */
    size_t count;
    double *values;
    bool holds_batch; /* some value is BB_BATCH */
} bb_tensor;

/* Memory that lives until the import ends, within a budget: a small file must not unfold without bound. */
typedef struct bb_arena_block bb_arena_block;
typedef struct bb_arena {
    bb_context *context;
    const char *path; /* for messages */
    bb_arena_block *blocks;
    size_t left; /* bytes of the budget */
} bb_arena;

/* Zeroed; NULL with the error set: BB_MEMORY, or BB_UNSUPPORTED beyond the budget (`*status`). */
void *bb_arena_allocate(bb_arena *arena, size_t count, size_t size, bb_status *status);
void bb_arena_free(bb_arena *arena);
/* Takes `bytes` from the budget for memory that is allocated elsewhere. */
bb_status bb_arena_charge(bb_arena *arena, size_t bytes);

/* A zeroed tensor. */
bb_status bb_tensor_new(bb_tensor **out, bb_arena *arena, bb_element element, const bb_dims *dims);

/* Elements, with the batch counted once; false on overflow or a negative extent. */
bool bb_dims_count(const bb_dims *dims, size_t *count);
bool bb_dims_equal(const bb_dims *a, const bb_dims *b);
/* numpy's rule; false if the two do not fit. */
bool bb_dims_broadcast(const bb_dims *a, const bb_dims *b, bb_dims *out);
/* Axis with negative ones counted from behind; false if out of range. */
bool bb_dims_axis(const bb_dims *dims, int64_t axis, uint32_t *out);
/* Offset of an extent in memory: 1 for the batch. */
int64_t bb_extent(int64_t extent);
/* "[N, 3, 28, 28]" for messages, into `text` of at least BB_DIMS_TEXT bytes. */
#define BB_DIMS_TEXT 192
const char *bb_dims_text(const bb_dims *dims, char *text);

/* Where in `tensor` the element `flat` of a broadcast result of `dims` lies. */
size_t bb_tensor_offset(const bb_tensor *tensor, const bb_dims *dims, size_t flat);
/* All values equal (true for a scalar); the value goes to `*value`. */
bool bb_tensor_uniform(const bb_tensor *tensor, double *value);
/* Clamped to +-2^62, 0 for NaN: exporters say INT64_MAX for "to the end". */
int64_t bb_to_integer(double value);
/* Round to what the element type can hold. */
double bb_element_round(bb_element element, double value);

#endif
