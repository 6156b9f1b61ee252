/* SPDX-License-Identifier: MIT */
/*
 * The OpenCL backend at work. Per chunk: one upload each of inputs, all work lists and all masks;
 * one launch per stage on an in-order queue; one wait, in finish().
 */
#include "opencl/backend.h"

#include <assert.h>
#include <string.h>

static opencl_backend *self_of(bb_backend *backend)
{
    return (opencl_backend *)backend;
}

static size_t mask_row_words(const bb_stage_descriptor *d)
{
    return (size_t)d->in_words * (d->mask_per_element ? (size_t)d->in_h * d->in_w : 1);
}

static void release_buffer(cl_mem *buffer)
{
    if (*buffer)
        clReleaseMemObject(*buffer);
    *buffer = NULL;
}

static void release_event(cl_event *event)
{
    if (*event)
        clReleaseEvent(*event);
    *event = NULL;
}

void bb_opencl_release_reserved(opencl_backend *self)
{
    bb_context *context = self->base.context;
    release_event(&self->uploaded);
    release_event(&self->computed);
    for (uint32_t i = 0; i < self->n_lanes; i++)
        release_buffer(&self->lanes[i]);
    self->n_lanes = 0;
    release_buffer(&self->inputs);
    release_buffer(&self->lists);
    release_buffer(&self->masks);
    bb_release(context, self->lanes);
    bb_release(context, self->lane_of_stage);
    bb_release(context, self->list_words);
    bb_release(context, self->mask_words);
    self->lanes = NULL;
    self->lane_of_stage = NULL;
    self->list_words = NULL;
    self->mask_words = NULL;
}

/* Words that all lists and all masks of a chunk need. */
static bb_status count_words(opencl_backend *self, const bb_limits *limits)
{
    self->n_list_words = 0;
    self->n_mask_words = 0;
    for (uint32_t s = 0; s < self->n_stages; s++) {
        const bb_stage_descriptor *d = &self->base.plan->stages[s].descriptor;
        self->n_list_words += (size_t)limits->n_entries[s] * BB_ENTRY_WORDS(d);
        if (d->masked)
            self->n_mask_words += limits->n_masks[s] * mask_row_words(d);
    }
    if (self->n_list_words <= UINT32_MAX && self->n_mask_words <= UINT32_MAX)
        return BB_OK;
    return bb_fail(self->base.context, BB_MEMORY,
                   "device %s: work lists of %zu and masks of %zu words, the limit is 2^32",
                   self->shared.target.id, self->n_list_words, self->n_mask_words);
}

static bb_status reserve_host(opencl_backend *self, const bb_limits *limits)
{
    bb_context *context = self->base.context;
    const bb_status status = count_words(self, limits);
    if (status != BB_OK)
        return status;
    self->list_words = bb_allocate(context, self->n_list_words, sizeof(*self->list_words));
    self->mask_words = bb_allocate(context, self->n_mask_words, sizeof(*self->mask_words));
    self->lane_of_stage =
        bb_copy_bytes(context, limits->lane, self->n_stages, sizeof(*self->lane_of_stage));
    self->lanes = bb_allocate(context, limits->n_lanes, sizeof(*self->lanes));
    if (!self->list_words || !self->mask_words || !self->lane_of_stage || !self->lanes)
        return BB_MEMORY;
    self->n_lanes = limits->n_lanes;
    return BB_OK;
}

static bb_status reserve(bb_backend *backend, const bb_limits *limits)
{
    opencl_backend *self = self_of(backend);
    const bb_cl_shared *shared = &self->shared;
    bb_opencl_release_reserved(self);
    bb_status status = reserve_host(self, limits);
    if (status == BB_OK)
        status = bb_cl_buffer(&self->inputs, shared, CL_MEM_READ_ONLY,
                              (size_t)limits->n_inputs * backend->plan->input_stride * 8, NULL,
                              "inputs");
    if (status == BB_OK)
        status = bb_cl_buffer(&self->lists, shared, CL_MEM_READ_ONLY, self->n_list_words * 4, NULL,
                              "work lists");
    if (status == BB_OK)
        status = bb_cl_buffer(&self->masks, shared, CL_MEM_READ_ONLY, self->n_mask_words * 8, NULL,
                              "masks");
    for (uint32_t i = 0; i < limits->n_lanes && status == BB_OK; i++)
        status = bb_cl_buffer(&self->lanes[i], shared, CL_MEM_READ_WRITE, limits->lane_bytes[i],
                              NULL, "activations %u", i);
    return status;
}

static bb_status enqueue_write(opencl_backend *self, cl_mem buffer, const void *bytes,
                               size_t length, const char *what, cl_event *event)
{
    if (!length)
        return BB_OK;
    const cl_int code = clEnqueueWriteBuffer(self->shared.queue, buffer, CL_FALSE, 0, length, bytes,
                                             0, NULL, event);
    if (code == CL_SUCCESS)
        return BB_OK;
    return bb_cl_fail(self->base.context, self->shared.target.id, "clEnqueueWriteBuffer", code,
                      "for %zu bytes (%s)", length, what);
}

