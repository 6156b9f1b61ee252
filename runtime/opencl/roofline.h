/* SPDX-License-Identifier: MIT */
/*
 * The limits of a device, measured by kernels/roofline.cl on the queue of an opened backend. No CL
 * type is visible here. A measurement is one launch, so that it can be interleaved with what is
 * compared with it.
 */
#ifndef BITBAYES_OPENCL_ROOFLINE_H
#define BITBAYES_OPENCL_ROOFLINE_H

#include "opencl/opencl.h"

typedef struct bb_roofline bb_roofline;

/* Open a device without a network: a backend with no stages. Freed by its `free` operation. */
bb_status bb_opencl_open(bb_backend **out, bb_context *context, const char *device,
                         const bb_device_options *options);

/* Build the kernels for every popcount path of the device, check their results, and find the best
 * of at least four unrollings of each. `opened` must outlive the roofline. */
bb_status bb_roofline_create(bb_roofline **out, bb_backend *opened);
void bb_roofline_free(bb_roofline *roofline); /* takes NULL */

/* Popcount paths; the last one is what the kernels of the device use. */
uint32_t bb_roofline_path_count(const bb_roofline *roofline);
const char *bb_roofline_path_name(const bb_roofline *roofline,
                                  uint32_t path); /* "x86", "portable" */
const char *bb_roofline_path_choice(const bb_roofline *roofline,
                                    uint32_t path); /* "8 chains of 512 bits" */

/* Binary operations (2 per bit) per second of one launch that lasts about `seconds`. */
bb_status bb_roofline_popcount(bb_roofline *roofline, uint32_t path, double seconds, double *rate);

/* Bytes per second of one launch that streams through buffers larger than the caches. */
bb_status bb_roofline_stream(bb_roofline *roofline, double *rate);
const char *bb_roofline_stream_choice(const bb_roofline *roofline); /* "read, blocks" */

/* Seconds from enqueuing an empty kernel until it is waited for. */
bb_status bb_roofline_launch(bb_roofline *roofline, double *seconds);

#endif
