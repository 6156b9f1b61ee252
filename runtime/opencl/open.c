/* SPDX-License-Identifier: MIT */
/* Opens an OpenCL backend: device, options, queue, and the stages made ready. */
#include "opencl/backend.h"
#include "opencl/engine.h"
#include "opencl/tune.h"

#include <string.h>

void bb_opencl_backend_free(bb_backend *backend)
{
    opencl_backend *self = (opencl_backend *)backend;
    bb_context *context = backend->context;
    bb_cl_shared *shared = &self->shared;
    if (shared->queue)
        clFinish(shared->queue);
    bb_opencl_release_reserved(self);
    for (uint32_t s = 0; s < self->n_stages; s++)
        bb_cl_stage_free(context, &self->stages[s]);
    bb_release(context, self->stages);
    for (uint32_t i = 0; i < shared->n_programs; i++)
        clReleaseProgram(shared->programs[i].program);
    bb_release(context, shared->programs);
    bb_image_free(context, &shared->image);
    if (shared->nothing)
        clReleaseMemObject(shared->nothing);
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

bb_cl_shared *bb_opencl_shared(bb_backend *backend)
{
    return backend->operations == &bb_opencl_operations ? &((opencl_backend *)backend)->shared
                                                        : NULL;
}

bb_status bb_opencl_no_kernels(const bb_backend *backend)
{
    return bb_fail(backend->context, BB_UNSUPPORTED,
                   "this device is an engine: it has no kernels to measure");
}

static bb_status choose_popcount(opencl_backend *self, bb_cl_device *device, const char *wanted)
{
    bb_context *context = self->base.context;
    bb_cl_shared *shared = &self->shared;
    const char *why;
    if (!wanted) {
        bb_cl_probe(context, device);
        shared->path = device->path;
    } else {
        int path = 0;
        while (path < BB_N_PATHS && strcmp(wanted, bb_paths[path].name) != 0)
            path++;
        if (path == BB_N_PATHS)
            return bb_fail(context, BB_ARGUMENT,
                           "popcount path '%s': unknown; there are portable, avx2 and x86", wanted);
        if (!bb_cl_path_works(context, device, (bb_path)path, &why))
            return bb_fail(context, BB_NO_DEVICE, "device %s: popcount path %s: %s",
                           device->info.id, wanted, why);
        shared->path = (bb_path)path;
    }
    shared->capabilities |= shared->path == BB_PATH_AVX512 ? BB_CAP_DOT : 0;
    shared->capabilities |= shared->path == BB_PATH_AVX2 ? BB_CAP_TABLE : 0;
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
        status = bb_variant_check_names(context, options->variants);
        if (status == BB_OK && !(self->shared.variants = bb_copy_text(context, options->variants)))
            status = BB_MEMORY;
    }
    if (status == BB_OK)
        status = bb_tune_parse(&self->shared.tune, context, options ? options->tune : NULL);
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
    self->identity = bb_cl_identity(context, info);
    if (!self->identity)
        return BB_MEMORY;
    shared->device = info;
    shared->capabilities |= bb_variant_capabilities(device->device);
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
    const bb_status status = bb_image_open(&shared->image, &shared->programs[0].program,
                                           &shared->target, shared->queue, path);
    shared->n_programs = shared->programs[0].program != NULL;
    shared->capabilities |= BB_CAP_IMAGE;
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

static bb_status prepare(opencl_backend *self, bb_cl_device *device,
                         const bb_device_options *options)
{
    bb_status status = take_options(self, device, options);
    if (status == BB_OK)
        status = open_device(self, device);
    if (status == BB_OK && options && options->image)
        status = load_image(self, options->image);
    return status == BB_OK ? prepare_stages(self) : status;
}

bb_status bb_opencl_backend_create(bb_backend **out, bb_context *context, const bb_plan *plan,
                                   const char *device, const bb_device_options *options)
{
    *out = NULL;
    opencl_backend *self = bb_allocate(context, 1, sizeof(*self));
    if (!self)
        return BB_MEMORY;
    self->base =
        (bb_backend){.operations = &bb_opencl_operations, .context = context, .plan = plan};
    bb_cl_device *found = NULL;
    bb_status status = find_device(self, device, &found);
    bool engine = false;
    bb_fpga_engine built;
    char name[BB_FPGA_NAME_SIZE];
    if (status == BB_OK)
        status = bb_engine_offered(&engine, &built, name, context, found,
                                   options ? options->image : NULL);
    if (status == BB_OK && engine) {
        bb_device_list *list = self->list;
        self->list = NULL;
        bb_opencl_backend_free(&self->base);
        return bb_engine_backend_create(out, context, plan, list, found, &built, name, options);
    }
    if (status == BB_OK)
        status = prepare(self, found, options);
    if (status == BB_OK)
        *out = &self->base;
    else
        bb_opencl_backend_free(&self->base);
    return status;
}
