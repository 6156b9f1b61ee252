/* SPDX-License-Identifier: MIT */
/*
 * The OpenCL backend. Per chunk: one upload each of inputs, all work lists and all masks; one
 * launch per stage on an in-order queue; one wait, in finish().
 */
#include "opencl/opencl.h"

#include "opencl/stage.h"

#include <assert.h>
#include <string.h>

typedef struct opencl_backend {
    bb_backend base;
    bb_device_list *list;
    bb_cl_shared shared;
    char *identity, *cache;
    bb_cl_stage *stages;
    uint32_t n_stages;
    /* of reserve() */
    cl_mem *lanes;
    uint32_t *lane_of_stage;
    uint32_t n_lanes;
    cl_mem inputs, lists, masks;
    uint32_t *list_words; /* staging, unchanged until finish() */
    uint64_t *mask_words;
    size_t n_list_words, n_mask_words;
    /* of the chunk under way */
    uint32_t last_stage;
    double submitted;
    cl_event uploaded, computed;
} opencl_backend;

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

static void release_reserved(opencl_backend *self)
{
    bb_context *context = self->base.context;
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
        self->n_list_words += (size_t)limits->n_entries[s] * BB_ENTRY_WORDS(d->n_draws);
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
    release_reserved(self);
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
        const size_t list = (size_t)work->n_entries * BB_ENTRY_WORDS(d->n_draws);
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

static bb_status launch_stages(opencl_backend *self, const bb_chunk *chunk)
{
    size_t n_list = 0, n_mask = 0;
    bb_status status = BB_OK;
    for (uint32_t s = 0; s < chunk->n_stages && status == BB_OK; s++) {
        const bb_stage *stage = &self->base.plan->stages[s];
        const bb_stage_descriptor *d = &stage->descriptor;
        const bb_stage_work *work = &chunk->stages[s];
        const bb_cl_call call = {
            .input = stage->input == BB_NO_INDEX ? self->inputs
                                                 : self->lanes[self->lane_of_stage[stage->input]],
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
        n_list += (size_t)work->n_entries * BB_ENTRY_WORDS(d->n_draws);
        if (d->masked)
            n_mask += work->n_masks * mask_row_words(d);
    }
    return status;
}

static bb_status submit(bb_backend *backend, const bb_chunk *chunk)
{
    opencl_backend *self = self_of(backend);
    self->submitted = bb_cl_seconds();
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
    const double elapsed = bb_cl_seconds() - self->submitted;
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

static void free_backend(bb_backend *backend)
{
    opencl_backend *self = self_of(backend);
    bb_context *context = backend->context;
    bb_cl_shared *shared = &self->shared;
    if (shared->queue)
        clFinish(shared->queue);
    release_event(&self->uploaded);
    release_event(&self->computed);
    release_reserved(self);
    for (uint32_t s = 0; s < self->n_stages; s++)
        bb_cl_stage_free(context, &self->stages[s]);
    bb_release(context, self->stages);
    for (uint32_t i = 0; i < shared->n_programs; i++)
        clReleaseProgram(shared->programs[i].program);
    bb_release(context, shared->programs);
    release_buffer(&shared->nothing);
    if (shared->queue)
        clReleaseCommandQueue(shared->queue);
    if (shared->target.cl)
        clReleaseContext(shared->target.cl);
    bb_release(context, self->identity);
    bb_release(context, self->cache);
    bb_release(context, (void *)(uintptr_t)shared->variants);
    bb_device_list_free(self->list);
    bb_release(context, self);
}

static const bb_backend_operations operations = {
    .reserve = reserve,
    .submit = submit,
    .finish = finish,
    .variant = variant,
    .free = free_backend,
};

bb_cl_shared *bb_opencl_shared(bb_backend *backend)
{
    return &self_of(backend)->shared;
}

static bb_status choose_popcount(opencl_backend *self, bb_cl_device *device, const char *wanted)
{
    bb_context *context = self->base.context;
    if (wanted && strcmp(wanted, "portable") == 0)
        return BB_OK;
    if (wanted && strcmp(wanted, "x86") != 0)
        return bb_fail(context, BB_ARGUMENT,
                       "popcount path '%s': unknown; there are portable and x86", wanted);
    bb_cl_probe(context, device);
    self->shared.vpopcnt = device->vpopcnt;
    if (wanted && !device->vpopcnt)
        return bb_fail(context, BB_NO_DEVICE, "device %s: popcount path x86: %s", device->info.id,
                       device->info.popcount_why);
    return BB_OK;
}

static bb_status check_names(bb_context *context, const char *names)
{
    for (const char *at = names; *at;) {
        const size_t length = strcspn(at, ",");
        bool known = false;
        for (size_t i = 0; i < bb_n_variants && !known; i++)
            known = strlen(bb_variants[i].name) == length &&
                    memcmp(bb_variants[i].name, at, length) == 0;
        if (!known)
            return bb_fail(context, BB_ARGUMENT, "kernel variant '%.*s': unknown", (int)length, at);
        at += length + (at[length] == ',');
    }
    return BB_OK;
}

static bb_status take_options(opencl_backend *self, bb_cl_device *device,
                              const bb_device_options *options)
{
    bb_context *context = self->base.context;
    bb_status status = BB_OK;
    if (options && options->cache_folder) {
        self->cache = bb_copy_text(context, options->cache_folder);
        status = self->cache ? BB_OK : BB_MEMORY;
    } else {
        status = bb_device_cache_folder(&self->cache, context);
    }
    if (status == BB_OK && options && options->variants) {
        status = check_names(context, options->variants);
        if (status == BB_OK && !(self->shared.variants = bb_copy_text(context, options->variants)))
            status = BB_MEMORY;
    }
    if (status == BB_OK)
        status = choose_popcount(self, device, options ? options->popcount : NULL);
    return status;
}

static bb_status open_device(opencl_backend *self, bb_cl_device *device)
{
    bb_context *context = self->base.context;
    bb_cl_shared *shared = &self->shared;
    const bb_device_info *info = &device->info;
    cl_int code;
    if (!info->available)
        return bb_fail(context, BB_NO_DEVICE, "device %s: %s is not available", info->id,
                       info->name);
    if (!bb_cl_device_number(device->device, CL_DEVICE_ENDIAN_LITTLE))
        return bb_fail(context, BB_UNSUPPORTED, "device %s: big-endian, expected little-endian",
                       info->id);
    self->identity = bb_format(context, "%s; %s; %s; driver %s", info->platform, info->name,
                               info->version, info->driver);
    if (!self->identity)
        return BB_MEMORY;
    shared->device = info;
    shared->capabilities = bb_variant_capabilities(device->device);
    shared->target =
        (bb_cl_target){context, info->id, NULL, device->device, self->identity, self->cache, false};
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)device->platform, 0};
    shared->target.cl = clCreateContext(properties, 1, &device->device, NULL, NULL, &code);
    if (code != CL_SUCCESS)
        return bb_cl_fail(context, info->id, "clCreateContext", code, "(%s)", info->name);
    shared->queue =
        clCreateCommandQueue(shared->target.cl, device->device, CL_QUEUE_PROFILING_ENABLE, &code);
    if (code != CL_SUCCESS) /* a board without profiling */
        shared->queue = clCreateCommandQueue(shared->target.cl, device->device, 0, &code);
    if (code != CL_SUCCESS)
        return bb_cl_fail(context, info->id, "clCreateCommandQueue", code, "(%s)", info->name);
    return bb_cl_buffer(&shared->nothing, shared, CL_MEM_READ_WRITE, 64, NULL, "placeholder");
}

static bb_status load_image(opencl_backend *self, const char *path)
{
    bb_cl_shared *shared = &self->shared;
    shared->programs = bb_allocate(self->base.context, 1, sizeof(*shared->programs));
    if (!shared->programs)
        return BB_MEMORY;
    const bb_status status = bb_program_load(&shared->programs[0].program, &shared->target, path);
    shared->n_programs = status == BB_OK;
    return status;
}

static bb_status prepare_stages(opencl_backend *self)
{
    const bb_plan *plan = self->base.plan;
    self->stages = bb_allocate(self->base.context, plan->n_stages, sizeof(*self->stages));
    bb_status status = self->stages ? BB_OK : BB_MEMORY;
    for (uint32_t s = 0; s < plan->n_stages && status == BB_OK; s++) {
        self->n_stages = s + 1;
        status = bb_cl_stage_prepare(&self->stages[s], &self->shared, &plan->stages[s], s);
    }
    self->base.times.compile = self->shared.compile_seconds;
    return status;
}

static bb_status find_device(opencl_backend *self, const char *text, bb_cl_device **device)
{
    bb_context *context = self->base.context;
    uint32_t index = 0;
    bb_status status = bb_device_list_create(&self->list, context);
    if (status == BB_OK)
        status = bb_device_find(self->list, context, text, &index);
    if (status != BB_OK)
        return status;
    *device = &self->list->devices[index];
    if (!(*device)->platform)
        return bb_fail(context, BB_NO_DEVICE, "device ref: no OpenCL device");
    return BB_OK;
}

bb_status bb_opencl_backend_create(bb_backend **out, bb_context *context, const bb_plan *plan,
                                   const char *device, const bb_device_options *options)
{
    *out = NULL;
    opencl_backend *self = bb_allocate(context, 1, sizeof(*self));
    if (!self)
        return BB_MEMORY;
    self->base = (bb_backend){.operations = &operations, .context = context, .plan = plan};
    bb_cl_device *found = NULL;
    bb_status status = find_device(self, device, &found);
    if (status == BB_OK)
        status = take_options(self, found, options);
    if (status == BB_OK)
        status = open_device(self, found);
    if (status == BB_OK && options && options->image)
        status = load_image(self, options->image);
    if (status == BB_OK)
        status = prepare_stages(self);
    if (status == BB_OK)
        *out = &self->base;
    else
        free_backend(&self->base);
    return status;
}
