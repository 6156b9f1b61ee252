/* SPDX-License-Identifier: MIT */
/*
 * What the host, the kernels and the FPGA agree on: the stage descriptor, bank entries and work
 * lists. Compiled as C and as OpenCL C; 32-bit members only, so that both lay them out alike.
 *
 * Bits.      1 means +1, 0 means -1. A map is NHWC; the channels of one pixel fill
 *            `in_words` 64-bit words, channel c in bit c%64 of word c/64. Bits at and above the last
 *            channel are 0 in every operand, so they never differ and never count.
 * Tensors.   One slot holds one input's activations under one prefix of draws:
 *              BB_TYPE_BITS   u64 [height][width][words]
 *              BB_TYPE_REAL   f32 [height][width][channels], padded to whole 64-bit words
 *              BB_TYPE_BYTES  u8  [height][width][channels], padded to whole 64-bit words
 *            A stage of BB_EMIT_BOTH makes the map of real values and behind it, in the same slot, the map
 *            of bits. Who reads a tensor knows how many words lie before its map within the slot.
 * Weights.   [out_channels][kernel_h][kernel_w][...] with the innermost part
 *              BB_SUM_BITS        u64 [in_words], tail bits 0
 *              BB_SUM_BYTES*      i8  [in_channels], -1 or +1
 *              BB_SUM_BITS_REAL, BB_SUM_REAL   f32 [in_channels]
 *            A dense layer is a convolution whose kernel covers its whole input map.
 *            Groups: output channel o reads in_channels / groups channels from o / (out_channels / groups)
 *            times as many on; weights for others are there, and 0: bits do not count, the rest adds 0.
 *            BB_SUM_POOL_*, BB_SUM_MAX_REAL and BB_SUM_JOIN_* have no weights, and each channel is by
 *            itself; out_channels == in_channels, of a join in_channels + second_channels.
 * Padding.   A padded tap counts 0. `valid(y, x)` below is the set of taps inside the input.
 */
#ifndef BITBAYES_SHARED_H
#define BITBAYES_SHARED_H

#ifdef __OPENCL_VERSION__
typedef uint bb_u32;
typedef int bb_i32;
#else
#include <stdint.h>
typedef uint32_t bb_u32;
typedef int32_t bb_i32;
#endif

#define BB_NONE 0xffffffffu

/* What one element of a tensor is. */
enum { BB_TYPE_BITS, BB_TYPE_BYTES, BB_TYPE_REAL };

/*
 * How a stage forms its sum per output pixel and channel. `float(...)` rounds an exact integer once;
 * every other float operation rounds to float32 on its own (no contraction), in the order written.
 */
enum {
    /* i32: n - 2 popcount((x ^ w) & m) over the valid taps, n = kept valid taps; m: mask or all ones,
     * of the channels of the group */
    BB_SUM_BITS,
    /* i32: sum of w * x over the valid taps, x one byte */
    BB_SUM_BYTES,
    /* f32: s = 0; for each input channel c in order: s = s + float(sum of w * x of channel c) * scale[c] */
    BB_SUM_BYTES_SCALED,
    /* f32: s = 0; for valid taps in order (ky, kx, c): s = s + w, or s - w where the bit is 0; taps
     * whose mask bit is 0 are left out */
    BB_SUM_BITS_REAL,
    /* f32: s = 0; for valid taps in order (ky, kx, c): s = s + x * w */
    BB_SUM_REAL,
    /* i32: sum of +-1 over the valid taps of the own channel */
    BB_SUM_POOL_BITS,
    /* f32: s = 0; for valid taps in order (ky, kx): s = s + x of the own channel */
    BB_SUM_POOL_REAL,
    /* f32: the largest x of the own channel over the valid taps */
    BB_SUM_MAX_REAL,
    /* i32: +-1 of the own channel of the input, behind its channels of the second operand; no window */
    BB_SUM_JOIN_BITS,
    /* f32: the same of real values */
    BB_SUM_JOIN_REAL
};

/* What a stage writes per output pixel, channel and bank entry. */
enum {
    /* bit = (sum >= threshold) ^ flip, sum and threshold both i32 or both f32; then max pooling */
    BB_EMIT_BITS,
    /* y = z * gain + offset with z = sum, or float(sum) if the sum is i32; two roundings. With a
     * residual y = (z * gain + offset) + r: a third one */
    BB_EMIT_REAL,
    /* y as before, and behind the map of y the bits (y >= threshold) ^ flip */
    BB_EMIT_BOTH
};

/* Flags of a bank entry of BB_EMIT_BITS. */
#define BB_FLIP 1u     /* the bit is 1 below the threshold */
#define BB_POOL_AND 2u /* pool by AND: the function behind the pool is non-increasing */

