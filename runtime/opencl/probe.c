/* SPDX-License-Identifier: MIT */
/* Finds out whether the x86 instructions work in kernels of a device. */
#include "opencl/devices.h"
#include "opencl/program.h"

#include <string.h>

enum { N_WORDS = 64, N_BEHIND = 17 };

const bb_path_facts bb_paths[BB_N_PATHS] = {
    [BB_PATH_PORTABLE] = {"portable", "portable", ""},
    [BB_PATH_AVX2] = {"avx2", "x86 vpshufb", " -D BB_POPCOUNT_AVX2"},
    [BB_PATH_AVX512] = {"x86", "x86 vpopcntq", " -D BB_POPCOUNT_X86"},
};

static const char *const probe_files[BB_N_PATHS] = {
    [BB_PATH_AVX2] = "table.cl probe_table.cl",
    [BB_PATH_AVX512] = "popcount.cl dot.cl probe.cl",
};

static bool processor_has(bb_path path)
{
#if defined(__x86_64__)
    if (path == BB_PATH_AVX2)
        return __builtin_cpu_supports("avx2");
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("avx512vpopcntdq");
#else
    return path == BB_PATH_PORTABLE;
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

static bool try_kernel(bb_context *context, const bb_cl_device *device, bb_path path,
                       const char **why)
{
    cl_int code;
    bool works = false;
    *why = "no context for a trial";
    cl_context cl = clCreateContext(NULL, 1, &device->device, NULL, NULL, &code);
    if (code != CL_SUCCESS)
        return false;
    const bb_cl_target target = {context, device->info.id, cl, device->device, "", "", true};
    cl_program program = NULL;
    char *options = bb_format(context, "-cl-std=CL1.2%s", bb_paths[path].options);
    *why = "the driver refuses inline assembly";
    if (options && bb_program_build(&program, &target, probe_files[path], options) == BB_OK) {
        works = run(cl, device->device, program);
        *why = works ? "the processor has it, and a trial kernel gives right results"
                     : "a trial kernel gives wrong results";
        clReleaseProgram(program);
    }
    bb_release(context, options);
    clReleaseContext(cl);
    return works;
}

bool bb_cl_path_works(bb_context *context, const bb_cl_device *device, bb_path path,
                      const char **why)
{
    *why = "OpenCL C alone";
    if (path == BB_PATH_PORTABLE)
        return true;
    /* a simulator that claims several types at once interprets kernels and knows no assembly */
    const cl_device_type type =
        (cl_device_type)bb_cl_device_number(device->device, CL_DEVICE_TYPE) &
        ~(cl_device_type)CL_DEVICE_TYPE_DEFAULT;
    if (type != CL_DEVICE_TYPE_CPU)
        *why = "not a processor of this machine";
    else if (!bb_cl_device_number(device->device, CL_DEVICE_COMPILER_AVAILABLE))
        *why = "the device has no compiler";
    else if (!processor_has(path))
        *why = path == BB_PATH_AVX2 ? "the processor lacks AVX2"
                                    : "the processor lacks AVX512-VPOPCNTDQ or VNNI";
    else
        return try_kernel(context, device, path, why);
    return false;
}

void bb_cl_probe(bb_context *context, bb_cl_device *device)
{
    if (device->probed)
        return;
    device->probed = true;
    device->path = BB_PATH_PORTABLE;
    for (int path = BB_N_PATHS - 1; path > BB_PATH_PORTABLE && !device->path; path--)
        if (bb_cl_path_works(context, device, (bb_path)path, &device->info.popcount_why))
            device->path = (bb_path)path;
    device->info.popcount = bb_paths[device->path].text;
}
