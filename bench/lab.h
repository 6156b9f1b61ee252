/* SPDX-License-Identifier: MIT */
/* One stage on one device, compared with the reference before anything is timed. */
#ifndef BITBAYES_BENCH_LAB_H
#define BITBAYES_BENCH_LAB_H

#include "bench.h"
#include "reference/sample.h"

struct bb_trial;

typedef struct stage_lab {
    bb_sample sample;
    uint64_t *output;
    struct bb_trial *trial;           /* NULL: the reference itself */
    double compile, upload, download; /* seconds, once per call each */
} stage_lab;

/* Every entry emits all draws, or only the first. BB_CHECK when a bit differs from the reference.
 * Freed by lab_free() also after a failure. */
bb_status lab_create(stage_lab *lab, bb_context *context, bench_device *device,
                     const bb_stage *stage, uint32_t n_entries, bool all_draws, uint64_t seed);
void lab_free(stage_lab *lab);
const char *lab_variant(const stage_lab *lab);

/* Seconds of one of `repeats` calls, by the device's clock and by the host's. */
bb_status lab_run(stage_lab *lab, uint32_t repeats, double *kernel, double *wall);

#endif
