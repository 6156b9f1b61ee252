/* SPDX-License-Identifier: MIT */
/* Branches that meet: sums of maps, and maps side by side. */
#include "model/lower.h"

bool bb_lower_joins(const bb_import *import, const bb_operation *operation)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < operation->n_inputs; i++) {
        const bb_value *in = bb_import_input(import, operation, i);
        n += in && bb_is_activation(import, in);
    }
    if (bb_import_is(operation, "Concat"))
        return n > 0;
    return n > 1 && (bb_import_is(operation, "Add") || bb_import_is(operation, "Sum"));
}

static bb_status check_branch(bb_lowering *lowering, const bb_station *at, const bb_value *value,
                              const bb_lowered *branch)
{
    const bb_shape *a = &lowering->at.shape, *b = &branch->shape;
    const bool adds = !bb_import_is(at->operation, "Concat");
    if (branch->padded || branch->masked)
        return bb_import_fail(lowering->import, at->operation, BB_UNSUPPORTED,
                              "joins a branch that ends in a Pad or a mask; a layer has to follow "
                              "there");
    if (adds && !bb_dims_equal(&value->dims, &at->out->dims))
        return bb_import_fail(lowering->import, at->operation, BB_UNSUPPORTED,
                              "adds maps of different shapes; equal ones are supported");
    if (a->height != b->height || a->width != b->width || (adds && a->channels != b->channels))
        return bb_import_fail(lowering->import, at->operation, BB_UNSUPPORTED,
                              "joins maps of %u x %u x %u and %u x %u x %u", a->channels, a->height,
                              a->width, b->channels, b->height, b->width);
    return BB_OK;
}

/* What adds or joins more than two becomes a chain of such nodes. */
bb_status bb_lower_join(bb_lowering *lowering, const bb_station *at)
{
    bb_import *import = lowering->import;
    const bool adds = !bb_import_is(at->operation, "Concat");
    for (uint32_t i = 0; i < at->operation->n_inputs; i++) {
        const bb_value *value = bb_import_input(import, at->operation, i);
        if (!value || !bb_is_activation(import, value))
            return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                                  "joins activations and constants; add constants by a node of "
                                  "their own");
        const bb_lowered branch = lowering->values[value - import->values];
        bb_status status = check_branch(lowering, at, value, &branch);
        if (status != BB_OK)
            return status;
        if (i == 0)
            continue;
        bb_node *node = bb_lower_node(lowering, at, adds ? BB_NODE_ADD : BB_NODE_CONCAT);
        if (!node)
            return BB_MEMORY;
        node->second = branch.node;
        if (!adds)
            node->shape.channels += branch.shape.channels;
        lowering->at.shape = node->shape;
    }
    bb_import_recognise(import, at->operation, "%u maps %s, %u channels", at->operation->n_inputs,
                        adds ? "added" : "side by side", lowering->at.shape.channels);
    return BB_OK;
}
