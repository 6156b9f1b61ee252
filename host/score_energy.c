/* SPDX-License-Identifier: MIT */
/* `score` and energy: the first inputs of the set run again under a meter, beside the chip's
 * estimate for all of them. */
#include "score.h"

#include <math.h>

#define RUN_SECONDS 0.2 /* of a batch at most, so that a window keeps its length */

/* As many inputs as the run had per batch, fewer if those would take long. */
static uint32_t choose_inputs(const score_report *report)
{
    const score_run *const run = report->run;
    const uint64_t done = report->set->count + (report->ood ? report->ood->count : 0);
    const double soon = RUN_SECONDS * (double)done / run->times.run;
    uint64_t n = run->lanes[0].batch;
    if (n > report->set->count)
        n = report->set->count;
    if (soon < (double)n)
        n = soon > 1 ? (uint64_t)soon : 1;
    return (uint32_t)n;
}

static bb_status measure(score_run *run, score_report *report, energy_subject *subject)
{
    const uint32_t n = choose_inputs(report);
    void *const inputs = bb_allocate(run->context, n, bb_dataset_input_size(report->set->data));
    bb_status status = inputs ? bb_dataset_read(report->set->data, 0, n, inputs) : BB_MEMORY;
    subject->inputs = inputs;
    subject->n_inputs = n;
    subject->engine = run->n_lanes == 1 ? run->lanes[0].engine : NULL;
    subject->engine_context = run->lanes[0].context;
    if (status == BB_OK)
        status = energy_measure(&report->energy, run->context, subject);
    bb_release(run->context, inputs);
    return status;
}

bb_status score_energy(score_run *run, score_report *report)
{
    const uint32_t stages = bb_plan_stage_count(run->net.plan);
    const double n = (double)report->set->count, begun = bb_seconds();
    uint64_t *const evaluations = bb_allocate(run->context, stages, sizeof(*evaluations));
    if (!evaluations)
        return BB_MEMORY;
    for (uint32_t s = 0; s < stages; s++)
        evaluations[s] = (uint64_t)llround(report->evaluations_per_input[s] * n);
    energy_subject subject = {.meter = run->options->energy,
                              .plan = run->net.plan,
                              .sampling = &run->sampling,
                              .stage_evaluations = evaluations,
                              .run_inputs = report->set->count,
                              .leaves = (uint64_t)llround(report->leaves_per_input * n)};
    const bb_status status = measure(run, report, &subject);
    bb_release(run->context, evaluations);
    run->times.energy = bb_seconds() - begun;
    return status;
}
