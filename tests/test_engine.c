/* SPDX-License-Identifier: MIT */
/* Whole random models on every OpenCL device: each stage equals the reference bit for bit. */
#include "check/random_graph.h"
#include "plan/plan.h"

#include <bitbayes/engine.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#define N_INPUTS 5

static bb_context *context;

static void open_context(void)
{
    cr_assert(eq(int, bb_context_create(&context, NULL), BB_OK));
}

static void close_context(void)
{
    bb_context_free(context);
}

TestSuite(engine, .init = open_context, .fini = close_context, .timeout = 900);

/* A device without a compiler takes the image of $BB_TEST_IMAGE. */
static const char *image_of(const bb_device_info *device)
{
    return device->image_only ? getenv("BB_TEST_IMAGE") : NULL;
}

static bool is_tried(const bb_device_info *device)
{
    const bool custom = strcmp(device->type, "custom") == 0;
    return strcmp(device->id, "ref") != 0 && device->available &&
           (!device->image_only || custom || image_of(device));
}

static void verify_model(const bb_graph *graph, const bb_device_info *device, uint64_t seed,
                         bb_sampling_mode mode, bb_input_type type)
{
    bb_plan *plan;
    const bb_fold_options fold = {.input_type = type};
    cr_assert(bb_plan_fold(&plan, context, graph, &fold) == BB_OK, "%s", bb_context_error(context));
    static uint8_t bytes[N_INPUTS * 300];
    static float floats[N_INPUTS * 300];
    check_random random = {seed};
    for (size_t i = 0; i < sizeof(bytes); i++)
        floats[i] = bytes[i] = (uint8_t)check_below(&random, 256);
    bb_sampling sampling = bb_sampling_default();
    sampling.mode = mode;
    sampling.seed = seed;
    bb_verify_report report;
    const bb_engine_options options = {.device = device->id,
                                       .backend = {.image = image_of(device)}};
    const void *inputs = type == BB_INPUT_BYTES ? (const void *)bytes : floats;
    const bb_status status = bb_verify(&report, context, plan, &options, inputs,
                                       check_small() ? 1 : N_INPUTS, &sampling, NULL, 0);
    if (status != BB_UNSUPPORTED || !device->image_only) { /* an engine may refuse it */
        cr_assert(status == BB_OK, "%s", bb_context_error(context));
        cr_assert(report.stages_equal, "device %s, seed %llu: %s", device->id,
                  (unsigned long long)seed, report.first_difference);
    }
    bb_plan_free(plan);
}

static void verify_all(const check_graph_options *options, bb_sampling_mode mode,
                       bb_input_type type)
{
    bb_device_list *devices;
    cr_assert(eq(int, bb_device_list_create(&devices, context), BB_OK));
    uint32_t tried = 0;
    const uint64_t base = check_seed();
    for (uint32_t i = 0; i < bb_device_list_count(devices); i++) {
        const bb_device_info *device = bb_device_list_get(devices, i);
        if (!is_tried(device))
            continue;
        tried++;
        for (uint64_t k = 0; k < (check_small() ? 2 : 15); k++) {
            bb_graph *graph = check_random_graph(context, base + k, options);
            verify_model(graph, device, base + k, mode, type);
            bb_graph_free(graph);
        }
    }
    bb_device_list_free(devices);
    if (!tried)
        cr_skip_test("no OpenCL device");
}

Test(engine, banks_and_borders)
{
    verify_all(&(check_graph_options){.scales = true}, BB_SAMPLING_DRAWN, BB_INPUT_BYTES);
}

Test(engine, channel_masks_with_banks)
{
    verify_all(&(check_graph_options){.masks = true, .scales = true}, BB_SAMPLING_DRAWN,
               BB_INPUT_BYTES);
}

Test(engine, element_masks_deterministic_too)
{
    verify_all(&(check_graph_options){.element_masks = true}, BB_SAMPLING_DRAWN, BB_INPUT_BYTES);
    verify_all(&(check_graph_options){.element_masks = true}, BB_SAMPLING_DETERMINISTIC,
               BB_INPUT_BYTES);
}

