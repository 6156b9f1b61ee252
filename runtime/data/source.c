/* SPDX-License-Identifier: MIT */
/* Bytes to read from, on disk or in memory. */
#define XXH_STATIC_LINKING_ONLY /* XXH3_state_t by value: no allocation behind the context's back */
#include "data/source.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define MEMORY_LIMIT (SIZE_MAX < UINT64_C(1) << 32 ? SIZE_MAX / 2 : (size_t)(UINT64_C(1) << 32))

static bool is_gzip(const uint8_t *bytes, uint64_t length)
{
    return length >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

static bb_status fail_empty(const bb_source *source)
{
    return bb_fail(source->context, BB_INPUT, "%s: empty", source->name);
}

/* Takes over the bytes just read. */
static bb_status keep_bytes(bb_source *source, uint8_t *bytes, size_t length)
{
    source->hash = bb_hash(bytes, length);
    source->bytes = bytes;
    source->length = length;
    if (!is_gzip(bytes, length))
        return length ? BB_OK : fail_empty(source);
    source->bytes = NULL;
    size_t unpacked = 0;
    const bb_status status = bb_inflate(source->context, source->name, bytes, length,
                                        MEMORY_LIMIT, &source->bytes, &unpacked);
    bb_release(source->context, bytes);
    source->length = unpacked;
    return status != BB_OK || unpacked ? status : fail_empty(source);
}

bb_status bb_source_load(bb_source *source)
{
    if (source->bytes)
        return BB_OK;
    uint8_t *bytes;
    size_t length;
    const bb_status status =
        bb_file_read(source->context, source->name, MEMORY_LIMIT, &bytes, &length);
    return status == BB_OK ? keep_bytes(source, bytes, length) : status;
}

static bb_status fail_errno(const bb_source *source)
{
    return bb_fail(source->context, BB_INPUT, "%s: %s", source->name, strerror(errno));
}

static bb_status open_regular(bb_source *source)
{
    source->file = open(source->name, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (source->file < 0 || fstat(source->file, &status) != 0)
        return fail_errno(source);
    source->length = (uint64_t)status.st_size;
    if (source->length == 0)
        return fail_empty(source);
    uint8_t first[2] = {0};
    const size_t n_first = source->length < sizeof(first) ? 1 : sizeof(first);
    const bb_status outcome = bb_source_read(source, 0, first, n_first);
    if (outcome != BB_OK || !is_gzip(first, n_first))
        return outcome;
    return bb_source_load(source);
}

bb_status bb_source_open(bb_source *out, bb_context *context, const char *path)
{
    *out = (bb_source){.context = context, .file = -1};
    out->name = bb_copy_text(context, path);
    if (!out->name)
        return BB_MEMORY;
    struct stat status;
    const bool regular = stat(path, &status) == 0 && S_ISREG(status.st_mode);
    const bb_status outcome = regular ? open_regular(out) : bb_source_load(out);
    if (outcome != BB_OK)
        bb_source_close(out);
    return outcome;
}

bb_status bb_source_copy(bb_source *out, bb_context *context, const void *bytes, size_t length,
                         const char *name)
{
    *out = (bb_source){.context = context, .file = -1};
    size_t with_zero;
    if (!bb_add_size(&with_zero, length, 1))
        return bb_fail_memory(context, length);
    out->name = bb_copy_text(context, name);
    uint8_t *copy = out->name ? bb_allocate(context, with_zero, 1) : NULL;
    if (copy && length)
        memcpy(copy, bytes, length);
    const bb_status status = copy ? keep_bytes(out, copy, length) : BB_MEMORY;
    if (status != BB_OK)
        bb_source_close(out);
    return status;
}

void bb_source_close(bb_source *source)
{
    if (!source->context)
        return;
    if (source->file >= 0)
        close(source->file);
    bb_release(source->context, source->name);
    bb_release(source->context, source->bytes);
    *source = (bb_source){.file = -1};
}

bb_status bb_source_read(const bb_source *source, uint64_t offset, void *out, size_t length)
{
    assert(offset <= source->length && length <= source->length - offset);
    if (source->bytes) {
        memcpy(out, source->bytes + offset, length);
        return BB_OK;
    }
    uint8_t *place = out;
    while (length > 0) {
        const ssize_t n = pread(source->file, place, length, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(source);
        if (n == 0)
            return bb_fail(source->context, BB_INPUT,
                           "%s: ends at byte %llu, expected %llu bytes as when it was opened",
                           source->name, (unsigned long long)offset,
                           (unsigned long long)source->length);
        place += n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return BB_OK;
}

bb_status bb_source_hash(uint64_t *out, const bb_source *source)
{
    if (source->bytes || source->file < 0) {
        *out = source->hash;
        return BB_OK;
    }
    const size_t chunk = (size_t)1 << 20;
    uint8_t *buffer = bb_allocate(source->context, chunk, 1);
    if (!buffer)
        return BB_MEMORY;
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_64bits_reset(&state);
    bb_status status = BB_OK;
    for (uint64_t done = 0; done < source->length && status == BB_OK;) {
        const uint64_t rest = source->length - done;
        const size_t length = rest < chunk ? (size_t)rest : chunk;
        status = bb_source_read(source, done, buffer, length);
        if (status == BB_OK)
            XXH3_64bits_update(&state, buffer, length);
        done += length;
    }
    bb_release(source->context, buffer);
    *out = XXH3_64bits_digest(&state);
    return status;
}
