/* SPDX-License-Identifier: MIT */
/* `bench kernels`: one stage at a time; `bench limits`: what the device could do at most. */
#include "bench.h"
#include "lab.h"
#include "shapes.h"

#if BB_WITH_OPENCL
#include "opencl/roofline.h"
#endif

#include <math.h>
#include <string.h>

#define SAMPLE_SECONDS 1e-3 /* of a sample at least: short calls are repeated */
#define MAX_REPEATS 256

static bb_status take_stage(bench_row *row, void *payload, double *value)
{
    stage_lab *lab = payload;
    const double last = row->time.n ? row->time.values[row->time.n - 1] : 0;
    const double repeats = last > 0 ? ceil(SAMPLE_SECONDS / last) : 1;
    double wall = 0;
    const bb_status status =
        lab_run(lab, repeats > MAX_REPEATS ? MAX_REPEATS : (uint32_t)repeats, value, &wall);
    if (status != BB_OK)
        return status;
    return samples_add(&row->wall, wall) ? BB_OK : BB_MEMORY;
}

/* Least traffic of a call: every slot once, weights and bank once. */
static double bytes_of(const bb_stage *stage, const bb_stage_info *info, uint32_t n, uint32_t draws)
{
    const double slots = 8.0 * stage->descriptor.in_stride + (double)info->slot_bytes * draws;
    return n * slots + (double)info->weight_bytes + (double)info->bank_bytes;
}

static bool describe(bench_row *row, const stage_lab *lab, const bb_stage_info *info, uint32_t n)
{
    const bb_stage_descriptor *d = &lab->sample.stage->descriptor;
    snprintf(row->variant, sizeof(row->variant), "%s", lab_variant(lab));
    row->binary = d->sum == BB_SUM_BITS;
    row->inputs = n;
    row->operations = (double)info->operations * n;
    row->valid_operations = (double)info->valid_operations * n;
    row->bytes = bytes_of(lab->sample.stage, info, n, d->n_draws);
    row->reference = lab->sample.reference * n;
    row->compile = lab->compile;
    row->n_stages = 1;
    return samples_add(&row->transfer, lab->upload + lab->download);
}

static bb_status measure(bench_run *run, bench_device *device, bench_row *row, const bb_plan *plan,
                         uint32_t stage, uint32_t batch)
{
    bb_stage_info info;
    stage_lab lab;
    bb_plan_stage(plan, stage, &info);
    const double entries = fmax(1, batch * run->options->handicap);
    bb_status status = lab_create(&lab, run->context, device, &plan->stages[stage],
                                  (uint32_t)lround(entries), true, run->options->seed + 1);
    if (status == BB_OK && !describe(row, &lab, &info, batch))
        status = BB_MEMORY;
    if (status == BB_OK)
        status = run_sample(run, device, row, take_stage, &lab);
    lab_free(&lab);
    return row_settle(run, row, status);
}

static bb_status run_shape(bench_run *run, const bench_shape *shape, const uint64_t *batches,
                           uint32_t n_batches)
{
    bb_plan *plan = NULL;
    uint32_t stage = 0;
    const bb_status folded = shape_fold(&plan, &stage, run->context, shape, run->options->seed);
    bb_status status = folded == BB_MEMORY ? folded : BB_OK;
    for (uint32_t b = 0; b < n_batches; b++)
        for (uint32_t d = 0; d < run->n_devices && status == BB_OK; d++) {
            bench_row *row = run_add_row(run, ROW_KERNEL, &run->devices[d], "%s/b%u", shape->name,
                                         (uint32_t)batches[b]);
            if (!row)
                status = BB_MEMORY;
            else if (!plan)
                status = row_settle(run, row, folded);
            else
                status = measure(run, &run->devices[d], row, plan, stage, (uint32_t)batches[b]);
            progress_show(&run->line, run->n_rows);
        }
    bb_plan_free(plan);
    return status;
}

bb_status bench_kernels(bench_run *run, char **operands, int n_operands)
{
    bench_shapes shapes = {0};
    uint64_t batches[MAX_NUMBERS];
    uint32_t n_batches;
    bb_status status =
        parse_numbers(run->context, "batch", run->options->batches ? run->options->batches : "64",
                      1, 65536, batches, &n_batches);
    if (status == BB_OK && n_operands == 0)
        status = shapes_read_all(&shapes, run->context);
    for (int i = 0; i < n_operands && status == BB_OK; i++)
        status = shapes_read(&shapes, run->context, operands[i]);
    progress_begin(&run->line, "rows", (uint64_t)shapes.n * n_batches * run->n_devices);
    for (uint32_t i = 0; i < shapes.n && status == BB_OK; i++)
        status = run_shape(run, &shapes.list[i], batches, n_batches);
    shapes_free(&shapes, run->context);
    return status;
}

/* ---- limits ---- */

#if BB_WITH_OPENCL
/* Which limit a row takes; paths count from 0. */
typedef struct limit_choice {
    bb_roofline *roofline;
    enum { LIMIT_PATH, LIMIT_STREAM, LIMIT_LAUNCH } kind;
    uint32_t path;
} limit_choice;

static bb_status take_limit(bench_row *row, void *payload, double *value)
{
    const limit_choice *choice = payload;
    (void)row;
    if (choice->kind == LIMIT_PATH)
        return bb_roofline_popcount(choice->roofline, choice->path, 2e-3, value);
    return choice->kind == LIMIT_STREAM ? bb_roofline_stream(choice->roofline, value)
                                        : bb_roofline_launch(choice->roofline, value);
}

static bb_status limit_row(bench_run *run, bench_device *device, limit_choice *choice,
                           const char *unit, const char *name, const char *text)
{
    bench_row *row = run_add_row(run, ROW_LIMIT, device, "limit/%s", name);
    if (!row)
        return BB_MEMORY;
    row->unit = unit;
    snprintf(row->variant, sizeof(row->variant), "%s", text);
    return row_settle(run, row, run_sample(run, device, row, take_limit, choice));
}

static bb_status device_limits(bench_run *run, bench_device *device)
{
    limit_choice choice = {.roofline = device->roofline};
    bb_status status = BB_OK;
    for (; choice.path < bb_roofline_path_count(choice.roofline) && status == BB_OK;
         choice.path++) {
        char name[32];
        snprintf(name, sizeof(name), "popcount-%s",
                 bb_roofline_path_name(choice.roofline, choice.path));
        status = limit_row(run, device, &choice, "op/s", name,
                           bb_roofline_path_choice(choice.roofline, choice.path));
    }
    choice.kind = LIMIT_STREAM;
    if (status == BB_OK)
        status = limit_row(run, device, &choice, "B/s", "stream",
                           bb_roofline_stream_choice(choice.roofline));
    choice.kind = LIMIT_LAUNCH;
    if (status == BB_OK)
        status = limit_row(run, device, &choice, "s", "empty-launch", "enqueue and wait");
    return status;
}
#else
static bb_status device_limits(bench_run *run, bench_device *device)
{
    (void)run;
    (void)device;
    return BB_OK;
}
#endif

bb_status bench_limits(bench_run *run)
{
    bb_status status = BB_OK;
    for (uint32_t i = 0; i < run->n_devices && status == BB_OK; i++)
        if (run->devices[i].roofline)
            status = device_limits(run, &run->devices[i]);
    return status;
}
