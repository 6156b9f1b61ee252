/* SPDX-License-Identifier: MIT */
/* The dispatch table. What the device does not have is refused, never a jump to nowhere: images,
 * samplers, sub-buffers and sub-devices, rectangles, pipes, shared virtual memory, user events,
 * compiling and linking, and what other APIs would share. */
#include "icd.h"

/* For calls that answer a code. They are called with more arguments than this takes: every calling
 * convention of Linux lets the caller do that. */
static cl_int refuse(void)
{
    return CL_INVALID_OPERATION;
}

/* Calls that make an object have their code in the last argument. */
static cl_mem refuse_image(cl_context context, cl_mem_flags flags, const cl_image_format *format,
                           const cl_image_desc *description, void *from, cl_int *code)
{
    (void)context, (void)flags, (void)format, (void)description, (void)from;
    return icd_fail(code, CL_INVALID_OPERATION);
}

static cl_mem refuse_image_with(cl_context context, const cl_mem_properties *properties,
                                cl_mem_flags flags, const cl_image_format *format,
                                const cl_image_desc *description, void *from, cl_int *code)
{
    (void)properties;
    return refuse_image(context, flags, format, description, from, code);
}

static cl_mem refuse_image_2d(cl_context context, cl_mem_flags flags, const cl_image_format *format,
                              size_t width, size_t height, size_t pitch, void *from, cl_int *code)
{
    (void)width, (void)height, (void)pitch;
    return refuse_image(context, flags, format, NULL, from, code);
}

static cl_mem refuse_image_3d(cl_context context, cl_mem_flags flags, const cl_image_format *format,
                              size_t width, size_t height, size_t depth, size_t pitch, size_t slice,
                              void *from, cl_int *code)
{
    (void)width, (void)height, (void)depth, (void)pitch, (void)slice;
    return refuse_image(context, flags, format, NULL, from, code);
}

static cl_mem refuse_sub_buffer(cl_mem memory, cl_mem_flags flags, cl_buffer_create_type type,
                                const void *region, cl_int *code)
{
    (void)memory, (void)flags, (void)type, (void)region;
    return icd_fail(code, CL_INVALID_OPERATION);
}

static cl_sampler refuse_sampler(cl_context context, cl_bool normalized,
                                 cl_addressing_mode addressing, cl_filter_mode filter, cl_int *code)
{
    (void)context, (void)normalized, (void)addressing, (void)filter;
    return icd_fail(code, CL_INVALID_OPERATION);
}

static cl_sampler refuse_sampler_with(cl_context context, const cl_sampler_properties *properties,
                                      cl_int *code)
{
    (void)context, (void)properties;
    return icd_fail(code, CL_INVALID_OPERATION);
}

static cl_event refuse_user_event(cl_context context, cl_int *code)
{
    (void)context;
    return icd_fail(code, CL_INVALID_OPERATION);
}

static cl_program refuse_il(cl_context context, const void *il, size_t length, cl_int *code)
{
    (void)context, (void)il, (void)length;
    return icd_fail(code, CL_INVALID_OPERATION);
}

static cl_program refuse_link(cl_context context, cl_uint n_devices, const cl_device_id *devices,
                              const char *options, cl_uint n_programs, const cl_program *programs,
                              void(CL_CALLBACK *notify)(cl_program, void *), void *data,
                              cl_int *code)
{
    (void)context, (void)n_devices, (void)devices, (void)options, (void)n_programs, (void)programs;
    (void)notify, (void)data;
    return icd_fail(code, CL_INVALID_OPERATION);
}

static void *refuse_map_image(cl_command_queue queue, cl_mem image, cl_bool blocking,
                              cl_map_flags flags, const size_t *origin, const size_t *region,
                              size_t *pitch, size_t *slice, cl_uint n_events,
                              const cl_event *events, cl_event *event, cl_int *code)
{
    (void)queue, (void)image, (void)blocking, (void)flags, (void)origin, (void)region, (void)pitch;
    (void)slice, (void)n_events, (void)events, (void)event;
    return icd_fail(code, CL_INVALID_OPERATION);
}

