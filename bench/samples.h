/* SPDX-License-Identifier: MIT */
/* Samples of a measurement: the median with its 95 % interval, ratios of pairs and of two sets. */
#ifndef BITBAYES_BENCH_SAMPLES_H
#define BITBAYES_BENCH_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values in the order in which they were taken. Plain memory: bench is no library. */
typedef struct samples {
    double *values;
    size_t n, capacity;
} samples;

bool samples_add(samples *set, double value); /* false: out of memory */
void samples_free(samples *set);

typedef struct interval {
    double median, low, high; /* low, high: 95 % interval of the median */
} interval;

/* Median; interval from order statistics (no assumption on the distribution). All 0 without
 * samples; below 6 samples the interval is the range. */
interval samples_interval(const samples *set);

/* Half the interval's width as a share of the median; 1 without samples. */
double interval_spread(const interval *i);

/* Pairwise a[i] * b[i] and a[i] / b[i] over the shorter set; false: out of memory. */
bool samples_multiply(samples *out, const samples *a, const samples *b);
bool samples_divide(samples *out, const samples *a, const samples *b);

/* median(b) / median(a), with the 95 % percentile interval of a bootstrap from a fixed seed. False
 * without samples or memory. */
bool samples_ratio(interval *out, const samples *a, const samples *b);

#endif
