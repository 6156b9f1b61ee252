/* SPDX-License-Identifier: MIT */
/* Measures the limits of a device. */
#include "opencl/roofline.h"

#include "opencl/stage.h"

#include <string.h>

enum { N_UNROLLINGS = 6, MAX_PATHS = 2, MAX_STEPS = 1 << 28 };
static const uint32_t unrollings[N_UNROLLINGS] = {4, 6, 8, 12, 16, 24};

#define TRIAL_SECONDS 1e-3 /* of a launch while unrollings are compared */
#define TRIAL_ROUNDS 12
#define SMALLEST_STREAM ((size_t)64 << 20)
#define LARGEST_STREAM ((size_t)256 << 20)
#define VECTOR_BYTES 64

/* What a chain of a popcount kernel holds, and what a step counts of it. */
typedef struct limit_word {
    const char *files, *options;
    uint32_t lanes, bits; /* 64-bit words but for narrow ones; counted in a step */
    bool tables;
} limit_word;

static const limit_word wide = {"popcount.cl roofline.cl", "", 8, 512, false};
static const limit_word narrow = {"roofline.cl", " -D BB_NARROW", 1, 32, false};
static const limit_word tables = {"table.cl roofline.cl", "", 4, 128, true};

/* The best unrolling of a popcount path. */
typedef struct limit_path {
    const char *name;
    char choice[48];
    cl_program programs[2]; /* the second may be NULL */
    cl_kernel kernel;
    double operations_per_step; /* of the whole launch */
    double step_seconds;        /* the shortest seen */
} limit_path;

struct bb_roofline {
    bb_context *context;
    bb_cl_shared *shared;
    size_t items, local; /* of a popcount launch */
    cl_mem out;
    limit_path paths[MAX_PATHS];
    uint32_t n_paths;
    cl_mem from, to;
    cl_kernel stream, nothing;
    size_t stream_items;
    double stream_bytes; /* moved by a launch */
    char stream_choice[24];
};

bb_status bb_opencl_open(bb_backend **out, bb_context *context, const char *device,
                         const bb_device_options *options)
{
    static const struct bb_plan nothing;
    return bb_opencl_backend_create(out, context, &nothing, device, options);
}

static bb_status fail(const bb_roofline *self, const char *call, cl_int code, const char *what)
{
    return bb_cl_fail(self->context, self->shared->target.id, call, code, "(%s)", what);
}

/* Launch, wait, seconds by the device's clock or the host's. */
static bb_status run(const bb_roofline *self, cl_kernel kernel, size_t items, size_t local,
                     double *seconds, double *wall)
{
    cl_event event = NULL;
    const double start = bb_seconds();
    cl_int code = clEnqueueNDRangeKernel(self->shared->queue, kernel, 1, NULL, &items, &local, 0,
                                         NULL, &event);
    if (code != CL_SUCCESS)
        return fail(self, "clEnqueueNDRangeKernel", code, "roofline");
    code = clFinish(self->shared->queue);
    *wall = bb_seconds() - start;
    const double told = bb_cl_event_seconds(event);
    *seconds = told > 0 ? told : *wall;
    clReleaseEvent(event);
    return code == CL_SUCCESS ? BB_OK : fail(self, "clFinish", code, "roofline");
}

static bb_status make_kernel(const bb_roofline *self, cl_program program, const char *name,
                             cl_kernel *out)
{
    cl_int code;
    *out = clCreateKernel(program, name, &code);
    return code == CL_SUCCESS ? BB_OK : fail(self, "clCreateKernel", code, name);
}

static bb_status set(const bb_roofline *self, cl_kernel kernel, cl_uint at, size_t size,
                     const void *value)
{
    const cl_int code = clSetKernelArg(kernel, at, size, value);
    return code == CL_SUCCESS ? BB_OK : fail(self, "clSetKernelArg", code, "roofline");
}

/* ---- popcount ---- */

/* Bytes plus the bits that are set in their lower halves; vpshufb gives 0 where the top bit is set.
 */
static uint64_t look_up(uint64_t bytes)
{
    uint64_t sum = 0;
    for (int at = 0; at < 64; at += 8) {
        const uint64_t byte = bytes >> at & 255;
        const int counted = byte < 128 ? __builtin_popcountll(byte & 15) : 0;
        sum |= ((byte + (uint64_t)counted) & 255) << at;
    }
    return sum;
}

