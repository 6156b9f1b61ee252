/* SPDX-License-Identifier: MIT */
/* Images: what they hold, why one does not serve, and how one is built. */
#include "opencl/image.h"

#include "opencl/cache.h"
#include "opencl/folded.h"

#include <string.h>

#define STAGE_KERNEL "bb_stage__folded"
#define LIMITS_KERNEL "bb_limits__folded"
#define MAX_SOURCE ((size_t)1 << 24)

/* Names of the kernels, behind semicolons; "kernels that the driver does not name" where it cannot
 * tell. */
static char *kernel_names(bb_context *context, cl_program program)
{
    size_t length = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_KERNEL_NAMES, 0, NULL, &length) != CL_SUCCESS ||
        length < 2)
        return bb_copy_text(context, "kernels that the driver does not name");
    char *names = bb_allocate(context, length + 1, 1);
    if (names &&
        clGetProgramInfo(program, CL_PROGRAM_KERNEL_NAMES, length, names, NULL) != CL_SUCCESS)
        *names = '\0';
    return names;
}

/* Run the kernel that tells; `words` is what it wrote. */
static cl_int ask(const bb_cl_target *target, cl_command_queue queue, cl_kernel kernel,
                  bb_folded_limits *limits)
{
    cl_int code;
    const size_t one = 1;
    cl_mem words = clCreateBuffer(target->cl, CL_MEM_READ_WRITE, sizeof(*limits), NULL, &code);
    if (code != CL_SUCCESS)
        return code;
    code = clSetKernelArg(kernel, 0, sizeof(words), &words);
    if (code == CL_SUCCESS)
        code = clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &one, &one, 0, NULL, NULL);
    if (code == CL_SUCCESS)
        code =
            clEnqueueReadBuffer(queue, words, CL_TRUE, 0, sizeof(*limits), limits, 0, NULL, NULL);
    clReleaseMemObject(words);
    return code;
}

static bb_status check_layout(const bb_image *image, const bb_cl_target *target)
{
    const bb_folded_limits *limits = &image->limits;
    if (limits->layout != BB_FOLDED_LAYOUT ||
        limits->descriptor_bytes != sizeof(bb_stage_descriptor))
        return bb_fail(
            target->context, BB_INPUT,
            "%s: its kernels take layout %u of weights and banks, this version makes "
            "layout %u: build the image again from these sources (fpga/opencl/single.sh)",
            image->path, (unsigned)limits->layout, (unsigned)BB_FOLDED_LAYOUT);
    if (limits->pe && limits->simd && limits->draws)
        return BB_OK;
    return bb_fail(target->context, BB_INPUT,
                   "%s: %s says it was built with PE %u, SIMD %u, %u draws", image->path,
                   LIMITS_KERNEL, (unsigned)limits->pe, (unsigned)limits->simd,
                   (unsigned)limits->draws);
}

static bb_status ask_folded(bb_image *image, cl_program program, const bb_cl_target *target,
                            cl_command_queue queue)
{
    bb_folded_limits *limits = &image->limits;
    bb_context *context = target->context;
    cl_int code;
    cl_kernel kernel = clCreateKernel(program, LIMITS_KERNEL, &code);
    if (code == CL_INVALID_KERNEL_NAME)
        return BB_OK;
    if (code == CL_SUCCESS) {
        code = ask(target, queue, kernel, limits);
        clReleaseKernel(kernel);
    }
    if (code != CL_SUCCESS)
        return bb_cl_fail(context, target->id, LIMITS_KERNEL, code, "(%s)", image->path);
    image->folded = true;
    char *names = image->holds;
    image->holds = bb_format(
        context,
        "%s, built with PE %u, SIMD %u, %u draws, %u words for weights, %u for inputs, %u for "
        "masks, %u border classes",
        names, (unsigned)limits->pe, (unsigned)limits->simd, (unsigned)limits->draws,
        (unsigned)limits->window, (unsigned)limits->input, (unsigned)limits->masks,
        (unsigned)limits->classes);
    bb_release(context, names);
    return image->holds ? check_layout(image, target) : BB_MEMORY;
}

bb_status bb_image_open(bb_image *out, cl_program *program, const bb_cl_target *target,
                        cl_command_queue queue, const char *path)
{
    *out = (bb_image){.path = bb_copy_text(target->context, path)};
    bb_status status = out->path ? bb_program_load(program, target, path) : BB_MEMORY;
    if (status == BB_OK && !(out->holds = kernel_names(target->context, *program)))
        status = BB_MEMORY;
    return status == BB_OK ? ask_folded(out, *program, target, queue) : status;
}

void bb_image_free(bb_context *context, bb_image *image)
{
    bb_release(context, image->path);
    bb_release(context, image->holds);
    *image = (bb_image){0};
}

bool bb_image_serves(const bb_image *image, const bb_variant *variant,
                     const bb_stage_descriptor *stage, uint32_t capabilities, const char **why_not)
{
    if (!bb_variant_takes(variant, stage, capabilities, why_not))
        return false;
    if (variant->shape != BB_KERNEL_FOLDED)
        return true;
    *why_not = "it lacks " STAGE_KERNEL;
    return image->folded && bb_folded_fits(&image->limits, stage, why_not);
}

