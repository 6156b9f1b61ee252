/* SPDX-License-Identifier: MIT */
/* JSON results. */
#include "fields.h"

#include <inttypes.h>

void field_string(bb_json *json, const char *key, const char *value)
{
    bb_json_key(json, key);
    bb_json_string(json, value);
}

void field_number(bb_json *json, const char *key, double value)
{
    bb_json_key(json, key);
    bb_json_number(json, value);
}

void field_count(bb_json *json, const char *key, uint64_t value)
{
    bb_json_key(json, key);
    bb_json_u64(json, value);
}

void field_bool(bb_json *json, const char *key, bool value)
{
    bb_json_key(json, key);
    bb_json_bool(json, value);
}

void field_hash(bb_json *json, const char *key, uint64_t value)
{
    char text[20];
    snprintf(text, sizeof(text), "%016" PRIx64, value);
    field_string(json, key, text);
}

void field_object(bb_json *json, const char *key)
{
    bb_json_key(json, key);
    bb_json_begin_object(json);
}

void field_array(bb_json *json, const char *key)
{
    bb_json_key(json, key);
    bb_json_begin_array(json);
}

void field_counts(bb_json *json, const char *key, const uint32_t *values, uint32_t n)
{
    field_array(json, key);
    for (uint32_t i = 0; i < n; i++)
        bb_json_u64(json, values[i]);
    bb_json_end(json);
}

void json_begin(bb_json *json, bb_text *text, bb_context *context)
{
    *text = (bb_text){.context = context};
    *json = (bb_json){.text = text};
    bb_json_begin_object(json);
    field_count(json, "schema_version", SCHEMA_VERSION);
    field_string(json, "bitbayes_version", bb_version());
}

bb_status json_finish(bb_json *json, FILE *stream)
{
    bb_json_end(json);
    bb_text *const text = json->text;
    bb_text_append(text, "\n");
    bb_status status = BB_OK;
    if (text->failed)
        status = BB_MEMORY;
    else
        fwrite(text->bytes, 1, text->length, stream); /* results_close() sees a failure */
    bb_text_free(text);
    return status;
}
