/* SPDX-License-Identifier: MIT */
/*
 * One stage call by itself on an opened device: run as often as one likes on resident input, timed
 * by the device's own clock, output read back with a look at the guard bands behind it.
 */
#ifndef BITBAYES_OPENCL_TRIAL_H
#define BITBAYES_OPENCL_TRIAL_H

#include "opencl/opencl.h"

typedef struct bb_trial bb_trial;

/* Seconds of what happens once. */
typedef struct bb_trial_setup {
    double compile, upload;
} bb_trial_setup;

/* Prepare a stage (choice of kernel, build, upload) and what it reads. `opened` (an OpenCL backend)
 * and `stage` must outlive the trial; `work`, `inputs` and `second` (NULL without such an operand),
 * n_inputs slots each, are copied. */
bb_status bb_trial_create(bb_trial **out, bb_backend *opened, const bb_stage *stage,
                          const bb_stage_work *work, const void *inputs, const void *second,
                          uint32_t n_inputs);

/* The same with a choice of kernel; BB_UNSUPPORTED if the device cannot run it. */
struct bb_cl_shared;
struct bb_choice;
bb_status bb_trial_create_choice(bb_trial **out, struct bb_cl_shared *shared, const bb_stage *stage,
                                 const struct bb_choice *choice, const bb_stage_work *work,
                                 const void *inputs, const void *second, uint32_t n_inputs);
void bb_trial_free(bb_trial *trial); /* takes NULL */

const char *bb_trial_variant(const bb_trial *trial);
bb_trial_setup bb_trial_setup_seconds(const bb_trial *trial);

/* From now on the call has only its first n entries, or all of them again. */
void bb_trial_shorten(bb_trial *trial, uint32_t n_entries);

/* Launch `repeats` times and wait. Seconds per launch: `kernel` as the device's clock tells (wall
 * time where it has none), `wall` with everything around it. */
bb_status bb_trial_run(bb_trial *trial, uint32_t repeats, double *kernel, double *wall);

/* Copy the output slots; BB_CHECK if a guard band was written to. `seconds` (may be NULL): of the
 * copy. */
bb_status bb_trial_read(bb_trial *trial, void *output, double *seconds);

#endif
