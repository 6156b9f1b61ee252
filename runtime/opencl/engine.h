/* SPDX-License-Identifier: MIT */
/*
 * A second kind of OpenCL backend: the device holds the engine of fpga/rtl, one kernel
 * bb_engine(memory, calls, n_calls) that runs a list of stage calls out of one buffer, the arena.
 * What the engine refuses, and the affine of a head, runs on the host by the reference's stage
 * code, and variant() says so. engine_open.c makes it ready, engine.c runs chunks.
 */
#ifndef BITBAYES_OPENCL_ENGINE_H
#define BITBAYES_OPENCL_ENGINE_H

#include "board/image.h"
#include "opencl/devices.h"
#include "opencl/opencl.h"
#include "opencl/program.h"

/* Where the output of a stage is in the chunk under way. */
typedef enum engine_place {
    ENGINE_NOWHERE,
    ENGINE_ON_DEVICE,
    ENGINE_AS_SUMS, /* on the device, before the affine */
    ENGINE_ON_HOST
} engine_place;

/* One stage; offsets are 64-bit words in the arena. */
typedef struct engine_stage {
    bb_stage_descriptor call; /* as the engine runs it: a head becomes sums */
    uint32_t refusal;         /* 0: the engine runs it */
    bool sums;
    uint32_t weights, bank, border, list, masks, output;
    uint32_t sums_at; /* one slot per entry */
    engine_place place;
    char *text; /* for variant() */
} engine_stage;

/* A call waiting, or done, in the chunk under way. */
typedef struct engine_backend {
    bb_backend base;
    bb_device_list *list;
    bb_cl_target target;
    bb_fpga_engine engine;
    char kernel_name[BB_FPGA_NAME_SIZE], told[256]; /* told: the driver's words of a failure */
    uint32_t mhz;
    cl_command_queue queue;
    cl_program program;
    cl_kernel kernel;
    engine_stage *stages;
    uint32_t n_stages;
    /* of reserve(): the arena here and on the device, with the same offsets */
    cl_mem memory;
    uint64_t *arena;
    uint32_t inputs, calls;
    size_t n_words;
    uint32_t n_constants; /* words of weights, banks, borders */
    /* of the chunk under way */
    const bb_chunk *chunk;
    uint32_t first_call, n_calls; /* not enqueued yet: from first_call on */
    cl_event *runs;               /* [n_stages] */
    uint32_t n_runs;
    double submitted;
} engine_backend;

extern const bb_backend_operations bb_engine_operations;

void bb_engine_backend_free(bb_backend *backend); /* takes half-built backends */
void bb_engine_release_reserved(engine_backend *self);

/* Whether the device runs plans this way: one of its built-in kernels is the engine, or `image`
 * (may be NULL) is an engine's. *name receives the kernel. BB_INPUT: the image is damaged. */
bb_status bb_engine_offered(bool *offered, bb_fpga_engine *engine, char name[BB_FPGA_NAME_SIZE],
                            bb_context *context, const bb_cl_device *device, const char *image);

/* Opens it. Takes the list in every case, of which `device` is a row. */
bb_status bb_engine_backend_create(bb_backend **out, bb_context *context, const bb_plan *plan,
                                   bb_device_list *list, bb_cl_device *device,
                                   const bb_fpga_engine *engine, const char *name,
                                   const bb_device_options *options);

#endif
