/* SPDX-License-Identifier: MIT */
/* Finds out whether a device holds the engine, opens it, and decides per stage who runs it. */
#include "opencl/engine.h"
#include "opencl/stage.h"

#include <string.h>

#define MAX_IMAGE ((size_t)1 << 30)

/* The first of the device's built-in kernels whose name tells an engine. */
static bb_status find_built_in(bool *offered, bb_fpga_engine *engine, char name[BB_FPGA_NAME_SIZE],
                               bb_context *context, const bb_cl_device *device)
{
    char *names = bb_cl_device_text(context, device->device, CL_DEVICE_BUILT_IN_KERNELS);
    if (!names)
        return BB_MEMORY;
    for (const char *at = names; *at && !*offered;) {
        const size_t length = strcspn(at, ";");
        if (length < BB_FPGA_NAME_SIZE) {
            snprintf(name, BB_FPGA_NAME_SIZE, "%.*s", (int)length, at);
            *offered = bb_fpga_engine_parse(engine, name);
        }
        at += length + (at[length] == ';');
    }
    bb_release(context, names);
    return BB_OK;
}

/* Other drivers may not survive a binary that is not theirs. */
static bool may_hold_engines(const bb_cl_device *device)
{
    return strcmp(device->info.type, "cpu") != 0 && strcmp(device->info.type, "gpu") != 0;
}

static bb_status find_image(bool *offered, bb_fpga_engine *engine, bb_context *context,
                            const bb_cl_device *device, const char *path)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    char why[256];
    bb_fpga_image image;
    bb_status status = bb_file_read(context, path, MAX_IMAGE, &bytes, &length);
    if (status != BB_OK)
        return status;
    switch (bb_fpga_image_read(&image, bytes, length, why, sizeof(why))) {
    case BB_FPGA_IMAGE_GOOD:
        *engine = image.engine;
        *offered = may_hold_engines(device);
        if (!*offered)
            status = bb_fail(context, BB_INPUT,
                             "%s: an engine for board '%s', but device %s (%s) is of type %s", path,
                             image.board, device->info.id, device->info.name, device->info.type);
        break;
    case BB_FPGA_IMAGE_DAMAGED:
        status = bb_fail(context, BB_INPUT, "%s: %s", path, why);
        break;
    default:
        break;
    }
    bb_release(context, bytes);
    return status;
}

bb_status bb_engine_offered(bool *offered, bb_fpga_engine *engine, char name[BB_FPGA_NAME_SIZE],
                            bb_context *context, const bb_cl_device *device, const char *image)
{
    *offered = false;
    if (image) {
        snprintf(name, BB_FPGA_NAME_SIZE, "%s", BB_FPGA_KERNEL);
        return find_image(offered, engine, context, device, image);
    }
    const bb_status status = find_built_in(offered, engine, name, context, device);
    if (status == BB_OK && !*offered && device->info.image_only)
        return bb_fail(context, BB_NO_DEVICE,
                       "device %s: %s has no compiler; name its offline binary with --image FILE",
                       device->info.id, device->info.name);
    return status;
}

static void CL_CALLBACK hear(const char *text, const void *bytes, size_t n, void *payload)
{
    (void)bytes;
    (void)n;
    engine_backend *self = payload;
    snprintf(self->told, sizeof(self->told), "%s", text);
}

static bb_status open_queue(engine_backend *self, const bb_cl_device *device)
{
    bb_context *context = self->base.context;
    const bb_device_info *info = &device->info;
    cl_int code;
    if (!info->available)
        return bb_fail(context, BB_NO_DEVICE, "device %s: %s is not available", info->id,
                       info->name);
    self->mhz = (uint32_t)bb_cl_device_number(device->device, CL_DEVICE_MAX_CLOCK_FREQUENCY);
    self->target = (bb_cl_target){context, info->id, NULL, device->device, "", "", false};
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)device->platform, 0};
    self->target.cl = clCreateContext(properties, 1, &device->device, hear, self, &code);
    if (code != CL_SUCCESS)
        return bb_cl_fail(context, info->id, "clCreateContext", code, "(%s)", info->name);
    self->queue =
        clCreateCommandQueue(self->target.cl, device->device, CL_QUEUE_PROFILING_ENABLE, &code);
    if (code != CL_SUCCESS)
        return bb_cl_fail(context, info->id, "clCreateCommandQueue", code, "(%s)", info->name);
    return BB_OK;
}

static bb_status make_kernel(engine_backend *self, const char *image)
{
    bb_context *context = self->base.context;
    const char *id = self->target.id;
    cl_int code = CL_SUCCESS;
    if (image) {
        const bb_status status = bb_program_load(&self->program, &self->target, image);
        if (status != BB_OK)
            return status;
    } else {
        self->program = clCreateProgramWithBuiltInKernels(self->target.cl, 1, &self->target.device,
                                                          self->kernel_name, &code);
        if (code != CL_SUCCESS)
            return bb_cl_fail(context, id, "clCreateProgramWithBuiltInKernels", code, "(%s)",
                              self->kernel_name);
    }
    self->kernel = clCreateKernel(self->program, self->kernel_name, &code);
    if (code != CL_SUCCESS)
        return bb_cl_fail(context, id, "clCreateKernel", code, "(%s)", self->kernel_name);
    return BB_OK;
}

