/* SPDX-License-Identifier: MIT */
/*
 * `bench model`: whole networks, wall time of bb_engine_run() with transfers, draws and work lists.
 * Beside each sample stands the tree's own bound: per stage the work entries that the run really
 * evaluates x the time of one evaluation in a full batch of that stage, measured in the same
 * breath.
 */
#include "bench.h"
#include "lab.h"
#include "models.h"

#include <bitbayes/engine.h>
#include <string.h>

#define FULL_BATCH_OPERATIONS 4e9 /* a full batch is so much work at least ... */
#define SMALLEST_FULL_BATCH 64
#define LARGEST_FULL_BATCH 1024 /* ... or so many entries */
#define MAX_STAGES 64
#define CHECKED_PASSES 2

/* A model made ready on one device. */
typedef struct model_lab {
    bench_run *run;
    bench_device *device;
    const bb_plan *plan;
    bb_engine *engine;
    stage_lab *stages; /* [plan->n_stages] at full batch */
    uint32_t n_labs;
    uint8_t *inputs;
    size_t input_bytes; /* of one */
    uint32_t batch;
    bb_sampling sampling;
    uint64_t evaluated[MAX_STAGES], leaves; /* by the last run */
} model_lab;

static uint32_t full_batch(const bb_stage_info *info)
{
    const double n = FULL_BATCH_OPERATIONS / (double)(info->operations ? info->operations : 1);
    return n < SMALLEST_FULL_BATCH  ? SMALLEST_FULL_BATCH
           : n > LARGEST_FULL_BATCH ? LARGEST_FULL_BATCH
                                    : (uint32_t)n;
}

static bb_status make_stages(model_lab *lab)
{
    bb_context *context = lab->run->context;
    lab->stages = bb_allocate(context, lab->plan->n_stages, sizeof(*lab->stages));
    bb_status status = lab->stages ? BB_OK : BB_MEMORY;
    for (uint32_t s = 0; s < lab->plan->n_stages && status == BB_OK; s++) {
        bb_stage_info info;
        bb_plan_stage(lab->plan, s, &info);
        lab->n_labs = s + 1;
        status = lab_create(&lab->stages[s], context, lab->device, &lab->plan->stages[s],
                            lab->device->opened ? full_batch(&info) : 1, false,
                            lab->run->options->seed + s);
    }
    return status;
}

/* Device and reference, every stage of a few passes. */
static bb_status check(const model_lab *lab, const bb_engine_options *options)
{
    bb_verify_report report;
    bb_sampling sampling = bb_sampling_default();
    sampling.samples = CHECKED_PASSES;
    const bb_status status = bb_verify(&report, lab->run->context, lab->plan, options, lab->inputs,
                                       1, &sampling, NULL, 0);
    if (status == BB_OK && !report.stages_equal)
        return bb_fail(lab->run->context, BB_CHECK, "differs from the reference: %s",
                       report.first_difference);
    return status;
}

static bb_status make_inputs(model_lab *lab, uint32_t largest)
{
    uint32_t shape[3];
    bb_plan_input_shape(lab->plan, shape);
    lab->input_bytes = (size_t)shape[0] * shape[1] * shape[2];
    lab->inputs = bb_allocate(lab->run->context, largest, lab->input_bytes);
    uint64_t state = lab->run->options->seed;
    for (size_t i = 0; lab->inputs && i < largest * lab->input_bytes; i++)
        lab->inputs[i] = (uint8_t)(bench_random(&state) >> 56);
    return lab->inputs ? BB_OK : BB_MEMORY;
}

static bb_status model_open(model_lab *lab, bench_run *run, bench_device *device,
                            const bb_plan *plan, uint32_t largest_batch)
{
    *lab = (model_lab){.run = run, .device = device, .plan = plan};
    const bb_engine_options options = {.device = device->info->id,
                                       .memory_bytes = run->options->memory,
                                       .backend = bench_backend_options(run->options)};
    bb_status status = make_inputs(lab, largest_batch);
    if (status == BB_OK && device->opened)
        status = check(lab, &options);
    if (status == BB_OK)
        status = bb_engine_create(&lab->engine, run->context, plan, &options);
    return status == BB_OK ? make_stages(lab) : status;
}

static void model_close(model_lab *lab)
{
    for (uint32_t s = 0; s < lab->n_labs; s++)
        lab_free(&lab->stages[s]);
    bb_release(lab->run->context, lab->stages);
    bb_release(lab->run->context, lab->inputs);
    bb_engine_free(lab->engine);
}

