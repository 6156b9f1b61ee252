/* SPDX-License-Identifier: MIT */
/* Writes .npy files piece by piece; the header stands from the start, as the shape is known. */
#include "base/base.h"
#include "data/layout.h"

#include <bitbayes/data.h>
#include <inttypes.h>
#include <string.h>

struct bb_array {
    bb_context *context;
    bb_file file;
    uint64_t n_missing; /* elements */
    size_t element_size;
    bb_status failure; /* the first one: a file with a hole must not be committed */
};

static const struct {
    const char *code;
    uint8_t size;
} types[] = {
    [BB_ARRAY_U8] = {"u1", 1},
    [BB_ARRAY_U32] = {"u4", 4},
    [BB_ARRAY_F32] = {"f4", 4},
    [BB_ARRAY_F64] = {"f8", 8},
};

static bb_status count_elements(bb_array *array, uint32_t n_axes, const uint64_t *shape)
{
    uint64_t bytes = array->element_size;
    bool fits = n_axes <= BB_ARRAY_AXES;
    for (uint32_t i = 0; i < n_axes && fits; i++)
        fits = !__builtin_mul_overflow(bytes, shape[i], &bytes);
    array->n_missing = bytes / array->element_size;
    if (fits && bytes <= INT64_MAX)
        return BB_OK;
    return bb_fail(array->context, BB_ARGUMENT, "an array of %u axes is too large",
                   (unsigned)n_axes);
}

/* Magic, version 1.0, length of the rest; blanks make the elements begin at a multiple of 64. */
static bb_status write_header(bb_array *array, bb_array_type type, uint32_t n_axes,
                              const uint64_t *shape)
{
    bb_text text = {.context = array->context};
    bb_text_append_bytes(&text, "\x93NUMPY\1\0\0\0", 10);
    const char *order = types[type].size == 1 ? "|" : BB_HOST_BIG_ENDIAN ? ">" : "<";
    bb_text_append(&text, "{'descr': '%s%s', 'fortran_order': False, 'shape': (", order,
                   types[type].code);
    for (uint32_t i = 0; i < n_axes; i++)
        bb_text_append(&text, "%s%" PRIu64 "%s", i ? " " : "", shape[i],
                       i + 1 < n_axes || n_axes == 1 ? "," : "");
    bb_text_append(&text, "), }");
    while (text.length % 64 != 63 && !text.failed)
        bb_text_append(&text, " ");
    bb_text_append(&text, "\n");
    bb_status status = BB_MEMORY;
    if (!text.failed) {
        text.bytes[8] = (char)((text.length - 10) & 0xff);
        text.bytes[9] = (char)((text.length - 10) >> 8);
        status = bb_file_write(&array->file, text.bytes, text.length);
    }
    bb_text_free(&text);
    return status;
}

bb_status bb_array_create(bb_array **out, bb_context *context, const char *path,
                          bb_array_type type, uint32_t n_axes, const uint64_t *shape)
{
    *out = NULL;
    bb_array *array = bb_allocate(context, 1, sizeof(*array));
    if (!array)
        return BB_MEMORY;
    array->context = context;
    array->element_size = types[type].size;
    bb_status status = count_elements(array, n_axes, shape);
    if (status == BB_OK)
        status = bb_file_create(&array->file, context, path);
    if (status == BB_OK)
        status = write_header(array, type, n_axes, shape);
    if (status == BB_OK)
        *out = array;
    else
        bb_array_free(array);
    return status;
}

bb_status bb_array_add(bb_array *array, const void *elements, size_t n)
{
    if (array->failure != BB_OK)
        return array->failure;
    if (n > array->n_missing)
        return bb_fail(array->context, BB_ARGUMENT,
                       "%s: %zu elements more, expected at most %" PRIu64, array->file.path, n,
                       array->n_missing);
    array->n_missing -= n;
    array->failure = bb_file_write(&array->file, elements, n * array->element_size);
    return array->failure;
}

bb_status bb_array_commit(bb_array *array)
{
    bb_status status = array->failure;
    if (status == BB_OK && array->n_missing > 0)
        status = bb_fail(array->context, BB_ARGUMENT, "%s: %" PRIu64 " elements are missing",
                         array->file.path, array->n_missing);
    if (status == BB_OK)
        return bb_file_commit(&array->file);
    bb_file_abandon(&array->file);
    return status;
}

void bb_array_free(bb_array *array)
{
    if (!array)
        return;
    bb_file_abandon(&array->file);
    bb_release(array->context, array);
}
