/* SPDX-License-Identifier: MIT */
/*
 * The twin of rtl/bb_bernoulli.sv: bits that are 1 with probability p / 65536.
 *
 * A 32-bit Galois LFSR with the primitive polynomial x^32 + x^22 + x^2 + x + 1, stepped 16 bits a
 * draw; a draw is 1 if the low 16 bits are below p. 16 and 2^32 - 1 have no common divisor, so the
 * draws have the LFSR's own period of 2^32 - 1, in which each value of the low half comes 65,536
 * times, but 0 only 65,535 times: the share of ones is (65536 p - 1) / (2^32 - 1). Two draws in
 * turn show the whole state: any two values but one pair are equally often neighbours, the third
 * follows from them by exclusive-ors. Good for which bank a pass takes, not for secrets.
 */
#ifndef BITBAYES_FPGA_BERNOULLI_H
#define BITBAYES_FPGA_BERNOULLI_H

#include <stdbool.h>
#include <stdint.h>

typedef struct bb_bernoulli {
    uint32_t state;
} bb_bernoulli;

/* Seed 0 stands for all ones. Seeds that differ start at other places of one and the same sequence.
 */
void bb_bernoulli_seed(bb_bernoulli *unit, uint32_t seed);

/* p of the unit for a probability of 0 .. 1: the nearest of 65,536 steps; false where that is 1 or
 * the probability is none. The error is at most 2^-17. */
bool bb_bernoulli_step(uint16_t *p, double probability);

bool bb_bernoulli_draw(bb_bernoulli *unit, uint16_t p);

#endif
