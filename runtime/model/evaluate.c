/* SPDX-License-Identifier: MIT */
/* Operations on constants: elementwise ones, and the table of all that are computed. */
#include "model/import.h"

#include <math.h>
#include <string.h>

static double add(double x, double y) { return x + y; }
static double subtract(double x, double y) { return x - y; }
static double multiply(double x, double y) { return x * y; }
static double divide(double x, double y) { return x / y; }
static double less(double x, double y) { return x < y; }
static double less_equal(double x, double y) { return x <= y; }
static double greater(double x, double y) { return x > y; }
static double greater_equal(double x, double y) { return x >= y; }
static double equal(double x, double y) { return x == y; }
static double both(double x, double y) { return x != 0 && y != 0; }
static double either(double x, double y) { return x != 0 || y != 0; }
static double absolute(double x) { return fabs(x); }
static double negative(double x) { return -x; }
static double root(double x) { return sqrt(x); }
static double no(double x) { return x == 0; }
static double same(double x) { return x; }
static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static double power(double x, double y) { return pow(x, y); }
static double smaller(double x, double y) { return y < x ? y : x; }
static double larger(double x, double y) { return y > x ? y : x; }

static const struct {
    const char *type;
    double (*compute)(double, double);
    bool is_bool, allows_batch;
} binaries[] = {
    {"Add", add, false, false},
    {"Sub", subtract, false, false},
    {"Mul", multiply, false, false},
    {"Div", divide, false, false},
    {"Pow", power, false, false},
    {"Min", smaller, false, false},
    {"Max", larger, false, false},
    {"Less", less, true, false},
    {"LessOrEqual", less_equal, true, false},
    {"Greater", greater, true, false},
    {"GreaterOrEqual", greater_equal, true, false},
    {"Equal", equal, true, true}, /* the batch is equal to no constant: -1 is never a batch */
    {"And", both, true, false},
    {"Or", either, true, false},
};

static const struct {
    const char *type;
    double (*compute)(double);
    bool is_bool;
} unaries[] = {
    {"Sign", sign, false}, {"Abs", absolute, false}, {"Neg", negative, false},
    {"Sqrt", root, false}, {"Not", no, true},        {"Identity", same, false},
};

static bb_status fail_batch(bb_import *import, const bb_operation *operation)
{
    return bb_import_fail(import, operation, BB_UNSUPPORTED,
                          "computes with the number of inputs; it may only be passed on as the "
                          "first extent of a shape");
}

static bb_status fail_shapes(bb_import *import, const bb_operation *operation, const bb_dims *a,
                             const bb_dims *b)
{
    char text_a[BB_DIMS_TEXT], text_b[BB_DIMS_TEXT];
    return bb_import_fail(import, operation, BB_INPUT, "shapes %s and %s do not fit together",
                          bb_dims_text(a, text_a), bb_dims_text(b, text_b));
}

static bb_status evaluate_binary(bb_import *import, const bb_operation *operation, size_t index,
                                 const bb_tensor *const *inputs, bb_tensor **out)
{
    const bb_tensor *a = operation->n_inputs == 2 ? inputs[0] : NULL;
    const bb_tensor *b = operation->n_inputs == 2 ? inputs[1] : NULL;
    if (!a || !b)
        return bb_import_fail(import, operation, BB_UNSUPPORTED, "two inputs are expected");
    if ((a->holds_batch || b->holds_batch) && !binaries[index].allows_batch)
        return fail_batch(import, operation);
    bb_dims dims;
    if (!bb_dims_broadcast(&a->dims, &b->dims, &dims))
        return fail_shapes(import, operation, &a->dims, &b->dims);
    const bb_element element = binaries[index].is_bool ? BB_ELEMENT_BOOL : a->element;
    const bb_status status = bb_tensor_new(out, &import->arena, element, &dims);
    for (size_t i = 0; status == BB_OK && i < (*out)->count; i++) {
        const double x = a->values[bb_tensor_offset(a, &dims, i)];
        const double y = b->values[bb_tensor_offset(b, &dims, i)];
        (*out)->values[i] = bb_element_round(element, binaries[index].compute(x, y));
    }
    return status;
}

static bb_status evaluate_unary(bb_import *import, const bb_operation *operation, size_t index,
                                const bb_tensor *const *inputs, bb_tensor **out)
{
    const bb_tensor *in = operation->n_inputs == 1 ? inputs[0] : NULL;
    if (!in)
        return bb_import_fail(import, operation, BB_INPUT, "one input is expected");
    if (in->holds_batch && unaries[index].compute != same)
        return fail_batch(import, operation);
    const bb_element element = unaries[index].is_bool ? BB_ELEMENT_BOOL : in->element;
    const bb_status status = bb_tensor_new(out, &import->arena, element, &in->dims);
    if (status != BB_OK)
        return status;
    (*out)->holds_batch = in->holds_batch;
    for (size_t i = 0; i < in->count; i++)
        (*out)->values[i] = bb_element_round(element, unaries[index].compute(in->values[i]));
    return BB_OK;
}

