/* SPDX-License-Identifier: MIT */
/* Figures of data sets, against scikit-learn and plain numpy, and cases done by hand. */
#include "check/trial.h"

#include <bitbayes/statistics.h>
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static trial t;

static void begin(void)
{
    trial_begin(&t);
}

static void end(void)
{
    trial_end(&t);
}

TestSuite(metrics, .init = begin, .fini = end);

static bb_summary *new_summary(void)
{
    bb_summary *summary;
    cr_assert(bb_summary_create(&summary, t.context) == BB_OK);
    return summary;
}

/* One input with the same number as probability and all scores, right or wrong. */
static void add(bb_summary *summary, double probability, double score, int correct)
{
    const bb_prediction p = {.top_class = 0,
                             .label = correct < 0 ? BB_NO_LABEL : correct ? 0 : 1,
                             .n_leaves = 2,
                             .probability = probability,
                             .predictive_entropy = score,
                             .expected_entropy = score,
                             .mutual_information = score,
                             .variation_ratio = score,
                             .log_likelihood = -score,
                             .squared_error = score};
    cr_assert(bb_summary_add(summary, &p) == BB_OK);
}

static void expect_near(double found, double expected, const char *name, const char *what)
{
    if (isnan(expected))
        cr_expect(isnan(found), "%s: %s: %.17g, expected nothing", name, what, found);
    else
        cr_expect(fabs(found - expected) <= 1e-12, "%s: %s: %.17g, expected %.17g", name, what,
                  found, expected);
}

/* ---- golden cases --------------------------------------------------------------------------- */

static bb_summary *read_summary(FILE *file, uint64_t n)
{
    bb_summary *summary = new_summary();
    for (uint64_t i = 0; i < n; i++) {
        bb_prediction p = {0};
        int correct;
        cr_assert(fscanf(file, "%lf%lf%lf%lf%lf%lf%lf%" SCNu32 "%d", &p.probability,
                         &p.predictive_entropy, &p.expected_entropy, &p.mutual_information,
                         &p.variation_ratio, &p.log_likelihood, &p.squared_error, &p.n_leaves,
                         &correct) == 9);
        p.label = correct < 0 ? BB_NO_LABEL : correct ? 0 : 1;
        cr_assert(bb_summary_add(summary, &p) == BB_OK);
    }
    cr_expect(bb_summary_count(summary) == n);
    return summary;
}

static bb_metric find_metric(const char *name)
{
    int metric = 0;
    while (metric < BB_METRIC_COUNT && strcmp(bb_metric_name((bb_metric)metric), name))
        metric++;
    cr_assert(metric < BB_METRIC_COUNT, "no figure '%s'", name);
    return (bb_metric)metric;
}

static void compare_figures(FILE *file, const char *name, const bb_estimate *found)
{
    bool seen[BB_METRIC_COUNT] = {false};
    char word[64];
    while (fscanf(file, "%63s", word) == 1 && strcmp(word, "end")) {
        bb_estimate expected;
        cr_assert(fscanf(file, "%lf%lf%lf", &expected.value, &expected.low, &expected.high) == 3);
        const bb_metric metric = find_metric(word);
        seen[metric] = true;
        expect_near(found[metric].value, expected.value, name, word);
        expect_near(found[metric].low, expected.low, name, word);
        expect_near(found[metric].high, expected.high, name, word);
    }
    for (int i = 0; i < BB_METRIC_COUNT; i++)
        cr_expect(seen[i] || isnan(found[i].value), "%s: %s is %.17g, expected nothing", name,
                  bb_metric_name((bb_metric)i), found[i].value);
}

static void check_case(FILE *file, bool pair)
{
    char name[64];
    uint64_t n, n_second;
    bb_bootstrap bootstrap;
    cr_assert(fscanf(file, "%63s%" SCNu64 "%" SCNu64 "%" SCNu64 "%" SCNu32, name, &n, &n_second,
                     &bootstrap.seed, &bootstrap.n_resamples) == 5);
    bb_summary *sets[4] = {NULL};
    for (int i = 0; i < (pair ? 4 : 2); i++)
        if (i % 2 == 0 || n_second)
            sets[i] = read_summary(file, i % 2 ? n_second : n);
    bb_estimate found[BB_METRIC_COUNT];
    const bb_status status =
        pair ? bb_summary_difference(found, sets[0], sets[1], sets[2], sets[3], &bootstrap)
             : bb_summary_metrics(found, sets[0], sets[1], &bootstrap);
    cr_assert(status == BB_OK, "%s", bb_context_error(t.context));
    compare_figures(file, name, found);
    for (int i = 0; i < 4; i++)
        bb_summary_free(sets[i]);
}

Test(metrics, golden)
{
    FILE *file = fopen(BB_SOURCE_FOLDER "/tests/data/golden/metrics.txt", "r");
    cr_assert(file != NULL);
    char word[16];
    int n_cases = 0;
    while (fscanf(file, "%15s", word) == 1 && strcmp(word, "end")) {
        check_case(file, !strcmp(word, "pair"));
        n_cases++;
    }
    fclose(file);
    cr_assert(n_cases == 14, "%d cases", n_cases);
}

