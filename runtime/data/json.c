/* SPDX-License-Identifier: MIT */
/* JSON into a growing text. */
#include "data/json.h"
#include "data/number.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(bb_json *json, const char *text)
{
    bb_text_append_bytes(json->text, text, strlen(text));
}

static void begin_line(bb_json *json)
{
    if (json->compact)
        return;
    append(json, "\n");
    for (unsigned i = 0; i < json->depth; i++)
        append(json, "  ");
}

/* Comma and line break before an element of an array or a key. */
static void separate(bb_json *json)
{
    if (json->depth == 0)
        return;
    if (json->levels[json->depth - 1].filled)
        append(json, json->compact ? ", " : ",");
    json->levels[json->depth - 1].filled = true;
    begin_line(json);
}

static void begin_value(bb_json *json)
{
    assert(json->after_key || json->depth == 0 || !json->levels[json->depth - 1].object);
    if (!json->after_key)
        separate(json);
    json->after_key = false;
}

static void begin(bb_json *json, bool object)
{
    begin_value(json);
    assert(json->depth < BB_JSON_DEPTH);
    append(json, object ? "{" : "[");
    json->levels[json->depth].object = object;
    json->levels[json->depth].filled = false;
    json->depth++;
}

void bb_json_begin_object(bb_json *json)
{
    begin(json, true);
}

void bb_json_begin_array(bb_json *json)
{
    begin(json, false);
}

void bb_json_end(bb_json *json)
{
    assert(json->depth > 0 && !json->after_key);
    json->depth--;
    if (json->levels[json->depth].filled)
        begin_line(json);
    append(json, json->levels[json->depth].object ? "}" : "]");
    if (json->depth == 0 && !json->compact)
        append(json, "\n");
}

/* Length of the UTF-8 sequence at the start of a zero-terminated text, 0 if there is none: no
 * overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t sequence_length(const uint8_t *c)
{
    const bool tail1 = (c[0] != 0) && (c[1] & 0xc0) == 0x80;
    if (c[0] < 0x80)
        return 1;
    if (c[0] >= 0xc2 && c[0] <= 0xdf)
        return tail1 ? 2 : 0;
    if (!tail1 || c[0] < 0xe0 || c[0] > 0xf4 || (c[2] & 0xc0) != 0x80)
        return 0;
    if (c[0] < 0xf0) {
        const bool overlong = c[0] == 0xe0 && c[1] < 0xa0, surrogate = c[0] == 0xed && c[1] > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    const bool overlong = c[0] == 0xf0 && c[1] < 0x90, above = c[0] == 0xf4 && c[1] > 0x8f;
    return overlong || above || (c[3] & 0xc0) != 0x80 ? 0 : 4;
}

static void append_string(bb_json *json, const char *string)
{
    static const char escapes[] = "\"\"\\\\\nn\tt\rr\bb\ff"; /* pairs */
    append(json, "\"");
    for (const char *c = string; *c;) {
        const size_t length = sequence_length((const uint8_t *)c);
        const char *escape = escapes;
        while (*escape && *escape != *c)
            escape += 2;
        if (length == 0)
            append(json, "\xef\xbf\xbd");
        else if (*escape)
            bb_text_append(json->text, "\\%c", escape[1]);
        else if (length == 1 && ((unsigned char)*c < 0x20 || *c == 0x7f))
            bb_text_append(json->text, "\\u%04x", (unsigned)*c);
        else
            bb_text_append_bytes(json->text, c, length);
        c += length ? length : 1;
    }
    append(json, "\"");
}

void bb_json_key(bb_json *json, const char *key)
{
    assert(json->depth > 0 && json->levels[json->depth - 1].object && !json->after_key);
    separate(json);
    append_string(json, key);
    append(json, ": ");
    json->after_key = true;
}

void bb_json_string(bb_json *json, const char *string)
{
    if (!string) {
        bb_json_null(json);
        return;
    }
    begin_value(json);
    append_string(json, string);
}

/* 15 give every decimal number of 15 digits back as it was written. */
static int digits_needed(double value)
{
    char text[BB_NUMBER_SIZE];
    snprintf(text, sizeof(text), "%.15g", value);
    return strtod(text, NULL) == value ? 15 : 17;
}

void bb_json_number(bb_json *json, double value)
{
    char text[BB_NUMBER_SIZE];
    if (!isfinite(value)) {
        bb_json_null(json);
        return;
    }
    begin_value(json);
    bb_text_append_bytes(json->text, text, bb_number_print(text, value, digits_needed(value)));
}

void bb_json_u64(bb_json *json, uint64_t value)
{
    begin_value(json);
    bb_text_append(json->text, "%" PRIu64, value);
}

void bb_json_bool(bb_json *json, bool value)
{
    begin_value(json);
    append(json, value ? "true" : "false");
}

void bb_json_null(bb_json *json)
{
    begin_value(json);
    append(json, "null");
}
