/* SPDX-License-Identifier: MIT */
/*
 * Trial runs: which candidate of variants.inc runs a stage fastest on this device. A candidate must
 * equal the reference bit for bit, and leave the guard band behind its output alone, before it is
 * timed. What was found is kept in the program cache.
 *
 * Key      our version, platform and device with their versions, driver, popcount path, names that
 *          may be chosen, hash of the kernels of all candidates, the stage descriptor
 * Payload  "KERNEL; OPTIONS; launch N; " and how it was found
 */
#ifndef BITBAYES_OPENCL_TUNE_H
#define BITBAYES_OPENCL_TUNE_H

#include "opencl/stage.h"

/* "off", "cached", "quick", "full"; NULL: cached. BB_ARGUMENT. */
bb_status bb_tune_parse(bb_tune_mode *out, bb_context *context, const char *text);

/* What a trial chose, now or earlier, and in `why` how; `found` is false where rules have to
 * choose. `rule`: what they would. BB_CHECK when no candidate equals the reference. */
bb_status bb_tune_stage(bb_choice *out, bool *found, char why[BB_TUNE_TEXT], bb_cl_shared *shared,
                        const bb_stage *stage, const bb_choice *rule);

#endif
