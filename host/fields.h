/* SPDX-License-Identifier: MIT */
/* Key and value in one call, for JSON results. */
#ifndef BITBAYES_HOST_FIELDS_H
#define BITBAYES_HOST_FIELDS_H

#include "data/json.h"

#define SCHEMA_VERSION 1 /* of every JSON document of the program; goes up when a key changes */

void field_string(bb_json *json, const char *key, const char *value);
void field_number(bb_json *json, const char *key, double value);
void field_count(bb_json *json, const char *key, uint64_t value);
void field_bool(bb_json *json, const char *key, bool value);
void field_hash(bb_json *json, const char *key, uint64_t value); /* 16 hexadecimal digits */
void field_object(bb_json *json, const char *key);
void field_array(bb_json *json, const char *key);
void field_counts(bb_json *json, const char *key, const uint32_t *values, uint32_t n);

/* Begin a document: an object with schema version and the program's version. */
void json_begin(bb_json *json, bb_text *text, bb_context *context);

/* End it, print it with a newline and free the text. */
bb_status json_finish(bb_json *json, FILE *stream);

#endif
