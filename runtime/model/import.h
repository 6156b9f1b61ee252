/* SPDX-License-Identifier: MIT */
/*
 * ONNX import in two sweeps. Forward over the nodes: every value gets a meaning (constant,
 * activation, uniform draw, comparison, choice between two constants), constants are computed and
 * equal things are found to be equal. Then the path from the input to the output is written down as
 * a bb_graph, and what is not on it does not matter.
 */
#ifndef BITBAYES_IMPORT_H
#define BITBAYES_IMPORT_H

#include "model/graph.h"
#include "model/tensor.h"
#include "model/wire.h"

typedef enum bb_value_kind {
    BB_VALUE_UNKNOWN,    /* made by something that is not understood; an error only if it is needed */
    BB_VALUE_CONSTANT,
    BB_VALUE_ACTIVATION, /* depends on the input; dims are known */
    BB_VALUE_UNIFORM,    /* one draw of a Random* node */
    BB_VALUE_CHOICE      /* one of two constants, by comparing an activation or a draw */
} bb_value_kind;

/* The other comparisons are these with the two constants exchanged. */
typedef enum bb_comparison { BB_LESS, BB_LESS_EQUAL, BB_EQUAL } bb_comparison;

typedef struct bb_condition {
    uint32_t base; /* the value compared: an activation, or the UNIFORM of a Random* node */
    bb_comparison comparison;
    const bb_tensor *bound;
    bb_dims dims; /* of what is compared, after any reshaping */
} bb_condition;

typedef struct bb_value {
    const char *name;
    bb_value_kind kind;
    uint32_t operation; /* that makes it, BB_NO_INDEX for inputs and initializers */
    uint32_t same_as;   /* itself, or an earlier value that it is equal to */
    bb_element element;
    bb_dims dims;
    const BbOnnx__Tensor *initializer;
    const bb_tensor *tensor;  /* CONSTANT; NULL until needed where `initializer` is set */
    uint32_t draw;            /* UNIFORM: the value of the Random* node; ACTIVATION of a training-mode
                                 Dropout: its UNIFORM; else BB_NO_INDEX */
    bb_condition condition;   /* CHOICE, and its two constants: */
    const bb_tensor *if_true, *if_false;
} bb_value;

typedef struct bb_operation {
    const BbOnnx__Node *node;
    const char *name, *type, *domain; /* never NULL; the name of a nameless node is its output's */
    uint32_t *inputs;                 /* values, BB_NO_INDEX where left out */
    uint32_t n_inputs;
    uint32_t output; /* the first one */
    bool live;       /* the output of the graph depends on it */
} bb_operation;

typedef struct bb_import {
    bb_context *context;
    const char *path, *folder;
    const BbOnnx__Model *model;
    int64_t opset;
    bb_arena arena;
    bb_value *values;
    uint32_t n_values;
    bb_operation *operations;
    uint32_t n_operations;
    uint64_t *keys; /* of activations, for finding equal ones: see rewrite.c */
    uint32_t *key_values;
    size_t n_keys;
    uint32_t input, output; /* values */
    int64_t batch;          /* fixed batch of the file, or 0 */
    bb_text recognised;
} bb_import;

/* The whole of it: `graph` has context and path set. */
bb_status bb_import_model(bb_import *import, bb_graph *graph);
void bb_import_free(bb_import *import);

/* "PATH: node 'NAME' (OP): ..." */
bb_status bb_import_fail(bb_import *import, const bb_operation *operation, bb_status status,
                         const char *format, ...) BB_PRINTF(4, 5);
void bb_import_recognise(bb_import *import, const bb_operation *operation, const char *format, ...)
    BB_PRINTF(3, 4);

/* values.c */
bb_status bb_import_values(bb_import *import);
/* One more value, without a name in the file; at most one per operation. */
uint32_t bb_import_hidden_value(bb_import *import, bb_value_kind kind, uint32_t operation);
/* Input `index` after all equalities; NULL if left out. */
bb_value *bb_import_input(const bb_import *import, const bb_operation *operation, uint32_t index);
/* Read an initializer on first use. */
bb_status bb_import_need(bb_import *import, const bb_operation *operation, bb_value *value);
/* Input `index` as a constant: NULL if left out; BB_UNSUPPORTED names `what` if not constant. */
bb_status bb_import_constant(bb_import *import, const bb_operation *operation, uint32_t index,
                             const char *what, const bb_tensor **out);
