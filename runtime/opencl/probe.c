/* SPDX-License-Identifier: MIT */
/* Finds out whether the x86 instructions work in kernels of a device. */
#include "opencl/devices.h"
#include "opencl/program.h"

#include <string.h>

enum { N_WORDS = 64, N_BEHIND = 17 };

static bool processor_has_vpopcnt(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("avx512vpopcntdq");
#else
    return false;
#endif
}

/* Words of every density, so that each lane and each half of a count is exercised. */
static void fill_words(uint64_t *words, uint32_t n)
{
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < n; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words[i] = i % 8 == 0 ? 0 : i % 8 == 1 ? UINT64_MAX : state >> (i % 32);
    }
}

/* Run the kernel; false if anything fails or one result is wrong. */
static bool run(cl_context cl, cl_device_id device, cl_program program)
{
    uint64_t words[N_WORDS + N_BEHIND];
    uint32_t n_wrong = 1;
    const cl_uint n = N_WORDS;
    const size_t one = 1;
    cl_int code;
    fill_words(words, N_WORDS + N_BEHIND);
    cl_command_queue queue = clCreateCommandQueue(cl, device, 0, &code);
    cl_mem input =
        clCreateBuffer(cl, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, sizeof(words), words, &code);
    cl_mem output = clCreateBuffer(cl, CL_MEM_READ_WRITE, sizeof(n_wrong), NULL, &code);
    cl_kernel kernel = clCreateKernel(program, "bb_probe", &code);
    const bool good =
        queue && input && output && kernel &&
        clSetKernelArg(kernel, 0, sizeof(input), &input) == CL_SUCCESS &&
        clSetKernelArg(kernel, 1, sizeof(n), &n) == CL_SUCCESS &&
        clSetKernelArg(kernel, 2, sizeof(output), &output) == CL_SUCCESS &&
        clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &one, &one, 0, NULL, NULL) == CL_SUCCESS &&
        clEnqueueReadBuffer(queue, output, CL_TRUE, 0, sizeof(n_wrong), &n_wrong, 0, NULL, NULL) ==
            CL_SUCCESS;
    if (kernel)
        clReleaseKernel(kernel);
    if (output)
        clReleaseMemObject(output);
    if (input)
        clReleaseMemObject(input);
    if (queue)
        clReleaseCommandQueue(queue);
    return good && n_wrong == 0;
}

static const char *try_kernel(bb_context *context, bb_cl_device *device)
{
    cl_int code;
    cl_context cl = clCreateContext(NULL, 1, &device->device, NULL, NULL, &code);
    if (code != CL_SUCCESS)
        return "no context for a trial";
    const bb_cl_target target = {context, device->info.id, cl, device->device, "", "", true};
    cl_program program = NULL;
    const char *why = "the driver refuses inline assembly";
    if (bb_program_build(&program, &target, "popcount.cl dot.cl probe.cl",
                         "-cl-std=CL1.2 -D BB_POPCOUNT_X86") == BB_OK) {
        device->vpopcnt = run(cl, device->device, program);
        why = device->vpopcnt ? "the processor has it, and a trial kernel gives right results"
                              : "a trial kernel with vpopcntq and vpdpbusd gives wrong results";
        clReleaseProgram(program);
    }
    clReleaseContext(cl);
    return why;
}

void bb_cl_probe(bb_context *context, bb_cl_device *device)
{
    if (device->probed)
        return;
    device->probed = true;
    /* a simulator that claims several types at once interprets kernels and knows no assembly */
    const cl_device_type type =
        (cl_device_type)bb_cl_device_number(device->device, CL_DEVICE_TYPE) &
        ~(cl_device_type)CL_DEVICE_TYPE_DEFAULT;
    if (type != CL_DEVICE_TYPE_CPU)
        device->info.popcount_why = "not a processor of this machine";
    else if (!bb_cl_device_number(device->device, CL_DEVICE_COMPILER_AVAILABLE))
        device->info.popcount_why = "the device has no compiler";
    else if (!processor_has_vpopcnt())
        device->info.popcount_why = "the processor lacks AVX512-VPOPCNTDQ or VNNI";
    else
        device->info.popcount_why = try_kernel(context, device);
    device->info.popcount = device->vpopcnt ? "x86 vpopcntq" : "portable";
}
