/* SPDX-License-Identifier: MIT */
/* The counts of the chip model against what the reference backend really does. */
#include "energy/energy.h"
#include "reference/reference.h"
#include <bitbayes/engine.h>
#include <bitbayes/meter.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bb_context *context;
static bb_energy_parameters *parameters;

static void open_all(void)
{
    cr_assert_eq(bb_context_create(&context, NULL), BB_OK);
    cr_assert_eq(bb_energy_parameters_create(&parameters, context, NULL), BB_OK);
}

static void close_all(void)
{
    bb_energy_parameters_free(parameters);
    bb_context_free(context);
}

TestSuite(energy_counters, .init = open_all, .fini = close_all);

typedef struct shape {
    uint32_t channels, in_h, in_w, kernel, step, dilation, pad, outputs;
} shape;

static uint32_t output_size(uint32_t in, const shape *s)
{
    return (in + 2 * s->pad - s->dilation * (s->kernel - 1) - 1) / s->step + 1;
}

/* All bits of `channels` set, the rest of each word 0. */
static uint64_t *all_ones(size_t pixels, uint32_t channels)
{
    const size_t words = bb_divide_up(channels, 64);
    uint64_t *bits = bb_allocate(context, pixels * words, sizeof(*bits));
    cr_assert_not_null(bits);
    for (size_t i = 0; i < pixels; i++)
        for (uint32_t c = 0; c < channels; c++)
            bits[i * words + c / 64] |= UINT64_C(1) << c % 64;
    return bits;
}

/* A stage whose inputs and weights are all +1: each sum is its number of valid taps. */
static bb_stage make_stage(const shape *s)
{
    const uint32_t h = output_size(s->in_h, s), w = output_size(s->in_w, s);
    const uint32_t words = (uint32_t)bb_divide_up(s->channels, 64);
    bb_stage stage = {.name = (char *)"layer", .input = BB_NO_INDEX, .mask_site = BB_NO_INDEX};
    stage.descriptor = (bb_stage_descriptor){
        .sum = BB_SUM_BITS,
        .emit = BB_EMIT_REAL,
        .in_type = BB_TYPE_BITS,
        .in_channels = s->channels,
        .in_h = s->in_h,
        .in_w = s->in_w,
        .in_words = words,
        .in_stride = words * s->in_h * s->in_w,
        .kernel_h = s->kernel,
        .kernel_w = s->kernel,
        .step_h = s->step,
        .step_w = s->step,
        .dilation_h = s->dilation,
        .dilation_w = s->dilation,
        .groups = 1,
        .pad_top = s->pad,
        .pad_left = s->pad,
        .sum_h = h,
        .sum_w = w,
        .out_channels = s->outputs,
        .pool_h = 1,
        .pool_w = 1,
        .pool_step_h = 1,
        .pool_step_w = 1,
        .out_h = h,
        .out_w = w,
        .out_stride = (h * w * s->outputs + 1) / 2,
        .n_draws = 1,
        .n_row_classes = 1,
        .n_column_classes = 1,
    };
    stage.weights = all_ones((size_t)s->outputs * s->kernel * s->kernel, s->channels);
    stage.bank = bb_allocate(context, s->outputs, sizeof(*stage.bank));
    cr_assert_not_null(stage.bank);
    const float one = 1.0f;
    for (uint32_t c = 0; c < s->outputs; c++)
        memcpy(&stage.bank[c].a, &one, sizeof(one));
    return stage;
}

