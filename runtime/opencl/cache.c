/* SPDX-License-Identifier: MIT */
/* The program cache; what a file holds stands in cache.h. */
#include "opencl/cache.h"

#include <bitbayes/device.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "BBPROG1\n"
#define MAX_CACHE_FILE ((size_t)256 << 20)

static char *file_path(bb_context *context, const char *folder, const char *key)
{
    return bb_format(context, "%s/%016llx.bin", folder,
                     (unsigned long long)bb_hash(key, strlen(key)));
}

/* Every length is checked before it is used. */
bb_sealed_state bb_sealed_read(bb_sealed *out, const uint8_t *bytes, size_t length)
{
    uint32_t n_key;
    uint64_t n_bytes, checksum;
    const size_t key_at = strlen(MAGIC) + sizeof(n_key);
    if (length < strlen(MAGIC) || memcmp(bytes, MAGIC, strlen(MAGIC)) != 0)
        return BB_SEALED_NO;
    if (length < key_at)
        return BB_SEALED_DAMAGED;
    memcpy(&n_key, bytes + strlen(MAGIC), sizeof(n_key));
    if (length - key_at < sizeof(n_bytes) + sizeof(checksum) ||
        length - key_at - sizeof(n_bytes) - sizeof(checksum) < n_key)
        return BB_SEALED_DAMAGED;
    const uint8_t *rest = bytes + key_at + n_key;
    memcpy(&n_bytes, rest, sizeof(n_bytes));
    memcpy(&checksum, rest + sizeof(n_bytes), sizeof(checksum));
    rest += sizeof(n_bytes) + sizeof(checksum);
    if (n_bytes == 0 || n_bytes != length - (size_t)(rest - bytes) ||
        bb_hash(rest, (size_t)n_bytes) != checksum)
        return BB_SEALED_DAMAGED;
    *out = (bb_sealed){(const char *)bytes + key_at, n_key, rest, (size_t)n_bytes};
    return BB_SEALED_GOOD;
}

bool bb_cache_load(bb_context *context, const char *folder, const char *key, uint8_t **payload,
                   size_t *length)
{
    *payload = NULL;
    *length = 0;
    char *path = *folder ? file_path(context, folder, key) : NULL;
    if (!path)
        return false;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    if (access(path, R_OK) == 0 &&
        bb_file_read(context, path, MAX_CACHE_FILE, &bytes, &n_bytes) == BB_OK) {
        bb_sealed found;
        if (bb_sealed_read(&found, bytes, n_bytes) == BB_SEALED_GOOD &&
            found.n_key == strlen(key) && memcmp(found.key, key, found.n_key) == 0) {
            *payload = bb_copy_bytes(context, found.payload, found.n_payload, 1);
            *length = found.n_payload;
        } else {
            unlink(path);
        }
    }
    bb_release(context, bytes);
    bb_release(context, path);
    return *payload != NULL;
}

bool bb_sealed_write(FILE *stream, const char *key, const void *payload, size_t length)
{
    const uint32_t n_key = (uint32_t)strlen(key);
    const uint64_t n_bytes = length, checksum = bb_hash(payload, length);
    return fwrite(MAGIC, strlen(MAGIC), 1, stream) == 1 &&
           fwrite(&n_key, sizeof(n_key), 1, stream) == 1 && fwrite(key, n_key, 1, stream) == 1 &&
           fwrite(&n_bytes, sizeof(n_bytes), 1, stream) == 1 &&
           fwrite(&checksum, sizeof(checksum), 1, stream) == 1 &&
           fwrite(payload, length, 1, stream) == 1;
}

/* mkdir -p; whether it worked shows when the file is opened. */
static void make_folders(char *folder)
{
    for (char *c = folder + 1; *c; c++)
        if (*c == '/') {
            *c = '\0';
            (void)mkdir(folder, 0700);
            *c = '/';
        }
    (void)mkdir(folder, 0700);
}

/* Several processes may store the same program at a time: each writes a file of its own. */
static bool write_and_rename(char *temporary, const char *path, const char *key,
                             const void *payload, size_t length)
{
    const int file = mkstemp(temporary);
    FILE *stream = file < 0 ? NULL : fdopen(file, "wb");
    if (!stream) {
        if (file >= 0)
            close(file);
        return false;
    }
    bool good = bb_sealed_write(stream, key, payload, length);
    good = fclose(stream) == 0 && good;
    good = good && rename(temporary, path) == 0;
    if (!good)
        unlink(temporary);
    return good;
}

void bb_cache_store(bb_context *context, const char *folder, const char *key, const void *payload,
                    size_t length)
{
    if (!*folder || !length)
        return;
    char *path = file_path(context, folder, key);
    char *temporary = bb_format(context, "%s/part-XXXXXX", folder);
    char *made = bb_copy_text(context, folder);
    if (path && temporary && made) {
        make_folders(made);
        if (!write_and_rename(temporary, path, key, payload, length))
            bb_note(context, "%s: cannot keep built programs here: %s", folder, strerror(errno));
    }
    bb_release(context, made);
    bb_release(context, temporary);
    bb_release(context, path);
}

void bb_cache_drop(bb_context *context, const char *folder, const char *key)
{
    char *path = *folder ? file_path(context, folder, key) : NULL;
    if (path)
        unlink(path);
    bb_release(context, path);
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

bb_status bb_device_cache_folder(char **out, bb_context *context)
{
    const char *own = getenv("BITBAYES_CACHE");
    const char *xdg = variable("XDG_CACHE_HOME"), *home = variable("HOME");
    if (own)
        *out = bb_copy_text(context, own);
    else if (xdg && *xdg == '/') /* the XDG specification ignores relative paths */
        *out = bb_format(context, "%s/bitbayes", xdg);
    else if (home)
        *out = bb_format(context, "%s/.cache/bitbayes", home);
    else
        *out = bb_copy_text(context, "");
    return *out ? BB_OK : BB_MEMORY;
}
