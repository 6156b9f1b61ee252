/* SPDX-License-Identifier: MIT */
/* Equalities: operators that change nothing, equal subexpressions, and the detach trick on them. */
#include "model/import.h"

#include <string.h>

static void alias(bb_import *import, const bb_operation *operation, const bb_value *to, bool *done)
{
    import->values[operation->output].same_as = (uint32_t)(to - import->values);
    *done = true;
}

/* (A - B) + B, which autograd's detach leaves behind, is A. */
static bb_status rewrite_sum(bb_import *import, bb_operation *operation, bool *done)
{
    for (uint32_t i = 0; i < 2; i++) {
        const bb_value *difference = bb_import_input(import, operation, i);
        const bb_value *added = bb_import_input(import, operation, 1 - i);
        if (!difference || !added || difference->operation == BB_NO_INDEX)
            continue;
        const bb_operation *maker = &import->operations[difference->operation];
        bb_value *kept = bb_import_input(import, maker, 0);
        bb_value *taken = bb_import_input(import, maker, 1);
        if (!bb_import_is(maker, "Sub") || taken != added || !kept)
            continue;
        bb_status status = bb_import_need(import, maker, kept);
        if (status == BB_OK)
            status = bb_import_need(import, maker, taken);
        if (status != BB_OK)
            return status;
        bb_dims dims;
        if (kept->kind == BB_VALUE_UNKNOWN || taken->kind == BB_VALUE_UNKNOWN ||
            !bb_dims_broadcast(&kept->dims, &taken->dims, &dims) ||
            !bb_dims_equal(&dims, &kept->dims))
            continue;
        bb_import_recognise(import, operation, "(a - b) + b with b of '%.200s': taken as a",
                            maker->name);
        alias(import, operation, kept, done);
        return BB_OK;
    }
    return BB_OK;
}

static bool casts_to_float(const bb_import *import, const bb_operation *operation)
{
    const bb_value *like = bb_import_input(import, operation, 1);
    return bb_import_is(operation, "Cast")
               ? bb_import_int(operation, "to", 0) == 1
               : like && like->kind != BB_VALUE_UNKNOWN && like->element == BB_ELEMENT_FLOAT;
}

bb_status bb_rewrite(bb_import *import, bb_operation *operation, bool *done)
{
    const bb_value *in = bb_import_input(import, operation, 0);
    if (!in)
        return BB_OK;
    if (bb_import_is(operation, "Identity")) {
        alias(import, operation, in, done);
    } else if (bb_import_is(operation, "Cast") || bb_import_is(operation, "CastLike")) {
        const bool real = in->kind == BB_VALUE_ACTIVATION || in->kind == BB_VALUE_UNIFORM;
        if (real && in->element == BB_ELEMENT_FLOAT && casts_to_float(import, operation))
            alias(import, operation, in, done);
    } else if (bb_import_is(operation, "Dropout")) { /* training mode was taken out before */
        bb_import_recognise(import, operation, "not in training mode: passes its input on");
        bb_note(import->context, "%s: node '%s' (Dropout) is not in training mode and does nothing",
                import->path, operation->name);
        alias(import, operation, in, done);
    } else if (bb_import_is(operation, "Add")) {
        return rewrite_sum(import, operation, done);
    }
    return BB_OK;
}

static void mix(uint64_t *hash, const void *bytes, size_t length)
{
    const uint64_t pair[2] = {*hash, bb_hash(bytes ? bytes : "", length)};
    *hash = bb_hash(pair, sizeof(pair));
}

static bool hash_attributes(const BbOnnx__Node *node, uint64_t *hash)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        const BbOnnx__Attribute *attribute = node->attribute[i];
        if (attribute->t)
            return false;
        mix(hash, attribute->name, attribute->name ? strlen(attribute->name) : 0);
        mix(hash, &attribute->f, sizeof(attribute->f));
        mix(hash, &attribute->i, sizeof(attribute->i));
        mix(hash, attribute->s.data, attribute->s.len);
        mix(hash, attribute->floats, attribute->n_floats * sizeof(*attribute->floats));
        mix(hash, attribute->ints, attribute->n_ints * sizeof(*attribute->ints));
    }
    return true;
}

#define SMALL 64 /* constants up to here are compared by content */

/* Scalars and the like are read, so that they can be compared. */
static bb_status need_small(bb_import *import, const bb_operation *operation)
{
    for (uint32_t i = 0; i < operation->n_inputs; i++) {
        bb_value *value = bb_import_input(import, operation, i);
        if (!value || !value->initializer || value->tensor)
            continue;
        const BbOnnx__Tensor *tensor = value->initializer;
        bool small = true;
        for (size_t k = 0; k < tensor->n_dims; k++)
            small = small && tensor->dims[k] >= 0 && tensor->dims[k] <= (k ? 1 : SMALL);
        const bb_status status = small ? bb_import_need(import, operation, value) : BB_OK;
        if (status != BB_OK)
            return status;
    }
    return BB_OK;
}

static bool mix_constant(const bb_value *value, uint64_t *key)
{
    if (!value->tensor || value->tensor->count > SMALL)
        return false;
    mix(key, value->dims.extent, value->dims.rank * sizeof(value->dims.extent[0]));
    mix(key, value->tensor->values, value->tensor->count * sizeof(double));
    mix(key, &value->element, sizeof(value->element));
    return true;
}

/* A number that equal values share; false where equality is of no interest. */
static bool key_of(const bb_import *import, const bb_operation *operation, uint64_t *key)
{
    const bb_value *output = &import->values[operation->output];
    *key = 0;
    if (output->kind != BB_VALUE_ACTIVATION && output->kind != BB_VALUE_CHOICE)
        return false;
    mix(key, operation->type, strlen(operation->type));
    mix(key, operation->domain, strlen(operation->domain));
    for (uint32_t i = 0; i < operation->n_inputs; i++) {
        const bb_value *input = bb_import_input(import, operation, i);
        const uint32_t index = input ? input->same_as : BB_NO_INDEX;
        if (!input || input->kind != BB_VALUE_CONSTANT || !mix_constant(input, key))
            mix(key, &index, sizeof(index));
    }
    return hash_attributes(operation->node, key);
}

bb_status bb_find_equal(bb_import *import, bb_operation *operation)
{
    uint64_t key;
    bb_value *output = operation->output == BB_NO_INDEX ? NULL : &import->values[operation->output];
    if (!output || output->same_as != operation->output || output->draw != BB_NO_INDEX ||
        bb_import_is(operation, "Bernoulli"))
        return BB_OK;
    const bb_status status = need_small(import, operation);
    if (status != BB_OK || !key_of(import, operation, &key))
        return status;
    key |= 1; /* 0 is a free place */
    size_t i = key & (import->n_keys - 1);
    while (import->keys[i] && import->keys[i] != key)
        i = (i + 1) & (import->n_keys - 1);
    if (import->keys[i]) {
        output->same_as = import->key_values[i];
        return BB_OK;
    }
    import->keys[i] = key;
    import->key_values[i] = operation->output;
    return BB_OK;
}