static void check_shape(const shape *s)
{
    bb_stage stage = make_stage(s);
    const bb_stage_descriptor *d = &stage.descriptor;
    bb_plan plan = {.context = context, .stages = &stage, .n_stages = 1};
    uint64_t *input = all_ones((size_t)s->in_h * s->in_w, s->channels);
    uint64_t *output = bb_allocate(context, d->out_stride, sizeof(*output));
    cr_assert_not_null(output);
    const uint32_t list[] = {0, BB_NONE, 0};
    const bb_stage_work work = {.list = list, .n_entries = 1, .n_outputs = 1};
    bb_reference_stage(&stage, &work, input, NULL, output);
    const float *sums = (const float *)output;
    const uint64_t n = (uint64_t)d->sum_h * d->sum_w * s->outputs;
    double valid_taps = 0, outputs = 0;
    for (uint64_t i = 0; i < n; i++) {
        valid_taps += (double)sums[i];
        outputs += 1;
    }
    bb_energy_network *network;
    bb_energy_report *report;
    cr_assert_eq(bb_energy_network_from_plan(&network, context, &plan, "one"), BB_OK);
    cr_assert_eq(bb_energy_estimate(&report, context, network, parameters, NULL), BB_OK);
    const bb_energy_counts *c = &report->layers[0].counts;
    cr_expect((double)c->valid_taps == valid_taps, "%llu, the reference has %g",
              (unsigned long long)c->valid_taps, valid_taps);
    cr_expect_eq(c->cells_driven, c->valid_taps);
    cr_expect((double)c->normalizations == outputs);
    cr_expect((double)c->buffer_write_bits == outputs);
    /* One position reads one pixel; a dense layer reads its whole map. */
    uint64_t ones = 0;
    for (uint32_t i = 0; i < d->in_stride; i++)
        ones += (uint64_t)__builtin_popcountll(input[i]);
    if ((d->sum_h == s->in_h && d->sum_w == s->in_w) || d->sum_h * d->sum_w == 1)
        cr_expect_eq(c->buffer_read_bits, ones);
    bb_energy_report_free(report);
    bb_energy_network_free(network);
    bb_release(context, input);
    bb_release(context, output);
    bb_release(context, stage.weights);
    bb_release(context, stage.bank);
}

Test(energy_counters, valid_taps_outputs_and_bits_equal_the_reference)
{
    static const shape shapes[] = {
        {3, 5, 5, 3, 1, 1, 1, 4},    {64, 7, 4, 3, 1, 1, 1, 2},  {65, 6, 6, 5, 1, 1, 2, 3},
        {8, 9, 9, 3, 2, 1, 1, 5},    {16, 8, 8, 3, 1, 2, 2, 2},  {10, 11, 7, 5, 3, 1, 0, 3},
        {100, 1, 1, 1, 1, 1, 0, 10}, {12, 4, 4, 4, 1, 1, 0, 10}, {1, 3, 3, 3, 1, 1, 2, 1},
    };
    for (size_t i = 0; i < BB_COUNT_OF(shapes); i++)
        check_shape(&shapes[i]);
}

/* A model file, its plan and an engine on the reference. */
typedef struct machine {
    bb_graph *graph;
    bb_plan *plan;
    bb_engine *engine;
    bb_energy_network *network;
    uint8_t *inputs;
    uint32_t n_inputs;
} machine;

static void machine_open(machine *m, const char *path, uint32_t n_inputs)
{
    uint32_t s[3];
    const bb_engine_options options = {.device = "ref"};
    cr_assert_eq(bb_graph_load(&m->graph, context, path), BB_OK, "%s", bb_context_error(context));
    cr_assert_eq(bb_plan_fold(&m->plan, context, m->graph, NULL), BB_OK);
    cr_assert_eq(bb_engine_create(&m->engine, context, m->plan, &options), BB_OK);
    cr_assert_eq(bb_energy_network_from_plan(&m->network, context, m->plan, path), BB_OK);
    bb_plan_input_shape(m->plan, s);
    m->n_inputs = n_inputs;
    const size_t bytes = (size_t)n_inputs * s[0] * s[1] * s[2];
    m->inputs = bb_allocate(context, bytes, 1);
    cr_assert_not_null(m->inputs);
    for (size_t i = 0; i < bytes; i++)
        m->inputs[i] = (uint8_t)(i * 2654435761u >> 13);
}

static void machine_close(machine *m)
{
    bb_release(context, m->inputs);
    bb_energy_network_free(m->network);
    bb_engine_free(m->engine);
    bb_plan_free(m->plan);
    bb_graph_free(m->graph);
}

static void run(machine *m, const bb_sampling *sampling, bb_engine_counts *counts)
{
    cr_assert_eq(bb_engine_run(m->engine, m->inputs, 0, m->n_inputs, sampling), BB_OK, "%s",
                 bb_context_error(context));
    bb_engine_count(m->engine, counts);
}

