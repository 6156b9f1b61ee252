/* SPDX-License-Identifier: MIT */
/* Operations on constants that move values or make shapes. */
#include "model/import.h"

#include <string.h>

static bb_status need(bb_import *import, const bb_operation *operation,
                      const bb_tensor *const *inputs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (i >= operation->n_inputs || !inputs[i])
            return bb_import_fail(import, operation, BB_INPUT, "input %u is missing", i);
    return BB_OK;
}

static bb_status fail_axis(bb_import *import, const bb_operation *operation, int64_t axis)
{
    return bb_import_fail(import, operation, BB_INPUT, "axis %lld is out of range",
                          (long long)axis);
}

static bool is_batch(const bb_tensor *tensor, size_t i)
{
    return tensor->holds_batch && tensor->values[i] == (double)BB_BATCH;
}

static void copy_value(bb_tensor *to, size_t i, const bb_tensor *from, size_t k)
{
    to->values[i] = from->values[k];
    to->holds_batch |= is_batch(from, k);
}

/* The same values in another shape. */
static bb_status relabel(bb_import *import, const bb_operation *operation, const bb_tensor *in,
                         const bb_dims *dims, bb_tensor **out)
{
    size_t count;
    char from[BB_DIMS_TEXT], to[BB_DIMS_TEXT];
    if (!bb_dims_count(dims, &count) || count != in->count)
        return bb_import_fail(import, operation, BB_INPUT, "%s cannot take the shape %s",
                              bb_dims_text(&in->dims, from), bb_dims_text(dims, to));
    bb_status status;
    bb_tensor *tensor = bb_arena_allocate(&import->arena, 1, sizeof(*tensor), &status);
    if (!tensor)
        return status;
    *tensor = *in;
    tensor->dims = *dims;
    tensor->name = NULL;
    *out = tensor;
    return BB_OK;
}

bb_status bb_shape_from_tensor(bb_import *import, const bb_operation *operation,
                               const bb_tensor *tensor, bb_dims *out)
{
    if (tensor->dims.rank > 1 || tensor->count > BB_MAX_RANK)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "a shape of %zu extents; at most %d are supported", tensor->count,
                              BB_MAX_RANK);
    *out = (bb_dims){.rank = (uint32_t)tensor->count};
    for (size_t i = 0; i < tensor->count; i++) {
        out->extent[i] = bb_to_integer(tensor->values[i]);
        if (is_batch(tensor, i) && i)
            return bb_import_fail(import, operation, BB_UNSUPPORTED,
                                  "the number of inputs is extent %zu of a shape; it has to be "
                                  "the first",
                                  i);
    }
    return BB_OK;
}

bb_status bb_shape_to_tensor(bb_import *import, const bb_operation *operation, const bb_dims *dims,
                             bb_tensor **out)
{
    const int64_t rank = dims->rank;
    int64_t start = bb_import_int(operation, "start", 0);
    int64_t end = bb_import_int(operation, "end", rank);
    start = start < 0 ? start + rank : start;
    end = end < 0 ? end + rank : end;
    start = start < 0 ? 0 : start;
    end = end > rank ? rank : end;
    const bb_dims list = {.rank = 1, .extent = {end > start ? end - start : 0}};
    const bb_status status = bb_tensor_new(out, &import->arena, BB_ELEMENT_INTEGER, &list);
    for (size_t i = 0; status == BB_OK && i < (*out)->count; i++) {
        const int64_t extent = dims->extent[(size_t)start + i];
        (*out)->values[i] = (double)extent;
        (*out)->holds_batch |= extent == BB_BATCH;
    }
    return status;
}

bb_status bb_evaluate_shape(bb_import *import, const bb_operation *operation,
                            const bb_tensor *const *inputs, bb_tensor **out)
{
    const bb_status status = need(import, operation, inputs, 1);
    return status == BB_OK ? bb_shape_to_tensor(import, operation, &inputs[0]->dims, out) : status;
}

