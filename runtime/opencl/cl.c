/* SPDX-License-Identifier: MIT */
/* Names of OpenCL's codes, questions to devices and platforms. */
#include "opencl/cl.h"

#include <string.h>

static const struct {
    cl_int code;
    const char *name;
} errors[] = {
#define ROW(name) {name, #name}
    ROW(CL_SUCCESS),
    ROW(CL_DEVICE_NOT_FOUND),
    ROW(CL_DEVICE_NOT_AVAILABLE),
    ROW(CL_COMPILER_NOT_AVAILABLE),
    ROW(CL_MEM_OBJECT_ALLOCATION_FAILURE),
    ROW(CL_OUT_OF_RESOURCES),
    ROW(CL_OUT_OF_HOST_MEMORY),
    ROW(CL_PROFILING_INFO_NOT_AVAILABLE),
    ROW(CL_MEM_COPY_OVERLAP),
    ROW(CL_BUILD_PROGRAM_FAILURE),
    ROW(CL_MAP_FAILURE),
    ROW(CL_MISALIGNED_SUB_BUFFER_OFFSET),
    ROW(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
    ROW(CL_COMPILE_PROGRAM_FAILURE),
    ROW(CL_LINKER_NOT_AVAILABLE),
    ROW(CL_LINK_PROGRAM_FAILURE),
    ROW(CL_KERNEL_ARG_INFO_NOT_AVAILABLE),
    ROW(CL_INVALID_VALUE),
    ROW(CL_INVALID_DEVICE_TYPE),
    ROW(CL_INVALID_PLATFORM),
    ROW(CL_INVALID_DEVICE),
    ROW(CL_INVALID_CONTEXT),
    ROW(CL_INVALID_QUEUE_PROPERTIES),
    ROW(CL_INVALID_COMMAND_QUEUE),
    ROW(CL_INVALID_HOST_PTR),
    ROW(CL_INVALID_MEM_OBJECT),
    ROW(CL_INVALID_BINARY),
    ROW(CL_INVALID_BUILD_OPTIONS),
    ROW(CL_INVALID_PROGRAM),
    ROW(CL_INVALID_PROGRAM_EXECUTABLE),
    ROW(CL_INVALID_KERNEL_NAME),
    ROW(CL_INVALID_KERNEL_DEFINITION),
    ROW(CL_INVALID_KERNEL),
    ROW(CL_INVALID_ARG_INDEX),
    ROW(CL_INVALID_ARG_VALUE),
    ROW(CL_INVALID_ARG_SIZE),
    ROW(CL_INVALID_KERNEL_ARGS),
    ROW(CL_INVALID_WORK_DIMENSION),
    ROW(CL_INVALID_WORK_GROUP_SIZE),
    ROW(CL_INVALID_WORK_ITEM_SIZE),
    ROW(CL_INVALID_GLOBAL_OFFSET),
    ROW(CL_INVALID_EVENT_WAIT_LIST),
    ROW(CL_INVALID_EVENT),
    ROW(CL_INVALID_OPERATION),
    ROW(CL_INVALID_BUFFER_SIZE),
    ROW(CL_INVALID_GLOBAL_WORK_SIZE),
    ROW(CL_INVALID_PROPERTY),
    ROW(CL_INVALID_COMPILER_OPTIONS),
    ROW(CL_INVALID_LINKER_OPTIONS),
    {-1001, "CL_PLATFORM_NOT_FOUND_KHR"}, /* of cl_ext.h */
#undef ROW
};

const char *bb_cl_error_name(cl_int code)
{
    for (size_t i = 0; i < BB_COUNT_OF(errors); i++)
        if (errors[i].code == code)
            return errors[i].name;
    return "CL error";
}

static bool lacks_memory(cl_int code)
{
    return code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES ||
           code == CL_OUT_OF_HOST_MEMORY;
}

bb_status bb_cl_fail(bb_context *context, const char *device, const char *call, cl_int code,
                     const char *format, ...)
{
    char detail[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof(detail), format, arguments);
    va_end(arguments);
    return bb_fail(context, lacks_memory(code) ? BB_MEMORY : BB_DEVICE,
                   "device %s: %s: %s (%d)%s%s", device, call, bb_cl_error_name(code), (int)code,
                   *detail ? " " : "", detail);
}

char *bb_cl_device_text(bb_context *context, cl_device_id device, cl_device_info what)
{
    size_t length = 0;
    if (clGetDeviceInfo(device, what, 0, NULL, &length) != CL_SUCCESS)
        length = 0;
    char *text = bb_allocate(context, length + 1, 1);
    if (text && length && clGetDeviceInfo(device, what, length, text, NULL) != CL_SUCCESS)
        *text = '\0';
    return text;
}

char *bb_cl_platform_text(bb_context *context, cl_platform_id platform, cl_platform_info what)
{
    size_t length = 0;
    if (clGetPlatformInfo(platform, what, 0, NULL, &length) != CL_SUCCESS)
        length = 0;
    char *text = bb_allocate(context, length + 1, 1);
    if (text && length && clGetPlatformInfo(platform, what, length, text, NULL) != CL_SUCCESS)
        *text = '\0';
    return text;
}

uint64_t bb_cl_device_number(cl_device_id device, cl_device_info what)
{
    uint64_t value = 0; /* the host is little-endian, as the kernels' byte order requires anyway */
    if (clGetDeviceInfo(device, what, sizeof(value), &value, NULL) != CL_SUCCESS)
        return 0;
    return value;
}

double bb_cl_event_seconds(cl_event event)
{
    cl_ulong from = 0, to = 0;
    if (!event ||
        clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof(from), &from, NULL) !=
            CL_SUCCESS ||
        clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof(to), &to, NULL) !=
            CL_SUCCESS ||
        from == 0 || to < from)
        return -1;
    return (double)(to - from) * 1e-9;
}
