/* SPDX-License-Identifier: MIT */
/*
 * What a host does for bb_small (fpga/rtl): a whole stage call through its page of registers, the
 * windows gathered here. Where the page is (a serial line, a bus) is the port's business.
 */
#ifndef BITBAYES_FPGA_SMALL_H
#define BITBAYES_FPGA_SMALL_H

#include "board/driver.h"
#include "sampling/work.h"

/* Reads and writes of a 32-bit register at a byte offset (BB_FPGA_SMALL_...); false: no answer. A
 * write may be held back until the next read. */
typedef struct bb_small_port {
    bool (*write)(void *context, uint32_t at, uint32_t value);
    bool (*read)(void *context, uint32_t at, uint32_t *value);
    void *context;
} bb_small_port;

/* What bb_small is built with; for bb_fpga_refusal. Maps, masks and borders lie with the host. */
extern const bb_fpga_engine bb_small_engine;

/* One stage call (kernels/shared.h) that is not refused: `d` is the stage's descriptor, or that of
 * its sums (BB_FPGA_EMIT_SUMS, one draw). Slots that the list names are written; a slot of sums
 * holds i32 [h][w][channels]. false: the port failed, or no memory. */
bool bb_small_stage(const bb_small_port *port, const bb_stage_descriptor *d, const bb_stage *stage,
                    const bb_stage_work *work, const uint64_t *input, uint64_t *output);

#endif
