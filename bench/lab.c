/* SPDX-License-Identifier: MIT */
/* Stages in the laboratory. */
#include "lab.h"

#include "models.h"
#include "reference/reference.h"
#if BB_WITH_OPENCL
#include "opencl/trial.h"
#endif

#include <string.h>

#define FEW_OPERATIONS                                                                             \
    1e9 /* of the reference, per entry: above it one distinct input has to do                      \
         */

/* ---- what goes in ---- */

/* n words per pixel with zeros at and above channel `channels`. */
static void fill_bits(uint64_t *words, size_t pixels, uint32_t n, uint32_t channels,
                      uint64_t *state)
{
    const uint64_t tail = channels % 64 ? ((uint64_t)1 << channels % 64) - 1 : UINT64_MAX;
    for (size_t i = 0; i < pixels * n; i++)
        words[i] = bench_random(state) & (i % n == n - 1 ? tail : UINT64_MAX);
}

static void fill_input(const bb_stage_descriptor *d, uint64_t *slot, uint64_t *state)
{
    const size_t pixels = (size_t)d->in_h * d->in_w, values = pixels * d->in_channels;
    if (d->in_type == BB_TYPE_BITS)
        fill_bits(slot, pixels, d->in_words, d->in_channels, state);
    for (size_t i = 0; d->in_type == BB_TYPE_BYTES && i < values; i++)
        ((uint8_t *)slot)[i] = (uint8_t)(bench_random(state) >> 56);
    for (size_t i = 0; d->in_type == BB_TYPE_REAL && i < values; i++) {
        const float value = (float)(int64_t)bench_random(state) * 0x1p-62f;
        memcpy((uint8_t *)slot + i * sizeof(value), &value, sizeof(value));
    }
}

static void fill_list(stage_lab *lab, bool all_draws)
{
    const uint32_t n_draws = lab->stage->descriptor.n_draws, per_entry = all_draws ? n_draws : 1;
    for (uint32_t i = 0; i < lab->n_entries; i++) {
        uint32_t *entry = lab->list + (size_t)i * BB_ENTRY_WORDS(n_draws);
        entry[BB_ENTRY_INPUT] = i;
        entry[BB_ENTRY_MASK] = lab->masks ? i % lab->n_distinct : BB_NONE;
        for (uint32_t draw = 0; draw < n_draws; draw++)
            entry[BB_ENTRY_OUTPUT + draw] = draw < per_entry ? i * per_entry + draw : BB_NONE;
    }
    lab->work = (bb_stage_work){.list = lab->list,
                                .n_entries = lab->n_entries,
                                .n_outputs = lab->n_entries * per_entry,
                                .masks = lab->masks,
                                .n_masks = lab->masks ? lab->n_distinct : 0};
}

static bb_status allocate(stage_lab *lab)
{
    const bb_stage_descriptor *d = &lab->stage->descriptor;
    bb_context *context = lab->context;
    const size_t mask_pixels = d->mask_per_element ? (size_t)d->in_h * d->in_w : 1;
    const size_t outputs = (size_t)lab->n_entries * d->n_draws;
    lab->list = bb_allocate(context, (size_t)lab->n_entries * BB_ENTRY_WORDS(d->n_draws),
                            sizeof(*lab->list));
    lab->inputs = bb_allocate(context, (size_t)lab->n_entries * d->in_stride, sizeof(*lab->inputs));
    lab->output = bb_allocate(context, outputs * d->out_stride, sizeof(*lab->output));
    lab->expected = bb_allocate(context, (size_t)lab->n_distinct * d->n_draws * d->out_stride,
                                sizeof(*lab->expected));
    if (d->masked)
        lab->masks =
            bb_allocate(context, lab->n_distinct * mask_pixels * d->in_words, sizeof(*lab->masks));
    return lab->list && lab->inputs && lab->output && lab->expected && (!d->masked || lab->masks)
               ? BB_OK
               : BB_MEMORY;
}

static void fill(stage_lab *lab, bool all_draws, uint64_t seed)
{
    const bb_stage_descriptor *d = &lab->stage->descriptor;
    uint64_t state = seed;
    for (uint32_t i = 0; i < lab->n_distinct; i++)
        fill_input(d, lab->inputs + (size_t)i * d->in_stride, &state);
    for (uint32_t i = lab->n_distinct; i < lab->n_entries; i++)
        memcpy(lab->inputs + (size_t)i * d->in_stride,
               lab->inputs + (size_t)(i % lab->n_distinct) * d->in_stride,
               d->in_stride * sizeof(*lab->inputs));
    if (lab->masks)
        fill_bits(lab->masks,
                  lab->n_distinct * (d->mask_per_element ? (size_t)d->in_h * d->in_w : 1),
                  d->in_words, d->in_channels, &state);
    fill_list(lab, all_draws);
}

