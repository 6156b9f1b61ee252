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
    uint32_t height, width; /* of the input */
    uint32_t kernel_h, kernel_w, step, dilation, pad; /* pad on all four sides */
    uint32_t pool, pool_step, pool_pad;               /* 1 1 0: none */
    bool dense;                                       /* the kernel covers the map */
} check_shape;

/* Fill a stage for this sum and emit; freed by check_stage_free(). `mask`: 0 none, 1 per channel,
 * 2 per element. `classes`: border classes. */
void check_stage_make(bb_stage *out, check_random *random, uint32_t sum, uint32_t emit,
                      const check_shape *shape, uint32_t in_channels, uint32_t out_channels,
                      uint32_t n_draws, uint32_t mask, bool classes);
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

/* Random input slots, n_inputs of them, in `words` of in_stride each; tail bits and padding 0. */
void check_inputs_fill(check_random *random, const bb_stage_descriptor *stage, uint64_t *words,
                       uint32_t n_inputs);

#endif
