/* SPDX-License-Identifier: MIT */
/* Figures of one data set or differences of two, with percentile-bootstrap intervals. */
#include "sampling/exact.h"
#include "sampling/philox.h"
#include "statistics/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_THREADS = 64, N_RESULTS = 3 };

/* One or two evaluators; their figures, and the first's minus the second's. */
typedef struct comparison {
    bb_context *context;
    bb_evaluator sides[2];
    unsigned n_sides;
    size_t lengths[2];           /* of the data set and of the second set */
    bb_estimate *out[N_RESULTS]; /* of either side and of the difference; NULL: not asked for */
    double *values[N_RESULTS];   /* [BB_METRIC_COUNT][n_resamples] */
    const bb_bootstrap *bootstrap;
} comparison;

/* What a thread needs for itself. It takes every n_workers-th bundle of resamples. */
typedef struct worker {
    const comparison *comparison;
    uint32_t number, n_workers;
    bb_multiplicity *counts[2];
    bb_tally *scratch;
    pthread_t thread;
    bool started;
} worker;

static void draw(bb_multiplicity *counts, size_t n, uint64_t seed, uint32_t number, uint32_t set)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (size_t i = 0; i < n; i += 4) {
        const uint32_t counter[4] = {number, (uint32_t)(i / 4), BB_BOOTSTRAP_SITE, set};
        uint32_t words[4];
        bb_philox(words, counter, key);
        for (size_t j = 0; j < 4 && i + j < n; j++)
            counts[((uint64_t)words[j] * n) >> 32].of[number % BB_ABREAST]++;
    }
}

typedef double figures[BB_METRIC_COUNT][BB_ABREAST];

static void evaluate(figures out[N_RESULTS], const comparison *c, const worker *w)
{
    for (unsigned side = 0; side < c->n_sides; side++)
        bb_evaluator_run(out[side], &c->sides[side], w->counts[0], w->counts[1], w->scratch);
    for (int i = 0; i < BB_METRIC_COUNT && c->n_sides == 2; i++)
        for (int r = 0; r < BB_ABREAST; r++)
            out[2][i][r] = out[0][i][r] - out[1][i][r];
}

static void *work(void *payload)
{
    const worker *w = payload;
    const comparison *c = w->comparison;
    const uint32_t n = c->bootstrap->n_resamples;
    figures found[N_RESULTS];
    for (uint64_t first = (uint64_t)w->number * BB_ABREAST; first < n;
         first += (uint64_t)w->n_workers * BB_ABREAST) {
        const uint32_t end = n - first < BB_ABREAST ? n : (uint32_t)first + BB_ABREAST;
        for (uint32_t set = 0; set < 2; set++) {
            memset(w->counts[set], 0, c->lengths[set] * sizeof(**w->counts));
            for (uint32_t r = (uint32_t)first; r < end; r++)
                draw(w->counts[set], c->lengths[set], c->bootstrap->seed, r, set);
        }
        evaluate(found, c, w);
        for (int k = 0; k < N_RESULTS; k++)
            for (size_t i = 0; i < BB_METRIC_COUNT && c->out[k]; i++)
                for (uint32_t r = (uint32_t)first; r < end; r++)
                    c->values[k][i * n + r] = found[k][i][r % BB_ABREAST];
    }
    return NULL;
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

static void find_intervals(bb_estimate out[BB_METRIC_COUNT], double *values, size_t n)
{
    for (size_t i = 0; i < BB_METRIC_COUNT; i++) {
        if (isnan(out[i].value))
            continue;
        qsort(values + i * n, n, sizeof(*values), compare_doubles);
        out[i].low = quantile(values + i * n, n, 0.025);
        out[i].high = quantile(values + i * n, n, 0.975);
    }
}

/* Where a thread cannot be had, this one does its share. */
static void run_workers(worker *workers, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        workers[i].started = pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0;
    for (uint32_t i = 0; i < n; i++)
        if (!workers[i].started)
            work(&workers[i]);
    for (uint32_t i = 0; i < n; i++)
        if (workers[i].started)
            pthread_join(workers[i].thread, NULL);
}

static bb_status prepare(worker *w, const comparison *c, uint32_t number, uint32_t n_workers)
{
    size_t scratch = bb_evaluator_scratch(&c->sides[0]);
    if (c->n_sides == 2 && bb_evaluator_scratch(&c->sides[1]) > scratch)
        scratch = bb_evaluator_scratch(&c->sides[1]);
    *w = (worker){.comparison = c, .number = number, .n_workers = n_workers};
    for (int set = 0; set < 2; set++) {
        w->counts[set] = bb_allocate(c->context, c->lengths[set], sizeof(**w->counts));
        if (!w->counts[set])
            return BB_MEMORY;
    }
    w->scratch = bb_allocate(c->context, scratch, sizeof(*w->scratch));
    return w->scratch ? BB_OK : BB_MEMORY;
}

/* The figures themselves: every input once. */
static void find_values(const comparison *c, const worker *w)
{
    figures found[N_RESULTS];
    for (int set = 0; set < 2; set++)
        for (size_t i = 0; i < c->lengths[set]; i++)
            for (int r = 0; r < BB_ABREAST; r++)
                w->counts[set][i].of[r] = 1;
    evaluate(found, c, w);
    for (int k = 0; k < N_RESULTS; k++)
        for (int i = 0; i < BB_METRIC_COUNT && c->out[k]; i++)
            c->out[k][i] = (bb_estimate){found[k][i][0], NAN, NAN};
}

static uint32_t count_workers(const bb_bootstrap *bootstrap)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const uint32_t bundles = bootstrap ? bootstrap->n_resamples / BB_ABREAST : 0;
    uint32_t n = processors > 0 && processors < MOST_THREADS ? (uint32_t)processors : MOST_THREADS;
    n = processors <= 0 ? 1 : n;
    return bundles == 0 ? 1 : bundles < n ? bundles : n;
}

