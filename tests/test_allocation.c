/* SPDX-License-Identifier: MIT */
/* The n-th allocation fails, for every n: a clean error each time, and nothing is left behind. */
#include "check/random_graph.h"
#include "check/trial.h"

#include <bitbayes/engine.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

typedef struct job {
    const bb_graph *graph;
    bb_sampling_mode mode;
} job;

/* Fold and score a model on the reference. */
static bb_status fold_and_score(trial *t, void *payload)
{
    const job *what = payload;
    bb_plan *plan;
    bb_engine *engine = NULL;
    bb_status status = bb_plan_fold(&plan, t->context, what->graph, NULL);
    cr_assert(eq(int, plan == NULL, status != BB_OK));
    if (status == BB_OK)
        status = bb_engine_create(&engine, t->context, plan, &(bb_engine_options){.device = "ref"});
    cr_assert(eq(int, engine == NULL, status != BB_OK));
    bb_sampling sampling = bb_sampling_default();
    sampling.mode = what->mode;
    sampling.samples = 4;
    static const uint8_t inputs[3 * 300];
    if (status == BB_OK)
        status = bb_engine_run(engine, inputs, 0, 3, &sampling);
    bb_engine_free(engine);
    bb_plan_free(plan);
    return status;
}

static void exhaust(bb_graph *graph, bb_sampling_mode mode)
{
    trial t;
    trial_begin(&t);
    trial_exhaust(&t, fold_and_score, &(job){graph, mode});
    trial_end(&t);
    bb_graph_free(graph);
}

Test(allocation, fold_and_score_on_the_reference)
{
    bb_context *context;
    cr_assert(eq(int, bb_context_create(&context, NULL), BB_OK));
    const check_graph_options options = {.masks = true, .scales = true, .channel_means = true};
    for (uint64_t seed = 1; seed <= 3; seed++)
        exhaust(check_random_graph(context, seed, &options), BB_SAMPLING_DRAWN);
    exhaust(check_dense_graph(context, 1, 4, 40, 2, 0.2f), BB_SAMPLING_EXACT);
    bb_context_free(context);
}
