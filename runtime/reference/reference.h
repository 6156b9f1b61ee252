/* SPDX-License-Identifier: MIT */
/* The definition of every stage in plain loops: the oracle of all kernels, and device "ref". */
#ifndef BITBAYES_REFERENCE_H
#define BITBAYES_REFERENCE_H

#include "execute/backend.h"

/* One stage call. `input`, `second` (NULL without one) and `output` are the slots of the stage's
 * operands and output; output slots that the list names are written whole, tail bits and padding
 * included. */
void bb_reference_stage(const bb_stage *stage, const bb_stage_work *work, const uint64_t *input,
                        const uint64_t *second, uint64_t *output);

bb_status bb_reference_backend_create(bb_backend **out, bb_context *context, const bb_plan *plan);

#endif
