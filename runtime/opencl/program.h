/* SPDX-License-Identifier: MIT */
/* Programs: built from sources through the cache, or loaded from an image. */
#ifndef BITBAYES_OPENCL_PROGRAM_H
#define BITBAYES_OPENCL_PROGRAM_H

#include "opencl/cl.h"

/* What a program is built for; borrowed. */
typedef struct bb_cl_target {
    bb_context *context;
    const char *id; /* of the device, for messages */
    cl_context cl;
    cl_device_id device;
    const char *identity; /* of platform, device and driver: part of the cache's key */
    const char *cache;    /* folder, "" for none */
    bool silent;          /* a trial that may fail: its build log makes no notes */
} bb_cl_target;

/* Build shared.h, bits.cl and `files` (blank-separated). BB_DEVICE with the build log. */
bb_status bb_program_build(cl_program *out, const bb_cl_target *target, const char *files,
                           const char *options);

/* Build one text; `name` for messages. BB_DEVICE with the build log. */
bb_status bb_program_compile(cl_program *out, const bb_cl_target *target, const bb_text *source,
                             const char *name, const char *options);

/* The binary that the driver made, released by the caller; of length 0 if it gives none out. */
bb_status bb_program_binary(const bb_cl_target *target, cl_program program, uint8_t **bytes,
                            size_t *length);

/* Load an image: what bb_image_build() wrote, or a vendor's file as it is. BB_INPUT: it is damaged
 * or was built for another device; BB_DEVICE: the driver does not take it. */
bb_status bb_program_load(cl_program *out, const bb_cl_target *target, const char *path);

#endif
