/* SPDX-License-Identifier: MIT */
/* Clock cycles of the engine in fpga/rtl, from call records alone. */
#ifndef BITBAYES_FPGA_MODEL_H
#define BITBAYES_FPGA_MODEL_H

#include "board/driver.h"

/* Where the cycles of a run go, and what it moves. */
typedef struct bb_fpga_cost {
    uint64_t cycles;
    uint64_t bytes_read, bytes_written;
    uint64_t weights, banks, inputs, compute; /* cycles; the rest is call records and lists */
} bb_fpga_cost;

/* Value of the registers CYCLES_* after a run over memory that takes every address at once, gives
 * the first word of a burst `latency` clocks after its address (1 to 400) and one word a clock from
 * then on, and acknowledges a write `latency` clocks after it. The arena begins on a 4 KiB page, where
 * bursts are cut, and no call is refused. `arena` holds the call records and work lists (values of
 * slots count: the multiplier ends early); cost may be NULL. */
uint64_t bb_fpga_cycles(const bb_fpga_engine *engine, const uint64_t *arena, uint32_t calls,
                        uint32_t n_calls, uint32_t latency, bb_fpga_cost *cost);

#endif
