/* SPDX-License-Identifier: MIT */
/* What the kernels of kernels/folded.cl take: a circuit has memories of fixed size. */
#ifndef BITBAYES_OPENCL_FOLDED_H
#define BITBAYES_OPENCL_FOLDED_H

#include "opencl/variant.h"

/* The limits in a choice's options. */
bb_folded_limits bb_folded_limits_of(const bb_choice *choice);

/* What a stage needs of them at this many words a step. */
typedef struct bb_folded_needs {
    size_t window, input, masks, classes;
} bb_folded_needs;

bb_folded_needs bb_folded_needs_of(uint32_t simd, const bb_stage_descriptor *stage);

/* Whether the memories hold a stage of a sum that the kernels know; in `why_not` a static text. */
bool bb_folded_fits(const bb_folded_limits *limits, const bb_stage_descriptor *stage,
                    const char **why_not);

#endif
