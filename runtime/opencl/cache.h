/* SPDX-License-Identifier: MIT */
/*
 * Built programs on disk, one file each; images that bb_image_build() makes have the same form.
 *
 * Name     FOLDER/XXH3(key).bin
 * Key      text: our version, platform and device with their versions, driver, build options, and
 *          the hash of the sources; stored in full, so that equal hashes of names do no harm
 * File     "BBPROG1\n", u32 length of the key, key, u64 length of the payload, u64 XXH3 of the
 * payload, payload; host byte order
 *
 * Anything that does not fit is deleted and counts as absent. The checksum matters: drivers abort
 * the process when they are handed a damaged binary. Written to a temporary name, then renamed.
 */
#ifndef BITBAYES_OPENCL_CACHE_H
#define BITBAYES_OPENCL_CACHE_H

#include "base/base.h"

/* What a file in memory is: some other binary, one of these, or one that is cut off or changed. */
typedef enum bb_sealed_state { BB_SEALED_NO, BB_SEALED_GOOD, BB_SEALED_DAMAGED } bb_sealed_state;

/* Its parts, inside `bytes`; the key has no zero behind it. */
typedef struct bb_sealed {
    const char *key;
    size_t n_key;
    const uint8_t *payload;
    size_t n_payload;
} bb_sealed;

bb_sealed_state bb_sealed_read(bb_sealed *out, const uint8_t *bytes, size_t length);
bool bb_sealed_write(FILE *stream, const char *key, const void *payload, size_t length);

/* True with the payload, which the caller releases; false when there is none. */
bool bb_cache_load(bb_context *context, const char *folder, const char *key, uint8_t **payload,
                   size_t *length);

/* A folder that cannot be written is no error: nothing is stored then. */
void bb_cache_store(bb_context *context, const char *folder, const char *key, const void *payload,
                    size_t length);

/* Remove the file of a key, for a payload that the driver refused. */
void bb_cache_drop(bb_context *context, const char *folder, const char *key);

#endif
