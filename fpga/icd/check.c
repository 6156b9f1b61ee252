/* SPDX-License-Identifier: MIT */
/* check [IMAGE]: which calls the first device of the first platform refuses, one line each, and
 * what a program made of IMAGE says: for the tests of the driver's two modes. */
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void CL_CALLBACK hear(const char *text, const void *bytes, size_t n, void *payload)
{
    (void)bytes, (void)n, (void)payload;
    printf("the driver says: %s\n", text);
}

#define TRY(call, ...)                                                                             \
    do {                                                                                           \
        cl_int code = CL_SUCCESS;                                                                  \
        const void *const made = call(__VA_ARGS__, &code);                                         \
        printf("%s: %s (%d)\n", #call, made ? "works" : "refused", (int)code);                     \
    } while (0)

static void try_calls(cl_context context, cl_device_id device)
{
    char names[512] = "";
    const char *source = "kernel void f(void) {}";
    clGetDeviceInfo(device, CL_DEVICE_BUILT_IN_KERNELS, sizeof(names), names, NULL);
    TRY(clCreateProgramWithSource, context, 1, &source, NULL);
    TRY(clCreateProgramWithBuiltInKernels, context, 1, &device, *names ? names : "bb_engine");
    TRY(clCreateCommandQueue, context, device, 0);
    TRY(clCreateCommandQueueWithProperties, context, device, NULL);
    TRY(clCreateBuffer, context, CL_MEM_READ_WRITE, 64, NULL);
    TRY(clCreateBufferWithProperties, context, NULL, CL_MEM_READ_WRITE, 64, NULL);
    TRY(clCreateUserEvent, context);
    printf("clSVMAlloc: %s\n", clSVMAlloc(context, 0, 64, 0) ? "works" : "refused");
    printf("clGetHostTimer: %d\n", (int)clGetHostTimer(device, &(cl_ulong){0}));
}

static void try_image(cl_context context, cl_device_id device, const char *path)
{
    static unsigned char bytes[1 << 16];
    const unsigned char *binary = bytes;
    char log[512] = "";
    cl_int code;
    FILE *file = fopen(path, "rb");
    const size_t length = file ? fread(bytes, 1, sizeof(bytes), file) : 0;
    if (file)
        fclose(file);
    cl_program program =
        clCreateProgramWithBinary(context, 1, &device, &length, &binary, NULL, &code);
    printf("clCreateProgramWithBinary: %d\n", (int)code);
    if (!program)
        return;
    code = clBuildProgram(program, 1, &device, "", NULL, NULL);
    clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_LOG, sizeof(log), log, NULL);
    printf("clBuildProgram: %d %s\n", (int)code, log);
    TRY(clCreateKernel, program, "bb_engine");
}

static unsigned number(cl_device_id device, cl_device_info what)
{
    cl_ulong value = 0;
    clGetDeviceInfo(device, what, sizeof(value), &value, NULL);
    return (unsigned)value;
}

int main(int argc, char **argv)
{
    cl_platform_id platform;
    cl_device_id device;
    char version[64] = "";
    cl_int code;
    if (clGetPlatformIDs(1, &platform, NULL) != CL_SUCCESS ||
        clGetDeviceIDs(platform, CL_DEVICE_TYPE_ACCELERATOR | CL_DEVICE_TYPE_CUSTOM, 1, &device,
                       NULL) != CL_SUCCESS)
        return puts("no device"), 4;
    clGetDeviceInfo(device, CL_DEVICE_VERSION, sizeof(version), version, NULL);
    printf("%s, type %u, compute units %u, work-group %u\n", version,
           number(device, CL_DEVICE_TYPE), number(device, CL_DEVICE_MAX_COMPUTE_UNITS),
           number(device, CL_DEVICE_MAX_WORK_GROUP_SIZE));
    cl_context context = clCreateContext(NULL, 1, &device, hear, NULL, &code);
    if (!context)
        return printf("clCreateContext: %d\n", (int)code), 4;
    try_calls(context, device);
    if (argc > 1)
        try_image(context, device, argv[1]);
    return 0;
}
