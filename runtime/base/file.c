/* SPDX-License-Identifier: MIT */
/* Whole files in, whole files out. */
#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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
    /* files of /proc say that they are empty */
    size_t capacity = S_ISREG(status.st_mode) && status.st_size ? (size_t)status.st_size : 65536;
    if (S_ISREG(status.st_mode) && (size_t)status.st_size > limit)
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

/* What is no regular file (a pipe, a device) is written as it is: renaming would replace it. */
static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

/* The lock tells a part that a process is writing from one that a killed process left. It holds for
 * the inode, so the name must still lead there: another writer may just have renamed it. */
static FILE *open_part(const char *part)
{
    const int descriptor = open(part, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return NULL;
    struct stat opened, named;
    bool mine = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
    if (mine && (fstat(descriptor, &opened) != 0 || stat(part, &named) != 0 ||
                 opened.st_ino != named.st_ino || opened.st_dev != named.st_dev)) {
        mine = false;
        errno = EWOULDBLOCK;
    }
    if (mine && S_ISREG(opened.st_mode))
        mine = ftruncate(descriptor, 0) == 0;
    FILE *stream = mine ? fdopen(descriptor, "wb") : NULL;
    if (!stream) {
        const int reason = errno;
        close(descriptor);
        errno = reason;
    }
    return stream;
}

static bb_status open_file(bb_file *file)
{
    file->stream = file->part ? open_part(file->part) : fopen(file->path, "wb");
    if (file->stream)
        return BB_OK;
    bb_status status = fail_write(file);
    if (file->part && errno == EWOULDBLOCK)
        status = bb_fail(file->context, BB_OUTPUT, "%s: another process is writing it", file->path);
    bb_release(file->context, file->part); /* not ours to remove */
    file->part = NULL;
    return status;
}

bb_status bb_file_create(bb_file *file, bb_context *context, const char *path)
{
    *file = (bb_file){.context = context};
    char *target = realpath(path, NULL); /* a link stays a link */
    file->path = bb_copy_text(context, target ? target : path);
    free(target);
    bb_status status = file->path ? BB_OK : BB_MEMORY;
    if (status == BB_OK && !is_special(file->path)) {
        file->part = bb_format(context, "%s.part", file->path);
        status = file->part ? BB_OK : BB_MEMORY;
    }
    if (status == BB_OK)
        status = open_file(file);
    if (status != BB_OK)
        bb_file_abandon(file);
    return status;
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
    bool good = fflush(file->stream) == 0;
    if (file->part) /* renamed under the lock, which closing ends */
        good = good && fsync(fileno(file->stream)) == 0 && rename(file->part, file->path) == 0;
    good = fclose(file->stream) == 0 && good;
    file->stream = NULL;
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