bb_status bb_evaluate_constant_of_shape(bb_import *import, const bb_operation *operation,
                                        const bb_tensor *const *inputs, bb_tensor **out)
{
    bb_dims dims;
    const bb_tensor *value = NULL;
    const BbOnnx__Attribute *attribute = bb_import_attribute(operation, "value");
    bb_status status = need(import, operation, inputs, 1);
    if (status == BB_OK)
        status = bb_shape_from_tensor(import, operation, inputs[0], &dims);
    if (status == BB_OK && attribute && attribute->t)
        status = bb_tensor_read(import, operation, attribute->t, &value);
    if (status == BB_OK && value && value->count != 1)
        return bb_import_fail(import, operation, BB_INPUT, "the value is not one number");
    if (status == BB_OK)
        status = bb_tensor_new(out, &import->arena, value ? value->element : BB_ELEMENT_FLOAT,
                               &dims);
    for (size_t i = 0; status == BB_OK && value && i < (*out)->count; i++)
        (*out)->values[i] = value->values[0];
    return status;
}

bb_status bb_evaluate_transpose(bb_import *import, const bb_operation *operation,
                                const bb_tensor *const *inputs, bb_tensor **out)
{
    bb_status status = need(import, operation, inputs, 1);
    if (status != BB_OK)
        return status;
    const bb_tensor *in = inputs[0];
    const BbOnnx__Attribute *order = bb_import_attribute(operation, "perm");
    const uint32_t rank = in->dims.rank;
    size_t stride[BB_MAX_RANK], own = 1;
    uint32_t from[BB_MAX_RANK] = {0}, seen = 0;
    bb_dims dims = {.rank = rank};
    if (order && order->n_ints != rank)
        return bb_import_fail(import, operation, BB_INPUT, "perm has %zu items; %u are expected",
                              order->n_ints, rank);
    for (uint32_t i = 0; i < rank; i++) {
        const int64_t axis = order ? order->ints[i] : (int64_t)(rank - 1 - i);
        if (!bb_dims_axis(&in->dims, axis, &from[i]))
            return fail_axis(import, operation, axis);
        seen |= 1u << from[i];
        dims.extent[i] = in->dims.extent[from[i]];
    }
    if (seen != (1u << rank) - 1)
        return bb_import_fail(import, operation, BB_INPUT, "perm names an axis twice");
    for (uint32_t i = rank; i-- > 0; own *= (size_t)bb_extent(in->dims.extent[i]))
        stride[i] = own;
    status = bb_tensor_new(out, &import->arena, in->element, &dims);
    for (size_t i = 0; status == BB_OK && i < in->count; i++) {
        size_t rest = i, offset = 0;
        for (uint32_t k = rank; k-- > 0;) {
            const size_t extent = (size_t)bb_extent(dims.extent[k]);
            offset += rest % extent * stride[from[k]];
            rest /= extent;
        }
        copy_value(*out, i, in, offset);
    }
    return status;
}

bb_status bb_evaluate_reshape(bb_import *import, const bb_operation *operation,
                              const bb_tensor *const *inputs, bb_tensor **out)
{
    bb_dims dims;
    bb_status status = need(import, operation, inputs, 2);
    if (status == BB_OK)
        status = bb_shape_from_tensor(import, operation, inputs[1], &dims);
    if (status != BB_OK)
        return status;
    const bb_tensor *in = inputs[0];
    size_t known = 1;
    uint32_t open = BB_NO_INDEX;
    for (uint32_t i = 0; i < dims.rank; i++) {
        if (dims.extent[i] == 0 && i < in->dims.rank)
            dims.extent[i] = in->dims.extent[i];
        if (dims.extent[i] == -1 && open == BB_NO_INDEX)
            open = i;
        else if (bb_extent(dims.extent[i]) < 0 ||
                 !bb_multiply_size(&known, known, (size_t)bb_extent(dims.extent[i])))
            return bb_import_fail(import, operation, BB_INPUT, "an impossible shape");
    }
    if (open != BB_NO_INDEX)
        dims.extent[open] = known ? (int64_t)(in->count / known) : 0;
    if (open == 0 && in->dims.rank && in->dims.extent[0] == BB_BATCH && dims.extent[0] == 1)
        dims.extent[0] = BB_BATCH;
    return relabel(import, operation, in, &dims, out);
}

