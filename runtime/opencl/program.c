/* SPDX-License-Identifier: MIT */
/* Builds programs from kernel sources, through the cache where one is given. */
#include "opencl/program.h"

#include "opencl/cache.h"
#include "opencl/source.h"

#include <string.h>

#define MAX_IMAGE ((size_t)1 << 30)

/* The log goes line by line to the notes, and as much of it as fits into the error text. */
static bb_status fail_build(const bb_cl_target *target, cl_program program, cl_int code,
                            const char *what, const char *options)
{
    bb_context *context = target->context;
    size_t length = 0;
    clGetProgramBuildInfo(program, target->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &length);
    char *log = bb_allocate(context, length + 1, 1);
    if (!log)
        return BB_MEMORY;
    clGetProgramBuildInfo(program, target->device, CL_PROGRAM_BUILD_LOG, length, log, NULL);
    for (char *line = log, *end; *line && !target->silent; line = end + (*end == '\n')) {
        end = line + strcspn(line, "\n");
        bb_note(context, "device %s: build log: %.*s", target->id, (int)(end - line), line);
    }
    const bb_status status = bb_cl_fail(context, target->id, "clBuildProgram", code, "(%s)", what);
    bb_fail(context, status, "device %s: clBuildProgram: %s (%s; options %s):\n%s", target->id,
            bb_cl_error_name(code), what, options, *log ? log : "no log");
    bb_release(context, log);
    return status;
}

static bb_status from_binary(cl_program *out, const bb_cl_target *target, const uint8_t *bytes,
                             size_t length, const char *what)
{
    cl_int code, answer = CL_SUCCESS;
    const unsigned char *binary = bytes;
    cl_program program =
        clCreateProgramWithBinary(target->cl, 1, &target->device, &length, &binary, &answer, &code);
    if (code != CL_SUCCESS || answer != CL_SUCCESS) {
        if (program)
            clReleaseProgram(program);
        return bb_cl_fail(target->context, target->id, "clCreateProgramWithBinary",
                          code != CL_SUCCESS ? code : answer, "for %zu bytes (%s)", length, what);
    }
    code = clBuildProgram(program, 1, &target->device, "", NULL, NULL);
    if (code != CL_SUCCESS) {
        const bb_status status = fail_build(target, program, code, what, "none");
        clReleaseProgram(program);
        return status;
    }
    *out = program;
    return BB_OK;
}

bb_status bb_program_compile(cl_program *out, const bb_cl_target *target, const bb_text *source,
                             const char *files, const char *options)
{
    cl_int code;
    const char *text = source->bytes;
    cl_program program = clCreateProgramWithSource(target->cl, 1, &text, &source->length, &code);
    if (code != CL_SUCCESS)
        return bb_cl_fail(target->context, target->id, "clCreateProgramWithSource", code,
                          "for %zu bytes (%s)", source->length, files);
    code = clBuildProgram(program, 1, &target->device, options, NULL, NULL);
    if (code != CL_SUCCESS) {
        const bb_status status = fail_build(target, program, code, files, options);
        clReleaseProgram(program);
        return status;
    }
    *out = program;
    return BB_OK;
}

bb_status bb_program_binary(const bb_cl_target *target, cl_program program, uint8_t **bytes,
                            size_t *length)
{
    *bytes = NULL;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof(*length), length, NULL) !=
        CL_SUCCESS)
        *length = 0;
    unsigned char *binary = bb_allocate(target->context, *length, 1);
    if (!binary)
        return BB_MEMORY;
    /* the size asked for is that of the array of pointers */
    if (*length &&
        clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof(binary), &binary, NULL) != CL_SUCCESS)
        *length = 0;
    *bytes = binary;
    return BB_OK;
}

/* Keep what the driver made. A driver that gives nothing out is left alone. */
static void store(const bb_cl_target *target, cl_program program, const char *key)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    if (bb_program_binary(target, program, &bytes, &length) == BB_OK && length)
        bb_cache_store(target->context, target->cache, key, bytes, length);
    bb_release(target->context, bytes);
}

static bb_status build_cached(cl_program *out, const bb_cl_target *target, const bb_text *source,
                              const char *key, const char *files, const char *options)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    if (bb_cache_load(target->context, target->cache, key, &bytes, &length)) {
        const bb_status status = from_binary(out, target, bytes, length, "cached program");
        bb_release(target->context, bytes);
        if (status == BB_OK)
            return BB_OK;
        bb_cache_drop(target->context, target->cache, key);
    }
    const bb_status status = bb_program_compile(out, target, source, files, options);
    if (status == BB_OK && *target->cache)
        store(target, *out, key);
    return status;
}

bb_status bb_program_build(cl_program *out, const bb_cl_target *target, const char *files,
                           const char *options)
{
    *out = NULL;
    bb_context *context = target->context;
    bb_text source = {.context = context};
    bb_status status = bb_kernel_source(&source, files);
    char *key = status == BB_OK
                    ? bb_format(context, "bitbayes %s; %s; options %s; sources %016llx",
                                bb_version(), target->identity, options,
                                (unsigned long long)bb_hash(source.bytes, source.length))
                    : NULL;
    if (status == BB_OK)
        status = key ? build_cached(out, target, &source, key, files, options) : BB_MEMORY;
    bb_release(context, key);
    bb_text_free(&source);
    return status;
}

static const char *identity_of(const bb_cl_target *target)
{
    return target->identity ? target->identity : "not compiled for";
}

/* A driver answers with a number; most often the image is another board's. */
static bb_status refuse_image(const bb_cl_target *target, const char *path)
{
    bb_context *context = target->context;
    char *answer = bb_copy_text(context, bb_context_error(context));
    if (!answer)
        return BB_MEMORY;
    const bb_status status =
        bb_fail(context, BB_DEVICE,
                "%s: the driver does not take it as a program of device %s (%s). An image fits the "
                "board, the driver and the tools that it was built for. %s",
                path, target->id, identity_of(target), answer);
    bb_release(context, answer);
    return status;
}

static bb_status from_image(cl_program *out, const bb_cl_target *target, const uint8_t *bytes,
                            size_t length, const char *path)
{
    bb_context *context = target->context;
    bb_sealed sealed = {.payload = bytes, .n_payload = length}; /* as a vendor's compiler left it */
    if (length == 0)
        return bb_fail(context, BB_INPUT, "%s: empty, expected a program binary", path);
    if (bb_sealed_read(&sealed, bytes, length) == BB_SEALED_DAMAGED)
        return bb_fail(context, BB_INPUT, "%s: cut off or changed: its checksum does not fit",
                       path);
    if (sealed.key && (sealed.n_key != strlen(identity_of(target)) ||
                       memcmp(sealed.key, identity_of(target), sealed.n_key) != 0))
        return bb_fail(context, BB_INPUT, "%s: built for (%.*s), but device %s is (%s)", path,
                       (int)sealed.n_key, sealed.key, target->id, identity_of(target));
    const bb_status status = from_binary(out, target, sealed.payload, sealed.n_payload, path);
    return status == BB_DEVICE ? refuse_image(target, path) : status;
}

bb_status bb_program_load(cl_program *out, const bb_cl_target *target, const char *path)
{
    *out = NULL;
    uint8_t *bytes = NULL;
    size_t length = 0;
    bb_status status = bb_file_read(target->context, path, MAX_IMAGE, &bytes, &length);
    if (status == BB_OK)
        status = from_image(out, target, bytes, length, path);
    bb_release(target->context, bytes);
    return status;
}