/* ---- what comes out ---- */

static void run_reference(stage_lab *lab)
{
    bb_stage_work work = lab->work;
    const uint32_t per_entry = work.n_outputs / work.n_entries;
    work.n_entries = lab->n_distinct;
    work.n_outputs = lab->n_distinct * per_entry;
    const double start = bb_seconds();
    bb_reference_stage(lab->stage, &work, lab->inputs, lab->expected);
    lab->reference = (bb_seconds() - start) / lab->n_distinct;
}

static bb_status compare(const stage_lab *lab, const bench_device *device)
{
    const bb_stage_descriptor *d = &lab->stage->descriptor;
    const uint32_t per_entry = lab->work.n_outputs / lab->n_entries;
    for (uint32_t i = 0; i < lab->work.n_outputs; i++) {
        const uint64_t *found = lab->output + (size_t)i * d->out_stride;
        const uint64_t *wanted =
            lab->expected + (size_t)(i % (lab->n_distinct * per_entry)) * d->out_stride;
        for (uint32_t k = 0; k < d->out_stride; k++)
            if (found[k] != wanted[k])
                return bb_fail(
                    lab->context, BB_CHECK,
                    "device %s: %s: entry %u, draw %u, word %u is %016llx, the reference "
                    "gives %016llx",
                    device->info->id, lab_variant(lab), i / per_entry, i % per_entry, k,
                    (unsigned long long)found[k], (unsigned long long)wanted[k]);
    }
    return BB_OK;
}

#if BB_WITH_OPENCL
static bb_status run_trial(stage_lab *lab, bench_device *device)
{
    double kernel, wall;
    bb_status status = bb_trial_create(&lab->trial, device->opened, lab->stage, &lab->work,
                                       lab->inputs, lab->n_entries);
    if (status != BB_OK)
        return status;
    const bb_trial_setup setup = bb_trial_setup_seconds(lab->trial);
    lab->compile = setup.compile;
    lab->upload = setup.upload;
    status = bb_trial_run(lab->trial, 1, &kernel, &wall);
    if (status == BB_OK)
        status = bb_trial_read(lab->trial, lab->output, &lab->download);
    return status == BB_OK ? compare(lab, device) : status;
}
#else
static bb_status run_trial(stage_lab *lab, bench_device *device)
{
    return compare(lab, device);
}
#endif

static double operations_of(const bb_stage_descriptor *d)
{
    return 2.0 * d->kernel_h * d->kernel_w * d->in_channels * d->sum_h * d->sum_w * d->out_channels;
}

bb_status lab_create(stage_lab *lab, bb_context *context, bench_device *device,
                     const bb_stage *stage, uint32_t n_entries, bool all_draws, uint64_t seed)
{
    *lab = (stage_lab){.context = context, .stage = stage, .n_entries = n_entries};
    lab->n_distinct = operations_of(&stage->descriptor) > FEW_OPERATIONS ? 1 : 3;
    if (lab->n_distinct > n_entries)
        lab->n_distinct = n_entries;
    const bb_status status = allocate(lab);
    if (status != BB_OK)
        return status;
    fill(lab, all_draws, seed);
    run_reference(lab);
    return device->opened ? run_trial(lab, device) : BB_OK;
}

void lab_free(stage_lab *lab)
{
#if BB_WITH_OPENCL
    bb_trial_free(lab->trial);
#endif
    bb_release(lab->context, lab->list);
    bb_release(lab->context, lab->inputs);
    bb_release(lab->context, lab->masks);
    bb_release(lab->context, lab->output);
    bb_release(lab->context, lab->expected);
    *lab = (stage_lab){0};
}

const char *lab_variant(const stage_lab *lab)
{
#if BB_WITH_OPENCL
    if (lab->trial)
        return bb_trial_variant(lab->trial);
#else
    (void)lab;
#endif
    return "reference";
}

bb_status lab_run(stage_lab *lab, uint32_t repeats, double *kernel, double *wall)
{
#if BB_WITH_OPENCL
    if (lab->trial)
        return bb_trial_run(lab->trial, repeats, kernel, wall);
#endif
    const double start = bb_seconds();
    for (uint32_t i = 0; i < repeats; i++)
        bb_reference_stage(lab->stage, &lab->work, lab->inputs, lab->output);
    *kernel = *wall = (bb_seconds() - start) / repeats;
    return BB_OK;
}