bb_status bb_evaluate_flatten(bb_import *import, const bb_operation *operation,
                              const bb_tensor *const *inputs, bb_tensor **out)
{
    const bb_status status = need(import, operation, inputs, 1);
    if (status != BB_OK)
        return status;
    const bb_tensor *in = inputs[0];
    const int64_t axis = bb_import_int(operation, "axis", 1);
    uint32_t split = in->dims.rank;
    if (axis != in->dims.rank && !bb_dims_axis(&in->dims, axis, &split))
        return fail_axis(import, operation, axis);
    bb_dims dims = {.rank = 2, .extent = {1, 1}};
    for (uint32_t i = 0; i < in->dims.rank; i++)
        dims.extent[i >= split] *= bb_extent(in->dims.extent[i]); /* the count fits already */
    return relabel(import, operation, in, &dims, out);
}

static bb_status read_axes(bb_import *import, const bb_operation *operation, const bb_dims *dims,
                           uint32_t *mask)
{
    const int64_t *axes;
    size_t n;
    const bb_status status = bb_import_ints(import, operation, "axes", 1, &axes, &n);
    *mask = 0;
    for (size_t i = 0; status == BB_OK && i < n; i++) {
        uint32_t axis;
        if (!bb_dims_axis(dims, axes[i], &axis))
            return fail_axis(import, operation, axes[i]);
        *mask |= 1u << axis;
    }
    return status;
}

bb_status bb_evaluate_squeeze(bb_import *import, const bb_operation *operation,
                              const bb_tensor *const *inputs, bb_tensor **out)
{
    uint32_t mask = 0;
    bb_status status = need(import, operation, inputs, 1);
    if (status == BB_OK)
        status = read_axes(import, operation, &inputs[0]->dims, &mask);
    if (status != BB_OK)
        return status;
    const bb_dims *in = &inputs[0]->dims;
    bb_dims dims = {0};
    for (uint32_t i = 0; i < in->rank; i++)
        if (!(mask ? mask >> i & 1 : in->extent[i] == 1))
            dims.extent[dims.rank++] = in->extent[i];
    return relabel(import, operation, inputs[0], &dims, out);
}

bb_status bb_evaluate_unsqueeze(bb_import *import, const bb_operation *operation,
                                const bb_tensor *const *inputs, bb_tensor **out)
{
    const int64_t *axes;
    size_t n = 0;
    uint32_t mask = 0;
    bb_status status = need(import, operation, inputs, 1);
    if (status == BB_OK)
        status = bb_import_ints(import, operation, "axes", 1, &axes, &n);
    if (status != BB_OK)
        return status;
    const bb_dims *in = &inputs[0]->dims;
    bb_dims dims = {.rank = in->rank + (uint32_t)n};
    if (n > BB_MAX_RANK || dims.rank > BB_MAX_RANK)
        return bb_import_fail(import, operation, BB_UNSUPPORTED, "more than %d dimensions",
                              BB_MAX_RANK);
    for (size_t i = 0; i < n; i++) {
        uint32_t axis;
        if (!bb_dims_axis(&dims, axes[i], &axis) || mask >> axis & 1)
            return fail_axis(import, operation, axes[i]);
        mask |= 1u << axis;
    }
    for (uint32_t i = 0, k = 0; i < dims.rank; i++)
        dims.extent[i] = mask >> i & 1 ? 1 : in->extent[k++];
    return relabel(import, operation, inputs[0], &dims, out);
}

