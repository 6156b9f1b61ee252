/* SPDX-License-Identifier: MIT */
/* What IDX and .npy have in common: shapes, elements, telling formats apart. */
#include "data/layout.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool is_text(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] < 0x20 && bytes[i] != '\t' && bytes[i] != '\r' && bytes[i] != '\n')
            return false;
    return true;
}

static bool is_idx(const uint8_t *bytes, size_t length)
{
    return length >= 3 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] >= 8 && bytes[2] <= 14;
}

bb_status bb_data_format_find(bb_data_format *out, const bb_source *source)
{
    uint8_t bytes[64];
    const size_t n = source->length < sizeof(bytes) ? (size_t)source->length : sizeof(bytes);
    const bb_status status = bb_source_read(source, 0, bytes, n);
    if (status != BB_OK)
        return status;
    if (n >= 6 && !memcmp(bytes, "\x93NUMPY", 6)) {
        *out = BB_FORMAT_NPY;
    } else if (is_idx(bytes, n)) {
        *out = BB_FORMAT_IDX;
    } else if (n >= 4 && !memcmp(bytes, "PK\3\4", 4)) {
        return bb_fail(source->context, BB_INPUT,
                       "%s: a zip archive (.npz?), expected IDX, .npy or CSV: unpack it first",
                       source->name);
    } else if (is_text(bytes, n)) {
        *out = BB_FORMAT_CSV;
    } else {
        char hex[4 * 3 + 1] = "";
        for (size_t i = 0; i < n && i < 4; i++)
            snprintf(hex + 3 * i, 4, " %02x", bytes[i]);
        return bb_fail(source->context, BB_INPUT,
                       "%s: begins with bytes%s, expected IDX, .npy or CSV", source->name, hex);
    }
    return BB_OK;
}

const char *bb_shape_text(char out[BB_SHAPE_TEXT_SIZE], const uint64_t *shape, uint32_t n_axes)
{
    size_t length = 0;
    out[length++] = '[';
    for (uint32_t i = 0; i < n_axes; i++)
        length += (size_t)snprintf(out + length, 23, "%s%" PRIu64, i ? ", " : "", shape[i]);
    memcpy(out + length, "]", 2);
    return out;
}

bb_status bb_layout_check(const bb_layout *layout, const bb_source *source)
{
    char text[BB_SHAPE_TEXT_SIZE];
    bb_shape_text(text, layout->shape, layout->n_axes);
    uint64_t bytes = layout->element.size;
    bool fits = true;
    if (layout->n_axes == 0)
        return bb_fail(source->context, BB_INPUT, "%s: a single number, expected an array",
                       source->name);
    for (uint32_t i = 0; i < layout->n_axes; i++) {
        if (layout->shape[i] == 0)
            return bb_fail(source->context, BB_INPUT, "%s: shape %s holds nothing", source->name,
                           text);
        fits = fits && !__builtin_mul_overflow(bytes, layout->shape[i], &bytes);
    }
    const uint64_t there =
        source->length < layout->offset ? 0 : source->length - layout->offset;
    if (!fits || bytes > SIZE_MAX / 2)
        return bb_fail(source->context, BB_INPUT, "%s: shape %s is too large", source->name, text);
    if (bytes != there)
        return bb_fail(source->context, BB_INPUT,
                       "%s: %" PRIu64 " bytes follow the header, shape %s of %u-byte elements "
                       "needs %" PRIu64,
                       source->name, there, text, (unsigned)layout->element.size, bytes);
    return BB_OK;
}

static uint64_t load(const uint8_t *bytes, bb_element element)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < element.size; i++) {
        const unsigned place = element.big_endian ? i : element.size - 1u - i;
        word = word << 8 | bytes[place];
    }
    return word;
}

int64_t bb_element_integer(const uint8_t *bytes, bb_element element)
{
    const uint64_t word = load(bytes, element);
    if (element.kind == 'u')
        return word > INT64_MAX ? INT64_MAX : (int64_t)word;
    switch (element.size) {
    case 1: return (int8_t)word;
    case 2: return (int16_t)word;
    case 4: return (int32_t)word;
    default: return (int64_t)word;
    }
}

static float to_float(const uint8_t *bytes, bb_element element)
{
    if (element.kind == 'u')
        return (float)load(bytes, element);
    if (element.kind == 'i')
        return (float)bb_element_integer(bytes, element);
    const uint64_t word = load(bytes, element);
    if (element.size == 4) {
        const uint32_t half = (uint32_t)word;
        float value;
        memcpy(&value, &half, sizeof(value));
        return value;
    }
    double value;
    memcpy(&value, &word, sizeof(value));
    return (float)value;
}

size_t bb_element_floats(float *out, const uint8_t *bytes, size_t n, bb_element element)
{
    const bool native =
        element.kind == 'f' && element.size == 4 && element.big_endian == BB_HOST_BIG_ENDIAN;
    if (native)
        memcpy(out, bytes, n * sizeof(*out));
    for (size_t i = 0; i < n; i++) {
        if (!native)
            out[i] = to_float(bytes + i * element.size, element);
        if (!isfinite(out[i]))
            return i;
    }
    return n;
}
