/* SPDX-License-Identifier: MIT */
/*
 * Runs chunks on the engine. Calls are collected and enqueued as one task; the device is waited for
 * only where the host needs what it made. Lists, masks and call records of a chunk have places of
 * their own in the arena, so nothing is overwritten before finish().
 */
#include "opencl/engine.h"

#include "reference/reference.h"

#include <assert.h>
#include <string.h>

static engine_backend *self_of(bb_backend *backend)
{
    return (engine_backend *)backend;
}

static size_t words_of(size_t bytes)
{
    return bb_divide_up(bytes, 8);
}

static void release_runs(engine_backend *self)
{
    for (uint32_t i = 0; i < self->n_runs; i++) {
        if (self->runs[i])
            clReleaseEvent(self->runs[i]);
        self->runs[i] = NULL;
    }
    self->n_runs = 0;
}

void bb_engine_release_reserved(engine_backend *self)
{
    release_runs(self);
    if (self->memory)
        clReleaseMemObject(self->memory);
    bb_release(self->base.context, self->arena);
    self->memory = NULL;
    self->arena = NULL;
    self->n_words = 0;
}

/* ---- the arena's layout ---- */

/* `words` more; 0 for the place where the sum does not fit 32 bits, which reserve() finds. */
static uint32_t place(engine_backend *self, size_t words)
{
    const size_t at = self->n_words;
    if (!bb_add_size(&self->n_words, at, words))
        self->n_words = SIZE_MAX;
    return at <= UINT32_MAX ? (uint32_t)at : 0;
}

static size_t mask_words(const bb_stage_descriptor *d)
{
    return (size_t)d->in_words * (d->mask_per_element ? (size_t)d->in_h * d->in_w : 1);
}

static size_t list_words(const bb_stage_descriptor *d, uint32_t n_entries)
{
    return words_of((size_t)n_entries * BB_ENTRY_WORDS(d) * 4);
}

static void place_constants(engine_backend *self)
{
    for (uint32_t s = 0; s < self->n_stages; s++) {
        engine_stage *own = &self->stages[s];
        const bb_stage *stage = &self->base.plan->stages[s];
        if (own->refusal)
            continue;
        own->weights = place(self, bb_fpga_weight_words(&own->call));
        own->bank = place(self, own->sums ? 0 : stage->n_bank_entries);
        own->border =
            place(self, stage->border ? words_of((own->call.sum_h + own->call.sum_w) * 4) : 0);
    }
    self->n_constants = (uint32_t)self->n_words;
}

static void place_chunk(engine_backend *self, const bb_limits *limits, uint32_t *lanes)
{
    self->inputs = place(self, (size_t)limits->n_inputs * self->base.plan->input_stride);
    for (uint32_t i = 0; i < limits->n_lanes; i++)
        lanes[i] = place(self, words_of(limits->lane_bytes[i]));
    for (uint32_t s = 0; s < self->n_stages; s++) {
        engine_stage *own = &self->stages[s];
        const uint32_t n = limits->n_entries[s];
        own->output = lanes[limits->lane[s]];
        own->list = place(self, own->refusal ? 0 : list_words(&own->call, n));
        own->masks = place(self, own->refusal || !own->call.masked
                                     ? 0
                                     : limits->n_masks[s] * mask_words(&own->call));
        own->sums_at =
            place(self, own->refusal || !own->sums ? 0 : (size_t)n * own->call.out_stride);
    }
    self->calls = place(self, (size_t)self->n_stages * BB_FPGA_CALL_WORDS / 2);
}

static void pack_constants(engine_backend *self)
{
    for (uint32_t s = 0; s < self->n_stages; s++) {
        const engine_stage *own = &self->stages[s];
        const bb_stage *stage = &self->base.plan->stages[s];
        if (own->refusal)
            continue;
        bb_fpga_pack_weights(self->arena + own->weights, stage);
        if (!own->sums)
            memcpy(self->arena + own->bank, stage->bank,
                   stage->n_bank_entries * sizeof(*stage->bank));
        if (stage->border)
            bb_fpga_pack_border((uint32_t *)(self->arena + own->border), stage);
    }
}

/* ---- moving words ---- */

