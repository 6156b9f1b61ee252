/* SPDX-License-Identifier: MIT */
/* Results read back: the JSON documents that this program (and bench/peers) wrote. */
#ifndef BITBAYES_BENCH_DOCUMENT_H
#define BITBAYES_BENCH_DOCUMENT_H

#include "bench.h"

#include <cjson/cJSON.h>

/* A document of this schema version; freed with cJSON_Delete(). BB_INPUT says what was found. */
bb_status document_read(cJSON **out, bb_context *context, const char *path);

/* The same, and it has `rows`. */
bb_status document_read_rows(cJSON **out, bb_context *context, const char *path);

/* A member; "" or not a number where there is none of that type. Objects may be NULL. */
const char *document_text(const cJSON *object, const char *key);
double document_number(const cJSON *object, const char *key);
const cJSON *document_rows(const cJSON *document);

/* The row has times: its status is ok or noisy. */
bool document_was_timed(const cJSON *row);

#endif
