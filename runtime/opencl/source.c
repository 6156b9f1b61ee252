/* SPDX-License-Identifier: MIT */
/* Joins kernel files into one source whose build log names the real files and lines. */
#include "opencl/source.h"

#include <stdlib.h>
#include <string.h>

#define MAX_KERNEL_FILE (1u << 20)

static bb_status append_embedded(bb_text *out, const char *name, size_t length)
{
    for (size_t i = 0; i < bb_n_embedded_files; i++) {
        const char *base = strrchr(bb_embedded_files[i].name, '/') + 1;
        if (strlen(base) == length && memcmp(base, name, length) == 0) {
            bb_text_append_bytes(out, bb_embedded_files[i].bytes, bb_embedded_files[i].length);
            return BB_OK;
        }
    }
    return bb_fail(out->context, BB_INPUT, "kernels/%.*s: not embedded", (int)length, name);
}

static bb_status append_from_folder(bb_text *out, const char *folder, const char *name,
                                    size_t length)
{
    bb_context *context = out->context;
    char *path = bb_format(context, "%s/%.*s", folder, (int)length, name);
    if (!path)
        return BB_MEMORY;
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    const bb_status status = bb_file_read(context, path, MAX_KERNEL_FILE, &bytes, &n_bytes);
    if (status == BB_OK)
        bb_text_append_bytes(out, bytes, n_bytes);
    bb_release(context, bytes);
    bb_release(context, path);
    return status;
}

static bb_status append_file(bb_text *out, const char *name, size_t length)
{
    const char *folder = getenv("BITBAYES_KERNELS");
    bb_text_append(out, "#line 1 \"kernels/%.*s\"\n", (int)length, name);
    const bb_status status = folder && *folder ? append_from_folder(out, folder, name, length)
                                               : append_embedded(out, name, length);
    bb_text_append(out, "\n");
    return status;
}

bb_status bb_kernel_source(bb_text *out, const char *files)
{
    bb_status status = append_file(out, "shared.h", strlen("shared.h"));
    if (status == BB_OK)
        status = append_file(out, "bits.cl", strlen("bits.cl"));
    while (status == BB_OK && *files) {
        const size_t length = strcspn(files, " ");
        status = append_file(out, files, length);
        files += length + strspn(files + length, " ");
    }
    return status == BB_OK && out->failed ? BB_MEMORY : status;
}