static bb_status evaluate_where(bb_import *import, const bb_operation *operation,
                                const bb_tensor *const *inputs, bb_tensor **out)
{
    if (operation->n_inputs != 3 || !inputs[0] || !inputs[1] || !inputs[2])
        return bb_import_fail(import, operation, BB_INPUT, "three inputs are expected");
    const bb_tensor *condition = inputs[0], *a = inputs[1], *b = inputs[2];
    bb_dims dims;
    if (!bb_dims_broadcast(&a->dims, &b->dims, &dims))
        return fail_shapes(import, operation, &a->dims, &b->dims);
    if (!bb_dims_broadcast(&dims, &condition->dims, &dims))
        return fail_shapes(import, operation, &dims, &condition->dims);
    const bb_status status = bb_tensor_new(out, &import->arena, a->element, &dims);
    for (size_t i = 0; status == BB_OK && i < (*out)->count; i++) {
        const bb_tensor *from =
            condition->values[bb_tensor_offset(condition, &dims, i)] != 0 ? a : b;
        (*out)->values[i] = from->values[bb_tensor_offset(from, &dims, i)];
        (*out)->holds_batch |= from->holds_batch && (*out)->values[i] == (double)BB_BATCH;
    }
    return status;
}

/* Element types as ONNX numbers them: 6 kinds of integers are one here. */
static bb_element element_of(int64_t type)
{
    static const bb_element elements[] = {
        [1] = BB_ELEMENT_FLOAT,   [2] = BB_ELEMENT_INTEGER, [3] = BB_ELEMENT_INTEGER,
        [4] = BB_ELEMENT_INTEGER, [5] = BB_ELEMENT_INTEGER, [6] = BB_ELEMENT_INTEGER,
        [7] = BB_ELEMENT_INTEGER, [9] = BB_ELEMENT_BOOL,    [11] = BB_ELEMENT_DOUBLE,
    };
    const bool known = type > 0 && type < (int64_t)BB_COUNT_OF(elements) && type != 8 && type != 10;
    return known ? elements[type] : BB_ELEMENT_OTHER;
}

static bb_status evaluate_cast(bb_import *import, const bb_operation *operation,
                               const bb_tensor *const *inputs, bb_tensor **out)
{
    const bool like = bb_import_is(operation, "CastLike");
    if (operation->n_inputs != (like ? 2 : 1) || !inputs[0] || (like && !inputs[1]))
        return bb_import_fail(import, operation, BB_INPUT, "wrong number of inputs");
    const bb_element element =
        like ? inputs[1]->element : element_of(bb_import_int(operation, "to", 0));
    if (element == BB_ELEMENT_OTHER)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "cast to element type %lld; float32, float64, integers and bool are "
                              "supported",
                              (long long)bb_import_int(operation, "to", 0));
    const bb_status status = bb_tensor_new(out, &import->arena, element, &inputs[0]->dims);
    if (status != BB_OK)
        return status;
    (*out)->holds_batch = inputs[0]->holds_batch;
    for (size_t i = 0; i < (*out)->count; i++)
        (*out)->values[i] = bb_element_round(element, inputs[0]->values[i]);
    return BB_OK;
}

static double scalar_or(const bb_tensor *tensor, double otherwise)
{
    return tensor && tensor->count == 1 ? tensor->values[0] : otherwise;
}

static bb_status evaluate_clip(bb_import *import, const bb_operation *operation,
                               const bb_tensor *const *inputs, bb_tensor **out)
{
    const bb_tensor *in = operation->n_inputs ? inputs[0] : NULL;
    if (!in || in->holds_batch)
        return bb_import_fail(import, operation, BB_INPUT, "no input to clip");
    const double low = operation->n_inputs > 1
                           ? scalar_or(inputs[1], (double)-INFINITY)
                           : (double)bb_import_float(operation, "min", -INFINITY);
    const double high = operation->n_inputs > 2
                            ? scalar_or(inputs[2], (double)INFINITY)
                            : (double)bb_import_float(operation, "max", INFINITY);
    const bb_status status = bb_tensor_new(out, &import->arena, in->element, &in->dims);
    for (size_t i = 0; status == BB_OK && i < in->count; i++) {
        const double x = in->values[i] < low ? low : in->values[i];
        (*out)->values[i] = x > high ? high : x;
    }
    return status;
}

static bb_status set_list(bb_import *import, bb_element element, size_t n, bool scalar,
                          bb_tensor **out)
{
    const bb_dims dims = {.rank = scalar ? 0 : 1, .extent = {(int64_t)n}};
    return bb_tensor_new(out, &import->arena, element, &dims);
}

