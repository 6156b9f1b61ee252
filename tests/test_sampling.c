/* SPDX-License-Identifier: MIT */
/* Draws, leaves, the tree of prefixes, and exact enumeration. */
#include "check/random_graph.h"
#include "check/trial.h"
#include "sampling/draws.h"
#include "sampling/exact.h"
#include "sampling/philox.h"

#include <bitbayes/engine.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static bb_context *context;

static void open_context(void)
{
    cr_assert(eq(int, bb_context_create(&context, NULL), BB_OK));
}

static void close_context(void)
{
    bb_context_free(context);
}

TestSuite(sampling, .init = open_context, .fini = close_context);

static FILE *open_data(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/data/%s", BB_SOURCE_FOLDER, name);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s", path);
    return file;
}

Test(sampling, philox_known_answers)
{
    FILE *file = open_data("philox.txt");
    char line[256];
    int rows = 0;
    while (fgets(line, sizeof(line), file)) {
        uint32_t k[2], c[4], w[4], out[4];
        if (sscanf(line, "%x %x %x %x %x %x %x %x %x %x", &k[0], &k[1], &c[0], &c[1], &c[2], &c[3],
                   &w[0], &w[1], &w[2], &w[3]) != 10)
            continue;
        bb_philox(out, c, k);
        cr_assert(memcmp(out, w, sizeof(w)) == 0, "%s", line);
        rows++;
    }
    fclose(file);
    cr_assert(rows > 3);
}

static bb_plan *fold(const bb_graph *graph)
{
    bb_plan *plan;
    const bb_status status = bb_plan_fold(&plan, context, graph, NULL);
    cr_assert(status == BB_OK, "%s", bb_context_error(context));
    return plan;
}

/* A plan with nothing but sites: enough for the sampler. */
static bb_plan sites_only(bb_site *sites, uint32_t n)
{
    return (bb_plan){.context = context, .sites = sites, .n_sites = n};
}

Test(sampling, draws_shared_with_the_training_companion)
{
    FILE *file = open_data("draws.txt");
    char line[4096];
    int rows = 0;
    while (fgets(line, sizeof(line), file)) {
        unsigned long long seed, input;
        unsigned pass, site, elements;
        double p;
        char dropped[2048];
        if (line[0] == '#' || sscanf(line, "%llu %llu %u %u %u %lf %2047s", &seed, &input, &pass,
                                     &site, &elements, &p, dropped) != 7)
            continue;
        const bb_site drawn = {.kind = elements == 1 ? BB_SITE_DROP : BB_SITE_MASK,
                               .n_draws = 2,
                               .n_elements = elements};
        const bb_draw_place at = {seed, (uint32_t)input, pass, site};
        uint8_t draw[256];
        cr_assert(elements <= 8 * sizeof(draw));
        bb_draw(&drawn, &at, bb_drop_threshold(p), draw);
        char found[2048] = "";
        for (unsigned e = 0; e < elements; e++)
            if (elements == 1 ? draw[0] : !(draw[e / 8] >> (e % 8) & 1))
                snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%u",
                         *found ? "," : "", e);
        cr_assert(strcmp(*found ? found : "-", dropped) == 0, "%s found %s", line, found);
        rows++;
    }
    fclose(file);
    cr_assert(rows > 10);
}

Test(sampling, leaves_are_distinct_rows_in_order_of_first_pass)
{
    bb_site sites[3] = {{.kind = BB_SITE_DROP, .n_draws = 2, .p = 0.3f},
                        {.kind = BB_SITE_MASK, .n_elements = 3, .p = 0.5f},
                        {.kind = BB_SITE_MEMBER, .n_draws = 3}};
    bb_plan plan = sites_only(sites, 3);
    bb_sampling sampling = bb_sampling_default();
    sampling.samples = 500;
    bb_sampler *sampler;
    cr_assert(eq(int, bb_sampler_create(&sampler, context, &plan, &sampling), BB_OK));
    bb_leaf_set leaves = {0};
    for (uint64_t input = 0; input < 20; input++) {
        cr_assert(eq(int, bb_sampler_draw(sampler, input, NULL, &leaves), BB_OK));
        cr_assert(leaves.n_leaves <= 48 && leaves.n_leaves > 30);
        uint32_t seen = 0, total = 0, counts[48] = {0};
        for (uint32_t pass = 0; pass < 500; pass++) {
            cr_assert(leaves.leaf_of_pass[pass] <= seen);
            seen += leaves.leaf_of_pass[pass] == seen;
            counts[leaves.leaf_of_pass[pass]]++;
        }
        for (uint32_t l = 0; l < leaves.n_leaves; l++) {
            cr_assert(eq(u32, counts[l], leaves.counts[l]));
            total += leaves.counts[l];
            for (uint32_t m = 0; m < l; m++)
                cr_assert(memcmp(leaves.rows + l * sampler->row_bytes,
                                 leaves.rows + m * sampler->row_bytes, sampler->row_bytes) != 0);
        }
        cr_assert(eq(u32, total, 500));
        cr_assert(eq(u32, seen, leaves.n_leaves));
    }
    bb_leaf_set_free(context, &leaves);
    bb_sampler_free(sampler);
}