/* Seconds that a run's evaluations would take in full batches. */
static bb_status take_bound(model_lab *lab, const double *evaluations, double *bound)
{
    bb_status status = BB_OK;
    *bound = 0;
    for (uint32_t s = 0; s < lab->n_labs && status == BB_OK; s++) {
        double kernel = 0, wall = 0;
        status = lab_run(&lab->stages[s], 1, &kernel, &wall);
        *bound += evaluations[s] * kernel / lab->stages[s].sample.n_entries;
    }
    return status;
}

/* What one run adds to the engine's counters. */
typedef struct run_costs {
    double evaluations[MAX_STAGES];
    double seconds, transfer, list, compute;
} run_costs;

static bb_status run_once(model_lab *lab, run_costs *costs)
{
    bb_engine_counts before, after;
    bb_engine_count(lab->engine, &before);
    memcpy(lab->evaluated, before.stage_evaluations, lab->n_labs * sizeof(*lab->evaluated));
    const double start = bb_seconds();
    const bb_status status = bb_engine_run(lab->engine, lab->inputs, 0, lab->batch, &lab->sampling);
    costs->seconds = bb_seconds() - start;
    bb_engine_count(lab->engine, &after);
    for (uint32_t s = 0; s < lab->n_labs; s++) {
        lab->evaluated[s] = after.stage_evaluations[s] - lab->evaluated[s];
        costs->evaluations[s] = (double)lab->evaluated[s];
    }
    lab->leaves = after.leaves - before.leaves;
    costs->transfer = after.transfer_seconds - before.transfer_seconds;
    costs->list = after.list_seconds - before.list_seconds;
    costs->compute = after.compute_seconds - before.compute_seconds;
    return status;
}

static void describe(const model_lab *lab, bench_row *row, const run_costs *costs)
{
    row->operations = row->valid_operations = row->reference = 0;
    for (uint32_t s = 0; s < lab->n_labs; s++) {
        bb_stage_info info;
        bb_plan_stage(lab->plan, s, &info);
        if (lab->plan->stages[s].descriptor.sum == BB_SUM_BITS) {
            row->operations += (double)info.operations * costs->evaluations[s];
            row->valid_operations += (double)info.valid_operations * costs->evaluations[s];
        }
        row->reference += lab->stages[s].sample.reference * costs->evaluations[s];
    }
    row->binary = row->operations > 0;
    row->inputs = lab->batch;
    row->n_stages = lab->n_labs;
}

static bb_status take_run(bench_row *row, void *payload, double *value)
{
    model_lab *lab = payload;
    run_costs costs;
    double bound;
    bb_status status = run_once(lab, &costs);
    *value = costs.seconds;
    if (status != BB_OK)
        return status;
    describe(lab, row, &costs);
    if (!samples_add(&row->transfer, costs.transfer) || !samples_add(&row->list, costs.list) ||
        !samples_add(&row->compute, costs.compute))
        return BB_MEMORY;
    status = lab->device->opened ? take_bound(lab, costs.evaluations, &bound) : BB_OK;
    if (status != BB_OK || !lab->device->opened)
        return status;
    return samples_add(&row->bound, bound) ? BB_OK : BB_MEMORY;
}

static bb_status measure_energy(bench_row *row, model_lab *lab)
{
    bb_context *context = lab->run->context;
    return energy_measure(&row->energy, context,
                          &(energy_subject){.meter = lab->run->options->energy,
                                            .plan = lab->plan,
                                            .engine = lab->engine,
                                            .engine_context = context,
                                            .sampling = &lab->sampling,
                                            .inputs = lab->inputs,
                                            .n_inputs = lab->batch,
                                            .run_inputs = lab->batch,
                                            .leaves = lab->leaves,
                                            .stage_evaluations = lab->evaluated});
}

/* ---- the matrix ---- */

typedef struct model_matrix {
    const char *name; /* as rows carry it */
    uint64_t batches[MAX_NUMBERS];
    uint32_t n_batches;
    uint64_t samples[MAX_NUMBERS]; /* 0: exact */
    uint32_t n_samples;
} model_matrix;

static bb_status parse_samples(model_matrix *matrix, bb_context *context, const char *text)
{
    char number[24];
    for (const char *at = text; at;) {
        const size_t length = strcspn(at, ",");
        uint32_t n = 1;
        if (matrix->n_samples == MAX_NUMBERS)
            return bb_fail(context, BB_ARGUMENT, "bench: --samples: more than %d", MAX_NUMBERS);
        uint64_t *value = &matrix->samples[matrix->n_samples++];
        snprintf(number, sizeof(number), "%.*s", (int)length, at);
        *value = 0;
        if (strcmp(number, "exact") != 0) {
            const bb_status status =
                parse_numbers(context, "samples", number, 1, BB_MAX_SAMPLES, value, &n);
            if (status != BB_OK)
                return status;
        }
        at = at[length] ? at + length + 1 : NULL;
    }
    return BB_OK;
}