/* Where the lists and masks of the chunk's stages begin in their buffers. */
static bb_status upload_work(opencl_backend *self, const bb_chunk *chunk)
{
    size_t n_list = 0, n_mask = 0;
    for (uint32_t s = 0; s < chunk->n_stages; s++) {
        const bb_stage_descriptor *d = &self->base.plan->stages[s].descriptor;
        const bb_stage_work *work = &chunk->stages[s];
        const size_t list = (size_t)work->n_entries * BB_ENTRY_WORDS(d);
        const size_t mask = d->masked ? work->n_masks * mask_row_words(d) : 0;
        assert(n_list + list <= self->n_list_words && n_mask + mask <= self->n_mask_words);
        if (list)
            memcpy(self->list_words + n_list, work->list, list * sizeof(uint32_t));
        if (mask)
            memcpy(self->mask_words + n_mask, work->masks, mask * sizeof(uint64_t));
        n_list += list;
        n_mask += mask;
    }
    bb_status status =
        enqueue_write(self, self->lists, self->list_words, n_list * 4, "work lists", NULL);
    if (status == BB_OK)
        status = enqueue_write(self, self->masks, self->mask_words, n_mask * 8, "masks", NULL);
    return status;
}

static cl_mem tensor_of(const opencl_backend *self, uint32_t stage)
{
    return stage == BB_NO_INDEX ? self->inputs : self->lanes[self->lane_of_stage[stage]];
}

static bb_status launch_stages(opencl_backend *self, const bb_chunk *chunk)
{
    size_t n_list = 0, n_mask = 0;
    bb_status status = BB_OK;
    for (uint32_t s = 0; s < chunk->n_stages && status == BB_OK; s++) {
        const bb_stage *stage = &self->base.plan->stages[s];
        const bb_stage_descriptor *d = &stage->descriptor;
        const bb_stage_work *work = &chunk->stages[s];
        const bb_cl_call call = {
            .input = tensor_of(self, stage->input),
            .second = d->second ? tensor_of(self, stage->second) : NULL,
            .output = self->lanes[self->lane_of_stage[s]],
            .list = self->lists,
            .masks = self->masks,
            .first = (cl_uint)n_list,
            .n_entries = work->n_entries,
            .first_mask = (cl_uint)n_mask,
        };
        if (work->n_entries) {
            release_event(&self->computed);
            status = bb_cl_stage_launch(&self->stages[s], &self->shared, &call, &self->computed);
        }
        n_list += (size_t)work->n_entries * BB_ENTRY_WORDS(d);
        if (d->masked)
            n_mask += work->n_masks * mask_row_words(d);
    }
    return status;
}

static bb_status submit(bb_backend *backend, const bb_chunk *chunk)
{
    opencl_backend *self = self_of(backend);
    self->submitted = bb_seconds();
    self->last_stage = chunk->n_stages - 1;
    release_event(&self->uploaded);
    bb_status status = upload_work(self, chunk);
    if (status == BB_OK)
        status = enqueue_write(self, self->inputs, chunk->inputs,
                               (size_t)chunk->n_inputs * backend->plan->input_stride * 8, "inputs",
                               &self->uploaded);
    if (status == BB_OK)
        status = launch_stages(self, chunk);
    if (status == BB_OK)
        clFlush(self->shared.queue);
    else
        clFinish(self->shared.queue); /* what was enqueued still reads the chunk */
    return status;
}

/* Seconds between the ends of two events; negative where the device does not tell. */
static double seconds_between(cl_event a, cl_event b)
{
    cl_ulong from = 0, to = 0;
    if (!a || !b ||
        clGetEventProfilingInfo(a, CL_PROFILING_COMMAND_END, sizeof(from), &from, NULL) !=
            CL_SUCCESS ||
        clGetEventProfilingInfo(b, CL_PROFILING_COMMAND_END, sizeof(to), &to, NULL) != CL_SUCCESS ||
        from == 0 || to < from)
        return -1;
    return (double)(to - from) * 1e-9;
}

static bb_status finish(bb_backend *backend, void *output, size_t bytes)
{
    opencl_backend *self = self_of(backend);
    cl_mem from = self->lanes[self->lane_of_stage[self->last_stage]];
    const cl_int code = bytes ? clEnqueueReadBuffer(self->shared.queue, from, CL_TRUE, 0, bytes,
                                                    output, 0, NULL, NULL)
                              : clFinish(self->shared.queue);
    if (code != CL_SUCCESS)
        return bb_cl_fail(backend->context, self->shared.target.id,
                          bytes ? "clEnqueueReadBuffer" : "clFinish", code,
                          "for %zu bytes (output of stage %u)", bytes, self->last_stage);
    const double elapsed = bb_seconds() - self->submitted;
    const double computed = seconds_between(self->uploaded, self->computed);
    backend->times.compute += computed >= 0 ? computed : elapsed;
    if (computed >= 0 && elapsed > computed)
        backend->times.transfer += elapsed - computed;
    return BB_OK;
}

static const char *variant(bb_backend *backend, uint32_t s)
{
    return self_of(backend)->stages[s].text;
}

const bb_backend_operations bb_opencl_operations = {
    .reserve = reserve,
    .submit = submit,
    .finish = finish,
    .variant = variant,
    .free = bb_opencl_backend_free,
};
