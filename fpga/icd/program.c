/* SPDX-License-Identifier: MIT */
/* Programs: the built-in kernel of custom mode, and image files, which are checked when built. */
#include "icd.h"

#include <stdlib.h>
#include <string.h>

cl_program icd_CreateProgramWithSource(cl_context context, cl_uint n, const char **texts,
                                       const size_t *lengths, cl_int *code)
{
    (void)n, (void)texts, (void)lengths;
    if (!icd_is(context, CONTEXT))
        return icd_fail(code, CL_INVALID_CONTEXT);
    icd_tell(context, "an engine has no compiler: load an image with clCreateProgramWithBinary");
    return icd_fail(code, CL_INVALID_OPERATION);
}

static cl_program new_program(cl_context context, cl_int *code)
{
    cl_program made = icd_new(PROGRAM, sizeof(*made), code);
    if (!made)
        return NULL;
    made->context = context;
    made->status = CL_BUILD_NONE;
    icd_retain(context);
    return made;
}

cl_program icd_CreateProgramWithBuiltInKernels(cl_context context, cl_uint n,
                                               const cl_device_id *devices, const char *names,
                                               cl_int *code)
{
    const cl_device_id id = icd_device();
    if (!icd_is(context, CONTEXT))
        return icd_fail(code, CL_INVALID_CONTEXT);
    if (id->strict)
        return icd_fail(code, CL_INVALID_OPERATION);
    if (n != 1 || !devices || !names)
        return icd_fail(code, CL_INVALID_VALUE);
    if (devices[0] != id)
        return icd_fail(code, CL_INVALID_DEVICE);
    if (strcmp(names, id->kernel) != 0)
        return icd_fail(code, CL_INVALID_VALUE);
    cl_program made = new_program(context, code);
    if (made) {
        made->kernel = id->kernel;
        made->status = CL_BUILD_SUCCESS;
    }
    return made;
}

/* Damage is found here, what does not fit the device when building: the build log has words. */
static cl_int check_binary(cl_context context, const unsigned char *bytes, size_t length)
{
    char why[sizeof(((cl_program)0)->log)];
    bb_fpga_image image;
    const bb_fpga_image_state state = bb_fpga_image_read(&image, bytes, length, why, sizeof(why));
    if (state == BB_FPGA_IMAGE_GOOD)
        return CL_SUCCESS;
    icd_tell(context, state == BB_FPGA_IMAGE_NONE ? "the binary is no engine image" : why);
    return CL_INVALID_BINARY;
}

cl_program icd_CreateProgramWithBinary(cl_context context, cl_uint n, const cl_device_id *devices,
                                       const size_t *lengths, const unsigned char **binaries,
                                       cl_int *statuses, cl_int *code)
{
    if (!icd_is(context, CONTEXT))
        return icd_fail(code, CL_INVALID_CONTEXT);
    if (n != 1 || !devices || !lengths || !binaries || !lengths[0] || !binaries[0])
        return icd_fail(code, CL_INVALID_VALUE);
    if (devices[0] != icd_device())
        return icd_fail(code, CL_INVALID_DEVICE);
    const cl_int checked = check_binary(context, binaries[0], lengths[0]);
    if (statuses)
        statuses[0] = checked;
    if (checked != CL_SUCCESS)
        return icd_fail(code, checked);
    cl_program made = new_program(context, code);
    if (!made)
        return NULL;
    made->binary = malloc(lengths[0]);
    if (!made->binary) {
        icd_ReleaseProgram(made);
        return icd_fail(code, CL_OUT_OF_HOST_MEMORY);
    }
    memcpy(made->binary, binaries[0], lengths[0]);
    made->n_binary = lengths[0];
    made->kernel = BB_FPGA_KERNEL;
    return made;
}

cl_int icd_RetainProgram(cl_program program)
{
    if (!icd_is(program, PROGRAM))
        return CL_INVALID_PROGRAM;
    icd_retain(program);
    return CL_SUCCESS;
}

