/* SPDX-License-Identifier: MIT */
/* The device list with OpenCL's handles, and the popcount probe. */
#ifndef BITBAYES_OPENCL_DEVICES_H
#define BITBAYES_OPENCL_DEVICES_H

#include "opencl/cl.h"
#include <bitbayes/device.h>

/* Ways of counting bits in kernels, from the one that every device has to the widest. */
typedef enum bb_path { BB_PATH_PORTABLE, BB_PATH_AVX2, BB_PATH_AVX512, BB_N_PATHS } bb_path;

typedef struct bb_path_facts {
    const char *name;    /* "avx2": --popcount takes it */
    const char *text;    /* "x86 vpshufb" */
    const char *options; /* of a kernel's build, with a blank in front */
} bb_path_facts;

extern const bb_path_facts bb_paths[BB_N_PATHS];

typedef struct bb_cl_device {
    bb_device_info info;
    cl_platform_id platform; /* NULL for "ref" */
    cl_device_id device;
    bool probed;  /* info.popcount is known */
    bb_path path; /* the widest that works */
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

/* Whether kernels of the device can count in this way: processor, device type, and a kernel that
 * must give right results. `why` gets a static text, whatever the answer. */
bool bb_cl_path_works(bb_context *context, const bb_cl_device *device, bb_path path,
                      const char **why);

/* Decide the device's popcount path once. Texts are static. Never fails: what cannot be decided is
 * "portable". */
void bb_cl_probe(bb_context *context, bb_cl_device *device);

#endif
