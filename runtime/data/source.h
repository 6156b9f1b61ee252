/* SPDX-License-Identifier: MIT */
/* Bytes to read from: a file left on disk, or memory; gzip is unpacked on the way in. */
#ifndef BITBAYES_DATA_SOURCE_H
#define BITBAYES_DATA_SOURCE_H

#include "base/base.h"

typedef struct bb_source {
    bb_context *context;
    char *name;
    int file;        /* -1 when in memory */
    uint8_t *bytes;  /* NULL when on disk; followed by a zero byte that is not counted */
    uint64_t length; /* of the content, unpacked */
    uint64_t hash;   /* of the bytes on disk, valid when in memory */
} bb_source;

/* Plain regular files stay on disk, all others are read. BB_INPUT names the path and the reason;
 * an empty source is an error. On failure the source is closed. */
bb_status bb_source_open(bb_source *out, bb_context *context, const char *path);
bb_status bb_source_copy(bb_source *out, bb_context *context, const void *bytes, size_t length,
                         const char *name);
void bb_source_close(bb_source *source); /* takes a zeroed or closed one */

/* Bring the rest of a source on disk into memory. */
bb_status bb_source_load(bb_source *source);

/* The range must lie within `length`; BB_INPUT if the file shrank since it was opened. */
bb_status bb_source_read(const bb_source *source, uint64_t offset, void *out, size_t length);

/* XXH3 of the bytes on disk, before unpacking. */
bb_status bb_source_hash(uint64_t *out, const bb_source *source);

/* Unpack gzip (several members too). BB_INPUT when damaged, cut, or above `limit`. */
bb_status bb_inflate(bb_context *context, const char *name, const uint8_t *packed,
                     size_t packed_length, size_t limit, uint8_t **bytes, size_t *length);

#endif