static bb_status evaluate_constant(bb_import *import, const bb_operation *operation,
                                   const bb_tensor *const *inputs, bb_tensor **out)
{
    (void)inputs;
    const BbOnnx__Attribute *value = bb_import_attribute(operation, "value");
    if (value && value->t) {
        const bb_tensor *tensor;
        const bb_status status = bb_tensor_read(import, operation, value->t, &tensor);
        *out = (bb_tensor *)tensor;
        return status;
    }
    const BbOnnx__Attribute *real = bb_import_attribute(operation, "value_float");
    const BbOnnx__Attribute *integer = bb_import_attribute(operation, "value_int");
    const BbOnnx__Attribute *reals = bb_import_attribute(operation, "value_floats");
    const BbOnnx__Attribute *integers = bb_import_attribute(operation, "value_ints");
    if (!real && !integer && !reals && !integers)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "a constant without a dense numeric value");
    const size_t n = reals ? reals->n_floats : integers ? integers->n_ints : 1;
    const bb_status status =
        set_list(import, real || reals ? BB_ELEMENT_FLOAT : BB_ELEMENT_INTEGER, n,
                 real || integer, out);
    for (size_t i = 0; status == BB_OK && i < (*out)->count; i++)
        (*out)->values[i] = real      ? (double)real->f
                            : integer ? (double)integer->i
                            : reals   ? (double)reals->floats[i]
                                      : (double)integers->ints[i];
    return status;
}

/* QONNX: +scale where x >= 0, else -scale. */
static bb_status evaluate_bipolar(bb_import *import, const bb_operation *operation,
                                  const bb_tensor *const *inputs, bb_tensor **out)
{
    const bb_tensor *in = operation->n_inputs == 2 ? inputs[0] : NULL;
    const bb_tensor *scale = in ? inputs[1] : NULL;
    bb_dims dims;
    if (!scale || !bb_dims_broadcast(&in->dims, &scale->dims, &dims))
        return bb_import_fail(import, operation, BB_INPUT, "an input and a scale are expected");
    const bb_status status = bb_tensor_new(out, &import->arena, BB_ELEMENT_FLOAT, &dims);
    for (size_t i = 0; status == BB_OK && i < (*out)->count; i++) {
        const double x = in->values[bb_tensor_offset(in, &dims, i)];
        const double s = scale->values[bb_tensor_offset(scale, &dims, i)];
        (*out)->values[i] = x >= 0 ? s : -s;
    }
    return status;
}

static const struct {
    const char *type;
    bb_evaluator *evaluate;
    bool elementwise;
} others[] = {
    {"Where", evaluate_where, true},
    {"Cast", evaluate_cast, true},
    {"CastLike", evaluate_cast, true},
    {"Clip", evaluate_clip, true},
    {"BipolarQuant", evaluate_bipolar, false},
    {"Constant", evaluate_constant, false},
    {"ReduceMean", bb_evaluate_reduce, false},
    {"ReduceSum", bb_evaluate_reduce, false},
    {"ReduceL1", bb_evaluate_reduce, false},
    {"Transpose", bb_evaluate_transpose, false},
    {"Reshape", bb_evaluate_reshape, false},
    {"Squeeze", bb_evaluate_squeeze, false},
    {"Unsqueeze", bb_evaluate_unsqueeze, false},
    {"Flatten", bb_evaluate_flatten, false},
    {"Concat", bb_evaluate_concat, false},
    {"Gather", bb_evaluate_gather, false},
    {"Slice", bb_evaluate_slice, false},
    {"Expand", bb_evaluate_expand, false},
    {"ConstantOfShape", bb_evaluate_constant_of_shape, false},
    {"Shape", bb_evaluate_shape, false},
};

bool bb_evaluate_elementwise(const bb_operation *operation)
{
    for (size_t i = 0; i < BB_COUNT_OF(binaries); i++)
        if (bb_import_is(operation, binaries[i].type))
            return true;
    for (size_t i = 0; i < BB_COUNT_OF(unaries); i++)
        if (bb_import_is(operation, unaries[i].type))
            return true;
    for (size_t i = 0; i < BB_COUNT_OF(others); i++)
        if (bb_import_is(operation, others[i].type))
            return others[i].elementwise;
    return false;
}

bb_status bb_evaluate_operation(bb_import *import, const bb_operation *operation,
                                const bb_tensor *const *inputs, const bb_tensor **out)
{
    bb_tensor *result = NULL;
    bb_status status = BB_OK;
    for (size_t i = 0; i < BB_COUNT_OF(binaries); i++)
        if (bb_import_is(operation, binaries[i].type))
            status = evaluate_binary(import, operation, i, inputs, &result);
    for (size_t i = 0; i < BB_COUNT_OF(unaries); i++)
        if (bb_import_is(operation, unaries[i].type))
            status = evaluate_unary(import, operation, i, inputs, &result);
    for (size_t i = 0; i < BB_COUNT_OF(others); i++)
        if (bb_import_is(operation, others[i].type))
            status = others[i].evaluate(import, operation, inputs, &result);
    if (result && !result->name && operation->node->n_output)
        result->name = operation->node->output[0];
    *out = status == BB_OK ? result : NULL;
    return status;
}