bool bb_import_is(const bb_operation *operation, const char *type);
void bb_import_set_constant(bb_value *value, const bb_tensor *tensor);

/* attribute.c: the attribute or the default. */
const BbOnnx__Attribute *bb_import_attribute(const bb_operation *operation, const char *name);
int64_t bb_import_int(const bb_operation *operation, const char *name, int64_t otherwise);
float bb_import_float(const bb_operation *operation, const char *name, float otherwise);
bool bb_import_text(const bb_operation *operation, const char *name, const char *expected);
/* Integers that stand in an attribute in old opsets and in input `index` in newer ones; `*n` is 0
 * and `*out` NULL if absent. */
bb_status bb_import_ints(bb_import *import, const bb_operation *operation, const char *name,
                         uint32_t index, const int64_t **out, size_t *n);

/* tensor_read.c */
bb_status bb_tensor_read(bb_import *import, const bb_operation *operation,
                         const BbOnnx__Tensor *from, const bb_tensor **out);
/* external.c: `length` bytes that lie beside the model, to be released; NULL on failure. */
uint8_t *bb_external_read(bb_import *import, const bb_operation *operation,
                          const BbOnnx__Tensor *from, size_t length, bb_status *status);

/* evaluate.c: *out stays NULL if the operator is not one that is computed. */
bb_status bb_evaluate_operation(bb_import *import, const bb_operation *operation,
                      const bb_tensor *const *inputs, const bb_tensor **out);
bool bb_evaluate_elementwise(const bb_operation *operation);
/* evaluate_layout.c */
typedef bb_status bb_evaluator(bb_import *import, const bb_operation *operation,
                               const bb_tensor *const *inputs, bb_tensor **out);
bb_evaluator bb_evaluate_transpose, bb_evaluate_reshape, bb_evaluate_squeeze,
    bb_evaluate_unsqueeze, bb_evaluate_flatten, bb_evaluate_concat, bb_evaluate_gather,
    bb_evaluate_slice, bb_evaluate_expand, bb_evaluate_constant_of_shape, bb_evaluate_shape;
/* evaluate_reduce.c */
bb_evaluator bb_evaluate_reduce;
/* The value of Shape for something of these extents. */
bb_status bb_shape_to_tensor(bb_import *import, const bb_operation *operation, const bb_dims *dims,
                             bb_tensor **out);
/* Extents behind a Slice. */
bb_status bb_slice_dims(bb_import *import, const bb_operation *operation, const bb_dims *in,
                        bb_dims *out);
/* A shape tensor as extents. */
bb_status bb_shape_from_tensor(bb_import *import, const bb_operation *operation,
                               const bb_tensor *tensor, bb_dims *out);

/* interpret.c: the forward sweep. */
bb_status bb_interpret(bb_import *import);
/* rewrite.c: equalities. */
bb_status bb_rewrite(bb_import *import, bb_operation *operation, bool *done);
bb_status bb_find_equal(bb_import *import, bb_operation *operation);
/* choice.c: comparisons and choices. `*done`: the output has its meaning. */
bb_status bb_interpret_choice(bb_import *import, bb_operation *operation, bool *done);
bool bb_is_random(const bb_import *import, const bb_value *value); /* UNIFORM or a CHOICE by one */
bool bb_is_activation(const bb_import *import, const bb_value *value);
bb_status bb_scalar(bb_import *import, bb_element element, double number, const bb_tensor **out);
/* random.c: draws. */
void bb_import_mark_batch(const bb_import *import, bb_dims *dims); /* the fixed batch in front */
bb_status bb_interpret_random(bb_import *import, bb_operation *operation, bool *done);

/* infer.c: extents of an activation; `*known` false if the operator is not understood. */
bb_status bb_infer(bb_import *import, const bb_operation *operation, bb_dims *out, bool *known);
/* reshape of an activation, the batch kept in front. */
bb_status bb_infer_layout(bb_import *import, const bb_operation *operation, const bb_dims *in,
                          bb_dims *out);
/* window.c: attributes of Conv and the pools over a map of `in`; kernel 0: from the attribute. */
bb_status bb_import_window(bb_import *import, const bb_operation *operation, const bb_dims *in,
                           int64_t kernel_h, int64_t kernel_w, bb_window *window);

/* lower.c */
bb_status bb_lower(bb_import *import, bb_graph *graph);
/* metadata.c */
bb_status bb_import_metadata(bb_import *import, bb_graph *graph);

#endif
