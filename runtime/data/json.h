/* SPDX-License-Identifier: MIT */
/*
 * JSON into a growing text, two blanks per level:
 *
 *     bb_json json = {.text = &text};
 *     bb_json_begin_object(&json);
 *     bb_json_key(&json, "accuracy");
 *     bb_json_number(&json, 0.98);
 *     bb_json_end(&json);
 *
 * Whoever writes much may empty the text (`length = 0`) after writing it out. Lack of memory shows
 * in `text->failed`; misuse (a value without key in an object, too deep) asserts.
 */
#ifndef BITBAYES_DATA_JSON_H
#define BITBAYES_DATA_JSON_H

#include "base/base.h"

#define BB_JSON_DEPTH 32

typedef struct bb_json {
    bb_text *text;
    bool compact; /* all on one line */
    unsigned depth;
    struct {
        bool object, filled;
    } levels[BB_JSON_DEPTH];
    bool after_key;
} bb_json;

void bb_json_begin_object(bb_json *json);
void bb_json_begin_array(bb_json *json);
void bb_json_end(bb_json *json); /* of the innermost object or array */
void bb_json_key(bb_json *json, const char *key);

/* NULL becomes null; bytes that are no UTF-8 become U+FFFD. */
void bb_json_string(bb_json *json, const char *string);

/* As many digits (15 or 17) as it takes for reading to give the same double; null where not
 * finite. */
void bb_json_number(bb_json *json, double value);
void bb_json_u64(bb_json *json, uint64_t value);
void bb_json_bool(bb_json *json, bool value);
void bb_json_null(bb_json *json);

#endif
