/* SPDX-License-Identifier: MIT */
/* Where results go, and how sizes read. */
#include "results.h"

#include <errno.h>
#include <string.h>

bb_status results_open(results *out, bb_context *context, const char *path)
{
    *out = (results){.context = context, .stream = stdout, .to_file = path != NULL};
    if (!path)
        return BB_OK;
    const bb_status status = bb_file_create(&out->file, context, path);
    out->stream = out->file.stream;
    return status;
}

bb_status results_close(results *out, bb_status status)
{
    if (out->to_file) {
        if (status == BB_OK)
            return bb_file_commit(&out->file);
        bb_file_abandon(&out->file);
        return status;
    }
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == BB_OK)
        return bb_fail(out->context, BB_OUTPUT, "standard output: cannot write: %s",
                       errno ? strerror(errno) : "an earlier write failed");
    return status;
}

const char *format_bytes(char text[32], uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < BB_COUNT_OF(units); unit++)
        value /= 1000;
    snprintf(text, 32, "%.*f %s", unit == 0 || value >= 99.5 ? 0 : 1, value, units[unit]);
    return text;
}

const char *format_count(char text[32], uint64_t count)
{
    char digits[24];
    const int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    char *out = text;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}
