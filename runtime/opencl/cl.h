/* SPDX-License-Identifier: MIT */
/* OpenCL 1.2 as this folder uses it: names of its codes, failures with text. */
#ifndef BITBAYES_OPENCL_CL_H
#define BITBAYES_OPENCL_CL_H

#define CL_TARGET_OPENCL_VERSION 120
#include "base/base.h"
#include <CL/cl.h>

/* "CL_OUT_OF_RESOURCES" and so on; "CL error" for a code that is not listed. */
const char *bb_cl_error_name(cl_int code);

/* "device 0:1: clCreateBuffer: CL_OUT_OF_RESOURCES for 64 bytes (...)"; the format tells what follows
 * the code, "" for nothing. BB_MEMORY where the code says so, else BB_DEVICE. */
bb_status bb_cl_fail(bb_context *context, const char *device, const char *call, cl_int code,
                     const char *format, ...) BB_PRINTF(5, 6);

/* A text that OpenCL hands out, as a copy; NULL with the error set. */
char *bb_cl_device_text(bb_context *context, cl_device_id device, cl_device_info what);
char *bb_cl_platform_text(bb_context *context, cl_platform_id platform, cl_platform_info what);

/* A number of up to 64 bits; 0 where the device does not know the question. */
uint64_t bb_cl_device_number(cl_device_id device, cl_device_info what);

/* Seconds that a finished command ran, by the device's clock; negative where it does not tell. */
double bb_cl_event_seconds(cl_event event);

#endif
