/* SPDX-License-Identifier: MIT */
/* Where random bits come from: uniform draws, Bernoulli, and Dropout in training mode. */
#include "model/import.h"

void bb_import_mark_batch(const bb_import *import, bb_dims *dims)
{
    if (import->batch > 1 && dims->rank && dims->extent[0] == import->batch)
        dims->extent[0] = BB_BATCH;
}

static bb_status interpret_uniform(bb_import *import, bb_operation *operation)
{
    bb_value *value = &import->values[operation->output];
    const bb_value *like = bb_import_input(import, operation, 0);
    if (bb_import_float(operation, "low", 0) != 0 || bb_import_float(operation, "high", 1) != 1)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "draws from [%g, %g); [0, 1) is supported: use torch.rand",
                              (double)bb_import_float(operation, "low", 0),
                              (double)bb_import_float(operation, "high", 1));
    if (bb_import_is(operation, "RandomUniformLike")) {
        if (!like || like->kind == BB_VALUE_UNKNOWN)
            return bb_import_fail(import, operation, BB_UNSUPPORTED, "the shape is not known");
        const bb_status status = bb_import_need(import, operation, (bb_value *)like);
        if (status != BB_OK)
            return status;
        value->dims = like->dims;
    } else {
        const BbOnnx__Attribute *shape = bb_import_attribute(operation, "shape");
        if (!shape || shape->n_ints > BB_MAX_RANK)
            return bb_import_fail(import, operation, BB_INPUT, "no usable shape");
        value->dims.rank = (uint32_t)shape->n_ints;
        for (size_t i = 0; i < shape->n_ints; i++)
            value->dims.extent[i] = shape->ints[i];
    }
    bb_import_mark_batch(import, &value->dims);
    size_t count;
    if (!bb_dims_count(&value->dims, &count) || count == 0)
        return bb_import_fail(import, operation, BB_INPUT, "an impossible shape");
    value->kind = BB_VALUE_UNIFORM;
    value->draw = operation->output;
    return BB_OK;
}

static bb_status interpret_bernoulli(bb_import *import, bb_operation *operation)
{
    bb_value *value = &import->values[operation->output];
    const bb_tensor *p, *one, *zero;
    double number;
    bb_status status = bb_import_constant(import, operation, 0, "the probability", &p);
    if (status == BB_OK && (!p || !bb_tensor_uniform(p, &number)))
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "one probability for all draws is expected");
    bb_dims dims = {0};
    if (status == BB_OK) {
        dims = p->dims;
        status = bb_scalar(import, BB_ELEMENT_FLOAT, number, &p);
    }
    if (status == BB_OK)
        status = bb_scalar(import, BB_ELEMENT_FLOAT, 1, &one);
    if (status == BB_OK)
        status = bb_scalar(import, BB_ELEMENT_FLOAT, 0, &zero);
    if (status != BB_OK)
        return status;
    bb_import_mark_batch(import, &dims);
    const uint32_t index = (uint32_t)(operation - import->operations);
    const uint32_t draw = bb_import_hidden_value(import, BB_VALUE_UNIFORM, index);
    import->values[draw].dims = dims;
    import->values[draw].draw = draw;
    value->kind = BB_VALUE_CHOICE;
    value->dims = dims;
    value->condition = (bb_condition){.base = draw, BB_LESS, p, dims};
    value->if_true = one;
    value->if_false = zero;
    return BB_OK;
}

/* Opset 12 made the mode an input; before that an exported Dropout does nothing. */
static bb_status is_training(bb_import *import, const bb_operation *operation, bool *training)
{
    const bb_tensor *mode, *ratio;
    *training = false;
    if (import->opset < 12)
        return BB_OK;
    bb_status status = bb_import_constant(import, operation, 2, "training_mode", &mode);
    if (status == BB_OK)
        status = bb_import_constant(import, operation, 1, "the ratio", &ratio);
    if (status != BB_OK || !mode || mode->count != 1 || mode->values[0] == 0)
        return status;
    *training = !ratio || ratio->count != 1 || ratio->values[0] != 0;
    return BB_OK;
}

static bb_status interpret_dropout(bb_import *import, bb_operation *operation, bool *done)
{
    bool training;
    bb_value *value = &import->values[operation->output];
    const bb_value *in = bb_import_input(import, operation, 0);
    const bb_status status = is_training(import, operation, &training);
    if (status != BB_OK || !training)
        return status;
    if (!in || !bb_is_activation(import, in))
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "drops something other than an activation; random weights are not "
                              "supported");
    const uint32_t index = (uint32_t)(operation - import->operations);
    const uint32_t draw = bb_import_hidden_value(import, BB_VALUE_UNIFORM, index);
    import->values[draw].dims = in->dims;
    import->values[draw].draw = draw;
    value->kind = BB_VALUE_ACTIVATION;
    value->dims = in->dims;
    value->draw = draw;
    *done = true;
    return BB_OK;
}

bb_status bb_interpret_random(bb_import *import, bb_operation *operation, bool *done)
{
    if (operation->output == BB_NO_INDEX)
        return bb_import_fail(import, operation, BB_INPUT, "no output");
    if (bb_import_is(operation, "Dropout"))
        return interpret_dropout(import, operation, done);
    *done = true;
    if (bb_import_is(operation, "RandomUniform") || bb_import_is(operation, "RandomUniformLike"))
        return interpret_uniform(import, operation);
    if (bb_import_is(operation, "Bernoulli"))
        return interpret_bernoulli(import, operation);
    if (bb_import_is(operation, "RandomNormal") || bb_import_is(operation, "RandomNormalLike") ||
        bb_import_is(operation, "Multinomial"))
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "this distribution is not supported; draw with torch.rand(...) < p");
    *done = false;
    return BB_OK;
}
