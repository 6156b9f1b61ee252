/* SPDX-License-Identifier: MIT */
/*
 * Choices: one of two constants, by comparing an activation or a draw with a bound. A comparison
 * is the choice between true and false, and any elementwise operator with constants is applied to
 * both branches, so that a sign or a dropout is found however it is spelled.
 */
#include "model/import.h"

#include <string.h>

bool bb_is_random(const bb_import *import, const bb_value *value)
{
    return value->kind == BB_VALUE_UNIFORM ||
           (value->kind == BB_VALUE_CHOICE &&
            import->values[value->condition.base].kind == BB_VALUE_UNIFORM);
}

bool bb_is_activation(const bb_import *import, const bb_value *value)
{
    return value->kind == BB_VALUE_ACTIVATION ||
           (value->kind == BB_VALUE_CHOICE && !bb_is_random(import, value));
}

bb_status bb_scalar(bb_import *import, bb_element element, double number, const bb_tensor **out)
{
    bb_tensor *tensor;
    const bb_dims dims = {0};
    const bb_status status = bb_tensor_new(&tensor, &import->arena, element, &dims);
    if (status == BB_OK)
        tensor->values[0] = number;
    *out = tensor;
    return status;
}

static bool same_values(const bb_tensor *a, const bb_tensor *b)
{
    return a == b || (bb_dims_equal(&a->dims, &b->dims) &&
                      memcmp(a->values, b->values, a->count * sizeof(*a->values)) == 0);
}

static bool same_condition(const bb_condition *a, const bb_condition *b)
{
    return a->base == b->base && a->comparison == b->comparison &&
           bb_dims_equal(&a->dims, &b->dims) && same_values(a->bound, b->bound);
}

/* Give the output its meaning; false if the three do not fit in shape. */
static bool set_choice(bb_value *output, const bb_condition *condition, const bb_tensor *if_true,
                       const bb_tensor *if_false)
{
    bb_dims dims;
    if (!bb_dims_broadcast(&condition->dims, &condition->bound->dims, &dims) ||
        !bb_dims_broadcast(&dims, &if_true->dims, &dims) ||
        !bb_dims_broadcast(&dims, &if_false->dims, &dims))
        return false;
    output->kind = BB_VALUE_CHOICE;
    output->element = if_true->element;
    output->dims = dims;
    output->condition = *condition;
    output->if_true = if_true;
    output->if_false = if_false;
    return true;
}

static const struct {
    const char *type;
    bb_comparison comparison, mirrored; /* bound on the right, on the left */
    bool exchanged, mirrored_exchanged; /* >= is not < */
} comparisons[] = {
    {"Less", BB_LESS, BB_LESS_EQUAL, false, true},
    {"LessOrEqual", BB_LESS_EQUAL, BB_LESS, false, true},
    {"Greater", BB_LESS_EQUAL, BB_LESS, true, false},
    {"GreaterOrEqual", BB_LESS, BB_LESS_EQUAL, true, false},
    {"Equal", BB_EQUAL, BB_EQUAL, false, false},
};

static bb_status interpret_comparison(bb_import *import, bb_operation *operation, size_t kind,
                                      bool *done)
{
    const bb_value *left = bb_import_input(import, operation, 0);
    const bb_value *right = bb_import_input(import, operation, 1);
    if (!left || !right)
        return bb_import_fail(import, operation, BB_INPUT, "two inputs are expected");
    const bool mirrored = left->kind == BB_VALUE_CONSTANT;
    const bb_value *compared = mirrored ? right : left;
    const bb_tensor *bound, *yes, *no;
    if ((mirrored ? left : right)->kind != BB_VALUE_CONSTANT ||
        (compared->kind != BB_VALUE_ACTIVATION && compared->kind != BB_VALUE_UNIFORM))
        return BB_OK;
    bb_status status = bb_import_constant(import, operation, mirrored ? 0 : 1, "the bound", &bound);
    if (status == BB_OK)
        status = bb_scalar(import, BB_ELEMENT_BOOL, 1, &yes);
    if (status == BB_OK)
        status = bb_scalar(import, BB_ELEMENT_BOOL, 0, &no);
    if (status != BB_OK)
        return status;
    const bool random = compared->kind == BB_VALUE_UNIFORM;
    bb_dims dims = compared->dims, bound_dims = bound->dims;
    double number;
    if (random && bb_tensor_uniform(bound, &number)) { /* torch.full(...) of the draw's shape */
        bb_import_mark_batch(import, &bound_dims);
        status = bb_scalar(import, bound->element, number, &bound);
        if (status != BB_OK)
            return status;
        if (!bb_dims_broadcast(&compared->dims, &bound_dims, &dims))
            return bb_import_fail(import, operation, BB_INPUT, "shapes do not fit together");
    }
    const bool exchanged =
        mirrored ? comparisons[kind].mirrored_exchanged : comparisons[kind].exchanged;
    const bb_condition condition = {
        .base = random ? compared->draw : compared->same_as,
        .comparison = mirrored ? comparisons[kind].mirrored : comparisons[kind].comparison,
        .bound = bound,
        .dims = dims,
    };
    if (!set_choice(&import->values[operation->output], &condition, exchanged ? no : yes,
                    exchanged ? yes : no))
        return bb_import_fail(import, operation, BB_INPUT, "shapes do not fit together");
    *done = true;
    return BB_OK;
}

