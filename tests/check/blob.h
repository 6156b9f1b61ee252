/* SPDX-License-Identifier: MIT */
/* Small files in memory, for tests of the readers: .npy, IDX, text, gzip. */
#ifndef BITBAYES_BLOB_H
#define BITBAYES_BLOB_H

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

typedef struct blob {
    uint8_t bytes[4096];
    size_t length;
} blob;

static inline void put(blob *b, const void *bytes, size_t length)
{
    cr_assert(length <= sizeof(b->bytes) - b->length);
    memcpy(b->bytes + b->length, bytes, length);
    b->length += length;
}

static inline blob npy(const char *descr, const char *shape, const void *elements, size_t length)
{
    blob b = {.length = 0};
    char header[256];
    const int n = snprintf(header, sizeof(header),
                           "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr,
                           shape);
    const uint8_t start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)n, (uint8_t)(n >> 8)};
    put(&b, start, sizeof(start));
    put(&b, header, (size_t)n);
    put(&b, elements, length);
    return b;
}

static inline blob npy_header(uint8_t version, const char *header)
{
    blob b = {.length = 0};
    const size_t n = strlen(header);
    const uint8_t start[12] = {0x93, 'N', 'U', 'M', 'P', 'Y', version, 0, (uint8_t)n,
                               (uint8_t)(n >> 8)};
    put(&b, start, version == 1 ? 10 : 12);
    put(&b, header, n);
    return b;
}

static inline blob idx(uint8_t type, uint8_t n_axes, const uint32_t *shape, const void *elements,
                size_t length)
{
    blob b = {.length = 0};
    const uint8_t start[4] = {0, 0, type, n_axes};
    put(&b, start, sizeof(start));
    for (int i = 0; i < n_axes; i++) {
        const uint8_t axis[4] = {(uint8_t)(shape[i] >> 24), (uint8_t)(shape[i] >> 16),
                                 (uint8_t)(shape[i] >> 8), (uint8_t)shape[i]};
        put(&b, axis, sizeof(axis));
    }
    put(&b, elements, length);
    return b;
}

static inline blob text(const char *string)
{
    blob b = {.length = 0};
    put(&b, string, strlen(string));
    return b;
}

static inline blob gzip(const blob *plain)
{
    blob b = {.length = 0};
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)plain->bytes,
                       .avail_in = (uInt)plain->length,
                       .next_out = b.bytes,
                       .avail_out = sizeof(b.bytes)};
    cr_assert(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    cr_assert(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    b.length = stream.total_out;
    deflateEnd(&stream);
    return b;
}

#endif
