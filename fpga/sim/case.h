/* SPDX-License-Identifier: MIT */
/* Random runs of the engine: an arena with call records, and what bb_reference_stage makes of it. */
#ifndef BITBAYES_FPGA_CASE_H
#define BITBAYES_FPGA_CASE_H

#ifdef __cplusplus
extern "C" {
#endif

#include <stddef.h>
#include <stdint.h>

#define FPGA_CASE_CALLS 4

typedef struct fpga_parameters {
    uint32_t pe, simd, window, weights, input, masks, rows, draws, border;
} fpga_parameters;

typedef struct fpga_case {
    uint64_t *arena, *expected; /* n_words each */
    size_t n_words;
    uint32_t calls, n_calls;    /* register values */
    uint32_t error, error_call; /* what the registers ERROR and CALL should say */
    size_t n_bits;              /* output bits and bits of sums that the run writes */
    uint64_t cycles;            /* by the model, for memory of that latency */
    char text[FPGA_CASE_CALLS][160];
} fpga_case;

/* A run of 1 to FPGA_CASE_CALLS calls. `size`: 0 small, 1 large. kind: 0 random, else the error code
 * that the last call should end with, as far as a case for it is known (else it is random). */
void fpga_case_make(fpga_case *out, const fpga_parameters *engine, uint64_t seed, uint32_t size,
                    uint32_t kind, uint32_t latency);
void fpga_case_free(fpga_case *run);

/* "" or the first place where `actual` differs from what is expected. */
const char *fpga_case_compare(const fpga_case *run, const uint64_t *actual);

const char *fpga_case_error(uint32_t code);

#ifdef __cplusplus
}
#endif
#endif
