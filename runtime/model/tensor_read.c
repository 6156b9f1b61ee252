/* SPDX-License-Identifier: MIT */
/* Tensors of the file: raw or typed data, or data in a file beside it. */
#include "model/import.h"

#include <string.h>

/* The element types of the ONNX specification. */
enum {
    TYPE_FLOAT = 1,
    TYPE_UINT8 = 2,
    TYPE_INT8 = 3,
    TYPE_UINT16 = 4,
    TYPE_INT16 = 5,
    TYPE_INT32 = 6,
    TYPE_INT64 = 7,
    TYPE_BOOL = 9,
    TYPE_FLOAT16 = 10,
    TYPE_DOUBLE = 11,
    TYPE_BFLOAT16 = 16
};

static const struct {
    int32_t type;
    uint8_t size;
    bb_element element;
} types[] = {
    {TYPE_FLOAT, 4, BB_ELEMENT_FLOAT},    {TYPE_UINT8, 1, BB_ELEMENT_INTEGER},
    {TYPE_INT8, 1, BB_ELEMENT_INTEGER},   {TYPE_UINT16, 2, BB_ELEMENT_INTEGER},
    {TYPE_INT16, 2, BB_ELEMENT_INTEGER},  {TYPE_INT32, 4, BB_ELEMENT_INTEGER},
    {TYPE_INT64, 8, BB_ELEMENT_INTEGER},  {TYPE_BOOL, 1, BB_ELEMENT_BOOL},
    {TYPE_FLOAT16, 2, BB_ELEMENT_FLOAT},  {TYPE_DOUBLE, 8, BB_ELEMENT_DOUBLE},
    {TYPE_BFLOAT16, 2, BB_ELEMENT_FLOAT},
};

static double float_from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return (double)value;
}

static double half_from_bits(uint32_t half)
{
    const uint32_t exponent = half >> 10 & 31, fraction = half & 1023, sign = half >> 15;
    double value;
    if (exponent == 31)
        value = float_from_bits(0x7f800000u | fraction << 13);
    else if (exponent)
        value = float_from_bits((exponent + 112) << 23 | fraction << 13);
    else
        value = fraction * 0x1p-24;
    return sign ? -value : value;
}

/* `size` little-endian bytes. */
static uint64_t load(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static double decode(int32_t type, uint64_t bits)
{
    double value;
    switch (type) {
    case TYPE_FLOAT:
        return float_from_bits((uint32_t)bits);
    case TYPE_DOUBLE:
        memcpy(&value, &bits, sizeof(value));
        return value;
    case TYPE_INT8:
        return (int8_t)bits;
    case TYPE_INT16:
        return (int16_t)bits;
    case TYPE_INT32:
        return (int32_t)bits;
    case TYPE_INT64:
        return (double)(int64_t)bits;
    case TYPE_BOOL:
        return bits != 0;
    case TYPE_FLOAT16:
        return half_from_bits((uint32_t)bits);
    case TYPE_BFLOAT16:
        return float_from_bits((uint32_t)bits << 16);
    default:
        return (double)bits;
    }
}

static bb_status fail_count(bb_import *import, const bb_operation *operation,
                            const BbOnnx__Tensor *from, size_t found, size_t expected)
{
    return bb_import_fail(import, operation, BB_INPUT,
                          "tensor '%.200s' holds %zu items of data; its shape says %zu",
                          from->name ? from->name : "", found, expected);
}

/* Values in the typed fields; small types share int32_data. */
static bb_status read_typed(bb_import *import, const bb_operation *operation,
                            const BbOnnx__Tensor *from, bb_tensor *to)
{
    size_t found = from->n_int32_data;
    if (from->data_type == TYPE_FLOAT)
        found = from->n_float_data;
    else if (from->data_type == TYPE_DOUBLE)
        found = from->n_double_data;
    else if (from->data_type == TYPE_INT64)
        found = from->n_int64_data;
    if (found != to->count)
        return fail_count(import, operation, from, found, to->count);
    for (size_t i = 0; i < to->count; i++) {
        if (from->data_type == TYPE_FLOAT)
            to->values[i] = (double)from->float_data[i];
        else if (from->data_type == TYPE_DOUBLE)
            to->values[i] = from->double_data[i];
        else if (from->data_type == TYPE_INT64)
            to->values[i] = (double)from->int64_data[i];
        else
            to->values[i] = decode(from->data_type, (uint64_t)(int64_t)from->int32_data[i]);
    }
    return BB_OK;
}

static void read_raw(const uint8_t *bytes, size_t size, int32_t type, bb_tensor *to)
{
    for (size_t i = 0; i < to->count; i++)
        to->values[i] = decode(type, load(bytes + i * size, size));
}

/* Nothing is allocated for more items than there are bytes. */
static bb_status read_values(bb_import *import, const bb_operation *operation,
                             const BbOnnx__Tensor *from, size_t kind, const bb_dims *dims,
                             bb_tensor **to)
{
    const size_t size = types[kind].size;
    size_t count, length;
    if (!bb_dims_count(dims, &count) || !bb_multiply_size(&length, count, size) ||
        length > BB_WIRE_MAX_LENGTH)
        return bb_import_fail(import, operation, BB_INPUT,
                              "tensor '%.200s' is too large for any file",
                              from->name ? from->name : "");
    const bool raw = from->has_raw_data || from->data_location == 1;
    const size_t typed = from->n_float_data + from->n_int32_data + from->n_int64_data +
                         from->n_double_data;
    const uint8_t *bytes = from->raw_data.data;
    uint8_t *external = NULL;
    bb_status status = BB_OK;
    if (from->data_location == 1)
        bytes = external = bb_external_read(import, operation, from, length, &status);
    else if (raw && from->raw_data.len != length)
        status = fail_count(import, operation, from, from->raw_data.len / size, count);
    else if (!raw && typed < count)
        status = fail_count(import, operation, from, typed, count);
    if (status == BB_OK)
        status = bb_tensor_new(to, &import->arena, types[kind].element, dims);
    if (status == BB_OK && raw)
        read_raw(bytes, size, from->data_type, *to);
    else if (status == BB_OK)
        status = read_typed(import, operation, from, *to);
    bb_release(import->context, external);
    return status;
}

bb_status bb_tensor_read(bb_import *import, const bb_operation *operation,
                         const BbOnnx__Tensor *from, const bb_tensor **out)
{
    const char *name = from->name ? from->name : "";
    *out = NULL;
    size_t kind = 0;
    while (kind < BB_COUNT_OF(types) && types[kind].type != from->data_type)
        kind++;
    if (kind == BB_COUNT_OF(types))
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "tensor '%.200s' has element type %d, which is not supported", name,
                              from->data_type);
    bb_dims dims = {.rank = (uint32_t)from->n_dims};
    if (from->n_dims > BB_MAX_RANK)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "tensor '%.200s' has %zu dimensions; at most %d are supported", name,
                              from->n_dims, BB_MAX_RANK);
    for (size_t i = 0; i < from->n_dims; i++) {
        dims.extent[i] = from->dims[i];
        if (from->dims[i] < 0)
            return bb_import_fail(import, operation, BB_INPUT,
                                  "tensor '%.200s' has a negative extent", name);
    }
    bb_tensor *tensor = NULL;
    const bb_status status = read_values(import, operation, from, kind, &dims, &tensor);
    if (status == BB_OK) {
        tensor->name = name;
        *out = tensor;
    }
    return status;
}
