/* SPDX-License-Identifier: MIT */
/* Between the C half (networks, the reference) and the C++ half (the Verilated engine) of
 * `folding`. */
#ifndef BITBAYES_FPGA_FOLDING_H
#define BITBAYES_FPGA_FOLDING_H

#ifdef __cplusplus
extern "C" {
#endif

#include <stddef.h>
#include <stdint.h>

/* PE, SIMD, ... in the order of bb_fpga_engine. */
void folding_parameters(uint32_t values[9]);

/* Runs calls over the arena; the register ERROR. */
uint32_t folding_run(uint64_t *arena, size_t n_words, uint32_t calls, uint32_t n_calls,
                     uint64_t *cycles);

int folding_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
