/* SPDX-License-Identifier: MIT */
/* Stage calls for whoever measures. */
#include "opencl/trial.h"

#include "opencl/stage.h"

#include <string.h>

#define GUARD_BYTES 4096
#define GUARD_BYTE 0xA5

struct bb_trial {
    bb_context *context;
    bb_cl_shared *shared;
    bb_cl_stage stage;
    bb_cl_call call;
    size_t output_bytes;
    bool sliced; /* more than one launch a call: the last event does not tell all */
    bb_trial_setup setup;
};

static size_t mask_bytes(const bb_stage_descriptor *d, uint32_t n_masks)
{
    const size_t pixels = d->mask_per_element ? (size_t)d->in_h * d->in_w : 1;
    return d->masked ? n_masks * pixels * d->in_words * sizeof(uint64_t) : 0;
}

/* Every byte of the output is the guard's until a kernel writes it. */
static bb_status make_output(bb_trial *self)
{
    const size_t bytes = self->output_bytes + GUARD_BYTES;
    uint8_t *guard = bb_allocate(self->context, bytes, 1);
    if (!guard)
        return BB_MEMORY;
    memset(guard, GUARD_BYTE, bytes);
    const bb_status status = bb_cl_buffer(&self->call.output, self->shared, CL_MEM_READ_WRITE,
                                          bytes, guard, "output of a trial");
    bb_release(self->context, guard);
    return status;
}

static bb_status upload(bb_trial *self, const bb_stage_work *work, const void *inputs,
                        const void *second, uint32_t n_inputs)
{
    const bb_stage_descriptor *d = &self->stage.stage->descriptor;
    const size_t masks = mask_bytes(d, work->n_masks);
    const double start = bb_seconds();
    bb_status status = bb_cl_buffer(&self->call.input, self->shared, CL_MEM_READ_ONLY,
                                    (size_t)n_inputs * d->in_stride * sizeof(uint64_t), inputs,
                                    "inputs of a trial");
    if (status == BB_OK && d->second)
        status = bb_cl_buffer(&self->call.second, self->shared, CL_MEM_READ_ONLY,
                              (size_t)n_inputs * d->second_stride * sizeof(uint64_t), second,
                              "second operands of a trial");
    if (status == BB_OK)
        status =
            bb_cl_buffer(&self->call.list, self->shared, CL_MEM_READ_ONLY,
                         (size_t)work->n_entries * BB_ENTRY_WORDS(d) * sizeof(uint32_t),
                         work->list, "work list of a trial");
    if (status == BB_OK)
        status = bb_cl_buffer(&self->call.masks, self->shared, CL_MEM_READ_ONLY, masks,
                              masks ? work->masks : NULL, "masks of a trial");
    self->setup.upload = bb_seconds() - start;
    return status == BB_OK ? make_output(self) : status;
}

/* `choice` NULL: as a backend would choose. */
static bb_status create(bb_trial **out, bb_cl_shared *shared, const bb_stage *stage,
                        const bb_choice *choice, const bb_stage_work *work, const void *inputs,
                        const void *second, uint32_t n_inputs)
{
    *out = NULL;
    bb_context *context = shared->target.context;
    bb_trial *self = bb_allocate(context, 1, sizeof(*self));
    if (!self)
        return BB_MEMORY;
    self->context = context;
    self->shared = shared;
    self->call.n_entries = work->n_entries;
    self->output_bytes = (size_t)work->n_outputs * stage->descriptor.out_stride * sizeof(uint64_t);
    const double compiled = self->shared->compile_seconds;
    bb_status status =
        choice ? bb_cl_stage_prepare_choice(&self->stage, self->shared, stage, choice, "trial")
               : bb_cl_stage_prepare(&self->stage, self->shared, stage, 0);
    self->setup.compile = self->shared->compile_seconds - compiled;
    if (status == BB_OK)
        status = upload(self, work, inputs, second, n_inputs);
    if (status != BB_OK) {
        bb_trial_free(self);
        return status;
    }
    self->sliced =
        work->n_entries > bb_choice_launch_limit(&self->stage.choice, &stage->descriptor);
    *out = self;
    return BB_OK;
}

