/* SPDX-License-Identifier: MIT */
/* Layouts of weights and banks, by the shape of the kernel; described in kernels/README.md. */
#ifndef BITBAYES_OPENCL_LAYOUT_H
#define BITBAYES_OPENCL_LAYOUT_H

#include "opencl/variant.h"

/* Channels of a group and pixels of a tile of `dot`. */
enum { BB_DOT_GROUP = 32, BB_DOT_PIXELS = 16 };

/* Channels of a group of `table`. */
enum { BB_TABLE_GROUP = 64 };

/* On failure what was allocated stays in `out`, for the caller to release. */
typedef bb_status bb_pack_function(bb_context *context, const bb_choice *choice,
                                   const bb_stage *stage, bb_packed *out);

bb_pack_function bb_pack_plain, bb_pack_lanes, bb_pack_vector, bb_pack_dot, bb_pack_table, bb_pack_tile32,
    bb_pack_folded;

/* Whether what the windows of a tile cover has room in a work-item of `dot`. */
bool bb_dot_fits(const bb_stage_descriptor *stage);

/* Whether a window has room in a work-item of `table`, and its sums in 16 bits. */
bool bb_table_fits(const bb_stage_descriptor *stage);

/* Channels that the lanes kernels make at a time. */
uint32_t bb_lanes_group(const bb_choice *choice);

/* Channels that the tile32 kernels make: a multiple of 32 that fills all output words. */
uint32_t bb_tile32_channels(const bb_stage_descriptor *stage);

#endif