/* What a work-item of bb_limit_popcount_N writes. */
static uint64_t expected(uint32_t item, uint32_t n_chains, uint32_t n_steps, const limit_word *word)
{
    uint64_t total = 0;
    for (uint32_t chain = 0; chain < n_chains; chain++)
        for (uint32_t lane = 0; lane < word->lanes; lane++) {
            uint64_t s = (uint64_t)chain + lane;
            const uint64_t w = (uint64_t)item + lane;
            for (uint32_t k = 0; k < n_steps; k++)
                s = word->tables ? look_up(s) : s + (uint64_t)__builtin_popcountll(s ^ w);
            total += s;
        }
    return total;
}

static bb_status check(const bb_roofline *self, cl_kernel kernel, uint32_t n_chains,
                       const limit_word *word)
{
    enum { N_CHECKED = 16, N_STEPS = 100 };
    const cl_uint n = N_STEPS;
    uint64_t found[N_CHECKED];
    double seconds, wall;
    bb_status status = set(self, kernel, 0, sizeof(n), &n);
    if (status == BB_OK)
        status = set(self, kernel, 1, sizeof(self->out), &self->out);
    if (status == BB_OK)
        status = run(self, kernel, self->items, self->local, &seconds, &wall);
    if (status != BB_OK)
        return status;
    const uint32_t n_checked = self->items < N_CHECKED ? (uint32_t)self->items : N_CHECKED;
    const cl_int code = clEnqueueReadBuffer(self->shared->queue, self->out, CL_TRUE, 0,
                                            n_checked * sizeof(*found), found, 0, NULL, NULL);
    if (code != CL_SUCCESS)
        return fail(self, "clEnqueueReadBuffer", code, "roofline");
    for (uint32_t i = 0; i < n_checked; i++)
        if (found[i] != expected(i, n_chains, n, word))
            return bb_fail(self->context, BB_CHECK,
                           "device %s: bb_limit_popcount_%u gives %llu, expected %llu",
                           self->shared->target.id, n_chains, (unsigned long long)found[i],
                           (unsigned long long)expected(i, n_chains, n, word));
    return BB_OK;
}

/* The shortest seconds per step of a kernel, in launches of about TRIAL_SECONDS. */
static bb_status time_steps(const bb_roofline *self, cl_kernel kernel, double *best)
{
    cl_uint n = 256;
    *best = 1e30;
    bb_status status = BB_OK;
    for (int round = 0; round < TRIAL_ROUNDS && status == BB_OK; round++) {
        double seconds, wall;
        status = set(self, kernel, 0, sizeof(n), &n);
        if (status == BB_OK)
            status = run(self, kernel, self->items, self->local, &seconds, &wall);
        if (status != BB_OK)
            return status;
        if (seconds / n < *best)
            *best = seconds / n;
        const double steps = TRIAL_SECONDS / *best;
        n = steps > MAX_STEPS ? MAX_STEPS : steps < 16 ? 16 : (cl_uint)steps;
    }
    return status;
}

static bb_status try_unrolling(const bb_roofline *self, limit_path *path, cl_program program,
                               uint32_t n_chains, const limit_word *word)
{
    char name[40];
    cl_kernel kernel;
    snprintf(name, sizeof(name), "bb_limit_popcount_%u", n_chains);
    bb_status status = make_kernel(self, program, name, &kernel);
    if (status != BB_OK)
        return status;
    double step = 0;
    status = check(self, kernel, n_chains, word);
    if (status == BB_OK)
        status = time_steps(self, kernel, &step);
    const double operations = 2.0 * word->bits * n_chains * (double)self->items;
    if (status != BB_OK ||
        (path->kernel && operations / step <= path->operations_per_step / path->step_seconds)) {
        clReleaseKernel(kernel);
        return status;
    }
    if (path->kernel)
        clReleaseKernel(path->kernel);
    path->kernel = kernel;
    path->operations_per_step = operations;
    path->step_seconds = step;
    snprintf(path->choice, sizeof(path->choice), "%u chains of %u bits", n_chains, word->bits);
    return BB_OK;
}

static bb_status try_word(bb_roofline *self, limit_path *path, cl_program *program,
                          const char *options, const limit_word *word)
{
    char *all = bb_format(self->context, "-cl-std=CL1.2%s%s", options, word->options);
    bb_status status =
        all ? bb_program_build(program, &self->shared->target, word->files, all) : BB_MEMORY;
    bb_release(self->context, all);
    for (uint32_t i = 0; i < N_UNROLLINGS && status == BB_OK; i++)
        status = try_unrolling(self, path, *program, unrollings[i], word);
    return status;
}

