/* SPDX-License-Identifier: MIT */
/* Where the elements of an array lie in a file, what they are, and their conversion. */
#ifndef BITBAYES_DATA_LAYOUT_H
#define BITBAYES_DATA_LAYOUT_H

#include "data/source.h"

#define BB_LAYOUT_AXES 8

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define BB_HOST_BIG_ENDIAN true
#else
#define BB_HOST_BIG_ENDIAN false
#endif

typedef struct bb_element {
    char kind;    /* 'u', 'i', 'f' as in NumPy; booleans are 'u' */
    uint8_t size; /* bytes: 1, 2, 4, 8 */
    bool big_endian;
} bb_element;

typedef struct bb_layout {
    bb_element element;
    uint32_t n_axes;
    uint64_t shape[BB_LAYOUT_AXES]; /* slowest first; C order */
    uint64_t offset;                /* of the first element, bytes */
} bb_layout;

typedef enum bb_data_format { BB_FORMAT_IDX, BB_FORMAT_NPY, BB_FORMAT_CSV } bb_data_format;

/* Tell the format by the first bytes; BB_INPUT shows them if they are none of ours. */
bb_status bb_data_format_find(bb_data_format *out, const bb_source *source);

/* Read a header and check that exactly the elements it promises follow. No axis is 0, and there is
 * at least one. */
bb_status bb_idx_read(bb_layout *out, const bb_source *source);
bb_status bb_npy_read(bb_layout *out, const bb_source *source);

/* The check that both end with. */
bb_status bb_layout_check(const bb_layout *layout, const bb_source *source);

/* "[500, 1, 8, 8]" for messages. */
#define BB_SHAPE_TEXT_SIZE (BB_LAYOUT_AXES * 22 + 3)
const char *bb_shape_text(char out[BB_SHAPE_TEXT_SIZE], const uint64_t *shape, uint32_t n_axes);

/* Convert to nearest float32; returns the place of the first non-finite value, `n` if none. */
size_t bb_element_floats(float *out, const uint8_t *bytes, size_t n, bb_element element);

/* One integer ('u' or 'i'); what int64 cannot hold becomes INT64_MAX. */
int64_t bb_element_integer(const uint8_t *bytes, bb_element element);

#endif
