/* SPDX-License-Identifier: MIT */
/*
 * The sampler against the truth, on the shipped digits model: enumeration equals brute force on the
 * graph, and 10,000 drawn passes fall on the leaves as often as their probabilities say. The seed
 * was fixed before the first run.
 */
#include "check/random_graph.h"
#include "sampling/draws.h"

#include <bitbayes/data.h>
#include <bitbayes/engine.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#define MODEL BB_SOURCE_FOLDER "/models/digits-mlp-scale.onnx"
#define IMAGES BB_SOURCE_FOLDER "/models/digits/test-images.npy"
#define SEED 1
#define SAMPLES 10000
#define N_IMAGES 200
#define CLASSES 10
#define MOST_LEAVES 64

static bb_context *context;
static bb_graph *graph;
static bb_plan *plan;
static bb_engine *engine;
static uint8_t images[N_IMAGES * 64];

static void must(bb_status status)
{
    cr_assert(status == BB_OK, "%s", bb_context_error(context));
}

static void open_model(void)
{
    cr_assert(eq(int, bb_context_create(&context, NULL), BB_OK));
    must(bb_graph_load(&graph, context, MODEL));
    must(bb_plan_fold(&plan, context, graph, NULL));
    must(bb_engine_create(&engine, context, plan, &(bb_engine_options){.device = "ref"}));
    bb_dataset *data;
    uint32_t shape[3];
    bb_plan_input_shape(plan, shape);
    must(bb_dataset_open(&data, context, IMAGES, shape));
    must(bb_dataset_read(data, 0, N_IMAGES, images));
    bb_dataset_free(data);
}

static void close_model(void)
{
    bb_engine_free(engine);
    bb_plan_free(plan);
    bb_graph_free(graph);
    bb_context_free(context);
}

TestSuite(truth, .init = open_model, .fini = close_model);

static bb_sampling exact_sampling(void)
{
    bb_sampling sampling = bb_sampling_default();
    sampling.mode = BB_SAMPLING_EXACT;
    return sampling;
}

/* P(chi-square with `dof` degrees of freedom > x), by Wilson and Hilferty's cube root. */
static double upper_tail(double x, double dof)
{
    const double spread = 2 / (9 * dof);
    const double z = (cbrt(x / dof) - (1 - spread)) / sqrt(spread);
    return erfc(z / sqrt(2)) / 2;
}

/* Counts of one image against expected ones; bins below 5 expected are left out. */
static void add_chi_square(const double *expected, const uint32_t *counts, uint32_t n, double *sum,
                           double *dof)
{
    uint32_t bins = 0;
    double rest_expected = 0, rest = 0;
    for (uint32_t l = 0; l < n; l++) {
        if (expected[l] < 5) {
            rest_expected += expected[l];
            rest += counts[l];
            continue;
        }
        *sum += (counts[l] - expected[l]) * (counts[l] - expected[l]) / expected[l];
        bins++;
    }
    if (rest_expected >= 5) {
        *sum += (rest - rest_expected) * (rest - rest_expected) / rest_expected;
        bins++;
    }
    *dof += bins - 1.0;
}

/* p value of the pooled leaf counts of a sampler whose drop probability is off by `shift`. */
static double leaf_count_p_value(double shift)
{
    bb_sampling sampling = exact_sampling();
    bb_sampler *exact, *drawn;
    must(bb_sampler_create(&exact, context, plan, &sampling));
    cr_assert(exact->n_passes <= MOST_LEAVES && exact->n_passes > 1);
    sampling = bb_sampling_default();
    sampling.seed = SEED;
    sampling.samples = SAMPLES;
    sampling.drop_probability = shift == 0 ? -1 : (double)plan->sites[0].p + shift;
    must(bb_sampler_create(&drawn, context, plan, &sampling));
    double sum = 0, dof = 0;
    bb_leaf_set leaves = {0};
    for (uint32_t i = 0; i < N_IMAGES; i++) {
        must(bb_sampler_draw(drawn, i, NULL, &leaves));
        double expected[MOST_LEAVES];
        uint32_t counts[MOST_LEAVES] = {0};
        for (uint32_t l = 0; l < exact->n_passes; l++) {
            expected[l] = SAMPLES * exact->exact_weights[l];
            for (uint32_t k = 0; k < leaves.n_leaves; k++)
                if (memcmp(exact->exact_rows + l * exact->row_bytes,
                           leaves.rows + k * drawn->row_bytes, exact->row_bytes) == 0)
                    counts[l] = leaves.counts[k];
        }
        add_chi_square(expected, counts, exact->n_passes, &sum, &dof);
    }
    bb_leaf_set_free(context, &leaves);
    bb_sampler_free(drawn);
    bb_sampler_free(exact);
    const double p = upper_tail(sum, dof);
    cr_log_info("seed %d, shift %g: chi-square %.1f, %g degrees of freedom, p = %.4g", SEED, shift,
                sum, dof, p);
    return p;
}

