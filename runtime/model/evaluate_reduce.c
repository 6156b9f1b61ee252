/* SPDX-License-Identifier: MIT */
/* Sums and means over axes of a constant, as weight binarizers use them. */
#include "model/import.h"

#include <math.h>

static bb_status read_axes(bb_import *import, const bb_operation *operation, const bb_dims *dims,
                           bool *reduced)
{
    const int64_t *axes;
    size_t n;
    const bb_status status = bb_import_ints(import, operation, "axes", 1, &axes, &n);
    for (uint32_t i = 0; i < dims->rank; i++)
        reduced[i] = n == 0;
    for (size_t i = 0; status == BB_OK && i < n; i++) {
        uint32_t axis;
        if (!bb_dims_axis(dims, axes[i], &axis))
            return bb_import_fail(import, operation, BB_INPUT, "axis %lld is out of range",
                                  (long long)axes[i]);
        reduced[axis] = true;
    }
    return status;
}

/* Where an element of the input is added to. */
static size_t target(const bb_dims *dims, const bool *reduced, size_t flat)
{
    size_t offset = 0, stride = 1;
    for (uint32_t i = dims->rank; i-- > 0;) {
        const size_t extent = (size_t)bb_extent(dims->extent[i]);
        if (!reduced[i]) {
            offset += flat % extent * stride;
            stride *= extent;
        }
        flat /= extent;
    }
    return offset;
}

bb_status bb_evaluate_reduce(bb_import *import, const bb_operation *operation,
                             const bb_tensor *const *inputs, bb_tensor **out)
{
    const bb_tensor *in = operation->n_inputs ? inputs[0] : NULL;
    if (!in || in->holds_batch)
        return bb_import_fail(import, operation, BB_INPUT, "no input to reduce");
    bool reduced[BB_MAX_RANK] = {0};
    bb_status status = read_axes(import, operation, &in->dims, reduced);
    if (status != BB_OK)
        return status;
    const bool keep = bb_import_int(operation, "keepdims", 1) != 0;
    bb_dims dims = {0};
    for (uint32_t i = 0; i < in->dims.rank; i++)
        if (!reduced[i] || keep)
            dims.extent[dims.rank++] = reduced[i] ? 1 : in->dims.extent[i];
    status = bb_arena_charge(&import->arena, in->count); /* work, if not memory */
    if (status == BB_OK)
        status = bb_tensor_new(out, &import->arena, in->element, &dims);
    if (status != BB_OK || in->count == 0)
        return status;
    const bool absolute = bb_import_is(operation, "ReduceL1");
    for (size_t i = 0; i < in->count; i++)
        (*out)->values[target(&in->dims, reduced, i)] +=
            absolute ? fabs(in->values[i]) : in->values[i];
    const double n = bb_import_is(operation, "ReduceMean")
                         ? (double)in->count / (double)(*out)->count : 1;
    for (size_t i = 0; i < (*out)->count; i++)
        (*out)->values[i] = bb_element_round(in->element, (*out)->values[i] / n);
    return BB_OK;
}
