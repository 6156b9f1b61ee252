/* SPDX-License-Identifier: MIT */
/*
 * What tests of kernels share, after checkasm: a seeded generator of pathological inputs, and a
 * comparison that shows both sides and a third column of `.` and `x`.
 */
#ifndef BITBAYES_CHECK_H
#define BITBAYES_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* $BB_TEST_SEED, else from the clock; printed once per process, so that a failure can be repeated. */
uint64_t check_seed(void);

/* $BB_TEST_SMALL is set and not 0: tiny shapes only, for simulators. */
bool check_small(void);

typedef struct check_random {
    uint64_t state;
} check_random;

uint64_t check_next(check_random *random);
uint32_t check_below(check_random *random, uint32_t bound); /* 0 .. bound-1 */

/* A small float32 whose sums round: of either sign, now and then 0. */
float check_float(check_random *random);

/* Words from a mix of patterns: all 0, all 1, alternating, one bit set, one bit clear, noise. */
void check_fill_words(check_random *random, uint64_t *words, size_t n);

/* The same for bytes: 0, 255, ramps, noise. */
void check_fill_bytes(check_random *random, uint8_t *bytes, size_t n);

/* True if equal; else prints `label`, and the first words that differ. */
bool check_words_equal(const uint64_t *expected, const uint64_t *actual, size_t n,
                       const char *label);

#endif