static uint64_t bits_of_sites(const bb_plan *plan)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < bb_plan_site_count(plan); i++) {
        bb_site_info site;
        bb_plan_site(plan, i, &site);
        if (!strcmp(site.kind, "mask"))
            bits += site.n_elements;
        else
            for (uint32_t n = 1; n < site.n_draws; n *= 2)
                bits++;
    }
    return bits;
}

/* Passes in full: what the engine really ran equals the accounting, evaluation by evaluation. */
static void check_model(const char *path)
{
    machine m = {0};
    machine_open(&m, path, 200);
    bb_energy_report *report;
    bb_energy_options options = bb_energy_options_default();
    cr_assert_eq(bb_energy_estimate(&report, context, m.network, parameters, &options), BB_OK);
    cr_assert_eq(report->n_layers, bb_plan_stage_count(m.plan));
    bb_sampling sampling = bb_sampling_default();
    bb_engine_counts counts;
    sampling.no_sharing = true;
    run(&m, &sampling, &counts);
    for (uint32_t s = 0; s < report->n_layers; s++) {
        bb_stage_info stage;
        bb_plan_stage(m.plan, s, &stage);
        cr_expect_eq(counts.stage_evaluations[s],
                     counts.passes * report->layers[s].counts.evaluations, "stage %u", s);
        cr_expect_eq(report->layers[s].counts.valid_taps, stage.valid_operations / 2, "stage %u",
                     s);
    }
    cr_expect_eq(report->counts.random_bits, bits_of_sites(m.plan));
    bb_energy_report_free(report);
    machine_close(&m);
}

/* Passes that share: the expectation is the sampler's own, and a run agrees with it. */
static void check_sharing(const char *path)
{
    machine m = {0};
    machine_open(&m, path, 200);
    bb_energy_report *report;
    bb_energy_options options = bb_energy_options_default();
    cr_assert_eq(bb_energy_estimate(&report, context, m.network, parameters, &options), BB_OK);
    const bb_sampling sampling = bb_sampling_default();
    bb_engine_counts counts;
    run(&m, &sampling, &counts);
    double per_image[64];
    for (uint32_t s = 0; s < report->n_layers; s++) {
        const double expected = bb_expected_evaluations(m.plan, s, options.passes, -1);
        per_image[s] = (double)counts.stage_evaluations[s] / (double)counts.inputs;
        cr_expect(fabs(report->layers[s].sums - expected) < 1e-6 * expected, "stage %u: %g, %g", s,
                  report->layers[s].sums, expected);
        cr_expect(fabs(per_image[s] - expected) < 0.1 * expected, "stage %u: %g, %g", s,
                  per_image[s], expected);
    }
    bb_energy_report *counted;
    options.evaluations = per_image;
    options.leaves = (double)counts.leaves / (double)counts.inputs;
    cr_assert_eq(bb_energy_estimate(&counted, context, m.network, parameters, &options), BB_OK);
    cr_expect(counted->counted);
    cr_expect(fabs(counted->shared_total_J.nominal / report->shared_total_J.nominal - 1) < 0.1);
    const bb_energy_run done = {.passes = sampling.samples,
                                .inputs = counts.inputs,
                                .leaves = counts.leaves,
                                .stage_evaluations = counts.stage_evaluations,
                                .measured_inputs = counts.inputs};
    const bb_measurement device = {.status = BB_METER_MEASURED, .gross_J = 2, .net_J = 1};
    bb_energy_comparison comparison;
    cr_assert_eq(bb_energy_compare_run(&comparison, context, m.plan, NULL, &done, &device), BB_OK);
    cr_expect(comparison.chip_J.nominal == counted->image_total_J.nominal);
    cr_expect(comparison.chip_shared_J.nominal == counted->shared_total_J.nominal);
    cr_expect(comparison.device_net_J == 1.0 / (double)counts.inputs);
    cr_expect(comparison.ratio.low > 0 && comparison.ratio.low < comparison.ratio.high);
    bb_energy_report_free(counted);
    bb_energy_report_free(report);
    machine_close(&m);
}

#define DIGITS BB_SOURCE_FOLDER "/models/digits-mlp-scale.onnx"

Test(energy_counters, evaluations_and_random_bits_equal_the_engine)
{
    check_model(DIGITS);
}

Test(energy_counters, shared_evaluations_agree_with_the_engine)
{
    check_sharing(DIGITS);
}
