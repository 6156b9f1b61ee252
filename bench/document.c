/* SPDX-License-Identifier: MIT */
#include "document.h"

#include "host/fields.h"

#include <math.h>
#include <string.h>

#define MAX_RESULTS ((size_t)256 << 20)

const char *document_text(const cJSON *object, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(value) ? value->valuestring : "";
}

double document_number(const cJSON *object, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(value) ? value->valuedouble : (double)NAN;
}

const cJSON *document_rows(const cJSON *document)
{
    return cJSON_GetObjectItemCaseSensitive(document, "rows");
}

bool document_was_timed(const cJSON *row)
{
    const char *status = document_text(row, "status");
    return strcmp(status, "ok") == 0 || strcmp(status, "noisy") == 0;
}

static bb_status read_bytes(cJSON **out, bb_context *context, const char *path)
{
    uint8_t *bytes;
    size_t length;
    const bb_status status = bb_file_read(context, path, MAX_RESULTS, &bytes, &length);
    if (status != BB_OK)
        return status;
    *out = cJSON_ParseWithLength((const char *)bytes, length);
    bb_release(context, bytes);
    return BB_OK;
}

static bb_status check_version(const cJSON *document, bb_context *context, const char *path)
{
    const double version = document_number(document, "schema_version");
    if (version == SCHEMA_VERSION)
        return BB_OK;
    return bb_fail(context, BB_INPUT, "%s: schema version %g, expected %d", path,
                   isnan(version) ? 0.0 : version, SCHEMA_VERSION);
}

bb_status document_read(cJSON **out, bb_context *context, const char *path)
{
    *out = NULL;
    bb_status status = read_bytes(out, context, path);
    if (status == BB_OK)
        status = check_version(*out, context, path);
    return status;
}

bb_status document_read_rows(cJSON **out, bb_context *context, const char *path)
{
    *out = NULL;
    const bb_status status = read_bytes(out, context, path);
    if (status != BB_OK)
        return status;
    if (!cJSON_IsArray(document_rows(*out)))
        return bb_fail(context, BB_INPUT,
                       "%s: no JSON document with rows, expected output of `bitbayes bench --json`",
                       path);
    return check_version(*out, context, path);
}
