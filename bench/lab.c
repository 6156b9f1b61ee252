/* SPDX-License-Identifier: MIT */
/* Stages in the laboratory. */
#include "lab.h"

#include "reference/reference.h"
#if BB_WITH_OPENCL
#include "opencl/trial.h"
#endif

#if BB_WITH_OPENCL
static bb_status run_trial(stage_lab *lab, bench_device *device)
{
    double kernel, wall;
    bb_status status =
        bb_trial_create(&lab->trial, device->opened, lab->sample.stage, &lab->sample.work,
                        lab->sample.inputs, lab->sample.second, lab->sample.n_entries);
    if (status != BB_OK)
        return status;
    const bb_trial_setup setup = bb_trial_setup_seconds(lab->trial);
    lab->compile = setup.compile;
    lab->upload = setup.upload;
    status = bb_trial_run(lab->trial, 1, &kernel, &wall);
    if (status == BB_OK)
        status = bb_trial_read(lab->trial, lab->output, &lab->download);
    if (status != BB_OK)
        return status;
    return bb_sample_compare(&lab->sample, lab->output, device->info->id, lab_variant(lab));
}
#else
static bb_status run_trial(stage_lab *lab, bench_device *device)
{
    (void)lab;
    (void)device;
    return BB_OK;
}
#endif

bb_status lab_create(stage_lab *lab, bb_context *context, bench_device *device,
                     const bb_stage *stage, uint32_t n_entries, bool all_draws, uint64_t seed)
{
    *lab = (stage_lab){0};
    const bb_status status =
        bb_sample_create(&lab->sample, context, stage, n_entries, all_draws, seed);
    if (status != BB_OK)
        return status;
    lab->output = bb_allocate(context, lab->sample.work.n_outputs,
                              stage->descriptor.out_stride * sizeof(*lab->output));
    if (!lab->output)
        return BB_MEMORY;
    return device->opened ? run_trial(lab, device) : BB_OK;
}

void lab_free(stage_lab *lab)
{
#if BB_WITH_OPENCL
    bb_trial_free(lab->trial);
#endif
    if (lab->sample.context)
        bb_release(lab->sample.context, lab->output);
    bb_sample_free(&lab->sample);
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
        bb_reference_stage(lab->sample.stage, &lab->sample.work, lab->sample.inputs,
                           lab->sample.second, lab->output);
    *kernel = *wall = (bb_seconds() - start) / repeats;
    return BB_OK;
}