bb_status bb_evaluate_concat(bb_import *import, const bb_operation *operation,
                             const bb_tensor *const *inputs, bb_tensor **out)
{
    uint32_t axis;
    bb_status status = need(import, operation, inputs, operation->n_inputs ? operation->n_inputs : 1);
    if (status != BB_OK)
        return status;
    bb_dims dims = inputs[0]->dims;
    if (!bb_dims_axis(&dims, bb_import_int(operation, "axis", 0), &axis))
        return fail_axis(import, operation, bb_import_int(operation, "axis", 0));
    dims.extent[axis] = 0;
    for (uint32_t i = 0; i < operation->n_inputs; i++) {
        bb_dims rest = inputs[i]->dims;
        int64_t extent = 0;
        if (axis < rest.rank) {
            extent = bb_extent(rest.extent[axis]);
            rest.extent[axis] = dims.extent[axis];
        }
        if (!bb_dims_equal(&rest, &dims) ||
            __builtin_add_overflow(dims.extent[axis], extent, &dims.extent[axis]))
            return bb_import_fail(import, operation, BB_INPUT, "shapes do not fit together");
    }
    status = bb_tensor_new(out, &import->arena, inputs[0]->element, &dims);
    size_t inner = 1, at = 0;
    for (uint32_t i = axis + 1; i < dims.rank; i++)
        inner *= (size_t)bb_extent(dims.extent[i]);
    for (size_t outer = 0; status == BB_OK && at < (*out)->count; outer++)
        for (uint32_t i = 0; i < operation->n_inputs; i++) {
            const size_t n = inner * (size_t)bb_extent(inputs[i]->dims.extent[axis]);
            for (size_t k = 0; k < n; k++)
                copy_value(*out, at++, inputs[i], outer * n + k);
        }
    return status;
}

bb_status bb_evaluate_gather(bb_import *import, const bb_operation *operation,
                             const bb_tensor *const *inputs, bb_tensor **out)
{
    bb_status status = need(import, operation, inputs, 2);
    if (status != BB_OK)
        return status;
    const bb_tensor *in = inputs[0], *indices = inputs[1];
    uint32_t axis;
    const int64_t wanted = bb_import_int(operation, "axis", 0);
    if (!bb_dims_axis(&in->dims, wanted, &axis))
        return fail_axis(import, operation, wanted);
    bb_dims dims = {.rank = in->dims.rank - 1 + indices->dims.rank};
    if (dims.rank > BB_MAX_RANK)
        return bb_import_fail(import, operation, BB_UNSUPPORTED, "more than %d dimensions",
                              BB_MAX_RANK);
    size_t inner = 1;
    for (uint32_t i = 0, k = 0; i < in->dims.rank; i++) {
        if (i != axis) {
            dims.extent[k++] = in->dims.extent[i];
            inner *= i > axis ? (size_t)bb_extent(in->dims.extent[i]) : 1;
        } else {
            memcpy(&dims.extent[k], indices->dims.extent,
                   indices->dims.rank * sizeof(dims.extent[0]));
            k += indices->dims.rank;
        }
    }
    const int64_t extent = bb_extent(in->dims.extent[axis]);
    for (size_t i = 0; i < indices->count; i++) {
        const int64_t index = bb_to_integer(indices->values[i]);
        if (index < -extent || index >= extent)
            return bb_import_fail(import, operation, BB_INPUT, "index %lld is out of range",
                                  (long long)index);
    }
    status = bb_tensor_new(out, &import->arena, in->element, &dims);
    for (size_t i = 0; status == BB_OK && i < (*out)->count; i++) {
        const size_t low = i % inner, middle = i / inner % indices->count;
        const size_t high = i / inner / indices->count;
        const int64_t index = bb_to_integer(indices->values[middle]);
        const size_t row = (size_t)(index < 0 ? index + extent : index);
        copy_value(*out, i, in, (high * (size_t)extent + row) * inner + low);
    }
    return status;
}

typedef struct range {
    int64_t start, step, count;
} range;

static range clamp_range(int64_t start, int64_t end, int64_t step, int64_t extent)
{
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? extent : extent - 1;
    start = start < 0 ? start + extent : start;
    end = end < 0 ? end + extent : end;
    start = start < low ? low : start > high ? high : start;
    end = end < low ? low : end > extent ? extent : end;
    const int64_t distance = step > 0 ? end - start : start - end, size = step > 0 ? step : -step;
    return (range){start, step, distance > 0 ? (distance + size - 1) / size : 0};
}

