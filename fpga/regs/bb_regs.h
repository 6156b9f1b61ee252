/* SPDX-License-Identifier: MIT */
/* Written by fpga/regs/generate.py from table.txt and kernels/shared.h; do not edit. */
#ifndef BITBAYES_FPGA_REGS_H
#define BITBAYES_FPGA_REGS_H

#include "kernels/shared.h"

/* Byte offsets of the registers. */
enum {
    /* rw: bit 0 ap_start, 1 ap_done (read clears), 2 ap_idle, 3 ap_ready, 7 auto_restart */
    BB_FPGA_CONTROL = 0x00,
    /* rw: bit 0: interrupts on */
    BB_FPGA_GLOBAL_IRQ = 0x04,
    /* rw: bit 0 ap_done, 1 ap_ready */
    BB_FPGA_IRQ_ENABLE = 0x08,
    /* rw: bit 0 ap_done, 1 ap_ready; writing 1 toggles */
    BB_FPGA_IRQ_STATUS = 0x0c,
    /* rw: arena address, low half; a multiple of 8 */
    BB_FPGA_MEMORY_LOW = 0x10,
    /* rw: arena address, high half */
    BB_FPGA_MEMORY_HIGH = 0x14,
    /* rw: offset of the first call record in the arena, in 64-bit words */
    BB_FPGA_CALLS = 0x1c,
    /* rw: how many call records follow each other there */
    BB_FPGA_N_CALLS = 0x24,
    /* ro: why the run stopped, see `error`; 0: it did not */
    BB_FPGA_ERROR = 0x40,
    /* ro: the call that failed, else how many were run */
    BB_FPGA_CALL = 0x44,
    /* ro: clock cycles of the last run, low half */
    BB_FPGA_CYCLES_LOW = 0x48,
    /* ro: high half */
    BB_FPGA_CYCLES_HIGH = 0x4c,
    /* ro: 0x42424631, "BBF1" */
    BB_FPGA_MAGIC = 0x50,
    /* ro: output channels at a time */
    BB_FPGA_PE = 0x54,
    /* ro: bits at a time */
    BB_FPGA_SIMD = 0x58,
    /* ro: units (of SIMD bits) of one kernel window, times 8 planes for bytes */
    BB_FPGA_WINDOW = 0x5c,
    /* ro: units of weights per PE */
    BB_FPGA_WEIGHTS = 0x60,
    /* ro: units of one input map */
    BB_FPGA_INPUT = 0x64,
    /* ro: units of one mask */
    BB_FPGA_MASKS = 0x68,
    /* ro: bank rows of 64 channels: border classes times draws */
    BB_FPGA_ROWS = 0x6c,
    /* ro: draws of one stage */
    BB_FPGA_DRAWS = 0x70,
    /* ro: border words: sum_h + sum_w */
    BB_FPGA_BORDER = 0x74,
};

/* The same of the small top. */
enum {
    /* wo: bits 0-7 chunks - 1, 8 bytes, 16-21 channels - 1, 24-25 draws - 1, 28 sums */
    BB_FPGA_SMALL_CONFIG = 0x00,
    /* wo: where the next weight, window unit or bank entry goes; weights: lane in bits 16-20 */
    BB_FPGA_SMALL_ADDRESS = 0x04,
    /* wo: of the next window unit */
    BB_FPGA_SMALL_MASK = 0x08,
    /* wo: one unit; the address moves on */
    BB_FPGA_SMALL_WEIGHT = 0x0c,
    /* wo: one unit under MASK; the address moves on */
    BB_FPGA_SMALL_WINDOW = 0x10,
    /* wo: bits 0-29 threshold, 30 FLIP, 31 POOL_AND, at {row, 6 bits of channel}; moves on */
    BB_FPGA_SMALL_BANK = 0x14,
    /* wo: bits 0-7 bank row, 8 first, 9 last of its output pixel; hands the window over */
    BB_FPGA_SMALL_JOB = 0x18,
    /* wo: drops the output word */
    BB_FPGA_SMALL_NEXT = 0x1c,
    /* ro: bit 0 an output word is there, 1 idle, 2-3 windows handed over, 4-9 draw or channel, 10 last */
    BB_FPGA_SMALL_STATUS = 0x20,
    /* ro: the output word */
    BB_FPGA_SMALL_LOW = 0x24,
    /* ro: its high half */
    BB_FPGA_SMALL_HIGH = 0x28,
    /* ro: the sum, where CONFIG asks for sums */
    BB_FPGA_SMALL_SUM = 0x2c,
};