/*
 * Bank entry: two 32-bit words.
 *   BB_EMIT_BITS: {threshold as i32 or f32 bits, flags}
 *   BB_EMIT_REAL: {gain, offset as f32 bits}
 *   BB_EMIT_BOTH: the same, and behind the bank [out_channels] of {threshold as f32 bits, BB_FLIP or 0}
 * A stage's bank is [n_classes][n_draws][out_channels]. `class` = row_class[y] * n_column_classes +
 * column_class[x] of the output pixel before pooling, where the stage has border classes (a zero pad
 * of a normalised image is not byte 0), else 0. Classes stand in `border`:
 * u32 row_class[sum_h], then u32 column_class[sum_w].
 */
typedef struct bb_bank_entry {
    bb_u32 a;
    bb_u32 b;
} bb_bank_entry;

/* One stage: a sum per pixel of a sum_h x sum_w map, then an optional max pool, then out. */
typedef struct bb_stage_descriptor {
    bb_u32 sum;  /* BB_SUM_... */
    bb_u32 emit; /* BB_EMIT_... */
    bb_u32 in_type, in_channels, in_h, in_w;
    bb_u32 in_words;   /* 64-bit words per input pixel, BB_TYPE_BITS only, else 0 */
    bb_u32 in_stride;  /* 64-bit words per input slot */
    bb_u32 kernel_h, kernel_w, step_h, step_w; /* step: the stride of the convolution */
    bb_u32 dilation_h, dilation_w, groups;
    bb_u32 pad_top, pad_left;                  /* what is padded below and right follows from sum_h, sum_w */
    bb_u32 sum_h, sum_w, out_channels;
    bb_u32 pool_h, pool_w, pool_step_h, pool_step_w, pool_top, pool_left; /* 1 1 1 1 0 0: no pool */
    bb_u32 out_h, out_w;
    bb_u32 out_words;  /* 64-bit words per output pixel of bits; 0 if BB_EMIT_REAL */
    bb_u32 out_stride; /* 64-bit words per output slot */
    bb_u32 n_draws;    /* entries of the bank that a draw can select */
    bb_u32 n_row_classes, n_column_classes; /* 1 1: no border classes */
    bb_u32 masked;     /* 1: entries may name a mask; one u64 [in_words] row per mask, channels kept are 1 */
    bb_u32 mask_per_element; /* 0: a mask row holds for every pixel; 1: [in_h][in_w][in_words] */
    bb_u32 in_offset;   /* 64-bit words before the map within an input slot */
    bb_u32 bits_offset; /* BB_EMIT_BOTH: 64-bit words of an output slot before its bits, else 0 */
    /* 1: entries name a slot of a second tensor. BB_SUM_JOIN_* append its map to the input's; to others
     * it is the residual r, f32 of the shape of the output. All 0 without one. */
    bb_u32 second, second_channels;
    bb_u32 second_words;  /* 64-bit words per pixel, BB_SUM_JOIN_BITS only, else 0 */
    bb_u32 second_stride; /* 64-bit words per slot */
    bb_u32 second_offset; /* 64-bit words before the map within a slot */
} bb_stage_descriptor;

/*
 * Work list: n entries of BB_ENTRY_WORDS(stage) 32-bit words
 *   {input slot, mask row or BB_NONE, output slot for draw 0 or BB_NONE, for draw 1, ...,
 *    and, where the stage has a second operand, its slot}
 * The sum of an entry is formed once and emitted for every draw that names a slot. Each output slot
 * is named at most once in a list.
 */
#define BB_ENTRY_INPUT 0
#define BB_ENTRY_MASK 1
#define BB_ENTRY_OUTPUT 2
#define BB_ENTRY_SECOND(stage) (2 + (stage)->n_draws)
#define BB_ENTRY_WORDS(stage) (2 + (stage)->n_draws + (stage)->second)

/*
 * What the kernels of kernels/folded.cl were built with; bb_limits__folded writes it. Memories count
 * 64-bit words, each pixel filled up to a multiple of simd.
 */
typedef struct bb_folded_limits {
    bb_u32 layout;          /* BB_FOLDED_LAYOUT: of weights, bank, arguments and this struct */
    bb_u32 descriptor_bytes; /* sizeof(bb_stage_descriptor) */
    bb_u32 pe, simd, draws; /* channels and words a step, draws that are emitted at a time */
    bb_u32 window;          /* words of one channel's weights */
    bb_u32 input, masks;    /* words of one input and its mask; bytes: 8 planes of all windows */
    bb_u32 classes;         /* border classes */
} bb_folded_limits;

#define BB_FOLDED_LAYOUT 2
#define BB_FOLDED_SIDE 1024 /* rows and columns of a map with border classes */

#endif