static bb_status decide(engine_backend *self, uint32_t s)
{
    bb_context *context = self->base.context;
    const bb_stage *stage = &self->base.plan->stages[s];
    const bb_fpga_engine *e = &self->engine;
    engine_stage *own = &self->stages[s];
    own->call = stage->descriptor;
    own->sums = stage->descriptor.emit == BB_EMIT_REAL;
    if (own->sums) {
        own->call.emit = BB_FPGA_EMIT_SUMS;
        own->call.n_draws = 1;
    }
    own->refusal = bb_fpga_refusal(e, &own->call);
    if (!own->refusal && own->sums && stage->border)
        own->refusal = BB_FPGA_ERROR_EMIT; /* its affine has border classes */
    if (own->refusal) {
        own->text = bb_format(context, "on the host: %s", bb_fpga_error_text(own->refusal));
        bb_note(context, "device %s: stage %u '%s' runs on the host: %s", self->target.id, s,
                stage->name, bb_fpga_error_text(own->refusal));
    } else {
        own->text = bb_format(context, "engine, PE %u, SIMD %u%s", e->pe, e->simd,
                              own->sums ? "; on the host: sum * gain + offset" : "");
    }
    return own->text ? BB_OK : BB_MEMORY;
}

static bb_status decide_all(engine_backend *self)
{
    const bb_plan *plan = self->base.plan;
    bb_context *context = self->base.context;
    self->stages = bb_allocate(context, plan->n_stages, sizeof(*self->stages));
    self->runs = bb_allocate(context, plan->n_stages + 1, sizeof(*self->runs));
    if (!self->stages || !self->runs)
        return BB_MEMORY;
    self->n_stages = plan->n_stages;
    bb_status status = BB_OK;
    uint32_t n_taken = 0;
    for (uint32_t s = 0; s < plan->n_stages && status == BB_OK; s++) {
        status = decide(self, s);
        n_taken += !self->stages[s].refusal;
    }
    if (status == BB_OK && !n_taken)
        return bb_fail(context, BB_UNSUPPORTED,
                       "device %s: the engine takes no stage of this model; stage 0 '%s': %s",
                       self->target.id, plan->stages[0].name,
                       bb_fpga_error_text(self->stages[0].refusal));
    return status;
}

static bb_status refuse_options(bb_context *context, const char *id,
                                const bb_device_options *options)
{
    if (options && (options->variants || options->popcount))
        return bb_fail(context, BB_ARGUMENT,
                       "device %s: an engine has neither kernel variants nor popcount paths", id);
    return BB_OK;
}

bb_status bb_engine_backend_create(bb_backend **out, bb_context *context, const bb_plan *plan,
                                   bb_device_list *list, bb_cl_device *device,
                                   const bb_fpga_engine *engine, const char *name,
                                   const bb_device_options *options)
{
    *out = NULL;
    engine_backend *self = bb_allocate(context, 1, sizeof(*self));
    if (!self) {
        bb_device_list_free(list);
        return BB_MEMORY;
    }
    self->base =
        (bb_backend){.operations = &bb_engine_operations, .context = context, .plan = plan};
    self->list = list;
    self->engine = *engine;
    snprintf(self->kernel_name, sizeof(self->kernel_name), "%s", name);
    const double start = bb_seconds();
    bb_status status = plan->n_stages
                           ? refuse_options(context, device->info.id, options)
                           : bb_opencl_no_kernels(&self->base); /* a bench asks for none */
    if (status == BB_OK)
        status = open_queue(self, device);
    if (status == BB_OK)
        status = make_kernel(self, options ? options->image : NULL);
    if (status == BB_OK)
        status = decide_all(self);
    self->base.times.compile = bb_seconds() - start;
    if (status == BB_OK)
        *out = &self->base;
    else
        bb_engine_backend_free(&self->base);
    return status;
}

void bb_engine_backend_free(bb_backend *backend)
{
    engine_backend *self = (engine_backend *)backend;
    bb_context *context = backend->context;
    if (self->queue)
        clFinish(self->queue);
    bb_engine_release_reserved(self);
    for (uint32_t s = 0; s < self->n_stages; s++)
        bb_release(context, self->stages[s].text);
    bb_release(context, self->stages);
    bb_release(context, self->runs);
    if (self->kernel)
        clReleaseKernel(self->kernel);
    if (self->program)
        clReleaseProgram(self->program);
    if (self->queue)
        clReleaseCommandQueue(self->queue);
    if (self->target.cl)
        clReleaseContext(self->target.cl);
    bb_device_list_free(self->list);
    bb_release(context, self);
}
