/* SPDX-License-Identifier: MIT */
/* CSV texts; numbers are also checked against what the C library reads. */
#include "data/number.h"
#include "fuzz_data.h"

#include <string.h>

/* In the "C" locale, which is the one here, strtof() accepts all that bb_number_parse() does. */
static void read_number(const uint8_t *bytes, size_t length)
{
    char *text = malloc(length + 1), *end;
    memcpy(text, bytes, length);
    text[length] = '\0';
    float value;
    if (bb_number_parse(&value, text, length)) {
        const float expected = strtof(text, &end);
        if (end != text + length || memcmp(&value, &expected, sizeof(value)) != 0)
            abort();
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    read_number(bytes, length < 64 ? length : 64);
    return read_everything(bytes, length);
}