/* Mean evaluations per input of all stages, and what the formula says. */
static void measure_tree(uint32_t n_layers, float p, uint32_t samples, double *measured,
                         double *expected)
{
    bb_graph *graph = check_dense_graph(context, 3, 2, 8, n_layers, p);
    bb_plan *plan = fold(graph);
    bb_engine *engine;
    cr_assert(eq(int,
                 bb_engine_create(&engine, context, plan, &(bb_engine_options){.device = "ref"}),
                 BB_OK));
    enum { N = 4000 };
    static uint8_t inputs[N * 4];
    bb_sampling sampling = bb_sampling_default();
    sampling.samples = samples;
    cr_assert(eq(int, bb_engine_run(engine, inputs, 0, N, &sampling), BB_OK));
    bb_engine_counts counts;
    bb_engine_count(engine, &counts);
    *measured = *expected = 0;
    for (uint32_t s = 0; s < n_layers; s++) { /* the head is one more stage */
        *measured += (double)counts.stage_evaluations[s] / N;
        *expected += bb_expected_evaluations(plan, s, samples, -1);
    }
    bb_engine_free(engine);
    bb_plan_free(plan);
    bb_graph_free(graph);
}

Test(sampling, tree_sizes_follow_the_formula)
{
    double measured, expected;
    measure_tree(8, 0.1f, 20, &measured, &expected);
    cr_assert(fabs(expected - 36.95499) < 1e-4, "%g", expected); /* worked out apart */
    cr_assert(fabs(measured - expected) < 0.3, "%g %g", measured, expected);
    measure_tree(8, 0.1f, 100, &measured, &expected);
    cr_assert(fabs(expected - 68.81689) < 1e-4, "%g", expected);
    cr_assert(fabs(measured - expected) < 0.5, "%g %g", measured, expected);
}

static const check_graph_options everything = {.masks = true, .scales = true};

typedef struct outcome {
    float *logits; /* [n][passes][classes] */
    uint32_t passes;
} outcome;

/* All logits pass by pass under a way of running. */
static outcome run_all(const bb_plan *plan, const uint8_t *inputs, uint32_t n,
                       const bb_sampling *sampling, uint64_t memory, uint32_t batch)
{
    bb_engine *engine;
    const bb_engine_options options = {.device = "ref", .memory_bytes = memory};
    cr_assert(bb_engine_create(&engine, context, plan, &options) == BB_OK, "%s",
              bb_context_error(context));
    uint32_t shape[3];
    bb_plan_input_shape(plan, shape);
    const size_t elements = (size_t)shape[0] * shape[1] * shape[2];
    const uint32_t classes = bb_plan_class_count(plan);
    outcome out = {.passes = sampling->samples};
    out.logits = bb_allocate(context, (size_t)n * sampling->samples * classes, sizeof(float));
    for (uint32_t i = 0; i < n; i += batch) {
        const uint32_t now = n - i < batch ? n - i : batch;
        cr_assert(bb_engine_run(engine, inputs + i * elements, i, now, sampling) == BB_OK, "%s",
                  bb_context_error(context));
        for (uint32_t k = 0; k < now; k++) {
            bb_leaves leaves;
            bb_engine_leaves(engine, k, &leaves);
            for (uint32_t pass = 0; pass < leaves.n_passes; pass++)
                memcpy(out.logits + ((size_t)(i + k) * sampling->samples + pass) * classes,
                       leaves.logits + leaves.leaf_of_pass[pass] * classes,
                       classes * sizeof(float));
        }
    }
    bb_engine_free(engine);
    return out;
}

