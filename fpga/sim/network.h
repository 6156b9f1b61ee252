/* SPDX-License-Identifier: MIT */
/* Between the C half (plans, work lists) and the C++ half (the Verilated engine) of `network`. */
#ifndef BITBAYES_FPGA_NETWORK_H
#define BITBAYES_FPGA_NETWORK_H

#ifdef __cplusplus
extern "C" {
#endif

#include <stddef.h>
#include <stdint.h>

/* PE, SIMD, ... in the order of bb_fpga_engine. */
void network_parameters(uint32_t values[9]);

/* Runs calls over the arena; the register ERROR. cycles grows. */
uint32_t network_run(uint64_t *arena, size_t n_words, uint32_t calls, uint32_t n_calls,
                     uint64_t *cycles);

int network_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