cl_int icd_ReleaseProgram(cl_program program)
{
    if (!icd_is(program, PROGRAM))
        return CL_INVALID_PROGRAM;
    if (icd_release(program)) {
        icd_ReleaseContext(program->context);
        free(program->binary);
        free(program);
    }
    return CL_SUCCESS;
}

cl_int icd_BuildProgram(cl_program program, cl_uint n, const cl_device_id *devices,
                        const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                        void *data)
{
    (void)n, (void)devices, (void)options;
    if (!icd_is(program, PROGRAM))
        return CL_INVALID_PROGRAM;
    if (program->binary) {
        bb_fpga_image image;
        bb_fpga_image_read(&image, program->binary, program->n_binary, program->log,
                           sizeof(program->log));
        bb_fpga_image_mismatch(program->log, sizeof(program->log), &image, &icd_device()->image);
    }
    program->status = *program->log ? CL_BUILD_ERROR : CL_BUILD_SUCCESS;
    if (notify)
        notify(program, data);
    return *program->log ? CL_BUILD_PROGRAM_FAILURE : CL_SUCCESS;
}

cl_int icd_UnloadCompiler(void)
{
    return CL_SUCCESS;
}

cl_int icd_UnloadPlatformCompiler(cl_platform_id platform)
{
    return platform == &icd_platform ? CL_SUCCESS : CL_INVALID_PLATFORM;
}

cl_int icd_GetProgramInfo(cl_program program, cl_program_info what, size_t room, void *out,
                          size_t *size_out)
{
    if (!icd_is(program, PROGRAM))
        return CL_INVALID_PROGRAM;
    const cl_device_id id = icd_device();
    const size_t one = 1;
    switch (what) {
    case CL_PROGRAM_REFERENCE_COUNT:
        return icd_answer(&program->base.references, sizeof(cl_uint), room, out, size_out);
    case CL_PROGRAM_CONTEXT:
        return icd_answer(&program->context, sizeof(cl_context), room, out, size_out);
    case CL_PROGRAM_NUM_DEVICES:
        return icd_answer(&(cl_uint){1}, sizeof(cl_uint), room, out, size_out);
    case CL_PROGRAM_DEVICES:
        return icd_answer(&id, sizeof(id), room, out, size_out);
    case CL_PROGRAM_SOURCE:
        return icd_answer_text("", room, out, size_out);
    case CL_PROGRAM_NUM_KERNELS:
        return icd_answer(&one, sizeof(one), room, out, size_out);
    case CL_PROGRAM_KERNEL_NAMES:
        return icd_answer_text(program->kernel, room, out, size_out);
    case CL_PROGRAM_BINARY_SIZES:
        return icd_answer(&program->n_binary, sizeof(size_t), room, out, size_out);
    case CL_PROGRAM_BINARIES:
        if (out && room >= sizeof(char *) && *(unsigned char **)out && program->binary)
            memcpy(*(unsigned char **)out, program->binary, program->n_binary);
        if (size_out)
            *size_out = sizeof(char *);
        return CL_SUCCESS;
    default:
        return CL_INVALID_VALUE;
    }
}

cl_int icd_GetProgramBuildInfo(cl_program program, cl_device_id id, cl_program_build_info what,
                               size_t room, void *out, size_t *size_out)
{
    if (!icd_is(program, PROGRAM))
        return CL_INVALID_PROGRAM;
    if (id != icd_device())
        return CL_INVALID_DEVICE;
    switch (what) {
    case CL_PROGRAM_BUILD_STATUS:
        return icd_answer(&program->status, sizeof(program->status), room, out, size_out);
    case CL_PROGRAM_BUILD_OPTIONS:
        return icd_answer_text("", room, out, size_out);
    case CL_PROGRAM_BUILD_LOG:
        return icd_answer_text(program->log, room, out, size_out);
    case CL_PROGRAM_BINARY_TYPE:
        return icd_answer(&(cl_program_binary_type){CL_PROGRAM_BINARY_TYPE_EXECUTABLE},
                          sizeof(cl_program_binary_type), room, out, size_out);
    default:
        return CL_INVALID_VALUE;
    }
}
