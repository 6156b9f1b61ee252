/* SPDX-License-Identifier: MIT */
/* Stages made by hand from a seed, and work for them: what kernels are tested with. */
#ifndef BITBAYES_CHECK_STAGES_H
#define BITBAYES_CHECK_STAGES_H

#include "check/check.h"
#include "plan/plan.h"

#include "execute/backend.h"

/* What a stage looks like; the rest is drawn. Sizes of the sum map follow. */
typedef struct check_shape {
    const char *text;
    uint32_t height, width;                           /* of the input */
    uint32_t kernel_h, kernel_w, step, dilation, pad; /* pad on all four sides */
    uint32_t pool, pool_step, pool_pad;               /* 1 1 0: none */
    bool dense;                                       /* the kernel covers the map */
} check_shape;

/* What a stage may have besides. */
typedef struct check_parts {
    uint32_t mask;   /* 1 per channel, 2 per element */
    bool classes;    /* border classes */
    uint32_t groups; /* 0: 1 */
    bool residual;
    uint32_t in_offset; /* words before the map in an input slot */
} check_parts;

/* Fill a stage for this sum and emit; freed by check_stage_free(). `parts` may be NULL. A join has
 * a second operand of the channels that the input lacks. Second operands lie behind n_inputs slots
 * of the input, in the same tensor. */
void check_stage_make(bb_stage *out, check_random *random, uint32_t sum, uint32_t emit,
                      const check_shape *shape, uint32_t in_channels, uint32_t out_channels,
                      uint32_t n_draws, const check_parts *parts, uint32_t n_inputs);
void check_stage_free(bb_stage *stage);

/* A work list over n_entries entries that read n_inputs slots; freed by check_work_free(). Output
 * slots are a random part of 0 .. n_slots-1 (0: as many as are needed) in random order; about one
 * draw in four names none. */
typedef struct check_work {
    bb_stage_work work;
    uint32_t *list;
    uint64_t *masks;
} check_work;

void check_work_make(check_work *out, check_random *random, const bb_stage *stage,
                     uint32_t n_entries, uint32_t n_inputs, uint32_t n_slots);
void check_work_free(check_work *work);

/* Words that the input slots take, with those of the second operand. */
size_t check_input_words(const bb_stage_descriptor *stage, uint32_t n_inputs);

/* Random input slots, n_inputs of them, in `words` of in_stride each; tail bits and padding 0.
 * Behind them as many of the second operand. */
void check_inputs_fill(check_random *random, const bb_stage_descriptor *stage, uint64_t *words,
                       uint32_t n_inputs);

#endif
