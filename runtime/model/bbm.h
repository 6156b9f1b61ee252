/* SPDX-License-Identifier: MIT */
/*
 * Packed model files. All numbers little-endian.
 *
 *   header   8 bytes magic, u32 version, u32 zero, u64 length of the payload, u64 XXH3 of it
 *   payload  u64 hash of the original file
 *            f32 scale, u32 n, f32 mean[n], f32 std[n]
 *            u32 n_classes, then texts
 *            u32 n_sites, then {u32 kind, f32 p, u32 n_draws, u32 n_elements, text name}
 *            u32 n_nodes, then {u32 kind, u32 input, u32 channels, height, width,
 *                               text name, text operator, part of the kind}
 *            text recognised
 *   text     u32 length, bytes
 *   LINEAR   window, u32 groups, f32 mask_factor, u32 binary, then
 *            binary: f32 magnitude[out], weights one bit each (1 is +1), low bit first, bytes
 * filled float: f32 weights STEP     u32 kind, u32 site, u32 n_draws, u32 has_b, f32 a[n_draws *
 * channels], f32 b[...] SIGN     u32 zero_is_positive, u32 onnx_sign pools    window;  MASK: u32
 * site;  INPUT: nothing;  ADD, CONCAT: u32 second window   u32 kernel_h, kernel_w, step_h, step_w,
 * dilation_h, dilation_w, pad_top, pad_left, pad_bottom, pad_right
 */
#ifndef BITBAYES_BBM_H
#define BITBAYES_BBM_H

#include "model/graph.h"

#define BB_BBM_MAGIC                                                                               \
    "\x89"                                                                                         \
    "BBM\r\n\x1a\n"
#define BB_BBM_VERSION 2u       /* with ADD and CONCAT, which version 1 does not know; */
#define BB_BBM_VERSION_CHAIN 1u /* written where there are none, so that older releases read it */
#define BB_BBM_HEADER 32

bool bb_bbm_recognise(const void *bytes, size_t length);
/* Into a new graph; the caller checks it. BB_INPUT names the byte where it went wrong. */
bb_status bb_bbm_read(bb_graph *graph, const void *bytes, size_t length);

#endif
