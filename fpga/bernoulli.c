/* SPDX-License-Identifier: MIT */
/* The Bernoulli unit, step by step. */
#include "fpga/bernoulli.h"

#define TAPS 0x80200003u

void bb_bernoulli_seed(bb_bernoulli *unit, uint32_t seed)
{
    unit->state = seed ? seed : UINT32_MAX;
}

bool bb_bernoulli_step(uint16_t *p, double probability)
{
    const double steps = probability * 65536.0 + 0.5;
    if (!(probability >= 0.0 && steps < 65536.0))
        return false;
    *p = (uint16_t)steps;
    return true;
}

bool bb_bernoulli_draw(bb_bernoulli *unit, uint16_t p)
{
    for (int i = 0; i < 16; i++)
        unit->state = (unit->state >> 1) ^ (unit->state & 1 ? TAPS : 0);
    return (unit->state & 0xffff) < p;
}
