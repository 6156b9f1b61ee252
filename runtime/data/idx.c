/* SPDX-License-Identifier: MIT */
/* The header of an IDX file: 0, 0, element type, number of axes, then 32-bit big-endian lengths. */
#include "data/layout.h"

static bool find_element(bb_element *out, uint8_t code)
{
    static const struct {
        uint8_t code, size;
        char kind;
    } elements[] = {{0x08, 1, 'u'}, {0x09, 1, 'i'}, {0x0b, 2, 'i'},
                    {0x0c, 4, 'i'}, {0x0d, 4, 'f'}, {0x0e, 8, 'f'}};
    for (size_t i = 0; i < BB_COUNT_OF(elements); i++)
        if (elements[i].code == code) {
            *out = (bb_element){elements[i].kind, elements[i].size, true};
            return true;
        }
    return false;
}

bb_status bb_idx_read(bb_layout *out, const bb_source *source)
{
    *out = (bb_layout){0};
    uint8_t bytes[4 + 4 * BB_LAYOUT_AXES];
    if (source->length < 4)
        return bb_fail(source->context, BB_INPUT, "%s: IDX: ends within the header", source->name);
    bb_status status = bb_source_read(source, 0, bytes, 4);
    if (status != BB_OK)
        return status;
    if (!find_element(&out->element, bytes[2]))
        return bb_fail(source->context, BB_INPUT,
                       "%s: IDX: element type 0x%02x, expected 0x08, 0x09 or 0x0b to 0x0e",
                       source->name, bytes[2]);
    out->n_axes = bytes[3];
    if (out->n_axes > BB_LAYOUT_AXES)
        return bb_fail(source->context, BB_INPUT, "%s: IDX: %u axes, expected at most %d",
                       source->name, (unsigned)out->n_axes, BB_LAYOUT_AXES);
    out->offset = 4 + 4 * (uint64_t)out->n_axes;
    if (source->length < out->offset)
        return bb_fail(source->context, BB_INPUT, "%s: IDX: ends within the header", source->name);
    status = bb_source_read(source, 4, bytes + 4, (size_t)out->n_axes * 4);
    if (status != BB_OK)
        return status;
    const bb_element length = {'u', 4, true};
    for (uint32_t i = 0; i < out->n_axes; i++)
        out->shape[i] = (uint64_t)bb_element_integer(bytes + 4 + 4 * i, length);
    return bb_layout_check(out, source);
}
