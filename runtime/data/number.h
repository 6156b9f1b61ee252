/* SPDX-License-Identifier: MIT */
/* Numbers as text, always with a decimal point whatever the program's locale is. */
#ifndef BITBAYES_DATA_NUMBER_H
#define BITBAYES_DATA_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BB_NUMBER_SIZE 40 /* bytes that any printed number fits in, with its zero */

/* Whether all `length` bytes are one number: digits with sign, point and exponent where wanted, or
 * one of nan, inf, infinity in any case. No hexadecimal, no blanks. */
bool bb_number_is(const char *text, size_t length);

/* Nearest float32; false unless bb_number_is(). The byte behind the text must be readable and no
 * part of a number. */
bool bb_number_parse(float *out, const char *text, size_t length);

/* Digits with an optional sign; false for anything else and for what int64 cannot hold. */
bool bb_number_parse_integer(int64_t *out, const char *text, size_t length);

/* %.{digits}g; "nan", "inf", "-inf" for the others. Returns the length. */
size_t bb_number_print(char out[BB_NUMBER_SIZE], double value, int digits);

#endif