bb_status bb_trial_create(bb_trial **out, bb_backend *opened, const bb_stage *stage,
                          const bb_stage_work *work, const void *inputs, const void *second,
                          uint32_t n_inputs)
{
    bb_cl_shared *shared = bb_opencl_shared(opened);
    *out = NULL;
    return shared ? create(out, shared, stage, NULL, work, inputs, second, n_inputs)
                  : bb_opencl_no_kernels(opened);
}

bb_status bb_trial_create_choice(bb_trial **out, bb_cl_shared *shared, const bb_stage *stage,
                                 const bb_choice *choice, const bb_stage_work *work,
                                 const void *inputs, const void *second, uint32_t n_inputs)
{
    return create(out, shared, stage, choice, work, inputs, second, n_inputs);
}

static void release(cl_mem buffer)
{
    if (buffer)
        clReleaseMemObject(buffer);
}

void bb_trial_free(bb_trial *trial)
{
    if (!trial)
        return;
    clFinish(trial->shared->queue);
    release(trial->call.input);
    release(trial->call.second);
    release(trial->call.output);
    release(trial->call.list);
    release(trial->call.masks);
    bb_cl_stage_free(trial->context, &trial->stage);
    bb_release(trial->context, trial);
}

const char *bb_trial_variant(const bb_trial *trial)
{
    return trial->stage.text;
}

bb_trial_setup bb_trial_setup_seconds(const bb_trial *trial)
{
    return trial->setup;
}

void bb_trial_shorten(bb_trial *trial, uint32_t n_entries)
{
    trial->call.n_entries = n_entries;
}

static bb_status wait(const bb_trial *self)
{
    const cl_int code = clFinish(self->shared->queue);
    if (code == CL_SUCCESS)
        return BB_OK;
    return bb_cl_fail(self->context, self->shared->target.id, "clFinish", code, "(a trial)");
}

bb_status bb_trial_run(bb_trial *trial, uint32_t repeats, double *kernel, double *wall)
{
    cl_event *events = bb_allocate(trial->context, repeats, sizeof(cl_event));
    if (!events)
        return BB_MEMORY;
    const double start = bb_seconds();
    bb_status status = BB_OK;
    for (uint32_t i = 0; i < repeats && status == BB_OK; i++)
        status = bb_cl_stage_launch(&trial->stage, trial->shared, &trial->call, &events[i]);
    const bb_status waited = wait(trial);
    *wall = (bb_seconds() - start) / repeats;
    double sum = 0;
    for (uint32_t i = 0; i < repeats && events[i]; i++) {
        const double seconds = trial->sliced ? -1 : bb_cl_event_seconds(events[i]);
        sum = seconds < 0 || sum < 0 ? -1 : sum + seconds;
        clReleaseEvent(events[i]);
    }
    *kernel = sum > 0 ? sum / repeats : *wall;
    bb_release(trial->context, events);
    return status == BB_OK ? waited : status;
}

bb_status bb_trial_read(bb_trial *trial, void *output, double *seconds)
{
    uint8_t guard[GUARD_BYTES];
    const double start = bb_seconds();
    cl_int code = trial->output_bytes
                      ? clEnqueueReadBuffer(trial->shared->queue, trial->call.output, CL_TRUE, 0,
                                            trial->output_bytes, output, 0, NULL, NULL)
                      : CL_SUCCESS;
    if (seconds)
        *seconds = bb_seconds() - start;
    if (code == CL_SUCCESS)
        code = clEnqueueReadBuffer(trial->shared->queue, trial->call.output, CL_TRUE,
                                   trial->output_bytes, GUARD_BYTES, guard, 0, NULL, NULL);
    if (code != CL_SUCCESS)
        return bb_cl_fail(trial->context, trial->shared->target.id, "clEnqueueReadBuffer", code,
                          "for %zu bytes (output of a trial)", trial->output_bytes);
    for (size_t i = 0; i < GUARD_BYTES; i++)
        if (guard[i] != GUARD_BYTE)
            return bb_fail(trial->context, BB_CHECK,
                           "device %s: %s wrote %zu bytes behind its output",
                           trial->shared->target.id, trial->stage.choice.variant->kernel, i + 1);
    return BB_OK;
}
