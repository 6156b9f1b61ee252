/* SPDX-License-Identifier: MIT */
/* Extents, broadcasting, and the arena that constants live in. */
#include "model/tensor.h"

#include <math.h>
#include <stdalign.h>
#include <string.h>

struct bb_arena_block {
    bb_arena_block *next;
    alignas(max_align_t) unsigned char bytes[];
};

bb_status bb_arena_charge(bb_arena *arena, size_t bytes)
{
    if (bytes > arena->left)
        return bb_fail(arena->context, BB_UNSUPPORTED,
                       "%s: the constants of the model unfold to far more than the size of the "
                       "file; fold them before the export",
                       arena->path);
    arena->left -= bytes;
    return BB_OK;
}

void *bb_arena_allocate(bb_arena *arena, size_t count, size_t size, bb_status *status)
{
    size_t bytes;
    *status = BB_MEMORY;
    if (!bb_multiply_size(&bytes, count, size) ||
        !bb_add_size(&bytes, bytes, sizeof(bb_arena_block))) {
        bb_fail_memory(arena->context, SIZE_MAX);
        return NULL;
    }
    *status = bb_arena_charge(arena, bytes);
    if (*status != BB_OK)
        return NULL;
    bb_arena_block *block = bb_allocate(arena->context, bytes, 1);
    if (!block) {
        *status = BB_MEMORY;
        return NULL;
    }
    block->next = arena->blocks;
    arena->blocks = block;
    return block->bytes;
}

void bb_arena_free(bb_arena *arena)
{
    while (arena->blocks) {
        bb_arena_block *next = arena->blocks->next;
        bb_release(arena->context, arena->blocks);
        arena->blocks = next;
    }
}

int64_t bb_extent(int64_t extent)
{
    return extent == BB_BATCH ? 1 : extent;
}

bool bb_dims_count(const bb_dims *dims, size_t *count)
{
    size_t product = 1; /* an extent of 0 counts as 1 here: every product of a part is to fit */
    bool empty = false;
    for (uint32_t i = 0; i < dims->rank; i++) {
        const int64_t extent = bb_extent(dims->extent[i]);
        empty |= extent == 0;
        if (extent < 0 || (extent && !bb_multiply_size(&product, product, (size_t)extent)))
            return false;
    }
    *count = empty ? 0 : product;
    return product <= SIZE_MAX / 8;
}

bool bb_dims_equal(const bb_dims *a, const bb_dims *b)
{
    return a->rank == b->rank &&
           memcmp(a->extent, b->extent, a->rank * sizeof(a->extent[0])) == 0;
}

bool bb_dims_broadcast(const bb_dims *a, const bb_dims *b, bb_dims *out)
{
    bb_dims result = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (uint32_t i = 0; i < result.rank; i++) {
        const uint32_t skip_a = result.rank - a->rank, skip_b = result.rank - b->rank;
        const int64_t x = i < skip_a ? 1 : a->extent[i - skip_a];
        const int64_t y = i < skip_b ? 1 : b->extent[i - skip_b];
        if (x != y && x != 1 && y != 1)
            return false;
        result.extent[i] = x == 1 ? y : x;
    }
    *out = result;
    return true;
}

bool bb_dims_axis(const bb_dims *dims, int64_t axis, uint32_t *out)
{
    const int64_t rank = dims->rank;
    if (axis < -rank || axis >= rank)
        return false;
    *out = (uint32_t)(axis < 0 ? axis + rank : axis);
    return true;
}

const char *bb_dims_text(const bb_dims *dims, char *text)
{
    size_t length = (size_t)snprintf(text, BB_DIMS_TEXT, "[");
    for (uint32_t i = 0; i < dims->rank; i++) {
        const char *separator = i ? ", " : "";
        const size_t left = BB_DIMS_TEXT - length;
        if (dims->extent[i] == BB_BATCH)
            length += (size_t)snprintf(text + length, left, "%sN", separator);
        else
            length += (size_t)snprintf(text + length, left, "%s%lld", separator,
                                       (long long)dims->extent[i]);
    }
    snprintf(text + length, BB_DIMS_TEXT - length, "]");
    return text;
}

bb_status bb_tensor_new(bb_tensor **out, bb_arena *arena, bb_element element, const bb_dims *dims)
{
    bb_status status;
    size_t count;
    *out = NULL;
    if (!bb_dims_count(dims, &count))
        return bb_fail(arena->context, BB_INPUT, "%s: a tensor has an impossible shape",
                       arena->path);
    bb_tensor *tensor = bb_arena_allocate(arena, 1, sizeof(*tensor), &status);
    if (!tensor)
        return status;
    *tensor = (bb_tensor){.element = element, .dims = *dims, .count = count};
    tensor->values = bb_arena_allocate(arena, count, sizeof(*tensor->values), &status);
    if (!tensor->values)
        return status;
    *out = tensor;
    return BB_OK;
}

size_t bb_tensor_offset(const bb_tensor *tensor, const bb_dims *dims, size_t flat)
{
    if (tensor->count == 1)
        return 0;
    if (bb_dims_equal(&tensor->dims, dims))
        return flat;
    size_t offset = 0, stride = 1;
    for (uint32_t i = 0; i < tensor->dims.rank; i++) {
        const uint32_t inner = tensor->dims.rank - 1 - i, outer = dims->rank - 1 - i;
        const size_t own = (size_t)bb_extent(tensor->dims.extent[inner]);
        const size_t theirs = (size_t)bb_extent(dims->extent[outer]);
        if (own != 1)
            offset += flat % theirs * stride;
        flat /= theirs;
        stride *= own;
    }
    return offset;
}

bool bb_tensor_uniform(const bb_tensor *tensor, double *value)
{
    if (tensor->count == 0 || tensor->holds_batch)
        return false;
    for (size_t i = 1; i < tensor->count; i++)
        if (!(tensor->values[i] == tensor->values[0]))
            return false;
    *value = tensor->values[0];
    return true;
}

double bb_element_round(bb_element element, double value)
{
    switch (element) {
    case BB_ELEMENT_FLOAT:
        return (double)(float)value;
    case BB_ELEMENT_INTEGER:
        return isnan(value) ? 0 : trunc(value);
    case BB_ELEMENT_BOOL:
        return value != 0;
    default:
        return value;
    }
}

int64_t bb_to_integer(double value)
{
    if (isnan(value))
        return 0;
    const double limit = 0x1p62;
    return (int64_t)(value > limit ? limit : value < -limit ? -limit : value);
}