/* Why the folded kernels do not serve a stage, with what it needs. */
static void append_folded(bb_text *out, const bb_image *image, const bb_variant *variant,
                          const bb_stage_descriptor *stage, uint32_t capabilities)
{
    const char *why = "";
    if (bb_image_serves(image, variant, stage, capabilities, &why)) {
        bb_text_append(out, "%s is left out by name or cannot be made", STAGE_KERNEL);
        return;
    }
    bb_text_append(out, "%s", why);
    if (!image->folded)
        return;
    const bb_folded_needs needs = bb_folded_needs_of(image->limits.simd, stage);
    bb_text_append(out,
                   " (it needs %zu words for weights, %zu for inputs, %zu for masks, %zu border "
                   "classes)",
                   needs.window, needs.input, needs.masks, needs.classes);
}

bb_status bb_image_refuse(const bb_image *image, const bb_cl_target *target, const bb_stage *stage,
                          uint32_t index, uint32_t capabilities)
{
    bb_text why = {.context = target->context}, others = {.context = target->context};
    const bb_stage_descriptor *d = &stage->descriptor;
    for (size_t i = 0; i < bb_n_variants; i++) {
        const bb_variant *variant = &bb_variants[i];
        if (variant->sum == d->sum && variant->shape == BB_KERNEL_FOLDED)
            append_folded(&why, image, variant, d, capabilities);
        else if (variant->sum == d->sum)
            bb_text_append(&others, "%s%s", others.length ? ", " : "", variant->kernel);
    }
    if (!why.length)
        bb_text_append(&why, "the folded kernels do not take its sum");
    const bb_status status =
        bb_fail(target->context, BB_UNSUPPORTED,
                "device %s: image %s does not serve stage %u '%s': %s, and it has none of %s. "
                "It holds %s",
                target->id, image->path, index, stage->name ? stage->name : "", why.bytes,
                others.length ? others.bytes : "none", image->holds);
    bb_text_free(&why);
    bb_text_free(&others);
    return status;
}

static bb_status write_image(const bb_cl_target *target, const char *path, const void *bytes,
                             size_t length)
{
    bb_file file = {0};
    bb_status status = bb_file_create(&file, target->context, path);
    if (status == BB_OK && !bb_sealed_write(file.stream, target->identity, bytes, length))
        status = bb_fail(target->context, BB_OUTPUT, "%s: cannot write", path);
    if (status == BB_OK)
        status = bb_file_commit(&file);
    bb_file_abandon(&file);
    return status;
}

static bb_status build(const bb_cl_target *target, const bb_text *source, const char *name,
                       const char *options, const char *image)
{
    cl_program program = NULL;
    uint8_t *bytes = NULL;
    size_t length = 0;
    bb_status status = bb_program_compile(&program, target, source, name, options);
    if (status == BB_OK)
        status = bb_program_binary(target, program, &bytes, &length);
    if (status == BB_OK && !length)
        status = bb_fail(target->context, BB_UNSUPPORTED,
                         "device %s: its driver gives no program binaries out", target->id);
    if (status == BB_OK)
        status = write_image(target, image, bytes, length);
    bb_release(target->context, bytes);
    if (program)
        clReleaseProgram(program);
    return status;
}

static bb_status build_for(bb_context *context, const bb_cl_device *device, const bb_text *source,
                           const char *name, const char *options, const char *image)
{
    cl_int code;
    char *identity = bb_cl_identity(context, &device->info);
    bb_cl_target target = {
        .context = context, .id = device->info.id, .device = device->device, .identity = identity};
    if (!identity)
        return BB_MEMORY;
    target.cl = clCreateContext(NULL, 1, &device->device, NULL, NULL, &code);
    bb_status status;
    if (code == CL_SUCCESS)
        status = build(&target, source, name, options, image);
    else
        status = bb_cl_fail(context, target.id, "clCreateContext", code, "(%s)", device->info.name);
    if (target.cl)
        clReleaseContext(target.cl);
    bb_release(context, identity);
    return status;
}

bb_status bb_image_build(bb_context *context, const char *device, const char *source,
                         const char *options, const char *image)
{
    bb_device_list *list = NULL;
    uint32_t index = 0;
    uint8_t *bytes = NULL;
    bb_text text = {.context = context};
    bb_status status = bb_file_read(context, source, MAX_SOURCE, &bytes, &text.length);
    text.bytes = (char *)bytes;
    if (status == BB_OK)
        status = bb_device_list_create(&list, context);
    if (status == BB_OK)
        status = bb_device_find(list, context, device, &index);
    if (status == BB_OK && !list->devices[index].platform)
        status = bb_fail(context, BB_NO_DEVICE, "device ref: no OpenCL device");
    if (status == BB_OK)
        status = build_for(context, &list->devices[index], &text, source, options, image);
    bb_device_list_free(list);
    bb_release(context, bytes);
    return status;
}
