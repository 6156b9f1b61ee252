/* SPDX-License-Identifier: MIT */
/* Plans equal the graph they came from: random models against an evaluator that knows no bits. */
#include "check/random_graph.h"
#include "plan/plan.h"
#include "sampling/draws.h"

#include <bitbayes/engine.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#define SEEDS 60

static bb_context *context;

static void open_context(void)
{
    cr_assert(eq(int, bb_context_create(&context, NULL), BB_OK));
}

static void close_context(void)
{
    bb_context_free(context);
}

TestSuite(fold, .init = open_context, .fini = close_context);

static bb_plan *fold(const bb_graph *graph)
{
    bb_plan *plan;
    const bb_status status = bb_plan_fold(&plan, context, graph, NULL);
    cr_assert(status == BB_OK, "%s", bb_context_error(context));
    return plan;
}

/* Largest difference of any logit of `n` inputs between ref and the graph evaluator. */
static void compare(const bb_graph *graph, uint64_t seed, const bb_sampling *sampling)
{
    enum { N = 3 };
    bb_plan *plan = fold(graph);
    bb_engine *engine;
    const bb_engine_options options = {.device = "ref"};
    cr_assert(bb_engine_create(&engine, context, plan, &options) == BB_OK, "%s",
              bb_context_error(context));
    uint32_t shape[3];
    bb_plan_input_shape(plan, shape);
    const size_t elements = (size_t)shape[0] * shape[1] * shape[2];
    uint8_t inputs[N * 3 * 10 * 10];
    check_random random = {seed + 1000};
    for (size_t i = 0; i < N * elements; i++)
        inputs[i] = (uint8_t)check_below(&random, 256);
    cr_assert(bb_engine_run(engine, inputs, 7, N, sampling) == BB_OK, "%s",
              bb_context_error(context));
    bb_sampler *sampler;
    cr_assert(eq(int, bb_sampler_create(&sampler, context, plan, sampling), BB_OK));
    bb_leaf_set drawn = {0};
    for (uint32_t i = 0; i < N; i++) {
        bb_leaves leaves;
        bb_engine_leaves(engine, i, &leaves);
        cr_assert(eq(int, bb_sampler_draw(sampler, 7 + i, NULL, &drawn), BB_OK));
        for (uint32_t pass = 0; pass < leaves.n_passes; pass++) {
            const uint32_t leaf = leaves.leaf_of_pass[pass];
            float expected[7];
            const bool deterministic = sampling->mode == BB_SAMPLING_DETERMINISTIC;
            check_evaluate(graph, inputs + i * elements,
                           deterministic ? NULL : drawn.rows + leaf * sampler->row_bytes, expected);
            for (uint32_t c = 0; c < 7; c++) {
                const float found = leaves.logits[leaf * 7 + c];
                cr_assert(fabsf(found - expected[c]) <= 1e-3f * (1 + fabsf(expected[c])),
                          "seed %llu, input %u, pass %u, class %u: found %g, expected %g",
                          (unsigned long long)seed, i, pass, c, (double)found, (double)expected[c]);
            }
        }
    }
    bb_leaf_set_free(context, &drawn);
    bb_sampler_free(sampler);
    bb_engine_free(engine);
    bb_plan_free(plan);
}

static void compare_many(const check_graph_options *options, bb_sampling_mode mode)
{
    bb_sampling sampling = bb_sampling_default();
    sampling.mode = mode;
    sampling.samples = 6;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bb_graph *graph = check_random_graph(context, seed, options);
        compare(graph, seed, &sampling);
        bb_graph_free(graph);
    }
}

/* Real values between layers are rounded nowhere, so they decide signs as the graph does. */
static void compare_branches(const check_graph_options *options, bb_sampling_mode mode)
{
    check_graph_options branches = *options;
    branches.branches = true;
    compare_many(&branches, mode);
}