/* where(sign(x) == 0, 1, sign(x)) is a sign that sends 0 to 1. */
static bb_status interpret_sign_at_zero(bb_import *import, bb_operation *operation, bool *done)
{
    const bb_value *test = bb_import_input(import, operation, 0);
    const bb_value *at_zero = bb_import_input(import, operation, 1);
    const bb_value *otherwise = bb_import_input(import, operation, 2);
    double bound, number, is_zero;
    if (!test || test->kind != BB_VALUE_CHOICE || test->condition.comparison != BB_EQUAL ||
        !at_zero || !otherwise || !bb_tensor_uniform(test->if_true, &is_zero) ||
        !bb_tensor_uniform(test->condition.bound, &bound) || bound != 0)
        return BB_OK;
    if (is_zero == 0) {
        const bb_value *exchange = at_zero;
        at_zero = otherwise;
        otherwise = exchange;
    }
    if (otherwise->same_as != test->condition.base || otherwise->operation == BB_NO_INDEX ||
        !bb_import_is(&import->operations[otherwise->operation], "Sign") ||
        at_zero->kind != BB_VALUE_CONSTANT)
        return BB_OK;
    bb_status status = bb_import_need(import, operation, (bb_value *)at_zero);
    if (status != BB_OK || !bb_tensor_uniform(at_zero->tensor, &number) ||
        (number != 1 && number != -1))
        return status;
    const bb_tensor *plus = NULL, *minus = NULL;
    status = bb_scalar(import, BB_ELEMENT_FLOAT, 1, &plus);
    if (status == BB_OK)
        status = bb_scalar(import, BB_ELEMENT_FLOAT, -1, &minus);
    if (status != BB_OK)
        return status;
    bb_condition condition = test->condition;
    const bb_value *in =
        bb_import_input(import, &import->operations[otherwise->operation], 0);
    condition.base = in->same_as;
    condition.comparison = number > 0 ? BB_LESS : BB_LESS_EQUAL;
    *done = in->kind == BB_VALUE_ACTIVATION &&
            set_choice(&import->values[operation->output], &condition, minus, plus);
    return BB_OK;
}

/* Both branches of one input; NULL if it is not a constant or a choice by `*condition`. */
static bb_status branch_of(bb_import *import, const bb_operation *operation, bb_value *value,
                           const bb_condition **condition, bool which, const bb_tensor **out)
{
    *out = NULL;
    if (value->kind == BB_VALUE_CHOICE) {
        if (!*condition)
            *condition = &value->condition;
        if (same_condition(*condition, &value->condition))
            *out = which ? value->if_true : value->if_false;
        return BB_OK;
    }
    const bb_status status = bb_import_need(import, operation, value);
    *out = value->tensor;
    return status;
}