Test(engine, float_input_and_float_head)
{
    verify_all(&(check_graph_options){.scales = true, .float_head = true}, BB_SAMPLING_DRAWN,
               BB_INPUT_FLOATS);
}

Test(engine, one_mean_per_channel)
{
    verify_all(&(check_graph_options){.channel_means = true, .scales = true}, BB_SAMPLING_DRAWN,
               BB_INPUT_BYTES);
}

Test(engine, branches)
{
    verify_all(&(check_graph_options){.branches = true, .scales = true}, BB_SAMPLING_DRAWN,
               BB_INPUT_BYTES);
    verify_all(&(check_graph_options){.branches = true, .masks = true, .scales = true},
               BB_SAMPLING_DRAWN, BB_INPUT_FLOATS);
}

/* Logits of all inputs under an engine, as one array. */
static float *run(const bb_plan *plan, const char *device, const char *image, uint32_t batch,
                  uint64_t memory, size_t *bytes)
{
    enum { N = 23 };
    bb_engine *engine;
    const bb_engine_options options = {
        .device = device, .memory_bytes = memory, .backend = {.image = image}};
    cr_assert(bb_engine_create(&engine, context, plan, &options) == BB_OK, "%s",
              bb_context_error(context));
    static uint8_t inputs[N * 64];
    check_random random = {5};
    for (size_t i = 0; i < sizeof(inputs); i++)
        inputs[i] = (uint8_t)check_below(&random, 256);
    const bb_sampling sampling = bb_sampling_default();
    *bytes = N * (size_t)sampling.samples * 4 * sizeof(float);
    float *out = calloc(1, *bytes);
    for (uint32_t i = 0; i < N; i += batch) {
        const uint32_t now = N - i < batch ? N - i : batch;
        cr_assert(bb_engine_run(engine, inputs + i * 64, i, now, &sampling) == BB_OK, "%s",
                  bb_context_error(context));
        for (uint32_t k = 0; k < now; k++) {
            bb_leaves leaves;
            bb_engine_leaves(engine, k, &leaves);
            for (uint32_t pass = 0; pass < leaves.n_passes; pass++)
                memcpy(out + ((size_t)(i + k) * leaves.n_passes + pass) * 4,
                       leaves.logits + leaves.leaf_of_pass[pass] * 4, 4 * sizeof(float));
        }
    }
    bb_engine_free(engine);
    return out;
}

Test(engine, batch_and_memory_change_no_bit)
{
    bb_device_list *devices;
    cr_assert(eq(int, bb_device_list_create(&devices, context), BB_OK));
    if (bb_device_list_count(devices) < 2) {
        bb_device_list_free(devices);
        cr_skip_test("no OpenCL device");
    }
    bb_graph *graph = check_dense_graph(context, 4, 8, 100, 4, 0.2f);
    bb_plan *plan;
    cr_assert(eq(int, bb_plan_fold(&plan, context, graph, NULL), BB_OK));
    size_t bytes;
    float *expected = run(plan, "ref", NULL, 23, 0, &bytes);
    for (uint32_t i = 0; i + 1 < bb_device_list_count(devices); i++) {
        const bb_device_info *device = bb_device_list_get(devices, i);
        const char *id = device->id;
        if (!is_tried(device))
            continue;
        static const uint32_t batches[] = {1, 7, 23};
        for (size_t b = 0; b < 3; b++)
            for (int tight = 0; tight <= 1; tight++) {
                float *found = run(plan, id, image_of(device), batches[b], tight ? 600 : 0, &bytes);
                cr_assert(memcmp(expected, found, bytes) == 0, "device %s, batch %u, tight %d", id,
                          batches[b], tight);
                free(found);
            }
    }
    free(expected);
    bb_plan_free(plan);
    bb_graph_free(graph);
    bb_device_list_free(devices);
}