static cl_mem refuse_pipe(cl_context context, cl_mem_flags flags, cl_uint size, cl_uint n,
                          const cl_pipe_properties *properties, cl_int *code)
{
    (void)context, (void)flags, (void)size, (void)n, (void)properties;
    return icd_fail(code, CL_INVALID_OPERATION);
}

static void *refuse_svm(cl_context context, cl_svm_mem_flags flags, size_t size, cl_uint alignment)
{
    (void)context, (void)flags, (void)size, (void)alignment;
    return NULL;
}

static void ignore_svm(cl_context context, void *pointer)
{
    (void)context, (void)pointer;
}

static cl_kernel refuse_clone(cl_kernel kernel, cl_int *code)
{
    (void)kernel;
    return icd_fail(code, CL_INVALID_OPERATION);
}

#define REFUSED(name) .cl##name = (cl_api_cl##name)refuse,
#define ANSWERED(name) .cl##name = icd_##name,

#pragma GCC diagnostic ignored "-Wcast-function-type" /* see refuse() */
const cl_icd_dispatch icd_dispatch = {
    ICD_CALLS(ANSWERED) REFUSED(SetCommandQueueProperty) REFUSED(GetImageInfo) REFUSED(
        RetainSampler) REFUSED(ReleaseSampler) REFUSED(GetSamplerInfo) REFUSED(EnqueueReadImage)
        REFUSED(EnqueueWriteImage) REFUSED(EnqueueCopyImage) REFUSED(EnqueueCopyImageToBuffer)
            REFUSED(EnqueueCopyBufferToImage) REFUSED(EnqueueNativeKernel) REFUSED(GetGLObjectInfo)
                REFUSED(GetGLTextureInfo) REFUSED(EnqueueAcquireGLObjects) REFUSED(
                    EnqueueReleaseGLObjects) REFUSED(SetMemObjectDestructorCallback)
                    REFUSED(SetUserEventStatus) REFUSED(EnqueueReadBufferRect)
                        REFUSED(EnqueueWriteBufferRect) REFUSED(EnqueueCopyBufferRect) REFUSED(
                            CreateSubDevices) REFUSED(CompileProgram) REFUSED(GetKernelArgInfo)
                            REFUSED(EnqueueFillImage) REFUSED(GetPipeInfo) REFUSED(EnqueueSVMFree)
                                REFUSED(EnqueueSVMMemcpy) REFUSED(EnqueueSVMMemFill)
                                    REFUSED(EnqueueSVMMap) REFUSED(EnqueueSVMUnmap) REFUSED(
                                        SetKernelArgSVMPointer) REFUSED(SetKernelExecInfo)
                                        REFUSED(EnqueueSVMMigrateMem) REFUSED(GetDeviceAndHostTimer)
                                            REFUSED(GetHostTimer) REFUSED(GetKernelSubGroupInfo)
                                                REFUSED(SetDefaultDeviceCommandQueue)
                                                    REFUSED(SetProgramReleaseCallback)
                                                        REFUSED(SetProgramSpecializationConstant)
                                                            REFUSED(SetContextDestructorCallback)
                                                                .clCreateImage = refuse_image,
    .clCreateImageWithProperties = refuse_image_with,
    .clCreateImage2D = refuse_image_2d,
    .clCreateImage3D = refuse_image_3d,
    .clCreateSubBuffer = refuse_sub_buffer,
    .clCreateSampler = refuse_sampler,
    .clCreateSamplerWithProperties = refuse_sampler_with,
    .clCreateUserEvent = refuse_user_event,
    .clCreateProgramWithIL = refuse_il,
    .clLinkProgram = refuse_link,
    .clEnqueueMapImage = refuse_map_image,
    .clCreatePipe = refuse_pipe,
    .clSVMAlloc = refuse_svm,
    .clSVMFree = ignore_svm,
    .clCloneKernel = refuse_clone,
};