static bb_status interpret_branches(bb_import *import, bb_operation *operation, bool *done)
{
    const bb_condition *condition = NULL;
    const bb_tensor *inputs[3] = {NULL}, *results[2];
    const bool like = bb_import_is(operation, "CastLike");
    if (operation->n_inputs > BB_COUNT_OF(inputs))
        return BB_OK;
    for (uint32_t which = 0; which < 2; which++) {
        for (uint32_t i = 0; i < operation->n_inputs; i++) {
            bb_value *value = bb_import_input(import, operation, i);
            if (!value)
                continue;
            const bb_status status =
                like && i == 1 && value->kind != BB_VALUE_UNKNOWN /* only its type matters */
                    ? bb_scalar(import, value->element, 0, &inputs[i])
                    : branch_of(import, operation, value, &condition, which, &inputs[i]);
            if (status != BB_OK || !inputs[i])
                return status;
        }
        const bb_status status = bb_evaluate_operation(import, operation, inputs, &results[which]);
        if (status != BB_OK || !results[which])
            return status;
    }
    *done = true;
    if (!condition)
        bb_import_set_constant(&import->values[operation->output], results[0]);
    else
        *done = set_choice(&import->values[operation->output], condition, results[1], results[0]);
    return BB_OK;
}

/* A shape whose first extent is the fixed batch of the file. */
static bb_status mark_batch_value(bb_import *import, const bb_tensor **shape)
{
    bb_tensor *marked;
    if (import->batch < 2 || !(*shape)->count || (*shape)->values[0] != (double)import->batch)
        return BB_OK;
    const bb_status status =
        bb_tensor_new(&marked, &import->arena, BB_ELEMENT_INTEGER, &(*shape)->dims);
    if (status != BB_OK)
        return status;
    memcpy(marked->values, (*shape)->values, marked->count * sizeof(*marked->values));
    marked->values[0] = (double)BB_BATCH;
    marked->holds_batch = true;
    *shape = marked;
    return BB_OK;
}

/* A draw, or what was chosen by one, in another shape: PyTorch's mask[:, :, None, None]. */
static bb_status interpret_layout(bb_import *import, bb_operation *operation, bool *done)
{
    static const char *const types[] = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Expand"};
    bb_value *in = bb_import_input(import, operation, 0);
    bb_value *output = &import->values[operation->output];
    bool found = false;
    for (size_t i = 0; i < BB_COUNT_OF(types); i++)
        found |= bb_import_is(operation, types[i]);
    if (!found || !in || !bb_is_random(import, in))
        return BB_OK;
    const bb_tensor *inputs[2] = {NULL}, *result;
    bb_tensor *stand_in;
    bb_status status = BB_OK;
    if (operation->n_inputs > 1)
        status = bb_import_constant(import, operation, 1, "the shape", &inputs[1]);
    const bb_dims *dims = in->kind == BB_VALUE_UNIFORM ? &in->dims : &in->condition.dims;
    const bool resizes = bb_import_is(operation, "Reshape") || bb_import_is(operation, "Expand");
    if (status == BB_OK && resizes && inputs[1] && dims->rank && dims->extent[0] == BB_BATCH)
        status = mark_batch_value(import, &inputs[1]);
    if (status == BB_OK)
        status = bb_tensor_new(&stand_in, &import->arena, BB_ELEMENT_FLOAT, dims);
    if (status != BB_OK)
        return status;
    inputs[0] = stand_in;
    status = bb_evaluate_operation(import, operation, inputs, &result);
    if (status != BB_OK)
        return status;
    if (in->kind == BB_VALUE_CHOICE) {
        bb_condition condition = in->condition;
        condition.dims = result->dims;
        if (in->if_true->count == 1 && in->if_false->count == 1 && condition.bound->count == 1)
            *done = set_choice(output, &condition, in->if_true, in->if_false);
        return BB_OK;
    }
    output->kind = BB_VALUE_UNIFORM;
    output->draw = in->draw;
    output->dims = result->dims;
    *done = true;
    return BB_OK;
}

bb_status bb_interpret_choice(bb_import *import, bb_operation *operation, bool *done)
{
    bb_status status = BB_OK;
    for (size_t i = 0; i < BB_COUNT_OF(comparisons); i++)
        if (bb_import_is(operation, comparisons[i].type))
            status = interpret_comparison(import, operation, i, done);
    if (status == BB_OK && !*done && bb_import_is(operation, "Where"))
        status = interpret_sign_at_zero(import, operation, done);
    if (status == BB_OK && !*done && bb_evaluate_elementwise(operation))
        status = interpret_branches(import, operation, done);
    if (status == BB_OK && !*done)
        status = interpret_layout(import, operation, done);
    return status;
}