/* What the driver has put in words is its failure, whatever the code says of memory. */
static bb_status fail(engine_backend *self, const char *call, cl_int code, const char *what)
{
    const bool told = *self->told;
    const bb_status status = bb_cl_fail(self->base.context, self->target.id, call, code, "(%s%s%s)",
                                        what, told ? ": " : "", self->told);
    return told ? BB_DEVICE : status;
}

static bb_status upload(engine_backend *self, uint32_t at, size_t words, const char *what)
{
    if (!words)
        return BB_OK;
    const cl_int code = clEnqueueWriteBuffer(self->queue, self->memory, CL_FALSE, (size_t)at * 8,
                                             words * 8, self->arena + at, 0, NULL, NULL);
    return code == CL_SUCCESS ? BB_OK : fail(self, "clEnqueueWriteBuffer", code, what);
}

static bb_status download(engine_backend *self, uint32_t at, size_t words, const char *what)
{
    if (!words)
        return BB_OK;
    const cl_int code = clEnqueueReadBuffer(self->queue, self->memory, CL_TRUE, (size_t)at * 8,
                                            words * 8, self->arena + at, 0, NULL, NULL);
    return code == CL_SUCCESS ? BB_OK : fail(self, "clEnqueueReadBuffer", code, what);
}

static bb_status make_arena(engine_backend *self)
{
    bb_context *context = self->base.context;
    cl_int code;
    if (self->n_words > UINT32_MAX)
        return bb_fail(context, BB_MEMORY,
                       "device %s: an arena of %zu words, the engine addresses 2^32",
                       self->target.id, self->n_words);
    self->arena = bb_allocate(context, self->n_words, sizeof(*self->arena));
    if (!self->arena)
        return BB_MEMORY;
    self->memory =
        clCreateBuffer(self->target.cl, CL_MEM_READ_WRITE, self->n_words * 8, NULL, &code);
    if (code != CL_SUCCESS)
        return bb_cl_fail(context, self->target.id, "clCreateBuffer", code,
                          "for %zu bytes (the arena)", self->n_words * 8);
    code = clSetKernelArg(self->kernel, 0, sizeof(self->memory), &self->memory);
    return code == CL_SUCCESS ? BB_OK : fail(self, "clSetKernelArg", code, "the arena");
}

static bb_status reserve(bb_backend *backend, const bb_limits *limits)
{
    engine_backend *self = self_of(backend);
    bb_engine_release_reserved(self);
    uint32_t *lanes = bb_allocate(backend->context, limits->n_lanes, sizeof(*lanes));
    if (!lanes)
        return BB_MEMORY;
    place_constants(self);
    place_chunk(self, limits, lanes);
    bb_release(backend->context, lanes);
    const bb_status status = make_arena(self);
    if (status != BB_OK)
        return status;
    pack_constants(self);
    return upload(self, 0, self->n_constants, "weights and banks");
}

/* ---- a chunk ---- */

static bb_status run_collected(engine_backend *self)
{
    const uint32_t n = self->n_calls - self->first_call;
    const uint32_t at = self->calls + self->first_call * (BB_FPGA_CALL_WORDS / 2);
    if (!n)
        return BB_OK;
    bb_status status = upload(self, at, (size_t)n * BB_FPGA_CALL_WORDS / 2, "call records");
    if (status != BB_OK)
        return status;
    cl_int code = clSetKernelArg(self->kernel, 1, sizeof(at), &at);
    if (code == CL_SUCCESS)
        code = clSetKernelArg(self->kernel, 2, sizeof(n), &n);
    if (code != CL_SUCCESS)
        return fail(self, "clSetKernelArg", code, "calls");
    self->first_call = self->n_calls;
    code = clEnqueueTask(self->queue, self->kernel, 0, NULL, &self->runs[self->n_runs]);
    if (code != CL_SUCCESS)
        return fail(self, "clEnqueueTask", code, "the engine");
    self->n_runs++;
    return BB_OK;
}

