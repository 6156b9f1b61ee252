/* SPDX-License-Identifier: MIT */
/* What a work list is to whoever executes it. */
#ifndef BITBAYES_WORK_H
#define BITBAYES_WORK_H

#include "plan/plan.h"

/* The stage call of one stage in a chunk. */
typedef struct bb_stage_work {
    const uint32_t *list; /* n_entries entries, see kernels/shared.h */
    uint32_t n_entries;
    uint32_t n_outputs;    /* output slots 0 .. n_outputs-1, each written by exactly one entry */
    const uint64_t *masks; /* masked stages: rows as the descriptor says; else NULL */
    uint32_t n_masks;
} bb_stage_work;

#endif
