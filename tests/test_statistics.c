/* SPDX-License-Identifier: MIT */
/* One input: from logits to uncertainty, against 60-digit decimals and cases done by hand. */
#include "check/trial.h"

#include <bitbayes/statistics.h>
#include <criterion/criterion.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_FIELDS 8

static trial t;

static void begin(void)
{
    trial_begin(&t);
}

static void end(void)
{
    trial_end(&t);
}

TestSuite(statistics, .init = begin, .fini = end);

static void expect_near(double found, double expected, const char *name, const char *what)
{
    const double scale = fabs(expected) > 1.0 ? fabs(expected) : 1.0;
    cr_expect(fabs(found - expected) <= 1e-12 * scale, "%s: %s: %.17g, expected %.17g", name,
              what, found, expected);
}

static bb_prediction predict(double *mean, const bb_leaves *leaves, uint32_t n_classes,
                             uint32_t label)
{
    bb_prediction result;
    const size_t n = bb_predict_scratch(leaves->n_leaves, n_classes);
    double *scratch = malloc(n * sizeof(*scratch));
    for (size_t i = 0; i < n; i++)
        scratch[i] = NAN; /* contents must not matter */
    cr_assert(bb_predict(&result, mean, t.context, leaves, n_classes, 0, label, scratch) == BB_OK,
              "%s", bb_context_error(t.context));
    free(scratch);
    return result;
}

static void fields(double out[N_FIELDS], const bb_prediction *p)
{
    const double values[N_FIELDS] = {p->probability,        p->predictive_entropy,
                                     p->expected_entropy,   p->mutual_information,
                                     p->variation_ratio,    p->top_class_std,
                                     p->log_likelihood,     p->squared_error};
    memcpy(out, values, sizeof(values));
}

static double read_double(FILE *file)
{
    double value;
    cr_assert(fscanf(file, "%lf", &value) == 1);
    return value;
}

static void check_case(FILE *file, const char *name)
{
    uint32_t n_leaves, n_classes, label, exact, top;
    cr_assert(fscanf(file, "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32 "%" SCNu32, &n_leaves,
                     &n_classes, &label, &exact, &top) == 5);
    double weights[32], mean[128];
    uint32_t counts[32];
    float logits[32 * 128];
    cr_assert(n_leaves <= 32 && n_classes <= 128);
    for (uint32_t i = 0; i < n_leaves; i++) {
        weights[i] = read_double(file);
        counts[i] = exact ? 0 : (uint32_t)weights[i];
    }
    for (uint32_t i = 0; i < n_leaves * n_classes; i++)
        logits[i] = (float)read_double(file);
    const bb_leaves leaves = {.n_leaves = n_leaves,
                              .logits = logits,
                              .counts = exact ? NULL : counts,
                              .weights = exact ? weights : NULL};
    const bb_prediction found = predict(mean, &leaves, n_classes, label);
    cr_expect(found.top_class == top, "%s: class %" PRIu32 ", expected %" PRIu32, name,
              found.top_class, top);
    cr_expect(found.label == label && found.n_leaves == n_leaves);
    static const char *const names[N_FIELDS] = {
        "probability",     "predictive entropy", "expected entropy", "mutual information",
        "variation ratio", "top class std",      "log likelihood",   "squared error"};
    double values[N_FIELDS];
    fields(values, &found);
    for (int i = 0; i < N_FIELDS; i++)
        expect_near(values[i], read_double(file), name, names[i]);
    for (uint32_t c = 0; c < n_classes; c++)
        expect_near(mean[c], read_double(file), name, "mean");
}

Test(statistics, golden)
{
    FILE *file = fopen(BB_SOURCE_FOLDER "/tests/data/golden/predictions.txt", "r");
    cr_assert(file != NULL);
    char word[16], name[64];
    int n_cases = 0;
    while (fscanf(file, "%15s", word) == 1 && !strcmp(word, "case")) {
        cr_assert(fscanf(file, "%63s", name) == 1);
        check_case(file, name);
        n_cases++;
    }
    fclose(file);
    cr_assert(!strcmp(word, "end") && n_cases == 16);
}

Test(statistics, two_certain_leaves_that_disagree)
{
    const float logits[] = {0, 5000, 5000, 0};
    const uint32_t counts[] = {10, 10};
    const bb_leaves leaves = {.n_leaves = 2, .logits = logits, .counts = counts};
    double mean[2];
    const bb_prediction p = predict(mean, &leaves, 2, 1);
    cr_expect(p.top_class == 0 && p.probability == 0.5);
    cr_expect(p.expected_entropy == 0.0 && p.top_class_std == 0.5 && p.variation_ratio == 0.5);
    expect_near(p.predictive_entropy, log(2), "disagree", "predictive entropy");
    expect_near(p.mutual_information, log(2), "disagree", "mutual information");
    expect_near(p.log_likelihood, log(0.5), "disagree", "log likelihood");
    cr_expect(p.squared_error == 0.5);
}

