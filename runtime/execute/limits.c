/* SPDX-License-Identifier: MIT */
/* Measured limits on disk: CACHE/limits-HASH.txt, lines of a key and a value. */
#include <bitbayes/limits.h>

#include "base/base.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILE 4096

/* The cache folder and the file in it; both released by the caller, "" and NULL without a folder.
 */
static bb_status find_path(char **folder, char **path, bb_context *context,
                           const bb_device_info *device, const char *cache_folder)
{
    *path = NULL;
    bb_status status = BB_OK;
    if (cache_folder)
        *folder = bb_copy_text(context, cache_folder);
    else
        status = bb_device_cache_folder(folder, context);
    if (status != BB_OK || !*folder)
        return BB_MEMORY;
    if (!**folder)
        return BB_OK;
    char *key =
        bb_format(context, "%s; %s; driver %s", device->platform, device->name, device->driver);
    if (key)
        *path = bb_format(context, "%s/limits-%016llx.txt", *folder,
                          (unsigned long long)bb_hash(key, strlen(key)));
    bb_release(context, key);
    return *path ? BB_OK : BB_MEMORY;
}

static void take_text(char *out, size_t size, const char *value)
{
    snprintf(out, size, "%s", value);
}

static bool take_line(bb_device_limits *out, const char *key, const char *value)
{
    if (strcmp(key, "popcount") == 0)
        take_text(out->popcount, sizeof(out->popcount), value);
    else if (strcmp(key, "date") == 0)
        take_text(out->date, sizeof(out->date), value);
    else if (strcmp(key, "operations_rate") == 0)
        out->operations_rate = strtod(value, NULL);
    else if (strcmp(key, "bytes_rate") == 0)
        out->bytes_rate = strtod(value, NULL);
    else if (strcmp(key, "launch_seconds") == 0)
        out->launch_seconds = strtod(value, NULL);
    else
        return false;
    return true;
}

static bool positive(double value)
{
    return isfinite(value) && value > 0;
}

static bool parse(bb_device_limits *out, char *text)
{
    *out = (bb_device_limits){0};
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        char *value = strchr(line, ' ');
        if (!value)
            return false;
        *value++ = '\0';
        if (!take_line(out, line, value))
            return false;
    }
    return positive(out->operations_rate) && positive(out->bytes_rate) &&
           positive(out->launch_seconds) && *out->popcount && *out->date;
}

bb_status bb_device_limits_load(bb_device_limits *out, bool *found, bb_context *context,
                                const bb_device_info *device, const char *cache_folder)
{
    char *folder = NULL, *path = NULL;
    uint8_t *bytes = NULL;
    size_t length;
    struct stat there;
    *found = false;
    *out = (bb_device_limits){0};
    bb_status status = find_path(&folder, &path, context, device, cache_folder);
    if (path && stat(path, &there) == 0 &&
        bb_file_read(context, path, MAX_FILE, &bytes, &length) == BB_OK)
        *found = parse(out, (char *)bytes);
    bb_release(context, bytes);
    bb_release(context, path);
    bb_release(context, folder);
    return status;
}

static bb_status write_file(bb_context *context, const char *path, const bb_device_limits *limits)
{
    bb_file file;
    bb_status status = bb_file_create(&file, context, path);
    if (status != BB_OK)
        return status;
    status = bb_file_print(&file,
                           "popcount %s\noperations_rate %.17g\nbytes_rate %.17g\n"
                           "launch_seconds %.17g\ndate %s\n",
                           limits->popcount, limits->operations_rate, limits->bytes_rate,
                           limits->launch_seconds, limits->date);
    if (status == BB_OK)
        return bb_file_commit(&file);
    bb_file_abandon(&file);
    return status;
}

bb_status bb_device_limits_store(const bb_device_limits *limits, bb_context *context,
                                 const bb_device_info *device, const char *cache_folder)
{
    char *folder = NULL, *path = NULL;
    bb_status status = find_path(&folder, &path, context, device, cache_folder);
    if (path) {
        (void)mkdir(folder, 0700); /* whether it worked shows when the file is opened */
        status = write_file(context, path, limits);
    }
    bb_release(context, path);
    bb_release(context, folder);
    return status;
}