static float as_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* The affine of a head: y = float(sum) * gain + offset, for each draw that names a slot. */
static void finish_sums(engine_backend *self, uint32_t s)
{
    const engine_stage *own = &self->stages[s];
    const bb_stage *stage = &self->base.plan->stages[s];
    const bb_stage_work *work = &self->chunk->stages[s];
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t n = (size_t)d->out_h * d->out_w * d->out_channels;
    for (uint32_t i = 0; i < work->n_entries; i++) {
        const uint32_t *slots = work->list + (size_t)i * BB_ENTRY_WORDS(d) + BB_ENTRY_OUTPUT;
        const int32_t *sums =
            (const int32_t *)(self->arena + own->sums_at + (size_t)i * d->out_stride);
        for (uint32_t draw = 0; draw < d->n_draws; draw++) {
            if (slots[draw] == BB_NONE)
                continue;
            uint64_t *slot = self->arena + own->output + (size_t)slots[draw] * d->out_stride;
            slot[d->out_stride - 1] = 0; /* what pads it */
            for (size_t k = 0; k < n; k++) {
                const bb_bank_entry e = stage->bank[draw * d->out_channels + k % d->out_channels];
                const float scaled = (float)sums[k] * as_float(e.a), y = scaled + as_float(e.b);
                memcpy((uint8_t *)slot + k * sizeof(y), &y, sizeof(y));
            }
        }
    }
}

/* The output of stage s in the host's arena. */
static bb_status bring_to_host(engine_backend *self, uint32_t s)
{
    engine_stage *own = &self->stages[s];
    const bb_stage_work *work = &self->chunk->stages[s];
    const size_t stride = self->base.plan->stages[s].descriptor.out_stride;
    if (own->place == ENGINE_ON_HOST)
        return BB_OK;
    bb_status status = run_collected(self);
    if (status != BB_OK)
        return status;
    if (own->place == ENGINE_AS_SUMS) {
        status = download(self, own->sums_at, work->n_entries * stride, "sums");
        if (status == BB_OK)
            finish_sums(self, s);
    } else {
        status = download(self, own->output, work->n_outputs * stride, "activations");
    }
    own->place = ENGINE_ON_HOST; /* a second reader on the device makes for one upload more */
    return status;
}

static bb_status bring_to_device(engine_backend *self, uint32_t s)
{
    engine_stage *own = &self->stages[s];
    if (own->place == ENGINE_ON_DEVICE)
        return BB_OK;
    bb_status status = bring_to_host(self, s);
    if (status == BB_OK)
        status = run_collected(self); /* a call that waits may read what this lane held before */
    if (status == BB_OK)
        status = upload(self, own->output,
                        (size_t)self->chunk->stages[s].n_outputs *
                            self->base.plan->stages[s].descriptor.out_stride,
                        "activations");
    if (status == BB_OK) { /* the host may write the lane next */
        const cl_int code = clFinish(self->queue);
        status = code == CL_SUCCESS ? BB_OK : fail(self, "clFinish", code, "activations");
    }
    own->place = ENGINE_ON_DEVICE;
    return status;
}

static uint32_t place_of(const engine_backend *self, uint32_t stage)
{
    return stage == BB_NO_INDEX ? self->inputs : self->stages[stage].output;
}

static bb_status run_on_host(engine_backend *self, uint32_t s)
{
    const bb_stage *stage = &self->base.plan->stages[s];
    engine_stage *own = &self->stages[s];
    const bool joins = stage->descriptor.second;
    bb_status status = stage->input == BB_NO_INDEX ? BB_OK : bring_to_host(self, stage->input);
    if (status == BB_OK && joins && stage->second != BB_NO_INDEX)
        status = bring_to_host(self, stage->second);
    if (status != BB_OK)
        return status;
    bb_reference_stage(stage, &self->chunk->stages[s], self->arena + place_of(self, stage->input),
                       joins ? self->arena + place_of(self, stage->second) : NULL,
                       self->arena + own->output);
    own->place = ENGINE_ON_HOST;
    return BB_OK;
}

/* The work list as the engine reads it: for sums one slot per entry. */
static void fill_list(engine_backend *self, uint32_t s)
{
    const engine_stage *own = &self->stages[s];
    const bb_stage_work *work = &self->chunk->stages[s];
    const uint32_t from_words = BB_ENTRY_WORDS(&self->base.plan->stages[s].descriptor);
    const uint32_t to_words = BB_ENTRY_WORDS(&own->call);
    uint32_t *list = (uint32_t *)(self->arena + own->list);
    if (!own->sums) {
        memcpy(list, work->list, (size_t)work->n_entries * from_words * sizeof(*list));
        return;
    }
    for (uint32_t i = 0; i < work->n_entries; i++) {
        memcpy(list + (size_t)i * to_words, work->list + (size_t)i * from_words,
               BB_ENTRY_OUTPUT * sizeof(*list));
        list[(size_t)i * to_words + BB_ENTRY_OUTPUT] = i;
    }
}

