/* SPDX-License-Identifier: MIT */
/*
 * An OpenCL driver (ICD) with one device: the engine of fpga/rtl behind a port. Every call that it
 * answers is in one list; the rest of the dispatch table refuses.
 */
#ifndef BITBAYES_FPGA_ICD_H
#define BITBAYES_FPGA_ICD_H

#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_0_APIS
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl_icd.h>

#include "board/image.h"
#include "port.h"

#include <pthread.h>
#include <stdbool.h>

#define ICD_CALLS(X)                                                                               \
    X(GetPlatformIDs)                                                                              \
    X(GetPlatformInfo)                                                                             \
    X(GetDeviceIDs) X(GetDeviceInfo) X(RetainDevice) X(ReleaseDevice) X(CreateContext) X(          \
        CreateContextFromType) X(RetainContext) X(ReleaseContext) X(GetContextInfo)                \
        X(CreateCommandQueue) X(CreateCommandQueueWithProperties) X(RetainCommandQueue) X(         \
            ReleaseCommandQueue) X(GetCommandQueueInfo) X(CreateBuffer)                            \
            X(CreateBufferWithProperties) X(RetainMemObject) X(ReleaseMemObject) X(                \
                GetMemObjectInfo) X(CreateProgramWithSource) X(CreateProgramWithBinary)            \
                X(CreateProgramWithBuiltInKernels) X(RetainProgram) X(ReleaseProgram) X(           \
                    BuildProgram) X(UnloadCompiler) X(UnloadPlatformCompiler) X(GetProgramInfo)    \
                    X(GetProgramBuildInfo) X(CreateKernel) X(CreateKernelsInProgram) X(            \
                        RetainKernel) X(ReleaseKernel) X(SetKernelArg) X(GetKernelInfo)            \
                        X(GetKernelWorkGroupInfo) X(WaitForEvents) X(GetEventInfo) X(RetainEvent)  \
                            X(ReleaseEvent) X(GetEventProfilingInfo) X(SetEventCallback) X(Flush)  \
                                X(Finish) X(EnqueueReadBuffer) X(EnqueueWriteBuffer)               \
                                    X(EnqueueCopyBuffer) X(EnqueueFillBuffer) X(EnqueueMapBuffer)  \
                                        X(EnqueueUnmapMemObject) X(EnqueueMigrateMemObjects) X(    \
                                            EnqueueNDRangeKernel) X(EnqueueTask) X(EnqueueMarker)  \
                                            X(EnqueueBarrier) X(EnqueueWaitForEvents)              \
                                                X(EnqueueMarkerWithWaitList)                       \
                                                    X(EnqueueBarrierWithWaitList) X(               \
                                                        GetExtensionFunctionAddress)               \
                                                        X(GetExtensionFunctionAddressForPlatform)  \
                                                            X(GetSupportedImageFormats)

#define ICD_DECLARE(name) __typeof__(cl##name) icd_##name;
ICD_CALLS(ICD_DECLARE)
#undef ICD_DECLARE

extern const cl_icd_dispatch icd_dispatch;

typedef enum object_kind { CONTEXT = 1, QUEUE, BUFFER, PROGRAM, KERNEL, EVENT } object_kind;

/* Begins every object that is made and released. */
typedef struct object {
    const cl_icd_dispatch *dispatch; /* first: the loader reads it */
    object_kind kind;
    unsigned references;
} object;

struct _cl_platform_id {
    const cl_icd_dispatch *dispatch;
};

struct _cl_device_id {
    const cl_icd_dispatch *dispatch;
    const port *port;
    port_memory memory;
    bool strict, available;
    cl_uint mhz;                    /* what a clock cycle counts in profiling */
    bb_fpga_image image;            /* what an image must say to fit */
    char kernel[BB_FPGA_NAME_SIZE]; /* the built-in kernel */
    char name[300];
    cl_ulong now; /* nanoseconds that the engine has run */
};

struct _cl_context {
    object base;
    void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *);
    void *notify_data;
};

struct _cl_command_queue {
    object base;
    cl_context context;
    cl_command_queue_properties properties;
};

struct _cl_mem {
    object base;
    cl_context context;
    cl_mem_flags flags;
    size_t at, size; /* bytes in the port's memory */
    cl_uint n_maps;
    cl_mem next; /* by place */
};

struct _cl_program {
    object base;
    cl_context context;
    unsigned char *binary; /* NULL: built-in kernels */
    size_t n_binary;
    cl_build_status status;
    const char *kernel; /* the name of its one kernel */
    char log[256];
};

struct _cl_kernel {
    object base;
    cl_program program;
    cl_mem memory;
    cl_uint calls, n_calls;
    unsigned set; /* bit per argument */
};

struct _cl_event {
    object base;
    cl_command_queue queue;
    cl_context context;
    cl_command_type type;
    cl_ulong begun, ended;
};

extern struct _cl_platform_id icd_platform;

/* The device; opened at the first call. */
cl_device_id icd_device(void);

/* One at a time at the port and its memory. */
extern pthread_mutex_t icd_lock;

/* Answers an Info call. */
cl_int icd_answer(const void *value, size_t size, size_t room, void *out, size_t *size_out);
cl_int icd_answer_text(const char *text, size_t room, void *out, size_t *size_out);

/* A new object with one reference; NULL and the code set where memory lacks. */
void *icd_new(object_kind kind, size_t size, cl_int *code);
bool icd_is(const void *handle, object_kind kind);
void icd_retain(void *handle);
bool icd_release(void *handle); /* true: that was the last */

/* NULL, with the code where one is wanted. */
void *icd_fail(cl_int *out, cl_int code);

/* Words to who made the context; nobody else hears them. */
void icd_tell(cl_context context, const char *text);

/* A finished command. */
cl_int icd_event(cl_event *out, cl_command_queue queue, cl_command_type type, cl_ulong begun);

#endif
