/* SPDX-License-Identifier: MIT */
/*
 * External data: bytes in a file beside the model. A model is input from anywhere, so the file
 * must lie in the model's folder: no absolute names, no "..", no links on the way.
 */
#include "model/import.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct place {
    const char *location;
    uint64_t offset, length;
    bool has_length;
} place;

static bool read_number(const char *text, uint64_t *value)
{
    *value = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(*value, (uint64_t)10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(*text - '0'), value))
            return false;
    return *text == '\0';
}

static bool read_place(const BbOnnx__Tensor *from, place *at)
{
    bool good = true;
    for (size_t i = 0; i < from->n_external_data; i++) {
        const char *key = from->external_data[i]->key, *value = from->external_data[i]->value;
        if (!key || !value)
            continue;
        if (strcmp(key, "location") == 0) {
            at->location = value;
        } else if (strcmp(key, "offset") == 0) {
            good = good && read_number(value, &at->offset);
        } else if (strcmp(key, "length") == 0) {
            good = good && read_number(value, &at->length);
            at->has_length = true;
        }
    }
    return good && at->location && *at->location && *at->location != '/';
}

/* Go down one component after the other without following links. -1 with errno set. */
static int open_below(const char *folder, const char *location)
{
    char component[256];
    int at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (at >= 0) {
        const size_t length = strcspn(location, "/");
        const bool last = location[length] == '\0';
        const bool up = length == 2 && memcmp(location, "..", 2) == 0;
        if (length == 0 || length >= sizeof(component) || up) {
            close(at);
            errno = EINVAL;
            return -1;
        }
        memcpy(component, location, length);
        component[length] = '\0';
        const int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (last ? O_NONBLOCK : O_DIRECTORY);
        const int next = openat(at, component, flags);
        const int error = errno;
        close(at);
        errno = error;
        at = next;
        if (last)
            break;
        location += length + 1;
    }
    return at;
}

/* NULL, or what is wrong. */
static const char *read_bytes(int file, uint64_t offset, size_t length, uint8_t *bytes)
{
    while (length) {
        const ssize_t n = pread(file, bytes, length, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? strerror(errno) : "it became shorter while being read";
        bytes += n;
        offset += (uint64_t)n;
        length -= (size_t)n;
    }
    return NULL;
}

uint8_t *bb_external_read(bb_import *import, const bb_operation *operation,
                          const BbOnnx__Tensor *from, size_t length, bb_status *status)
{
    const char *name = from->name ? from->name : "";
    place at = {0};
    uint8_t *bytes = NULL;
    *status = BB_INPUT;
    if (!read_place(from, &at)) {
        bb_import_fail(import, operation, BB_INPUT,
                       "external data of tensor '%.200s': a relative location, offset and length "
                       "are expected",
                       name);
        return NULL;
    }
    const int file = import->folder ? open_below(import->folder, at.location) : -1;
    struct stat state;
    if (file < 0 || fstat(file, &state) != 0) {
        bb_import_fail(import, operation, BB_INPUT,
                       "external data of tensor '%.200s': '%.200s' cannot be opened inside the "
                       "folder of the model: %s",
                       name, at.location, import->folder ? strerror(errno) : "there is none");
    } else if (!S_ISREG(state.st_mode) || at.offset > (uint64_t)state.st_size ||
               length > (uint64_t)state.st_size - at.offset) {
        bb_import_fail(import, operation, BB_INPUT,
                       "external data of tensor '%.200s': %zu bytes at %llu of '%.200s' are not "
                       "there; the file has %lld",
                       name, length, (unsigned long long)at.offset, at.location,
                       (long long)state.st_size);
    } else if (at.has_length && at.length != length) {
        bb_import_fail(import, operation, BB_INPUT,
                       "external data of tensor '%.200s': length %llu, but its shape takes %zu",
                       name, (unsigned long long)at.length, length);
    } else {
        bytes = bb_resize(import->context, NULL, length, 1);
        *status = bytes ? BB_OK : BB_MEMORY;
        const char *reason = bytes ? read_bytes(file, at.offset, length, bytes) : NULL;
        if (reason)
            *status = bb_import_fail(import, operation, BB_INPUT,
                                     "external data of tensor '%.200s': '%.200s': %s", name,
                                     at.location, reason);
        else if (bytes)
            import->arena.left += 64 * length;
    }
    if (file >= 0)
        close(file);
    if (*status != BB_OK) {
        bb_release(import->context, bytes);
        return NULL;
    }
    return bytes;
}
