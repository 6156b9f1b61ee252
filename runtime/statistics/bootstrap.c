/* SPDX-License-Identifier: MIT */
/* Figures of one data set or differences of two, with percentile-bootstrap intervals. */
#include "sampling/exact.h"
#include "sampling/philox.h"
#include "statistics/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One or two evaluators; figures are the first's, or the first's minus the second's. */
typedef struct comparison {
    bb_context *context;
    bb_evaluator sides[2];
    unsigned n_sides;
    size_t lengths[2];    /* of the data set and of the second set */
    uint32_t *counts[2];  /* multiplicities for each */
    double *values;       /* [BB_METRIC_COUNT][n_resamples] */
} comparison;

static void resample(uint32_t *counts, size_t n, uint64_t seed, uint32_t number, uint32_t set)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    memset(counts, 0, n * sizeof(*counts));
    for (size_t i = 0; i < n; i += 4) {
        const uint32_t counter[4] = {number, (uint32_t)(i / 4), BB_BOOTSTRAP_SITE, set};
        uint32_t words[4];
        bb_philox(words, counter, key);
        for (size_t j = 0; j < 4 && i + j < n; j++)
            counts[((uint64_t)words[j] * n) >> 32]++;
    }
}

static void evaluate(double out[BB_METRIC_COUNT], const comparison *c)
{
    bb_evaluator_run(out, &c->sides[0], c->counts[0], c->counts[1]);
    if (c->n_sides == 1)
        return;
    double other[BB_METRIC_COUNT];
    bb_evaluator_run(other, &c->sides[1], c->counts[0], c->counts[1]);
    for (int i = 0; i < BB_METRIC_COUNT; i++)
        out[i] -= other[i];
}

static int compare_doubles(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Linear between neighbours, as in NumPy. */
static double quantile(const double *sorted, size_t n, double share)
{
    const double place = share * (double)(n - 1);
    const size_t low = (size_t)place, high = low + (low + 1 < n);
    return sorted[low] + (place - (double)low) * (sorted[high] - sorted[low]);
}

static void find_intervals(bb_estimate out[BB_METRIC_COUNT], const comparison *c,
                           const bb_bootstrap *bootstrap)
{
    const size_t n = bootstrap->n_resamples;
    for (uint32_t r = 0; r < n; r++) {
        for (uint32_t set = 0; set < 2; set++)
            resample(c->counts[set], c->lengths[set], bootstrap->seed, r, set);
        double figures[BB_METRIC_COUNT];
        evaluate(figures, c);
        for (size_t i = 0; i < BB_METRIC_COUNT; i++)
            c->values[i * n + r] = figures[i];
    }
    for (size_t i = 0; i < BB_METRIC_COUNT; i++) {
        if (isnan(out[i].value))
            continue;
        qsort(c->values + i * n, n, sizeof(*c->values), compare_doubles);
        out[i].low = quantile(c->values + i * n, n, 0.025);
        out[i].high = quantile(c->values + i * n, n, 0.975);
    }
}

static bb_status estimate(bb_estimate out[BB_METRIC_COUNT], comparison *c,
                          const bb_bootstrap *bootstrap)
{
    const size_t n_resamples = bootstrap ? bootstrap->n_resamples : 0;
    for (int set = 0; set < 2; set++) {
        const bb_summary *summary = set ? c->sides[0].second : c->sides[0].set;
        c->lengths[set] = summary ? summary->n_rows : 0;
        c->counts[set] = bb_allocate(c->context, c->lengths[set], sizeof(**c->counts));
        if (!c->counts[set])
            return BB_MEMORY;
        for (size_t i = 0; i < c->lengths[set]; i++)
            c->counts[set][i] = 1;
    }
    c->values = bb_allocate(c->context, n_resamples, BB_METRIC_COUNT * sizeof(*c->values));
    if (!c->values)
        return BB_MEMORY;
    double figures[BB_METRIC_COUNT];
    evaluate(figures, c);
    for (int i = 0; i < BB_METRIC_COUNT; i++)
        out[i] = (bb_estimate){figures[i], NAN, NAN};
    if (n_resamples)
        find_intervals(out, c, bootstrap);
    return BB_OK;
}

static void free_comparison(comparison *c)
{
    for (unsigned i = 0; i < c->n_sides; i++)
        bb_evaluator_free(&c->sides[i]);
    bb_release(c->context, c->counts[0]);
    bb_release(c->context, c->counts[1]);
    bb_release(c->context, c->values);
}

bb_status bb_summary_metrics(bb_estimate out[BB_METRIC_COUNT], const bb_summary *set,
                             const bb_summary *second, const bb_bootstrap *bootstrap)
{
    comparison c = {.context = set->context, .n_sides = 1};
    bb_status status = bb_evaluator_create(&c.sides[0], c.context, set, second);
    if (status == BB_OK)
        status = estimate(out, &c, bootstrap);
    free_comparison(&c);
    return status;
}

static bb_status check_pair(const bb_summary *set, const bb_summary *other, const char *what)
{
    if (set->n_rows == other->n_rows)
        return BB_OK;
    return bb_fail(set->context, BB_ARGUMENT,
                   "%s has %zu inputs on one side and %zu on the other, expected pairs", what,
                   set->n_rows, other->n_rows);
}

bb_status bb_summary_difference(bb_estimate out[BB_METRIC_COUNT], const bb_summary *set,
                                const bb_summary *second, const bb_summary *other,
                                const bb_summary *other_second, const bb_bootstrap *bootstrap)
{
    comparison c = {.context = set->context, .n_sides = 2};
    bb_status status = check_pair(set, other, "the data set");
    if (status == BB_OK && !second != !other_second)
        status = bb_fail(c.context, BB_ARGUMENT, "only one side has a second data set");
    if (status == BB_OK && second)
        status = check_pair(second, other_second, "the second data set");
    c.sides[0].context = c.sides[1].context = c.context; /* for free_comparison() */
    if (status == BB_OK)
        status = bb_evaluator_create(&c.sides[0], c.context, set, second);
    if (status == BB_OK)
        status = bb_evaluator_create(&c.sides[1], c.context, other, other_second);
    if (status == BB_OK)
        status = estimate(out, &c, bootstrap);
    free_comparison(&c);
    return status;
}
