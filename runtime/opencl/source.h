/* SPDX-License-Identifier: MIT */
/* Kernel sources: embedded by cmake/embed.cmake, or read from $BITBAYES_KERNELS while developing. */
#ifndef BITBAYES_OPENCL_SOURCE_H
#define BITBAYES_OPENCL_SOURCE_H

#include "base/base.h"
#include "base/embedded.h"

extern const bb_embedded_file bb_embedded_files[];
extern const size_t bb_n_embedded_files;

/* shared.h, bits.cl, then the blank-separated `files` of kernels/, each behind a #line directive.
 * BB_INPUT when $BITBAYES_KERNELS lacks a file, BB_MEMORY. */
bb_status bb_kernel_source(bb_text *out, const char *files);

#endif
