/* SPDX-License-Identifier: MIT */
/*
 * What a host does for the engine in fpga/rtl: says what the engine takes, fills call records and
 * packs what is packed. No I/O and no allocation: it serves the runtime, the simulation and a board
 * alike.
 */
#ifndef BITBAYES_BOARD_DRIVER_H
#define BITBAYES_BOARD_DRIVER_H

#include "fpga/regs/bb_regs.h"
#include "plan/plan.h"

/* What the engine was built with; read from its registers of the same names. */
typedef struct bb_fpga_engine {
    uint32_t pe, simd, window, weights, input, masks, rows, draws, border;
} bb_fpga_engine;

/* 0, or BB_FPGA_ERROR_...: why the engine refuses this call (emit BB_FPGA_EMIT_SUMS for a head). */
uint32_t bb_fpga_refusal(const bb_fpga_engine *engine, const bb_stage_descriptor *stage);

/* The sentence of an error code; "" for 0. */
const char *bb_fpga_error_text(uint32_t code);

/* Everything but offsets and n_entries. The stage must not be refused. */
void bb_fpga_fill_call(bb_fpga_call *call, const bb_fpga_engine *engine,
                       const bb_stage_descriptor *stage);

/* Weights as the engine reads them: 64-bit words, and how many. */
size_t bb_fpga_weight_words(const bb_stage_descriptor *stage);
void bb_fpga_pack_weights(uint64_t *out, const bb_stage *stage);

/* sum_h + sum_w border words of a stage that has them. */
void bb_fpga_pack_border(uint32_t *out, const bb_stage *stage);

#endif