Test(truth, leaf_counts_follow_their_probabilities)
{
    cr_assert(leaf_count_p_value(0) > 1e-4);
}

Test(truth, a_sampler_that_is_off_by_a_hundredth_fails)
{
    for (uint32_t i = 1; i < plan->n_sites; i++)
        cr_assert(plan->sites[i].p == plan->sites[0].p);
    cr_assert(leaf_count_p_value(0.01) <= 1e-4);
    cr_assert(leaf_count_p_value(-0.01) <= 1e-4);
}

static void softmax(const float *logits, double *p)
{
    double largest = logits[0], sum = 0;
    for (int c = 1; c < CLASSES; c++)
        largest = fmax(largest, (double)logits[c]);
    for (int c = 0; c < CLASSES; c++)
        sum += p[c] = exp((double)logits[c] - largest);
    for (int c = 0; c < CLASSES; c++)
        p[c] /= sum;
}

/* Mean and variance over leaves of each class's probability. */
static void moments(const bb_leaves *leaves, double *mean, double *variance)
{
    double square[CLASSES] = {0};
    memset(mean, 0, CLASSES * sizeof(*mean));
    for (uint32_t l = 0; l < leaves->n_leaves; l++) {
        const double w =
            leaves->weights ? leaves->weights[l] : (double)leaves->counts[l] / leaves->n_passes;
        double p[CLASSES];
        softmax(leaves->logits + l * CLASSES, p);
        for (int c = 0; c < CLASSES; c++) {
            mean[c] += w * p[c];
            square[c] += w * p[c] * p[c];
        }
    }
    for (int c = 0; c < CLASSES; c++)
        variance[c] = fmax(0, square[c] - mean[c] * mean[c]);
}

Test(truth, mean_probabilities_within_six_standard_errors)
{
    static double means[N_IMAGES][CLASSES], variances[N_IMAGES][CLASSES];
    bb_sampling sampling = exact_sampling();
    must(bb_engine_run(engine, images, 0, N_IMAGES, &sampling));
    for (uint32_t i = 0; i < N_IMAGES; i++) {
        bb_leaves leaves;
        bb_engine_leaves(engine, i, &leaves);
        moments(&leaves, means[i], variances[i]);
    }
    sampling = bb_sampling_default();
    sampling.seed = SEED;
    sampling.samples = SAMPLES;
    must(bb_engine_run(engine, images, 0, N_IMAGES, &sampling));
    for (uint32_t i = 0; i < N_IMAGES; i++) {
        bb_leaves leaves;
        double mean[CLASSES], variance[CLASSES];
        bb_engine_leaves(engine, i, &leaves);
        moments(&leaves, mean, variance);
        for (int c = 0; c < CLASSES; c++)
            cr_assert(fabs(mean[c] - means[i][c]) <= 6 * sqrt(variances[i][c] / SAMPLES) + 1e-6,
                      "image %u, class %d: %.9g drawn, %.9g exact", i, c, mean[c], means[i][c]);
    }
}

Test(truth, enumeration_equals_brute_force_on_the_graph)
{
    const bb_sampling sampling = exact_sampling();
    bb_sampler *sampler;
    must(bb_sampler_create(&sampler, context, plan, &sampling));
    must(bb_engine_run(engine, images, 0, 20, &sampling));
    for (uint32_t i = 0; i < 20; i++) {
        bb_leaves leaves;
        bb_engine_leaves(engine, i, &leaves);
        cr_assert(eq(u32, leaves.n_leaves, 1u << plan->n_sites));
        for (uint32_t l = 0; l < leaves.n_leaves; l++) {
            float expected[CLASSES];
            check_evaluate(graph, images + i * 64, sampler->exact_rows + l * sampler->row_bytes,
                           expected);
            for (int c = 0; c < CLASSES; c++)
                cr_assert(fabsf(leaves.logits[l * CLASSES + c] - expected[c]) <=
                              1e-3f * (1 + fabsf(expected[c])),
                          "image %u, leaf %u, class %d: %g, expected %g", i, l, c,
                          (double)leaves.logits[l * CLASSES + c], (double)expected[c]);
        }
    }
    bb_sampler_free(sampler);
}

Test(truth, certain_sites_agree_whether_drawn_or_enumerated)
{
    for (int p = 0; p <= 1; p++) {
        double mean[2][CLASSES], variance[CLASSES];
        for (int exact = 0; exact <= 1; exact++) {
            bb_sampling sampling = exact ? exact_sampling() : bb_sampling_default();
            sampling.drop_probability = p;
            must(bb_engine_run(engine, images, 0, 1, &sampling));
            bb_leaves leaves;
            bb_engine_leaves(engine, 0, &leaves);
            cr_assert(eq(u32, leaves.n_leaves, 1));
            moments(&leaves, mean[exact], variance);
        }
        for (int c = 0; c < CLASSES; c++)
            cr_assert(fabs(mean[0][c] - mean[1][c]) <= 1e-12);
    }
}
