/* SPDX-License-Identifier: MIT */
/* The device list with OpenCL's handles, and the popcount probe. */
#ifndef BITBAYES_OPENCL_DEVICES_H
#define BITBAYES_OPENCL_DEVICES_H

#include "opencl/cl.h"
#include <bitbayes/device.h>

typedef struct bb_cl_device {
    bb_device_info info;
    cl_platform_id platform; /* NULL for "ref" */
    cl_device_id device;
    bool probed;    /* info.popcount is known */
    bool vpopcnt;   /* the x86 path may be used */
} bb_cl_device;

struct bb_device_list {
    bb_context *context;
    bb_cl_device *devices;
    uint32_t n_devices;
    char **platforms; /* name and version, sorted */
    uint32_t n_platforms;
};

/* Platform, device, version and driver in one text: what a built program fits. */
char *bb_cl_identity(bb_context *context, const bb_device_info *info);

/* Decide the device's popcount path once: processor, device type, and a kernel that must give right
 * results. Texts are static. Never fails: what cannot be decided is "portable". */
void bb_cl_probe(bb_context *context, bb_cl_device *device);

#endif