static bb_status add_path(bb_roofline *self, bb_path how)
{
    limit_path *path = &self->paths[self->n_paths++];
    const char *options = bb_paths[how].options;
    path->name = bb_paths[how].name;
    if (how == BB_PATH_AVX2)
        return try_word(self, path, &path->programs[0], options, &tables);
    bb_status status = try_word(self, path, &path->programs[0], options, &wide);
    if (status == BB_OK && how == BB_PATH_PORTABLE)
        status = try_word(self, path, &path->programs[1], options, &narrow);
    return status;
}

bb_status bb_roofline_popcount(bb_roofline *roofline, uint32_t path, double seconds, double *rate)
{
    const limit_path *p = &roofline->paths[path];
    const double steps = seconds / p->step_seconds;
    const cl_uint n = steps > MAX_STEPS ? MAX_STEPS : steps < 16 ? 16 : (cl_uint)steps;
    double taken, wall;
    bb_status status = set(roofline, p->kernel, 0, sizeof(n), &n);
    if (status == BB_OK)
        status = run(roofline, p->kernel, roofline->items, roofline->local, &taken, &wall);
    *rate = status == BB_OK ? p->operations_per_step * n / taken : 0;
    return status;
}

/* ---- memory ---- */

static size_t stream_size(const bb_roofline *self)
{
    const bb_device_info *device = self->shared->device;
    size_t bytes = 4 * (size_t)bb_cl_device_number(self->shared->target.device,
                                                   CL_DEVICE_GLOBAL_MEM_CACHE_SIZE);
    bytes = bytes < SMALLEST_STREAM  ? SMALLEST_STREAM
            : bytes > LARGEST_STREAM ? LARGEST_STREAM
                                     : bytes;
    const size_t most = (size_t)(device->global_bytes / 8 < device->largest_buffer_bytes
                                     ? device->global_bytes / 8
                                     : device->largest_buffer_bytes);
    return bytes < most ? bytes : most;
}

/* One way of going through memory. */
typedef struct stream_way {
    const char *kernel, *text;
    bool blocks; /* each work-item its own block, or all side by side */
    int passes;  /* buffers moved: read 1, copy 2 */
} stream_way;

static const stream_way ways[] = {
    {"bb_limit_read", "read, blocks", true, 1},
    {"bb_limit_read", "read, side by side", false, 1},
    {"bb_limit_copy", "copy, blocks", true, 2},
    {"bb_limit_copy", "copy, side by side", false, 2},
};

static bb_status try_way(bb_roofline *self, const stream_way *way, size_t bytes, double *best)
{
    const size_t cpu = strcmp(self->shared->device->type, "cpu") == 0;
    const size_t items = self->local * self->shared->device->compute_units * (cpu ? 16 : 32);
    const cl_uint n = (cl_uint)(bytes / VECTOR_BYTES / items) & ~1u;
    const cl_uint start = way->blocks ? n : 1, step = way->blocks ? 1 : (cl_uint)items;
    cl_kernel kernel;
    bb_status status = make_kernel(self, self->paths[0].programs[0], way->kernel, &kernel);
    if (status != BB_OK)
        return status;
    const struct {
        size_t size;
        const void *value;
    } arguments[] = {{sizeof(self->from), &self->from},
                     {sizeof(self->to), &self->to},
                     {sizeof(n), &n},
                     {sizeof(start), &start},
                     {sizeof(step), &step}};
    for (cl_uint i = 0; i < BB_COUNT_OF(arguments) && status == BB_OK; i++)
        status = set(self, kernel, i, arguments[i].size, arguments[i].value);
    const double moved = (double)way->passes * n * (double)items * VECTOR_BYTES;
    double seconds = 1e30, wall;
    for (int round = 0; round < 3 && status == BB_OK; round++) {
        double taken;
        status = run(self, kernel, items, self->local, &taken, &wall);
        seconds = status == BB_OK && taken < seconds ? taken : seconds;
    }
    if (status != BB_OK || moved / seconds <= *best) {
        clReleaseKernel(kernel);
        return status;
    }
    if (self->stream)
        clReleaseKernel(self->stream);
    self->stream = kernel;
    self->stream_items = items;
    self->stream_bytes = moved;
    snprintf(self->stream_choice, sizeof(self->stream_choice), "%s", way->text);
    *best = moved / seconds;
    return BB_OK;
}