static bb_status collect(engine_backend *self, uint32_t s)
{
    const bb_stage *stage = &self->base.plan->stages[s];
    const bb_stage_work *work = &self->chunk->stages[s];
    engine_stage *own = &self->stages[s];
    bb_status status = stage->input == BB_NO_INDEX ? BB_OK : bring_to_device(self, stage->input);
    own->place = own->sums ? ENGINE_AS_SUMS : ENGINE_ON_DEVICE;
    if (status != BB_OK || !work->n_entries)
        return status;
    const size_t masks = own->call.masked ? work->n_masks * mask_words(&own->call) : 0;
    fill_list(self, s);
    if (masks)
        memcpy(self->arena + own->masks, work->masks, masks * sizeof(uint64_t));
    bb_fpga_call call;
    bb_fpga_fill_call(&call, &self->engine, &own->call);
    call.n_entries = work->n_entries;
    call.input = place_of(self, stage->input);
    call.output = own->sums ? own->sums_at : own->output;
    call.weights = own->weights;
    call.bank = own->bank;
    call.border = own->border;
    call.list = own->list;
    call.masks = own->masks;
    memcpy(self->arena + self->calls + self->n_calls * (BB_FPGA_CALL_WORDS / 2), &call,
           sizeof(call));
    self->n_calls++;
    status = upload(self, own->list, list_words(&own->call, work->n_entries), "a work list");
    return status == BB_OK ? upload(self, own->masks, masks, "masks") : status;
}

static bb_status submit(bb_backend *backend, const bb_chunk *chunk)
{
    engine_backend *self = self_of(backend);
    const size_t n = (size_t)chunk->n_inputs * backend->plan->input_stride;
    self->submitted = bb_seconds();
    self->chunk = chunk;
    self->first_call = self->n_calls = 0;
    *self->told = '\0';
    release_runs(self);
    for (uint32_t s = 0; s < self->n_stages; s++)
        self->stages[s].place = ENGINE_NOWHERE;
    if (n)
        memcpy(self->arena + self->inputs, chunk->inputs, n * sizeof(uint64_t));
    bb_status status = upload(self, self->inputs, n, "inputs");
    for (uint32_t s = 0; s < chunk->n_stages && status == BB_OK; s++)
        status = self->stages[s].refusal ? run_on_host(self, s) : collect(self, s);
    if (status == BB_OK)
        status = run_collected(self);
    if (status == BB_OK)
        clFlush(self->queue);
    else
        clFinish(self->queue); /* what was enqueued still reads the arena */
    return status;
}

/* Cycles that the runs took, by their profiling times; 0 where one does not tell. */
static uint64_t cycles_of_runs(const engine_backend *self)
{
    uint64_t cycles = 0;
    for (uint32_t i = 0; i < self->n_runs; i++) {
        cl_ulong from = 0, to = 0;
        if (clGetEventProfilingInfo(self->runs[i], CL_PROFILING_COMMAND_START, sizeof(from), &from,
                                    NULL) != CL_SUCCESS ||
            clGetEventProfilingInfo(self->runs[i], CL_PROFILING_COMMAND_END, sizeof(to), &to,
                                    NULL) != CL_SUCCESS)
            return 0;
        cycles += (to - from) * self->mhz / 1000;
    }
    return cycles;
}

static bb_status finish(bb_backend *backend, void *output, size_t bytes)
{
    engine_backend *self = self_of(backend);
    const uint32_t last = self->chunk->n_stages - 1;
    bb_status status = BB_OK;
    if (bytes)
        status = bring_to_host(self, last);
    else if (clFinish(self->queue) != CL_SUCCESS)
        status = fail(self, "clFinish", CL_OUT_OF_RESOURCES, "the engine");
    if (status != BB_OK)
        return status;
    if (bytes)
        memcpy(output, self->arena + self->stages[last].output, bytes);
    backend->cycles += cycles_of_runs(self);
    backend->times.compute += bb_seconds() - self->submitted;
    return BB_OK;
}

static const char *variant(bb_backend *backend, uint32_t s)
{
    return self_of(backend)->stages[s].text;
}

const bb_backend_operations bb_engine_operations = {
    .reserve = reserve,
    .submit = submit,
    .finish = finish,
    .variant = variant,
    .free = bb_engine_backend_free,
};
