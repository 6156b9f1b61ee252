/* SPDX-License-Identifier: MIT */
/* Medians and their intervals. */
#include "samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_RESAMPLES 2000

bool samples_add(samples *set, double value)
{
    if (set->n == set->capacity) {
        const size_t capacity = set->capacity ? set->capacity * 2 : 32;
        double *grown = realloc(set->values, capacity * sizeof(*grown));
        if (!grown)
            return false;
        set->values = grown;
        set->capacity = capacity;
    }
    set->values[set->n++] = value;
    return true;
}

void samples_free(samples *set)
{
    free(set->values);
    *set = (samples){0};
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(const double *sorted, size_t n)
{
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

interval samples_interval(const samples *set)
{
    const size_t n = set->n;
    double *sorted = n ? malloc(n * sizeof(*sorted)) : NULL;
    if (!sorted)
        return (interval){0};
    memcpy(sorted, set->values, n * sizeof(*sorted));
    qsort(sorted, n, sizeof(*sorted), compare);
    /* ranks of a binomial with p = 1/2, normal approximation, rounded outwards */
    const double half = 1.96 * sqrt((double)n);
    const double first = floor(((double)n - half) / 2);
    size_t low = first < 1 ? 0 : (size_t)first - 1;
    if (n < 6)
        low = 0;
    const interval out = {middle(sorted, n), sorted[low], sorted[n - 1 - low]};
    free(sorted);
    return out;
}

double interval_spread(const interval *i)
{
    return i->median > 0 ? (i->high - i->low) / 2 / i->median : 1;
}

static bool combine(samples *out, const samples *a, const samples *b, bool divide)
{
    const size_t n = a->n < b->n ? a->n : b->n;
    *out = (samples){0};
    for (size_t i = 0; i < n; i++)
        if (!samples_add(out, divide ? a->values[i] / b->values[i] : a->values[i] * b->values[i])) {
            samples_free(out);
            return false;
        }
    return true;
}

bool samples_multiply(samples *out, const samples *a, const samples *b)
{
    return combine(out, a, b, false);
}

bool samples_divide(samples *out, const samples *a, const samples *b)
{
    return combine(out, a, b, true);
}

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Median of as many values drawn with replacement. */
static double resampled(const samples *set, double *store, uint64_t *state)
{
    for (size_t i = 0; i < set->n; i++)
        store[i] = set->values[next(state) % set->n];
    qsort(store, set->n, sizeof(*store), compare);
    return middle(store, set->n);
}

bool samples_ratio(interval *out, const samples *a, const samples *b)
{
    *out = (interval){0};
    if (!a->n || !b->n)
        return false;
    const size_t n = a->n > b->n ? a->n : b->n;
    double *store = malloc((n + N_RESAMPLES) * sizeof(*store)), *ratios = store ? store + n : NULL;
    if (!store)
        return false;
    uint64_t state = 1;
    for (int i = 0; i < N_RESAMPLES; i++) {
        const double below = resampled(a, store, &state);
        ratios[i] = resampled(b, store, &state) / below;
    }
    qsort(ratios, N_RESAMPLES, sizeof(*ratios), compare);
    out->median = samples_interval(b).median / samples_interval(a).median;
    out->low = ratios[N_RESAMPLES / 40];
    out->high = ratios[N_RESAMPLES - 1 - N_RESAMPLES / 40];
    free(store);
    return true;
}
