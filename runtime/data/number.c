/* SPDX-License-Identifier: MIT */
/* Numbers as text, independent of the locale. */
#define _GNU_SOURCE /* strtof_l */
#include "data/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_sign(char c)
{
    return c == '+' || c == '-';
}

static const char *skip_digits(const char *text, const char *end)
{
    while (text < end && is_digit(*text))
        text++;
    return text;
}

static bool is_word(const char *text, size_t length)
{
    static const char *const words[] = {"nan", "inf", "infinity"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (length == strlen(words[i]) && !strncasecmp(text, words[i], length))
            return true;
    return false;
}

bool bb_number_is(const char *text, size_t length)
{
    const char *const end = text + length;
    if (text < end && is_sign(*text))
        text++;
    if (is_word(text, (size_t)(end - text)))
        return true;
    const char *const whole = text;
    text = skip_digits(text, end);
    size_t n_digits = (size_t)(text - whole);
    if (text < end && *text == '.') {
        const char *const fraction = ++text;
        text = skip_digits(text, end);
        n_digits += (size_t)(text - fraction);
    }
    if (n_digits == 0)
        return false;
    if (text < end && (*text == 'e' || *text == 'E')) {
        text++;
        if (text < end && is_sign(*text))
            text++;
        const char *const exponent = text;
        text = skip_digits(text, end);
        if (text == exponent)
            return false;
    }
    return text == end;
}

/* The "C" locale is static in the C library: nothing is allocated, and nothing to free. */
static locale_t plain_locale(void)
{
    return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

bool bb_number_parse(float *out, const char *text, size_t length)
{
    if (!bb_number_is(text, length))
        return false;
    *out = strtof_l(text, NULL, plain_locale());
    return true;
}

bool bb_number_parse_integer(int64_t *out, const char *text, size_t length)
{
    const char *const end = text + length;
    const bool negative = text < end && *text == '-';
    if (text < end && is_sign(*text))
        text++;
    if (text == end)
        return false;
    int64_t value = 0;
    for (; text < end; text++) {
        if (!is_digit(*text))
            return false;
        const int64_t digit = *text - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) /* downwards: INT64_MIN fits */
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *out = negative ? value : -value;
    return true;
}

size_t bb_number_print(char out[BB_NUMBER_SIZE], double value, int digits)
{
    if (!isfinite(value)) {
        strcpy(out, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return strlen(out);
    }
    char local[BB_NUMBER_SIZE];
    snprintf(local, sizeof(local), "%.*g", digits, value);
    size_t length = 0;
    bool in_point = false; /* which may be several bytes */
    for (const char *c = local; *c; c++) {
        const bool plain = is_digit(*c) || is_sign(*c) || *c == 'e';
        if (plain || !in_point)
            out[length++] = plain ? *c : '.';
        in_point = !plain;
    }
    out[length] = '\0';
    return length;
}