Test(fold, branches)
{
    compare_branches(&(check_graph_options){0}, BB_SAMPLING_DETERMINISTIC);
    compare_branches(&(check_graph_options){.channel_means = true}, BB_SAMPLING_DETERMINISTIC);
}

Test(fold, branches_with_sites)
{
    compare_branches(&(check_graph_options){.scales = true}, BB_SAMPLING_DRAWN);
    compare_branches(&(check_graph_options){.masks = true, .scales = true}, BB_SAMPLING_DRAWN);
    compare_branches(&(check_graph_options){.masks = true, .float_head = true}, BB_SAMPLING_DRAWN);
}

Test(fold, plain_layers_pools_and_borders)
{
    compare_many(&(check_graph_options){0}, BB_SAMPLING_DETERMINISTIC);
}

Test(fold, one_mean_per_channel)
{
    compare_many(&(check_graph_options){.channel_means = true}, BB_SAMPLING_DETERMINISTIC);
}

Test(fold, banks_of_scales_and_members)
{
    compare_many(&(check_graph_options){.scales = true}, BB_SAMPLING_DRAWN);
}

Test(fold, masks_with_banks)
{
    compare_many(&(check_graph_options){.masks = true, .scales = true}, BB_SAMPLING_DRAWN);
}

Test(fold, element_masks)
{
    compare_many(&(check_graph_options){.element_masks = true}, BB_SAMPLING_DRAWN);
}

Test(fold, float_head)
{
    compare_many(&(check_graph_options){.scales = true, .float_head = true}, BB_SAMPLING_DRAWN);
}

Test(fold, deterministic_takes_masks_and_their_factor_out)
{
    compare_many(&(check_graph_options){.masks = true, .scales = true}, BB_SAMPLING_DETERMINISTIC);
}

Test(fold, float_input_gives_nearly_the_same)
{
    const check_graph_options options = {.scales = true};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        bb_graph *graph = check_random_graph(context, seed, &options);
        bb_plan *plan;
        const bb_fold_options floats = {.input_type = BB_INPUT_FLOATS};
        cr_assert(bb_plan_fold(&plan, context, graph, &floats) == BB_OK, "%s",
                  bb_context_error(context));
        bb_engine *engine;
        const bb_engine_options ref = {.device = "ref"};
        cr_assert(eq(int, bb_engine_create(&engine, context, plan, &ref), BB_OK));
        uint32_t shape[3];
        bb_plan_input_shape(plan, shape);
        uint8_t bytes[300];
        float values[300];
        check_random random = {seed};
        for (size_t i = 0; i < (size_t)shape[0] * shape[1] * shape[2]; i++)
            values[i] = bytes[i] = (uint8_t)check_below(&random, 256);
        bb_sampling sampling = bb_sampling_default();
        sampling.mode = BB_SAMPLING_DETERMINISTIC;
        cr_assert(eq(int, bb_engine_run(engine, values, 0, 1, &sampling), BB_OK));
        bb_leaves leaves;
        bb_engine_leaves(engine, 0, &leaves);
        float expected[7];
        check_evaluate(graph, bytes, NULL, expected);
        for (uint32_t c = 0; c < 7; c++)
            cr_assert(fabsf(leaves.logits[c] - expected[c]) <= 1e-3f * (1 + fabsf(expected[c])),
                      "seed %llu, class %u: found %g, expected %g", (unsigned long long)seed, c,
                      (double)leaves.logits[c], (double)expected[c]);
        bb_engine_free(engine);
        bb_plan_free(plan);
        bb_graph_free(graph);
    }
}

/* One bit of a 1x1 first layer by hand: weight +1, magnitude 1, y = x * a + b, x = (p - 32) / 64.
 */