Test(statistics, one_leaf_has_no_disagreement)
{
    const float logits[] = {0.1f, 0.7f, -3.3f};
    const uint32_t counts[] = {20};
    const bb_leaves leaves = {.n_leaves = 1, .logits = logits, .counts = counts};
    double mean[3];
    const bb_prediction p = predict(mean, &leaves, 3, BB_NO_LABEL);
    cr_expect(p.mutual_information == 0.0 && p.variation_ratio == 0.0 && p.top_class_std == 0.0);
    cr_expect(p.expected_entropy == p.predictive_entropy);
    cr_expect(isnan(p.log_likelihood) && isnan(p.squared_error) && p.label == BB_NO_LABEL);
}

/* 1/3 three times is not 1 in floating point: leaves with equal logits must behave as one. */
Test(statistics, equal_leaves_equal_one_leaf)
{
    const double weights[] = {0.3, 0.1, 0.6};
    const uint32_t once[] = {1};
    for (int i = 0; i < 100; i++) {
        const float x = 0.037f * (float)i;
        const float logits[] = {x, 0.7f, -x, x, 0.7f, -x, x, 0.7f, -x};
        const bb_leaves three = {.n_leaves = 3, .logits = logits, .weights = weights};
        const bb_leaves one = {.n_leaves = 1, .logits = logits, .counts = once};
        double mean_three[3], mean_one[3], a[N_FIELDS], b[N_FIELDS];
        const bb_prediction left = predict(mean_three, &three, 3, 1);
        const bb_prediction right = predict(mean_one, &one, 3, 1);
        fields(a, &left);
        fields(b, &right);
        cr_expect(!memcmp(a, b, sizeof(a)) && !memcmp(mean_three, mean_one, sizeof(mean_one)));
        cr_expect(left.mutual_information == 0.0 && left.top_class_std == 0.0);
    }
}

/* exp(-744.4) is the smallest double; a twentieth of it is 0, whose logarithm is infinite. */
Test(statistics, mean_that_underflows)
{
    const float logits[] = {0, -744.4f, 0, -800};
    const uint32_t counts[] = {1, 19};
    const bb_leaves leaves = {.n_leaves = 2, .logits = logits, .counts = counts};
    double mean[2];
    const bb_prediction p = predict(mean, &leaves, 2, 1);
    cr_assert(mean[1] == 0.0);
    cr_expect(p.mutual_information == 0.0 && p.expected_entropy == 0.0);
    expect_near(p.log_likelihood, -744.4f - log(20), "underflow", "log likelihood");
}

Test(statistics, first_of_equal_classes_wins)
{
    const float logits[] = {1, 3, 3, 2};
    const uint32_t counts[] = {5};
    const bb_leaves leaves = {.n_leaves = 1, .logits = logits, .counts = counts};
    double mean[4];
    cr_expect(predict(mean, &leaves, 4, 0).top_class == 1);
}

Test(statistics, weights_need_not_sum_to_one)
{
    const float logits[] = {1, 3, 4, 2};
    const double small[] = {0.25, 0.75}, large[] = {2, 6};
    bb_leaves leaves = {.n_leaves = 2, .logits = logits, .weights = small};
    double mean[2], a[N_FIELDS], b[N_FIELDS];
    const bb_prediction left = predict(mean, &leaves, 2, 0);
    leaves.weights = large;
    const bb_prediction right = predict(mean, &leaves, 2, 0);
    fields(a, &left);
    fields(b, &right);
    cr_expect(!memcmp(a, b, sizeof(a)));
}

Test(statistics, refuses_what_is_not_finite)
{
    float logits[] = {1, 2, 3, 4, 5, 6};
    const uint32_t counts[] = {1, 1};
    const bb_leaves leaves = {.n_leaves = 2, .logits = logits, .counts = counts};
    double mean[3], scratch[16];
    bb_prediction p;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        logits[4] = bad[i];
        cr_assert(bb_predict(&p, mean, t.context, &leaves, 3, 17, 0, scratch) == BB_INPUT);
        cr_assert(strstr(bb_context_error(t.context), "input 17: leaf 1: the logit of class 1"),
                  "%s", bb_context_error(t.context));
    }
    logits[4] = FLT_MAX;
    cr_assert(bb_predict(&p, mean, t.context, &leaves, 3, 17, 3, scratch) == BB_ARGUMENT);
    cr_assert(strstr(bb_context_error(t.context), "label 3, expected 0 to 2"));
}

Test(statistics, scratch_size)
{
    cr_expect(bb_predict_scratch(1, 10) == 30);
    cr_expect(bb_predict_scratch(UINT32_MAX, UINT32_MAX) == SIZE_MAX);
}
