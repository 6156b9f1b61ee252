/* SPDX-License-Identifier: MIT */
/* Whole files in, whole files out. */
#include "base/base.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bb_status read_stream(bb_context *context, FILE *stream, const char *path, size_t limit,
                             uint8_t **bytes, size_t *length)
{
    struct stat status;
    if (fstat(fileno(stream), &status) != 0)
        return bb_fail(context, BB_INPUT, "%s: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return bb_fail(context, BB_INPUT, "%s: a folder, expected a file", path);
    size_t capacity = S_ISREG(status.st_mode) ? (size_t)status.st_size : 65536;
    if (capacity > limit)
        return bb_fail(context, BB_INPUT, "%s: %zu bytes, the limit is %zu", path, capacity, limit);
    for (;;) {
        uint8_t *grown = bb_resize(context, *bytes, capacity + 1, 1);
        if (!grown)
            return BB_MEMORY;
        *bytes = grown;
        *length += fread(*bytes + *length, 1, capacity + 1 - *length, stream);
        if (*length <= capacity)
            break;
        if (*length > limit)
            return bb_fail(context, BB_INPUT, "%s: more than the limit of %zu bytes", path, limit);
        capacity *= 2;
    }
    if (ferror(stream))
        return bb_fail(context, BB_INPUT, "%s: %s", path, strerror(errno));
    (*bytes)[*length] = 0;
    return BB_OK;
}

bb_status bb_file_read(bb_context *context, const char *path, size_t limit, uint8_t **bytes,
                       size_t *length)
{
    *bytes = NULL;
    *length = 0;
    FILE *stream = fopen(path, "rb");
    if (!stream)
        return bb_fail(context, BB_INPUT, "%s: %s", path, strerror(errno));
    const bb_status status = read_stream(context, stream, path, limit, bytes, length);
    fclose(stream);
    if (status != BB_OK) {
        bb_release(context, *bytes);
        *bytes = NULL;
        *length = 0;
    }
    return status;
}

static bb_status fail_write(bb_file *file)
{
    return bb_fail(file->context, BB_OUTPUT, "%s: cannot write: %s", file->path, strerror(errno));
}

bb_status bb_file_create(bb_file *file, bb_context *context, const char *path)
{
    *file = (bb_file){.context = context};
    file->path = bb_copy_text(context, path);
    file->part = file->path ? bb_format(context, "%s.part", path) : NULL;
    if (!file->part) {
        bb_file_abandon(file);
        return BB_MEMORY;
    }
    file->stream = fopen(file->part, "wb");
    if (!file->stream) {
        const bb_status status = fail_write(file);
        bb_file_abandon(file);
        return status;
    }
    return BB_OK;
}

bb_status bb_file_write(bb_file *file, const void *bytes, size_t length)
{
    return fwrite(bytes, 1, length, file->stream) == length ? BB_OK : fail_write(file);
}

bb_status bb_file_print(bb_file *file, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int written = vfprintf(file->stream, format, arguments);
    va_end(arguments);
    return written >= 0 ? BB_OK : fail_write(file);
}

bb_status bb_file_commit(bb_file *file)
{
    bool good = fflush(file->stream) == 0 && fsync(fileno(file->stream)) == 0;
    good = fclose(file->stream) == 0 && good;
    file->stream = NULL;
    good = good && rename(file->part, file->path) == 0;
    const bb_status status = good ? BB_OK : fail_write(file);
    if (good) {
        bb_release(file->context, file->part);
        file->part = NULL;
    }
    bb_file_abandon(file);
    return status;
}

void bb_file_abandon(bb_file *file)
{
    if (file->stream)
        fclose(file->stream);
    if (file->part)
        unlink(file->part);
    bb_release(file->context, file->part);
    bb_release(file->context, file->path);
    *file = (bb_file){.context = file->context};
}