/* Why a run stopped. */
#define BB_FPGA_ERRORS(X) \
    X(MAGIC, 1, "the call record does not begin a call") \
    X(SUM, 2, "the sum is neither over bits nor over bytes (float first layers, average pools)") \
    X(EMIT, 3, "neither bits nor sums, or next to real values (heads and residuals belong to the host)") \
    X(GROUPS, 4, "grouped convolution") \
    X(DILATION, 5, "dilated convolution") \
    X(DRAWS, 6, "more draws than the engine has banks") \
    X(TYPE, 7, "the input type does not go with the sum") \
    X(MASK, 8, "a mask on an 8-bit input") \
    X(POOL, 9, "a pool over sums") \
    X(WINDOW, 10, "the kernel window is larger than the window memory") \
    X(WEIGHTS, 11, "64 output channels are larger than the weight memory") \
    X(INPUT, 12, "the input map is larger than the input memory") \
    X(MASKS, 13, "a mask is larger than the mask memory") \
    X(ROWS, 14, "border classes times draws exceed the bank rows") \
    X(BORDER, 15, "the sum map is larger than the border memory") \
    X(SECOND, 16, "a second operand, or an input behind another map (residual stages, joins)") \
    X(BUS, 17, "the memory answered a transfer with an error")

enum {
    BB_FPGA_ERROR_MAGIC = 1,
    BB_FPGA_ERROR_SUM = 2,
    BB_FPGA_ERROR_EMIT = 3,
    BB_FPGA_ERROR_GROUPS = 4,
    BB_FPGA_ERROR_DILATION = 5,
    BB_FPGA_ERROR_DRAWS = 6,
    BB_FPGA_ERROR_TYPE = 7,
    BB_FPGA_ERROR_MASK = 8,
    BB_FPGA_ERROR_POOL = 9,
    BB_FPGA_ERROR_WINDOW = 10,
    BB_FPGA_ERROR_WEIGHTS = 11,
    BB_FPGA_ERROR_INPUT = 12,
    BB_FPGA_ERROR_MASKS = 13,
    BB_FPGA_ERROR_ROWS = 14,
    BB_FPGA_ERROR_BORDER = 15,
    BB_FPGA_ERROR_SECOND = 16,
    BB_FPGA_ERROR_BUS = 17,
};

enum {
    BB_FPGA_MAGIC_NUMBER = 0x42424631, /* "BBF1" */
    BB_FPGA_CALL_WORDS = 0x48, /* 32-bit words from one call record to the next */
    BB_FPGA_TILE = 0x40, /* output channels at a time */
    BB_FPGA_EMIT_SUMS = 0x3, /* emit of a call: i32 sums [h][w][channels] to the slot of draw 0 */
};

/* One stage call in the arena: the descriptor, then 32-bit words. */
typedef struct bb_fpga_call {
    bb_stage_descriptor stage;
    bb_u32 magic; /* 0x42424631 */
    bb_u32 n_entries; /* entries of the work list */
    bb_u32 weights; /* offset; bits: as in shared.h; bytes: one bit per tap (ky, kx, c), rows of 64-bit words */
    bb_u32 bank; /* offset; as in shared.h */
    bb_u32 border; /* offset; u32 row classes, then column classes, times n_draws (rows: n_column_classes too) */
    bb_u32 input; /* offset of input slot 0 */
    bb_u32 output; /* offset of output slot 0 */
    bb_u32 list; /* offset of the work list, as in shared.h */
    bb_u32 masks; /* offset of mask row 0 */
    bb_u32 mask_words; /* 64-bit words of one mask row */
    bb_u32 row_words; /* 64-bit words of one output channel's weights */
    bb_u32 pack_units; /* weights: units of SIMD bits of one pixel (bytes: of one row); the last word may hold more */
    bb_u32 in_units; /* likewise of the input and the mask */
    bb_u32 chunks; /* units of one kernel window */
    bb_u32 pixel_units; /* units of one input pixel */
    bb_u32 row_units; /* units of one input row */
    bb_u32 tail_low; /* the valid bits of a pixel's last unit ... */
    bb_u32 tail_high; /* ... and its high half, for SIMD 64 */
    bb_u32 n_rows; /* border classes times draws */
    bb_u32 y_first; /* input row of tap 0 of the first sum pixel (may be negative) ... */
    bb_u32 row_first; /* ... the same in units */
    bb_u32 x_first; /* column, likewise */
    bb_u32 column_first; /* ... in units */
    bb_u32 y_step; /* input rows from one output pixel to the next */
    bb_u32 row_step; /* ... in units */
    bb_u32 x_step; /* columns */
    bb_u32 column_step; /* ... in units */
    bb_u32 row_pool; /* units from one pixel of the pool to the one below */
    bb_u32 column_pool; /* units to the one on the right */
    bb_u32 unused[1];
} bb_fpga_call;

#endif