static bb_status estimate_with(comparison *c, worker *workers, uint32_t n_workers)
{
    const size_t n = c->bootstrap ? c->bootstrap->n_resamples : 0;
    for (int set = 0; set < 2; set++) {
        const bb_summary *summary = set ? c->sides[0].second : c->sides[0].set;
        c->lengths[set] = summary ? summary->n_rows : 0;
    }
    for (uint32_t i = 0; i < n_workers; i++)
        if (prepare(&workers[i], c, i, n_workers) != BB_OK)
            return BB_MEMORY;
    for (int k = 0; k < N_RESULTS; k++)
        if (c->out[k] &&
            !(c->values[k] = bb_allocate(c->context, n, BB_METRIC_COUNT * sizeof(**c->values))))
            return BB_MEMORY;
    find_values(c, &workers[0]);
    if (!n)
        return BB_OK;
    run_workers(workers, n_workers);
    for (int k = 0; k < N_RESULTS; k++)
        if (c->out[k])
            find_intervals(c->out[k], c->values[k], n);
    return BB_OK;
}

static bb_status estimate(comparison *c)
{
    const uint32_t n = count_workers(c->bootstrap);
    worker *workers = bb_allocate(c->context, n, sizeof(*workers));
    if (!workers)
        return BB_MEMORY;
    const bb_status status = estimate_with(c, workers, n);
    for (uint32_t i = 0; i < n; i++) {
        bb_release(c->context, workers[i].counts[0]);
        bb_release(c->context, workers[i].counts[1]);
        bb_release(c->context, workers[i].scratch);
    }
    bb_release(c->context, workers);
    return status;
}

static void free_comparison(comparison *c)
{
    for (unsigned i = 0; i < c->n_sides; i++)
        bb_evaluator_free(&c->sides[i]);
    for (int k = 0; k < N_RESULTS; k++)
        bb_release(c->context, c->values[k]);
}

bb_status bb_summary_metrics(bb_estimate out[BB_METRIC_COUNT], const bb_summary *set,
                             const bb_summary *second, const bb_bootstrap *bootstrap)
{
    comparison c = {.context = set->context, .n_sides = 1, .out = {out}, .bootstrap = bootstrap};
    bb_status status = bb_evaluator_create(&c.sides[0], c.context, set, second);
    if (status == BB_OK)
        status = estimate(&c);
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

bb_status bb_summary_compare(bb_estimate first[BB_METRIC_COUNT],
                             bb_estimate others[BB_METRIC_COUNT],
                             bb_estimate difference[BB_METRIC_COUNT], const bb_summary *set,
                             const bb_summary *second, const bb_summary *other,
                             const bb_summary *other_second, const bb_bootstrap *bootstrap)
{
    comparison c = {.context = set->context,
                    .n_sides = 2,
                    .out = {first, others, difference},
                    .bootstrap = bootstrap};
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
        status = estimate(&c);
    free_comparison(&c);
    return status;
}

bb_status bb_summary_difference(bb_estimate out[BB_METRIC_COUNT], const bb_summary *set,
                                const bb_summary *second, const bb_summary *other,
                                const bb_summary *other_second, const bb_bootstrap *bootstrap)
{
    return bb_summary_compare(NULL, NULL, out, set, second, other, other_second, bootstrap);
}