/* ---- by hand -------------------------------------------------------------------------------- */

/* In: 0.1 0.4 0.4; out: 0.4 0.8. Six pairs: 0.8 wins 3, 0.4 wins 1 and ties 2: 5 of 6.
 * Precision is 1/1 at recall 1/2 and 2/4 at recall 1. */
Test(metrics, detection_by_hand)
{
    bb_summary *in = new_summary(), *out = new_summary();
    const double scores_in[] = {0.4, 0.1, 0.4}, scores_out[] = {0.8, 0.4};
    for (int i = 0; i < 3; i++)
        add(in, 0.5, scores_in[i], 1);
    for (int i = 0; i < 2; i++)
        add(out, 0.5, scores_out[i], -1);
    bb_estimate found[BB_METRIC_COUNT];
    cr_assert(bb_summary_metrics(found, in, out, NULL) == BB_OK);
    expect_near(found[BB_METRIC_AUROC_ENTROPY].value, 5.0 / 6.0, "hand", "auroc");
    expect_near(found[BB_METRIC_AUPR_ENTROPY].value, 0.75, "hand", "aupr");
    expect_near(found[BB_METRIC_FPR95_ENTROPY].value, 2.0 / 3.0, "hand", "fpr95");
    cr_expect(found[BB_METRIC_AUROC_CONFIDENCE].value == 0.5);
    cr_expect(isnan(found[BB_METRIC_AUROC_ENTROPY].low));
    bb_summary_free(in);
    bb_summary_free(out);
}

/* One sure and right, then two tied of which one is wrong: 0 of 1, 1/2 of 2, 1 of 3. */
Test(metrics, risk_coverage_by_hand)
{
    bb_estimate found[2][BB_METRIC_COUNT];
    for (int order = 0; order < 2; order++) {
        bb_summary *set = new_summary();
        add(set, 0.7, 0, order);
        add(set, 0.9, 0, 1);
        add(set, 0.7, 0, !order);
        cr_assert(bb_summary_metrics(found[order], set, NULL, NULL) == BB_OK);
        bb_summary_free(set);
    }
    const double expected = (0.0 + 0.25 + 1.0 / 3.0) / 3.0;
    expect_near(found[0][BB_METRIC_AURC].value, expected, "hand", "aurc");
    cr_expect(found[0][BB_METRIC_AURC].value == found[1][BB_METRIC_AURC].value);
}

/* 1.0 belongs to the last bin, [14/15, 1]; 0.9 to the one before: |1 - 0.9| / 2 + |0 - 1| / 2. */
Test(metrics, calibration_by_hand)
{
    bb_summary *set = new_summary();
    add(set, 1.0, 0, 0);
    add(set, 0.9, 0, 1);
    bb_estimate found[BB_METRIC_COUNT];
    cr_assert(bb_summary_metrics(found, set, NULL, NULL) == BB_OK);
    expect_near(found[BB_METRIC_ECE].value, 0.55, "hand", "ece");
    expect_near(found[BB_METRIC_ADAPTIVE_ECE].value, 0.55, "hand", "adaptive ece");
    bb_summary_free(set);
}

/* All equally confident: one bin, however many there are; here 3/4 right at 0.75. */
Test(metrics, tied_confidences_share_a_bin)
{
    bb_summary *set = new_summary();
    for (int i = 0; i < 100; i++)
        add(set, 0.75, 0, i % 4 != 0);
    bb_estimate found[BB_METRIC_COUNT];
    cr_assert(bb_summary_metrics(found, set, NULL, NULL) == BB_OK);
    expect_near(found[BB_METRIC_ADAPTIVE_ECE].value, 0.0, "hand", "adaptive ece");
    bb_summary_free(set);
}

/* ---- intervals ------------------------------------------------------------------------------ */

static bb_summary *spread(uint32_t n, double shift)
{
    bb_summary *set = new_summary();
    uint32_t state = 12345;
    for (uint32_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        const double u = state / 4294967296.0;
        add(set, 1.0 - u / 2, u + shift, u < 0.8);
    }
    return set;
}

Test(metrics, interval_holds_the_figure_and_depends_on_the_seed_alone)
{
    bb_summary *in = spread(300, 0), *out = spread(200, 0.2);
    bb_estimate a[BB_METRIC_COUNT], b[BB_METRIC_COUNT], c[BB_METRIC_COUNT];
    const bb_bootstrap seed_1 = {1, 500}, seed_2 = {UINT64_C(1) << 32, 500};
    cr_assert(bb_summary_metrics(a, in, out, &seed_1) == BB_OK);
    cr_assert(bb_summary_metrics(b, in, out, &seed_1) == BB_OK);
    cr_assert(bb_summary_metrics(c, in, out, &seed_2) == BB_OK);
    cr_expect(!memcmp(a, b, sizeof(a)));
    for (int i = 0; i < BB_METRIC_COUNT; i++)
        cr_expect(a[i].low <= a[i].high && a[i].value == c[i].value, "%s",
                  bb_metric_name((bb_metric)i));
    const bb_estimate accuracy = a[BB_METRIC_ACCURACY];
    cr_expect(accuracy.low < accuracy.value && accuracy.value < accuracy.high);
    const double binomial = 1.96 * sqrt(accuracy.value * (1 - accuracy.value) / 300);
    cr_expect(fabs((accuracy.high - accuracy.low) / 2 - binomial) < 0.2 * binomial);
    cr_expect(memcmp(a, c, sizeof(a)) != 0);
    bb_summary_free(in);
    bb_summary_free(out);
}

