/* SPDX-License-Identifier: MIT */
/*
 * bernoulli vectors N SEED   N clocks for bernoulli.sv: load draw seed p, and what its twin in C
 * makes bernoulli statistics       the twin's period, by proof, and its shares at fixed seeds, by
 * counting Exit 1 if something is not as fpga/bernoulli.h says.
 */
#include "fpga/bernoulli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool failed;

static void expect(bool good, const char *what)
{
    printf("%s: %s\n", what, good ? "yes" : "NO");
    failed = failed || !good;
}

/* xorshift: what the unit is driven with must not come from the unit */
static uint32_t next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    return *x ^= *x << 5;
}

static void vectors(long n, uint32_t random)
{
    bb_bernoulli unit;
    for (long i = 0; i < n; i++) {
        const uint32_t kind = next_random(&random) % 16, seed = next_random(&random);
        const bool load = i == 0 || kind == 0, draw = kind > 3 || kind == 0;
        const uint32_t at = kind & 1 ? 0 : seed; /* seed 0 now and then */
        uint16_t p = (uint16_t)next_random(&random);
        if (kind == 5 || kind == 6) /* the unit's own value: the comparison's edge */
            p = 0;
        bool bit = false;
        if (load) {
            bb_bernoulli_seed(&unit, at);
        } else if (draw) {
            bb_bernoulli next = unit;
            bb_bernoulli_draw(&next, 0);
            if (kind == 5 || kind == 6)
                p = (uint16_t)(next.state + (kind == 6));
            bit = bb_bernoulli_draw(&unit, p);
        }
        printf("%d %d %08x %04x %d %d\n", load, draw, at, p, draw && !load, bit);
    }
}

/* The LFSR's step to the power of `times`, as what it makes of each of the 32 bits. */
static void power(uint32_t *matrix, uint64_t times)
{
    uint32_t base[32], made[32];
    for (int i = 0; i < 32; i++) {
        const uint32_t bit = (uint32_t)1 << i;
        matrix[i] = bit;
        base[i] = (bit >> 1) ^ (bit & 1 ? 0x80200003u : 0);
    }
    for (; times; times >>= 1) {
        for (int both = 0; both < 2; both++) {
            const uint32_t *from = both ? base : matrix;
            for (int i = 0; i < 32; i++) {
                made[i] = 0;
                for (int k = 0; k < 32; k++)
                    made[i] ^= from[i] >> k & 1 ? base[k] : 0;
            }
            if (both)
                memcpy(base, made, sizeof(made));
            else if (times & 1)
                memcpy(matrix, made, sizeof(made));
        }
    }
}

static bool is_identity(uint64_t times)
{
    uint32_t matrix[32];
    power(matrix, times);
    for (int i = 0; i < 32; i++)
        if (matrix[i] != (uint32_t)1 << i)
            return false;
    return true;
}

/* Order 2^32 - 1: the power is 1, that of no divisor is. */
static void check_period(void)
{
    static const uint64_t primes[] = {3, 5, 17, 257, 65537};
    const uint64_t period = UINT32_MAX;
    bool whole = is_identity(period);
    for (int i = 0; i < 5; i++)
        whole = whole && period % primes[i] == 0 && !is_identity(period / primes[i]);
    expect(whole, "period 2^32 - 1 of the register, and so of the draws");
}

static double deviations(long count, long n, double p)
{
    return ((double)count - (double)n * p) / sqrt((double)n * p * (1.0 - p));
}

/* Shares of ones, of two and of three ones in a row, and of ones 2 to 8 draws apart. */
static void check_shares(uint32_t seed, double probability)
{
    enum { N = 1 << 20, LAGS = 8 };
    uint16_t p;
    if (!bb_bernoulli_step(&p, probability))
        exit(1);
    const double share = p / 65536.0;
    long ones = 0, apart[LAGS + 1] = {0}, three = 0;
    uint32_t history = 0;
    bb_bernoulli unit;
    bb_bernoulli_seed(&unit, seed);
    for (long i = 0; i < N; i++) {
        history = history << 1 | bb_bernoulli_draw(&unit, p);
        ones += history & 1;
        for (int lag = 1; lag <= LAGS && lag <= i; lag++)
            apart[lag] += history & 1 & history >> lag;
        three += (history & 7) == 7;
    }
    double worst = deviations(ones, N, share);
    printf("p = %g is %u/65536 = %.6f; of %d draws from seed %08x %.6f are 1 (%.1f sigma); ",
           probability, p, share, N, seed, ones / (double)N, worst);
    for (int lag = 1; lag <= LAGS; lag++) {
        const double off = deviations(apart[lag], N - lag, share * share);
        worst = fabs(off) > fabs(worst) ? off : worst;
    }
    const double off = deviations(three, N - 2, share * share * share);
    printf("1 to 8 apart at worst %.1f, three in a row %.1f sigma\n", worst, off);
    expect(fabs(worst) < 5.0 && fabs(off) < 5.0, "within 5 sigma of independent draws");
}

int main(int argc, char **argv)
{
    uint16_t p = 1;
    if (argc == 4 && strcmp(argv[1], "vectors") == 0) {
        vectors(atol(argv[2]), (uint32_t)strtoul(argv[3], NULL, 0) | 1);
        return 0;
    }
    if (argc != 2 || strcmp(argv[1], "statistics") != 0)
        return 2;
    check_period();
    expect(bb_bernoulli_step(&p, 0.0) && p == 0 && bb_bernoulli_step(&p, 0.5) && p == 32768 &&
               bb_bernoulli_step(&p, 0.1) && p == 6554 && !bb_bernoulli_step(&p, 1.0) &&
               !bb_bernoulli_step(&p, -0.1) && !bb_bernoulli_step(&p, NAN),
           "p is the nearest of 65,536 steps");
    check_shares(1, 0.1);
    check_shares(2026, 0.15);
    check_shares(0xdeadbeef, 0.5);
    return failed;
}
