/* SPDX-License-Identifier: MIT */
/* The OpenCL backend as the engine sees it; no CL type is visible outside this folder. */
#ifndef BITBAYES_OPENCL_H
#define BITBAYES_OPENCL_H

#include "execute/backend.h"
#include <bitbayes/device.h>

/* Open a device by its id and prepare all stages of the plan: build or load programs, choose a
 * variant per stage, upload weights and banks. `options` may be NULL. */
bb_status bb_opencl_backend_create(bb_backend **out, bb_context *context, const bb_plan *plan,
                                   const char *device, const bb_device_options *options);

#endif