static bb_status add_stream(bb_roofline *self)
{
    const size_t bytes = stream_size(self);
    const uint64_t pattern = 0x5555555555555555u;
    bb_status status =
        bb_cl_buffer(&self->from, self->shared, CL_MEM_READ_WRITE, bytes, NULL, "stream");
    if (status == BB_OK)
        status = bb_cl_buffer(&self->to, self->shared, CL_MEM_READ_WRITE, bytes, NULL, "stream");
    if (status != BB_OK)
        return status;
    /* pages that were never written to may all be one page of zeros */
    cl_int code = clEnqueueFillBuffer(self->shared->queue, self->from, &pattern, sizeof(pattern), 0,
                                      bytes, 0, NULL, NULL);
    if (code == CL_SUCCESS)
        code = clEnqueueFillBuffer(self->shared->queue, self->to, &pattern, sizeof(pattern), 0,
                                   bytes, 0, NULL, NULL);
    if (code != CL_SUCCESS)
        return fail(self, "clEnqueueFillBuffer", code, "roofline");
    double best = 0;
    for (size_t i = 0; i < BB_COUNT_OF(ways) && status == BB_OK; i++)
        status = try_way(self, &ways[i], bytes, &best);
    return status;
}

bb_status bb_roofline_stream(bb_roofline *roofline, double *rate)
{
    double seconds, wall;
    const bb_status status =
        run(roofline, roofline->stream, roofline->stream_items, roofline->local, &seconds, &wall);
    *rate = status == BB_OK ? roofline->stream_bytes / seconds : 0;
    return status;
}

/* ---- the whole ---- */

bb_status bb_roofline_launch(bb_roofline *roofline, double *seconds)
{
    double kernel;
    return run(roofline, roofline->nothing, 1, 1, &kernel, seconds);
}

static bb_status add_nothing(bb_roofline *self)
{
    bb_status status =
        make_kernel(self, self->paths[0].programs[0], "bb_limit_nothing", &self->nothing);
    if (status == BB_OK)
        status = set(self, self->nothing, 0, sizeof(self->out), &self->out);
    double seconds; /* the first launch may compile */
    return status == BB_OK ? bb_roofline_launch(self, &seconds) : status;
}

static bb_status prepare(bb_roofline *self)
{
    const bb_device_info *device = self->shared->device;
    const bool cpu = strcmp(device->type, "cpu") == 0;
    self->local = cpu || device->max_work_group < 64 ? 1 : 64;
    self->items = (size_t)device->compute_units * (cpu ? 16 : 32) * self->local;
    bb_status status = bb_cl_buffer(&self->out, self->shared, CL_MEM_READ_WRITE,
                                    self->items * sizeof(uint64_t), NULL, "roofline");
    if (status == BB_OK)
        status = add_path(self, BB_PATH_PORTABLE);
    if (status == BB_OK && self->shared->path != BB_PATH_PORTABLE)
        status = add_path(self, self->shared->path);
    if (status == BB_OK)
        status = add_stream(self);
    return status == BB_OK ? add_nothing(self) : status;
}

bb_status bb_roofline_create(bb_roofline **out, bb_backend *opened)
{
    *out = NULL;
    bb_roofline *self = bb_allocate(opened->context, 1, sizeof(*self));
    if (!self)
        return BB_MEMORY;
    self->context = opened->context;
    self->shared = bb_opencl_shared(opened);
    const bb_status status = self->shared ? prepare(self) : bb_opencl_no_kernels(opened);
    if (status == BB_OK)
        *out = self;
    else
        bb_roofline_free(self);
    return status;
}

void bb_roofline_free(bb_roofline *roofline)
{
    if (!roofline)
        return;
    const cl_mem buffers[] = {roofline->out, roofline->from, roofline->to};
    for (size_t i = 0; i < BB_COUNT_OF(buffers); i++)
        if (buffers[i])
            clReleaseMemObject(buffers[i]);
    if (roofline->stream)
        clReleaseKernel(roofline->stream);
    if (roofline->nothing)
        clReleaseKernel(roofline->nothing);
    for (uint32_t i = 0; i < roofline->n_paths; i++) {
        if (roofline->paths[i].kernel)
            clReleaseKernel(roofline->paths[i].kernel);
        for (int k = 0; k < 2; k++)
            if (roofline->paths[i].programs[k])
                clReleaseProgram(roofline->paths[i].programs[k]);
    }
    bb_release(roofline->context, roofline);
}

uint32_t bb_roofline_path_count(const bb_roofline *roofline)
{
    return roofline->n_paths;
}

const char *bb_roofline_path_name(const bb_roofline *roofline, uint32_t path)
{
    return roofline->paths[path].name;
}

const char *bb_roofline_path_choice(const bb_roofline *roofline, uint32_t path)
{
    return roofline->paths[path].choice;
}

const char *bb_roofline_stream_choice(const bb_roofline *roofline)
{
    return roofline->stream_choice;
}
