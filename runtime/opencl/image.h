/* SPDX-License-Identifier: MIT */
/*
 * Images: programs that were built before, for boards by the vendor's tools. What an image holds is
 * asked of it, so that one that does not fit is refused in words before the first stage call.
 */
#ifndef BITBAYES_OPENCL_IMAGE_H
#define BITBAYES_OPENCL_IMAGE_H

#include "opencl/program.h"
#include "opencl/variant.h"

typedef struct bb_image {
    char *path;              /* NULL: there is none */
    char *holds;             /* names of its kernels, and what the folded ones were built with */
    bool folded;             /* the kernels of kernels/folded.cl are among them */
    bb_folded_limits limits; /* theirs */
} bb_image;

/* Load the image of a file and ask it. BB_INPUT: not for this device, or of another layout;
 * BB_DEVICE. */
bb_status bb_image_open(bb_image *out, cl_program *program, const bb_cl_target *target,
                        cl_command_queue queue, const char *path);
void bb_image_free(bb_context *context, bb_image *image);

/* As bb_variant_serves(), but with the limits that the image was built with. */
bool bb_image_serves(const bb_image *image, const bb_variant *variant,
                     const bb_stage_descriptor *stage, uint32_t capabilities, const char **why_not);

/* BB_UNSUPPORTED: why no kernel of the image serves a stage. */
bb_status bb_image_refuse(const bb_image *image, const bb_cl_target *target, const bb_stage *stage,
                          uint32_t index, uint32_t capabilities);

/* Build one file of OpenCL C for a device, as a vendor's compiler does for a board, and write the
 * binary. `device` as in `--device`. BB_INPUT, BB_NO_DEVICE, BB_DEVICE with the build log,
 * BB_OUTPUT. */
bb_status bb_image_build(bb_context *context, const char *device, const char *source,
                         const char *options, const char *image);

#endif