static bb_status read_ranges(bb_import *import, const bb_operation *operation, bb_dims *dims,
                             range *ranges)
{
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    const int64_t *list[4], limit = INT64_MAX / 4;
    size_t n[4];
    uint32_t seen = 0;
    bb_status status = BB_OK;
    for (uint32_t i = 0; status == BB_OK && i < 4; i++)
        status = bb_import_ints(import, operation, names[i], i + 1, &list[i], &n[i]);
    if (status != BB_OK)
        return status;
    if (n[0] > dims->rank || n[1] != n[0] || (list[2] && n[2] != n[0]) || (list[3] && n[3] != n[0]))
        return bb_import_fail(import, operation, BB_INPUT,
                              "starts, ends, axes and steps differ in length");
    for (uint32_t i = 0; i < dims->rank; i++)
        ranges[i] = (range){0, 1, bb_extent(dims->extent[i])};
    for (size_t i = 0; i < n[0]; i++) {
        uint32_t axis;
        const int64_t step = list[3] ? list[3][i] : 1, start = list[0][i], end = list[1][i];
        if (!bb_dims_axis(dims, list[2] ? list[2][i] : (int64_t)i, &axis) || step == 0 ||
            step > INT32_MAX || step < -INT32_MAX || seen >> axis & 1)
            return bb_import_fail(import, operation, BB_INPUT, "axis or step is out of range");
        seen |= 1u << axis;
        if (dims->extent[axis] == BB_BATCH && start == 0 && step == 1 && end > INT32_MAX / 2)
            continue; /* x[:] */
        ranges[axis] = clamp_range(start < -limit ? -limit : start > limit ? limit : start,
                                   end < -limit ? -limit : end > limit ? limit : end, step,
                                   ranges[axis].count);
        dims->extent[axis] = ranges[axis].count;
    }
    return BB_OK;
}

bb_status bb_slice_dims(bb_import *import, const bb_operation *operation, const bb_dims *in,
                        bb_dims *out)
{
    range ranges[BB_MAX_RANK];
    *out = *in;
    return read_ranges(import, operation, out, ranges);
}

bb_status bb_evaluate_slice(bb_import *import, const bb_operation *operation,
                            const bb_tensor *const *inputs, bb_tensor **out)
{
    range ranges[BB_MAX_RANK];
    bb_status status = need(import, operation, inputs, 1);
    if (status != BB_OK)
        return status;
    const bb_tensor *in = inputs[0];
    bb_dims dims = in->dims;
    status = read_ranges(import, operation, &dims, ranges);
    if (status == BB_OK)
        status = bb_tensor_new(out, &import->arena, in->element, &dims);
    for (size_t i = 0; status == BB_OK && i < (*out)->count; i++) {
        size_t rest = i, offset = 0, stride = 1;
        for (uint32_t k = dims.rank; k-- > 0;) {
            const size_t extent = (size_t)bb_extent(dims.extent[k]);
            const int64_t at = ranges[k].start + (int64_t)(rest % extent) * ranges[k].step;
            offset += (size_t)at * stride;
            stride *= (size_t)bb_extent(in->dims.extent[k]);
            rest /= extent;
        }
        copy_value(*out, i, in, offset);
    }
    return status;
}

bb_status bb_evaluate_expand(bb_import *import, const bb_operation *operation,
                             const bb_tensor *const *inputs, bb_tensor **out)
{
    bb_dims dims;
    bb_status status = need(import, operation, inputs, 2);
    if (status == BB_OK)
        status = bb_shape_from_tensor(import, operation, inputs[1], &dims);
    if (status == BB_OK && !bb_dims_broadcast(&inputs[0]->dims, &dims, &dims))
        return bb_import_fail(import, operation, BB_INPUT, "shapes do not fit together");
    if (status == BB_OK)
        status = bb_tensor_new(out, &import->arena, inputs[0]->element, &dims);
    for (size_t i = 0; status == BB_OK && i < (*out)->count; i++)
        copy_value(*out, i, inputs[0], bb_tensor_offset(inputs[0], &dims, i));
    return status;
}
