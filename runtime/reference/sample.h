/* SPDX-License-Identifier: MIT */
/* A stage call made up from a seed, with the reference's answer: what is tried and timed on a
 * device. */
#ifndef BITBAYES_SAMPLE_H
#define BITBAYES_SAMPLE_H

#include "execute/backend.h"

typedef struct bb_sample {
    bb_context *context;
    const bb_stage *stage;
    uint32_t n_entries;  /* of the call */
    uint32_t n_distinct; /* inputs that differ; the others repeat them */
    bb_stage_work work;
    uint32_t *list;
    uint64_t *inputs, *second, *masks; /* second: NULL without such an operand */
    uint64_t *expected;                /* output slots of the distinct inputs */
    double reference;                  /* seconds that the reference took per entry */
} bb_sample;

/* Every entry emits all draws, or only the first. Freed by bb_sample_free() also after BB_MEMORY.
 */
bb_status bb_sample_create(bb_sample *out, bb_context *context, const bb_stage *stage,
                           uint32_t n_entries, bool all_draws, uint64_t seed);
void bb_sample_free(bb_sample *sample); /* takes zeroes */

/* BB_CHECK with the first word of the output slots that differs; `kernel` names what was run. */
bb_status bb_sample_compare(const bb_sample *sample, const uint64_t *output, const char *device,
                            const char *kernel);

/* 2 x taps x channels x sums of one entry, padding included. */
double bb_stage_operations(const bb_stage_descriptor *stage);

/* SplitMix64: the next of a stream of words that look random. */
uint64_t bb_random_word(uint64_t *state);

#endif