Test(sampling, sharing_batching_and_memory_change_no_bit)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        enum { N = 5 };
        bb_graph *graph = check_random_graph(context, seed, &everything);
        bb_plan *plan = fold(graph);
        uint8_t inputs[N * 300];
        check_random random = {seed};
        for (size_t i = 0; i < sizeof(inputs); i++)
            inputs[i] = (uint8_t)check_below(&random, 256);
        bb_sampling sampling = bb_sampling_default();
        const outcome shared = run_all(plan, inputs, N, &sampling, 0, N);
        const size_t bytes =
            (size_t)N * sampling.samples * bb_plan_class_count(plan) * sizeof(float);
        const outcome batched = run_all(plan, inputs, N, &sampling, 0, 2);
        cr_assert(memcmp(shared.logits, batched.logits, bytes) == 0, "batch, seed %llu",
                  (unsigned long long)seed);
        size_t largest = 0;
        for (uint32_t s = 0; s < plan->n_stages; s++)
            largest = plan->stages[s].descriptor.out_stride * 8u > largest
                          ? plan->stages[s].descriptor.out_stride * 8u
                          : largest;
        const outcome tight = run_all(plan, inputs, N, &sampling, 5 * largest + 4096, N);
        cr_assert(memcmp(shared.logits, tight.logits, bytes) == 0, "memory, seed %llu",
                  (unsigned long long)seed);
        sampling.no_sharing = true;
        const outcome alone = run_all(plan, inputs, N, &sampling, 0, N);
        cr_assert(memcmp(shared.logits, alone.logits, bytes) == 0, "sharing, seed %llu",
                  (unsigned long long)seed);
        bb_release(context, shared.logits);
        bb_release(context, batched.logits);
        bb_release(context, tight.logits);
        bb_release(context, alone.logits);
        bb_plan_free(plan);
        bb_graph_free(graph);
    }
}

/* A backend that cannot reserve: the next run must reserve anew, not rely on what is gone. */
static void check_memory_hog(const bb_plan *plan)
{
    trial t;
    trial_begin(&t);
    bb_engine *engine;
    cr_assert(eq(int,
                 bb_engine_create(&engine, t.context, plan, &(bb_engine_options){.device = "ref"}),
                 BB_OK));
    static const uint8_t inputs[4 * 64];
    const bb_sampling sampling = bb_sampling_default();
    for (long n = 0; n < 200; n++) {
        t.n_left = n;
        const bb_status status = bb_engine_run(engine, inputs, 0, 4, &sampling);
        cr_assert(status == BB_OK || status == BB_MEMORY);
        t.n_left = -1;
        cr_assert(eq(int, bb_engine_run(engine, inputs, 0, 1, &sampling), BB_OK));
    }
    bb_engine_free(engine);
    trial_end(&t);
}

Test(sampling, too_little_memory_is_refused_with_the_figure)
{
    bb_graph *graph = check_dense_graph(context, 1, 8, 64, 2, 0.1f);
    bb_plan *plan = fold(graph);
    bb_engine *engine;
    const bb_engine_options options = {.device = "ref", .memory_bytes = 64};
    cr_assert(eq(int, bb_engine_create(&engine, context, plan, &options), BB_OK));
    uint8_t input[64] = {0};
    const bb_sampling sampling = bb_sampling_default();
    cr_assert(eq(int, bb_engine_run(engine, input, 0, 1, &sampling), BB_MEMORY));
    cr_assert(strstr(bb_context_error(context), "the budget is 64") != NULL, "%s",
              bb_context_error(context));
    bb_engine_free(engine);
    bb_plan_free(plan);
    bb_graph_free(graph);
}

Test(sampling, an_engine_works_on_after_it_lacked_memory)
{
    bb_graph *graph = check_dense_graph(context, 1, 8, 64, 2, 0.1f);
    bb_plan *plan = fold(graph);
    check_memory_hog(plan);
    bb_plan_free(plan);
    bb_graph_free(graph);
}

Test(sampling, many_random_bits_count_as_all_distinct)
{
    bb_site sites[2] = {{.kind = BB_SITE_MASK, .n_elements = 1100, .p = 0.1f},
                        {.kind = BB_SITE_MASK, .n_elements = 64, .p = 0.2f}};
    bb_stage stages[2] = {{.mask_site = 0, .sites = {0}, .n_sites = 1},
                          {.mask_site = 1, .sites = {1}, .n_sites = 1}};
    bb_plan plan = {.context = context, .sites = sites, .n_sites = 2, .stages = stages, .n_stages = 2};
    cr_assert(bb_expected_evaluations(&plan, 1, 20, -1) == 20);
    sites[0].n_elements = 3;
    const double few = bb_expected_evaluations(&plan, 0, 20, -1);
    cr_assert(few > 1 && few < 8, "%g", few);
}

Test(sampling, inputs_are_numbered_below_two_to_the_32)
{
    bb_graph *graph = check_dense_graph(context, 1, 2, 8, 1, 0.1f);
    bb_plan *plan = fold(graph);
    bb_engine *engine;
    cr_assert(eq(int,
                 bb_engine_create(&engine, context, plan, &(bb_engine_options){.device = "ref"}),
                 BB_OK));
    const uint8_t inputs[8] = {0};
    const bb_sampling sampling = bb_sampling_default();
    cr_assert(eq(int, bb_engine_run(engine, inputs, UINT64_MAX, 2, &sampling), BB_ARGUMENT));
    cr_assert(eq(int, bb_engine_run(engine, inputs, 0xffffffffu, 2, &sampling), BB_ARGUMENT));
    cr_assert(eq(int, bb_engine_run(engine, inputs, 0xfffffffeu, 2, &sampling), BB_OK));
    bb_engine_free(engine);
    bb_plan_free(plan);
    bb_graph_free(graph);
}

