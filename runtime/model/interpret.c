/* SPDX-License-Identifier: MIT */
/* The forward sweep: what every value of the graph is. */
#include "model/import.h"

#include <string.h>

static bool is_function(const bb_import *import, const bb_operation *operation)
{
    for (size_t i = 0; i < import->model->n_functions; i++) {
        const BbOnnx__Function *function = import->model->functions[i];
        if (function->name && strcmp(function->name, operation->type) == 0 &&
            strcmp(function->domain ? function->domain : "", operation->domain) == 0)
            return true;
    }
    return false;
}

static bb_status check_operation(bb_import *import, const bb_operation *operation)
{
    const BbOnnx__Node *node = operation->node;
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->has_g || node->attribute[i]->type == 5 ||
            node->attribute[i]->type == 10)
            return bb_import_fail(import, operation, BB_UNSUPPORTED,
                                  "sub-graphs are not supported; export without control flow");
    if (is_function(import, operation))
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "a model-local function; export again with a newer torch, or with "
                              "torch.onnx.export(..., dynamo=False)");
    if (*operation->domain && strcmp(operation->domain, "ai.onnx") != 0 &&
        !bb_import_is(operation, "BipolarQuant"))
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "the domain '%.100s' is not supported; plain ONNX operators and "
                              "BipolarQuant are",
                              operation->domain);
    return BB_OK;
}

/* `*done` if all inputs were constants; the operator may still be one that is not computed. */
static bb_status interpret_constant(bb_import *import, bb_operation *operation, bool *done)
{
    bb_status status;
    for (uint32_t i = 0; i < operation->n_inputs; i++) {
        const bb_value *value = bb_import_input(import, operation, i);
        if (value && value->kind != BB_VALUE_CONSTANT)
            return BB_OK;
    }
    *done = true;
    const bb_tensor **inputs =
        bb_arena_allocate(&import->arena, operation->n_inputs, sizeof(const bb_tensor *), &status);
    if (!inputs)
        return status;
    for (uint32_t i = 0; i < operation->n_inputs; i++)
        if (bb_import_input(import, operation, i)) {
            status = bb_import_constant(import, operation, i, "an input", &inputs[i]);
            if (status != BB_OK)
                return status;
        }
    const bb_tensor *result;
    status = bb_evaluate_operation(import, operation, inputs, &result);
    if (status == BB_OK && result)
        bb_import_set_constant(&import->values[operation->output], result);
    return status;
}

static bb_status interpret_shape(bb_import *import, bb_operation *operation, bool *done)
{
    const bb_value *in = bb_import_input(import, operation, 0);
    if (!bb_import_is(operation, "Shape") || !in || in->kind == BB_VALUE_UNKNOWN)
        return BB_OK;
    bb_tensor *shape;
    const bb_status status = bb_shape_to_tensor(import, operation, &in->dims, &shape);
    if (status == BB_OK)
        bb_import_set_constant(&import->values[operation->output], shape);
    *done = true;
    return status;
}

static bb_status interpret_activation(bb_import *import, bb_operation *operation, bool *done)
{
    bb_value *output = &import->values[operation->output];
    bool depends = false, known = false;
    for (uint32_t i = 0; i < operation->n_inputs; i++) {
        const bb_value *value = bb_import_input(import, operation, i);
        if (value && value->kind == BB_VALUE_UNKNOWN)
            return BB_OK;
        depends |= value && bb_is_activation(import, value);
    }
    if (!depends)
        return BB_OK;
    bb_dims dims = {0};
    const bb_status status = bb_infer(import, operation, &dims, &known);
    if (status != BB_OK || !known)
        return status;
    output->kind = BB_VALUE_ACTIVATION;
    output->dims = dims;
    *done = true;
    return BB_OK;
}

static bb_status interpret_operation(bb_import *import, bb_operation *operation)
{
    typedef bb_status step(bb_import *, bb_operation *, bool *);
    static step *const steps[] = {bb_interpret_random,  bb_rewrite,          interpret_shape,
                                  interpret_constant,   bb_interpret_choice, interpret_activation};
    bb_status status = check_operation(import, operation);
    bool done = false;
    for (size_t i = 0; status == BB_OK && !done && i < BB_COUNT_OF(steps); i++)
        status = steps[i](import, operation, &done);
    return status == BB_OK ? bb_find_equal(import, operation) : status;
}

bb_status bb_interpret(bb_import *import)
{
    bb_status status;
    for (import->n_keys = 16; import->n_keys < 2 * (size_t)import->n_operations;)
        import->n_keys *= 2;
    import->keys = bb_arena_allocate(&import->arena, import->n_keys, sizeof(*import->keys), &status);
    if (import->keys)
        import->key_values =
            bb_arena_allocate(&import->arena, import->n_keys, sizeof(*import->key_values), &status);
    if (!import->key_values)
        return status;
    status = BB_OK;
    for (uint32_t i = 0; status == BB_OK && i < import->n_operations; i++)
        if (import->operations[i].live)
            status = interpret_operation(import, &import->operations[i]);
    return status;
}
