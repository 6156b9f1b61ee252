/* SPDX-License-Identifier: MIT */
/* The tiny network of `bitbayes doctor`. */
#ifndef BITBAYES_HOST_DOCTOR_H
#define BITBAYES_HOST_DOCTOR_H

#include "invocation.h"

/* Build a network of two binary layers with a Scale-Dropout site, run it on the device and compare
 * with the reference. BB_OK, BB_CHECK when a bit differs, or what the device failed with. */
bb_status doctor_run_tiny(bb_context *context, const char *device);

#endif