Test(sampling, exact_enumerates_all_rows_once_with_their_probability)
{
    bb_site sites[4] = {{.kind = BB_SITE_DROP, .n_draws = 2, .p = 0.25f},
                        {.kind = BB_SITE_MASK, .n_elements = 3, .p = 0.5f},
                        {.kind = BB_SITE_MEMBER, .n_draws = 5},
                        {.kind = BB_SITE_DROP, .n_draws = 2, .p = 1}};
    bb_plan plan = sites_only(sites, 4);
    bb_sampling sampling = bb_sampling_default();
    sampling.mode = BB_SAMPLING_EXACT;
    cr_assert(eq(u64, bb_exact_leaf_count(&plan, -1), 80));
    bb_sampler *sampler;
    cr_assert(eq(int, bb_sampler_create(&sampler, context, &plan, &sampling), BB_OK));
    cr_assert(eq(u32, sampler->n_passes, 80));
    double sum = 0;
    for (uint32_t l = 0; l < 80; l++) {
        const uint8_t *row = sampler->exact_rows + l * sampler->row_bytes;
        const double p = (row[0] ? 0.25 : 0.75) / 8 / 5;
        cr_assert(fabs(sampler->exact_weights[l] - p) < 1e-15);
        cr_assert(row[3] == 1 && row[2] < 5 && row[1] < 8);
        sum += sampler->exact_weights[l];
        for (uint32_t m = 0; m < l; m++)
            cr_assert(
                memcmp(row, sampler->exact_rows + m * sampler->row_bytes, sampler->row_bytes) != 0);
    }
    cr_assert(fabs(sum - 1) < 1e-12);
    bb_sampler_free(sampler);
    sampling.exact_limit = 79;
    cr_assert(eq(int, bb_sampler_create(&sampler, context, &plan, &sampling), BB_ARGUMENT));
    cr_assert(strstr(bb_context_error(context), "80 leaves") != NULL, "%s",
              bb_context_error(context));
}

Test(sampling, certain_sites_give_one_leaf_and_agree)
{
    bb_graph *graph = check_dense_graph(context, 5, 4, 33, 3, 0.3f);
    bb_plan *plan = fold(graph);
    uint8_t inputs[3 * 16];
    check_random random = {9};
    for (size_t i = 0; i < sizeof(inputs); i++)
        inputs[i] = (uint8_t)check_below(&random, 256);
    bb_engine *engine;
    cr_assert(eq(int,
                 bb_engine_create(&engine, context, plan, &(bb_engine_options){.device = "ref"}),
                 BB_OK));
    for (int p = 0; p <= 1; p++) {
        float first[2][4];
        for (int exact = 0; exact <= 1; exact++) {
            bb_sampling sampling = bb_sampling_default();
            sampling.drop_probability = p;
            sampling.mode = exact ? BB_SAMPLING_EXACT : BB_SAMPLING_DRAWN;
            cr_assert(eq(int, bb_engine_run(engine, inputs, 0, 3, &sampling), BB_OK));
            bb_leaves leaves;
            bb_engine_leaves(engine, 2, &leaves);
            cr_assert(eq(u32, leaves.n_leaves, 1));
            memcpy(first[exact], leaves.logits, sizeof(first[exact]));
        }
        cr_assert(memcmp(first[0], first[1], sizeof(first[0])) == 0);
    }
    bb_engine_free(engine);
    bb_plan_free(plan);
    bb_graph_free(graph);
}

Test(sampling, replayed_rows_are_checked)
{
    bb_graph *graph = check_dense_graph(context, 5, 4, 33, 2, 0.3f);
    bb_plan *plan = fold(graph);
    bb_engine *engine;
    cr_assert(eq(int,
                 bb_engine_create(&engine, context, plan, &(bb_engine_options){.device = "ref"}),
                 BB_OK));
    const uint8_t input[16] = {0}, good[4] = {0, 1, 1, 0}, bad[4] = {0, 1, 2, 0};
    bb_sampling sampling = {
        .mode = BB_SAMPLING_REPLAYED, .samples = 2, .drop_probability = -1, .rows = good};
    cr_assert(eq(int, bb_engine_run(engine, input, 0, 1, &sampling), BB_OK));
    sampling.rows = bad;
    cr_assert(eq(int, bb_engine_run(engine, input, 0, 1, &sampling), BB_ARGUMENT));
    cr_assert(strstr(bb_context_error(context), "bank index 2") != NULL, "%s",
              bb_context_error(context));
    bb_engine_free(engine);
    bb_plan_free(plan);
    bb_graph_free(graph);
}