static bb_bank_entry fold_one(float a, float b, bool zero_is_positive)
{
    bb_graph *graph;
    cr_assert(eq(int, bb_graph_new(&graph, context, "hand"), BB_OK));
    check_random random = {1};
    (void)random;
    bb_node *node = bb_graph_add(graph, BB_NODE_INPUT, "x", "Input");
    node->shape = (bb_shape){1, 1, 1};
    const bb_window point = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
    for (int layer = 0; layer < 2; layer++) {
        node = bb_graph_add(graph, BB_NODE_LINEAR, "w", "Gemm");
        node->input = graph->n_nodes - 2;
        node->shape = (bb_shape){1, 1, 1};
        node->linear = (bb_linear){.window = point, .groups = 1, .mask_factor = 1};
        node->linear.signs = bb_allocate(context, 1, 1);
        node->linear.signs[0] = 1;
        node->linear.magnitude = bb_allocate(context, 1, sizeof(float));
        node->linear.magnitude[0] = 1;
        if (layer == 1)
            break;
        node = bb_graph_add(graph, BB_NODE_STEP, "s", "BatchNormalization");
        node->input = graph->n_nodes - 2;
        node->shape = (bb_shape){1, 1, 1};
        node->step = (bb_step){.kind = BB_STEP_NORMALIZE, .site = BB_NO_INDEX, .n_draws = 1};
        node->step.a = bb_allocate(context, 1, sizeof(float));
        node->step.b = bb_allocate(context, 1, sizeof(float));
        node->step.a[0] = a;
        node->step.b[0] = b;
        node = bb_graph_add(graph, BB_NODE_SIGN, "b", "Sign");
        node->input = graph->n_nodes - 2;
        node->shape = (bb_shape){1, 1, 1};
        node->sign.zero_is_positive = zero_is_positive;
    }
    graph->n_classes = 1;
    const float mean = 32, std = 64;
    const bb_preprocess preprocess = {.scale = 1, .n = 1, .mean = &mean, .std = &std};
    const bb_fold_options options = {.preprocess = &preprocess};
    bb_plan *plan;
    cr_assert(bb_plan_fold(&plan, context, graph, &options) == BB_OK, "%s",
              bb_context_error(context));
    const bb_bank_entry entry = plan->stages[0].bank[0];
    bb_plan_free(plan);
    bb_graph_free(graph);
    return entry;
}

Test(fold, thresholds_by_hand)
{
    bb_bank_entry e = fold_one(1, 0, true); /* p >= 32 */
    cr_assert(eq(int, (int32_t)e.a, 32));
    cr_assert(eq(u32, e.b, 0));
    e = fold_one(1, 0, false); /* p > 32 */
    cr_assert(eq(int, (int32_t)e.a, 33));
    e = fold_one(-1, 0, true); /* p <= 32, so the complement of p >= 33 */
    cr_assert(eq(int, (int32_t)e.a, 33));
    cr_assert(eq(u32, e.b, BB_FLIP));
    e = fold_one(0, 1, true); /* always 1 */
    cr_assert(eq(int, (int32_t)e.a, INT32_MIN));
    cr_assert(eq(u32, e.b, 0));
    e = fold_one(0, -1, true); /* never */
    cr_assert(eq(int, (int32_t)e.a, INT32_MIN));
    cr_assert(eq(u32, e.b, BB_FLIP));
    e = fold_one(2, -1, true); /* (p - 32) / 64 >= 1/2 */
    cr_assert(eq(int, (int32_t)e.a, 64));
}

Test(fold, refuses_what_no_stage_can_hold)
{
    bb_graph *graph = check_dense_graph(context, 1, 4, 33, 2, 0.1f);
    graph->nodes[graph->n_nodes - 1].step.kind = BB_STEP_CLIP;
    bb_plan *plan;
    cr_assert(eq(int, bb_plan_fold(&plan, context, graph, NULL), BB_UNSUPPORTED));
    cr_assert(plan == NULL);
    cr_assert(strstr(bb_context_error(context), "clipping") != NULL, "%s",
              bb_context_error(context));
    bb_graph_free(graph);
}
