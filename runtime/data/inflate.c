/* SPDX-License-Identifier: MIT */
/* Unpacks gzip into memory. */
#include "data/source.h"

#include <zlib.h>

#define CHUNK ((size_t)1 << 28) /* zlib counts in 32 bits */

typedef struct unpacking {
    bb_context *context;
    const char *name;
    size_t limit;
    z_stream stream;
    const uint8_t *packed; /* what the stream did not get yet */
    size_t n_packed;
    uint8_t *bytes;
    size_t length, capacity;
} unpacking;

static voidpf allocate(voidpf context, uInt count, uInt size)
{
    return bb_allocate(context, count, size);
}

static void release(voidpf context, voidpf block)
{
    bb_release(context, block);
}

static bb_status make_room(unpacking *u)
{
    if (u->length < u->capacity)
        return BB_OK;
    if (u->length >= u->limit)
        return bb_fail(u->context, BB_INPUT, "%s: unpacks to more than the limit of %zu bytes",
                       u->name, u->limit);
    const size_t rest = u->limit - u->capacity;
    const size_t more = u->capacity > 65536 ? u->capacity : 65536;
    const size_t capacity = u->capacity + (more < rest ? more : rest);
    uint8_t *bytes = bb_resize(u->context, u->bytes, capacity + 1, 1);
    if (!bytes)
        return BB_MEMORY;
    u->bytes = bytes;
    u->capacity = capacity;
    return BB_OK;
}

static void feed(unpacking *u)
{
    if (u->stream.avail_in > 0)
        return;
    const size_t n = u->n_packed < CHUNK ? u->n_packed : CHUNK;
    u->stream.next_in = (z_const Bytef *)u->packed;
    u->stream.avail_in = (uInt)n;
    u->packed += n;
    u->n_packed -= n;
}

/* One call of zlib: some bytes in, some out. */
static int step(unpacking *u)
{
    const size_t room = u->capacity - u->length;
    const uInt offered = (uInt)(room < CHUNK ? room : CHUNK);
    u->stream.next_out = u->bytes + u->length;
    u->stream.avail_out = offered;
    const int outcome = inflate(&u->stream, Z_NO_FLUSH);
    u->length += offered - u->stream.avail_out;
    return outcome;
}

static bb_status unpack(unpacking *u)
{
    for (;;) {
        const bb_status status = make_room(u);
        if (status != BB_OK)
            return status;
        feed(u);
        int outcome = step(u);
        if (outcome == Z_STREAM_END) {
            if (u->stream.avail_in == 0 && u->n_packed == 0)
                return BB_OK;
            outcome = inflateReset(&u->stream); /* another member follows */
        }
        if (outcome == Z_MEM_ERROR)
            return BB_MEMORY; /* the text is set */
        if (outcome == Z_OK)
            continue;
        return bb_fail(u->context, BB_INPUT, "%s: gzip: %s after %zu unpacked bytes", u->name,
                       u->stream.msg            ? u->stream.msg
                       : outcome == Z_BUF_ERROR ? "ends too early"
                                                : "damaged",
                       u->length);
    }
}

bb_status bb_inflate(bb_context *context, const char *name, const uint8_t *packed,
                     size_t packed_length, size_t limit, uint8_t **bytes, size_t *length)
{
    unpacking u = {.context = context, .name = name, .limit = limit, .packed = packed};
    u.n_packed = packed_length;
    u.stream = (z_stream){.zalloc = allocate, .zfree = release, .opaque = context};
    *bytes = NULL;
    *length = 0;
    if (inflateInit2(&u.stream, 15 + 16) != Z_OK)
        return BB_MEMORY;
    const bb_status status = unpack(&u);
    inflateEnd(&u.stream);
    if (status != BB_OK) {
        bb_release(context, u.bytes);
        return status;
    }
    u.bytes[u.length] = 0;
    *bytes = u.bytes;
    *length = u.length;
    return BB_OK;
}