Test(metrics, difference_to_itself_is_nothing)
{
    bb_summary *in = spread(100, 0), *out = spread(80, 0.2);
    const bb_bootstrap bootstrap = {0, 100};
    bb_estimate found[BB_METRIC_COUNT];
    cr_assert(bb_summary_difference(found, in, out, in, out, &bootstrap) == BB_OK);
    for (int i = 0; i < BB_METRIC_COUNT; i++)
        cr_expect(found[i].value == 0 && found[i].low == 0 && found[i].high == 0, "%s",
                  bb_metric_name((bb_metric)i));
    bb_summary_free(in);
    bb_summary_free(out);
}

/* The point of pairing: a constant gain has an interval of no width. */
Test(metrics, difference_is_paired)
{
    bb_summary *lower = spread(100, 0), *higher = spread(100, 0.25);
    const bb_bootstrap bootstrap = {0, 100};
    bb_estimate found[BB_METRIC_COUNT];
    cr_assert(bb_summary_difference(found, higher, NULL, lower, NULL, &bootstrap) == BB_OK);
    expect_near(found[BB_METRIC_NLL].value, 0.25, "paired", "nll");
    expect_near(found[BB_METRIC_NLL].low, 0.25, "paired", "nll");
    expect_near(found[BB_METRIC_NLL].high, 0.25, "paired", "nll");
    bb_summary_free(lower);
    bb_summary_free(higher);
}

/* ---- refusals ------------------------------------------------------------------------------- */

Test(metrics, empty_sets_have_no_figures)
{
    bb_summary *empty = new_summary(), *full = spread(10, 0);
    const bb_bootstrap bootstrap = {0, 10};
    bb_estimate found[BB_METRIC_COUNT];
    cr_assert(bb_summary_metrics(found, empty, full, &bootstrap) == BB_OK);
    for (int i = 0; i < BB_METRIC_COUNT; i++)
        cr_expect(isnan(found[i].value) && isnan(found[i].low) && isnan(found[i].high));
    cr_assert(bb_summary_metrics(found, full, empty, &bootstrap) == BB_OK);
    cr_expect(!isnan(found[BB_METRIC_AURC].low) && isnan(found[BB_METRIC_AUROC_MI].value));
    bb_summary_free(empty);
    bb_summary_free(full);
}

Test(metrics, refusals)
{
    bb_summary *ten = spread(10, 0), *nine = spread(9, 0);
    bb_estimate found[BB_METRIC_COUNT];
    cr_expect(bb_summary_difference(found, ten, NULL, nine, NULL, NULL) == BB_ARGUMENT);
    cr_expect(strstr(bb_context_error(t.context), "10 inputs on one side and 9"));
    cr_expect(bb_summary_difference(found, ten, nine, ten, NULL, NULL) == BB_ARGUMENT);
    cr_expect(bb_summary_difference(found, ten, nine, ten, ten, NULL) == BB_ARGUMENT);
    const bb_prediction unlabelled = {.label = BB_NO_LABEL};
    cr_expect(bb_summary_add(ten, &unlabelled) == BB_ARGUMENT);
    cr_expect(bb_summary_count(ten) == 10);
    bb_summary_free(ten);
    bb_summary_free(nine);
    bb_summary_free(NULL);
}

static bb_status summarise(trial *with, void *payload)
{
    (void)payload;
    bb_summary *summary, *other = NULL;
    bb_status status = bb_summary_create(&summary, with->context);
    if (status == BB_OK)
        status = bb_summary_create(&other, with->context);
    const bb_prediction p = {.label = 0, .probability = 0.5};
    for (int i = 0; i < 600 && status == BB_OK; i++)
        status = bb_summary_add(summary, &p);
    for (int i = 0; i < 600 && status == BB_OK; i++)
        status = bb_summary_add(other, &p);
    bb_estimate found[BB_METRIC_COUNT];
    const bb_bootstrap bootstrap = {0, 2};
    if (status == BB_OK)
        status = bb_summary_difference(found, summary, other, other, summary, &bootstrap);
    bb_summary_free(summary);
    bb_summary_free(other);
    return status;
}

Test(metrics, out_of_memory)
{
    trial_exhaust(&t, summarise, NULL);
}

Test(metrics, names)
{
    cr_expect(!strcmp(bb_metric_name(BB_METRIC_FPR95_VOTES), "fpr95_variation_ratio"));
    cr_expect(strstr(bb_metric_definition(BB_METRIC_ECE), "15 equal-width bins"));
    cr_expect(!strcmp(bb_metric_name(BB_METRIC_COUNT), "?"));
    cr_expect(BB_METRIC_COUNT == 23);
}
