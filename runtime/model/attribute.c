/* SPDX-License-Identifier: MIT */
/* Attributes of a node, with their defaults. */
#include "model/import.h"

#include <string.h>

const BbOnnx__Attribute *bb_import_attribute(const bb_operation *operation, const char *name)
{
    const BbOnnx__Node *node = operation->node;
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->name && strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

int64_t bb_import_int(const bb_operation *operation, const char *name, int64_t otherwise)
{
    const BbOnnx__Attribute *attribute = bb_import_attribute(operation, name);
    return attribute ? attribute->i : otherwise;
}

float bb_import_float(const bb_operation *operation, const char *name, float otherwise)
{
    const BbOnnx__Attribute *attribute = bb_import_attribute(operation, name);
    return attribute ? attribute->f : otherwise;
}

bool bb_import_text(const bb_operation *operation, const char *name, const char *expected)
{
    const BbOnnx__Attribute *attribute = bb_import_attribute(operation, name);
    return attribute && attribute->s.len == strlen(expected) &&
           memcmp(attribute->s.data, expected, attribute->s.len) == 0;
}

bb_status bb_import_ints(bb_import *import, const bb_operation *operation, const char *name,
                         uint32_t index, const int64_t **out, size_t *n)
{
    *out = NULL;
    *n = 0;
    const BbOnnx__Attribute *attribute = bb_import_attribute(operation, name);
    if (attribute) {
        *out = attribute->ints;
        *n = attribute->n_ints;
        return BB_OK;
    }
    const bb_tensor *tensor;
    bb_status status = bb_import_constant(import, operation, index, name, &tensor);
    if (status != BB_OK || !tensor)
        return status;
    int64_t *ints = bb_arena_allocate(&import->arena, tensor->count, sizeof(*ints), &status);
    if (!ints)
        return status;
    for (size_t i = 0; i < tensor->count; i++)
        ints[i] = bb_to_integer(tensor->values[i]);
    *out = ints;
    *n = tensor->count;
    return BB_OK;
}