static bb_sampling sampling_of(const bench_run *run, uint64_t n_passes)
{
    bb_sampling sampling = bb_sampling_default();
    sampling.seed = run->options->seed;
    if (n_passes)
        sampling.samples = (uint32_t)n_passes;
    else
        sampling.mode = BB_SAMPLING_EXACT;
    return sampling;
}

/* One row; `opened` is the outcome of model_open(). */
static bb_status run_cell(model_lab *lab, const model_matrix *matrix, bb_status opened,
                          uint64_t batch, uint64_t n_passes)
{
    char passes[16] = "exact";
    if (n_passes)
        snprintf(passes, sizeof(passes), "T%u", (uint32_t)n_passes);
    bench_row *row = run_add_row(lab->run, ROW_MODEL, lab->device, "model/%s/b%u/%s", matrix->name,
                                 (uint32_t)batch, passes);
    if (!row)
        return BB_MEMORY;
    bb_status status = opened;
    if (status == BB_OK) {
        bb_engine_counts counts;
        bb_engine_count(lab->engine, &counts);
        row->compile = counts.compile_seconds;
        lab->batch = (uint32_t)batch;
        lab->sampling = sampling_of(lab->run, n_passes);
        status = run_sample(lab->run, lab->device, row, take_run, lab);
        if (status == BB_OK)
            status = measure_energy(row, lab);
    }
    status = row_settle(lab->run, row, status);
    progress_show(&lab->run->line, lab->run->n_rows);
    return status;
}

static bb_status run_device(bench_run *run, bench_device *device, const bb_plan *plan,
                            const model_matrix *matrix)
{
    uint64_t largest = 1;
    for (uint32_t b = 0; b < matrix->n_batches; b++)
        largest = matrix->batches[b] > largest ? matrix->batches[b] : largest;
    model_lab lab;
    const bb_status opened = model_open(&lab, run, device, plan, (uint32_t)largest);
    bb_status status = opened == BB_MEMORY ? opened : BB_OK;
    /* refused rows all carry the reason why the model could not be opened */
    char *reason = bb_copy_text(run->context, bb_context_error(run->context));
    for (uint32_t b = 0; b < matrix->n_batches; b++)
        for (uint32_t t = 0; t < matrix->n_samples && status == BB_OK; t++) {
            if (opened != BB_OK)
                bb_fail(run->context, opened, "%s", reason ? reason : "");
            status = run_cell(&lab, matrix, opened, matrix->batches[b], matrix->samples[t]);
        }
    bb_release(run->context, reason);
    model_close(&lab);
    return status;
}

static bb_status run_model(bench_run *run, const char *path, model_matrix *matrix)
{
    network net = {0};
    bb_status status = model_build(&net.graph, run->context, path, run->options->seed);
    if (status == BB_OK && !net.graph)
        status = bb_graph_load(&net.graph, run->context, path);
    if (status == BB_OK)
        status = network_fold(&net, run->context, NULL);
    if (status == BB_OK && net.plan->n_stages > MAX_STAGES)
        status = bb_fail(run->context, BB_UNSUPPORTED, "%s: %u stages, bench takes %d", path,
                         net.plan->n_stages, MAX_STAGES);
    const char *slash = strrchr(path, '/');
    matrix->name = slash ? slash + 1 : path;
    for (uint32_t d = 0; d < run->n_devices && status == BB_OK; d++)
        status = run_device(run, &run->devices[d], net.plan, matrix);
    network_free(&net);
    return status;
}

bb_status bench_model(bench_run *run, char **operands, int n_operands)
{
    model_matrix matrix = {0};
    const bench_options *o = run->options;
    bb_status status = parse_numbers(run->context, "batch", o->batches ? o->batches : "1,16,256", 1,
                                     65536, matrix.batches, &matrix.n_batches);
    if (status == BB_OK)
        status = parse_samples(&matrix, run->context, o->samples ? o->samples : "1,20,100");
    progress_begin(&run->line, "rows",
                   (uint64_t)n_operands * matrix.n_batches * matrix.n_samples * run->n_devices);
    for (int i = 0; i < n_operands && status == BB_OK; i++)
        status = run_model(run, operands[i], &matrix);
    return status;
}
