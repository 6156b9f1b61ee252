/* SPDX-License-Identifier: MIT */
/* Results: standard output, or a file that is never mistaken for whole. */
#ifndef BITBAYES_HOST_RESULTS_H
#define BITBAYES_HOST_RESULTS_H

#include "base/base.h"

typedef struct results {
    bb_context *context;
    FILE *stream;
    bb_file file;
    bool to_file;
} results;

/* `path` NULL: standard output. BB_OK, BB_OUTPUT, BB_MEMORY. */
bb_status results_open(results *out, bb_context *context, const char *path);

/* Finish if `status` is BB_OK, else drop the file. Returns `status`, or BB_OUTPUT. */
bb_status results_close(results *out, bb_status status);

/* "1.5 MB" and the like, decimal; returns `text`. */
const char *format_bytes(char text[32], uint64_t bytes);

/* Whole numbers with thin grouping, "1,234,567"; returns `text`. */
const char *format_count(char text[32], uint64_t count);

#endif
