/* SPDX-License-Identifier: MIT */
/* Generator, patterns and comparison of check.h. */
#include "check/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_SHOWN = 8 };

uint64_t check_seed(void)
{
    static uint64_t seed;
    static bool known;
    if (!known) {
        const char *text = getenv("BB_TEST_SEED");
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = text && *text ? strtoull(text, NULL, 0)
                             : (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        known = true;
        fprintf(stderr, "BB_TEST_SEED=%" PRIu64 "\n", seed);
    }
    return seed;
}

bool check_small(void)
{
    const char *text = getenv("BB_TEST_SMALL");
    return text && *text && strcmp(text, "0") != 0;
}

/* splitmix64 */
uint64_t check_next(check_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t check_below(check_random *random, uint32_t bound)
{
    return (uint32_t)((check_next(random) >> 32) * bound >> 32);
}

float check_float(check_random *random)
{
    const uint32_t kind = check_below(random, 16);
    if (kind == 0)
        return 0.0f;
    const float unit = (float)((double)check_next(random) / 9223372036854775808.0 - 1.0);
    return kind == 1 ? unit * 1024.0f : unit;
}

void check_fill_words(check_random *random, uint64_t *words, size_t n)
{
    for (size_t i = 0; i < n;) {
        const uint32_t kind = check_below(random, 10);
        const size_t run = 1 + check_below(random, 24);
        for (size_t k = 0; k < run && i < n; k++, i++) {
            const uint64_t one = (uint64_t)1 << check_below(random, 64);
            const uint64_t patterns[] = {0, UINT64_MAX, 0x5555555555555555u, 0xaaaaaaaaaaaaaaaau,
                                         one, ~one};
            words[i] = kind < 6 ? patterns[kind] : check_next(random);
        }
    }
}

void check_fill_bytes(check_random *random, uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n;) {
        const uint32_t kind = check_below(random, 6);
        const size_t run = 1 + check_below(random, 40);
        for (size_t k = 0; k < run && i < n; k++, i++) {
            const uint8_t patterns[] = {0, 255, (uint8_t)k, (uint8_t)(255 - k)};
            bytes[i] = kind < 4 ? patterns[kind] : (uint8_t)check_next(random);
        }
    }
}

bool check_words_equal(const uint64_t *expected, const uint64_t *actual, size_t n,
                       const char *label)
{
    if (memcmp(expected, actual, n * sizeof(*expected)) == 0)
        return true;
    size_t differing = 0;
    for (size_t i = 0; i < n; i++)
        differing += expected[i] != actual[i];
    fprintf(stderr, "%s: %zu of %zu words differ\n%8s %-16s %-16s\n", label, differing, n, "word",
            "expected", "actual");
    for (size_t i = 0, shown = 0; i < n && shown < MAX_SHOWN; i++) {
        if (expected[i] == actual[i])
            continue;
        shown++;
        fprintf(stderr, "%8zu %016" PRIx64 " %016" PRIx64 " ", i, expected[i], actual[i]);
        for (int digit = 15; digit >= 0; digit--)
            fputc(((expected[i] ^ actual[i]) >> (digit * 4)) & 15 ? 'x' : '.', stderr);
        fputc('\n', stderr);
    }
    return false;
}
