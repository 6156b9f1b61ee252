/* SPDX-License-Identifier: MIT */
/* One stage on a device: its kernel with resident weights and bank, and the stage call. */
#ifndef BITBAYES_OPENCL_STAGE_H
#define BITBAYES_OPENCL_STAGE_H

#include "opencl/image.h"
#include "opencl/program.h"
#include "opencl/variant.h"

/* A program and what it was built from: stages that agree share it. */
typedef struct bb_cl_program {
    cl_program program;
    const bb_variant *variant; /* NULL: an image, which holds kernels of many variants */
    uint32_t set;              /* of its tunables */
    uint32_t warm;             /* bit n: launch n has run, so the driver has compiled for it */
} bb_cl_program;

/* Whether kernels are tried out. */
typedef enum bb_tune_mode { BB_TUNE_OFF, BB_TUNE_CACHED, BB_TUNE_QUICK, BB_TUNE_FULL } bb_tune_mode;

enum { BB_TUNE_TEXT = 96 }; /* of how a kernel was found */

/* What all stages of a backend share. */
typedef struct bb_cl_shared {
    bb_cl_target target;
    const bb_device_info *device;
    uint32_t capabilities;
    bb_path path;
    const char *variants; /* comma list, NULL: all */
    cl_command_queue queue;
    cl_mem nothing; /* stands for buffers that a stage does not have */
    bb_cl_program *programs;
    uint32_t n_programs;
    bb_image image;
    double compile_seconds;
    bb_tune_mode tune;
    double tune_until; /* quick trials end then; 0: not begun */
} bb_cl_shared;

typedef struct bb_cl_stage {
    const bb_stage *stage;
    uint32_t index;
    bb_choice choice;
    bb_room room;
    cl_kernel kernel;
    cl_mem weights, channel_scale, bank, border;
    char *text; /* for bb_backend_operations.variant */
} bb_cl_stage;

/* Where a stage call reads and writes; offsets in 32-bit (list) and 64-bit words (masks). */
typedef struct bb_cl_call {
    cl_mem input, output, list, masks;
    cl_uint first, n_entries, first_mask;
    cl_mem second; /* NULL: the stage has none */
} bb_cl_call;

/* Choose a kernel, by rule or by trial, build or find its program, upload. Half-made stages are
 * freed by _free. */
bb_status bb_cl_stage_prepare(bb_cl_stage *out, bb_cl_shared *shared, const bb_stage *stage,
                              uint32_t index);

/* The same with this choice; BB_UNSUPPORTED if the device cannot run it. */
bb_status bb_cl_stage_prepare_choice(bb_cl_stage *out, bb_cl_shared *shared, const bb_stage *stage,
                                     const bb_choice *choice, const char *why);
void bb_cl_stage_free(bb_context *context, bb_cl_stage *stage);

/* Enqueue the call, in slices where a launch would be too large. `event` (may be NULL) is that of
 * the last launch. Entries must not be 0. */
bb_status bb_cl_stage_launch(const bb_cl_stage *stage, const bb_cl_shared *shared,
                             const bb_cl_call *call, cl_event *event);

/* A buffer, after a check against the device's largest one; `what` for messages. `from` may be
 * NULL. */
bb_status bb_cl_buffer(cl_mem *out, const bb_cl_shared *shared, cl_mem_flags flags, size_t bytes,
                       const void *from, const char *format, ...) BB_PRINTF(6, 7);

/* What the stages of an OpenCL backend share, for whoever measures on its device; NULL for an engine,
 * which has no kernels to measure: that is BB_UNSUPPORTED. */
struct bb_backend;
bb_cl_shared *bb_opencl_shared(struct bb_backend *backend);
bb_status bb_opencl_no_kernels(const struct bb_backend *backend);

#endif
