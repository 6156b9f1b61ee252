/* SPDX-License-Identifier: MIT */
/* Comparing a device with the reference, stage by stage, and logits with recorded ones. */
#include "execute/engine.h"
#include "reference/reference.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct verification {
    bb_context *context;
    const bb_plan *plan;
    bb_engine *engine;
    bb_verify_report *report;
    bb_run run;
    bb_chunk_store store;
    uint64_t **tensors; /* [stages] the reference's outputs */
    uint64_t *found;    /* the device's output of the current stage */
    uint64_t cycles,
        cycles_before; /* of the device's runs up to this stage, and up to the one before */
} verification;

static size_t tensor_bytes(const verification *v, uint32_t s)
{
    return (size_t)v->store.chunk.stages[s].n_outputs * v->plan->stages[s].descriptor.out_stride *
           8;
}

static const uint64_t *tensor_of(const verification *v, uint32_t stage)
{
    return stage == BB_NO_INDEX ? v->store.chunk.inputs : v->tensors[stage];
}

static void run_reference(const verification *v, const bb_stage *stage, uint32_t s,
                          uint64_t *output)
{
    bb_reference_stage(stage, &v->store.chunk.stages[s], tensor_of(v, stage->input),
                       stage->descriptor.second ? tensor_of(v, stage->second) : NULL, output);
}

/* The entry that writes a slot, and under which draw. */
static const uint32_t *entry_of_slot(const verification *v, uint32_t s, uint32_t slot,
                                     uint32_t *draw)
{
    const bb_stage_descriptor *d = &v->plan->stages[s].descriptor;
    const bb_stage_work *work = &v->store.chunk.stages[s];
    for (uint32_t i = 0; i < work->n_entries; i++) {
        const uint32_t *entry = work->list + (size_t)i * BB_ENTRY_WORDS(d);
        for (*draw = 0; *draw < d->n_draws; (*draw)++)
            if (entry[BB_ENTRY_OUTPUT + *draw] == slot)
                return entry;
    }
    return NULL;
}

static uint32_t input_of_slot(const verification *v, uint32_t s, uint32_t slot)
{
    uint32_t draw;
    const uint32_t *entry = entry_of_slot(v, s, slot, &draw);
    const uint32_t from = entry ? entry[BB_ENTRY_INPUT] : 0;
    const uint32_t producer = v->plan->stages[s].input;
    return producer == BB_NO_INDEX ? from : input_of_slot(v, producer, from);
}

static void describe_bit(const bb_stage_descriptor *d, size_t word, uint64_t found,
                         uint64_t expected, char *text, size_t size)
{
    word -= d->bits_offset;
    const size_t pixel = word / d->out_words;
    const int bit = __builtin_ctzll(found ^ expected);
    snprintf(text, size, "y %zu, x %zu, channel %zu: found bit %d, expected %d", pixel / d->out_w,
             pixel % d->out_w, word % d->out_words * 64 + (size_t)bit, (int)(found >> bit & 1),
             (int)(expected >> bit & 1));
}

static void describe_real(const bb_stage_descriptor *d, size_t word, uint64_t found,
                          uint64_t expected, char *text, size_t size)
{
    const size_t half = (uint32_t)found == (uint32_t)expected;
    const size_t element = word * 2 + half, pixel = element / d->out_channels;
    float values[2][2];
    memcpy(values[0], &found, sizeof(found));
    memcpy(values[1], &expected, sizeof(expected));
    snprintf(text, size, "y %zu, x %zu, channel %zu: found %.9g, expected %.9g", pixel / d->out_w,
             pixel % d->out_w, element % d->out_channels, (double)values[0][half],
             (double)values[1][half]);
}

static void compare_stage(const verification *v, uint32_t s)
{
    const bb_stage *stage = &v->plan->stages[s];
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t n = tensor_bytes(v, s) / 8;
    const uint64_t *expected = v->tensors[s];
    size_t i = 0;
    while (i < n && v->found[i] == expected[i])
        i++;
    if (i == n)
        return;
    char place[128], clock[80] = "";
    const size_t word = i % d->out_stride;
    const uint32_t slot = (uint32_t)(i / d->out_stride);
    uint32_t draw = 0;
    entry_of_slot(v, s, slot, &draw);
    if (d->emit == BB_EMIT_BITS || (d->emit == BB_EMIT_BOTH && word >= d->bits_offset))
        describe_bit(d, word, v->found[i], expected[i], place, sizeof(place));
    else
        describe_real(d, word, v->found[i], expected[i], place, sizeof(place));
    if (v->cycles)
        snprintf(clock, sizeof(clock), "; cycles %" PRIu64 " to %" PRIu64 " of the device",
                 v->cycles_before, v->cycles);
    v->report->stages_equal = false;
    snprintf(v->report->first_difference, sizeof(v->report->first_difference),
             "stage %u '%.40s', input %u, draw %u, %s%s", s, stage->name, input_of_slot(v, s, slot),
             draw, place, clock);
}

/* Values that are exactly 0 before a `Sign`: where the rules x >= 0 and x > 0 part. */
static bb_status count_ties(const verification *v, uint32_t s)
{
    const bb_stage *stage = &v->plan->stages[s];
    if (!stage->tie_bank)
        return BB_OK;
    uint64_t *other = bb_allocate(v->context, tensor_bytes(v, s), 1);
    if (!other)
        return BB_MEMORY;
    bb_stage strict = *stage;
    strict.bank = stage->tie_bank;
    const bb_stage_work *work = &v->store.chunk.stages[s];
    run_reference(v, &strict, s, other);
    for (size_t i = 0; i < tensor_bytes(v, s) / 8; i++)
        v->report->ties += (uint64_t)__builtin_popcountll(other[i] ^ v->tensors[s][i]);
    v->report->tie_candidates += (uint64_t)work->n_outputs * stage->descriptor.out_h *
                                 stage->descriptor.out_w * stage->descriptor.out_channels;
    bb_release(v->context, other);
    return BB_OK;
}

static bb_status run_device_to(verification *v, uint32_t s)
{
    bb_backend *backend = v->engine->backend;
    bb_status status = bb_check_interrupted(v->context);
    if (status != BB_OK)
        return status;
    v->found = bb_allocate(v->context, tensor_bytes(v, s), 1);
    if (!v->found)
        return BB_MEMORY;
    v->store.chunk.n_stages = s + 1;
    const uint64_t begun = backend->cycles;
    status = backend->operations->submit(backend, &v->store.chunk);
    if (status == BB_OK)
        status = backend->operations->finish(backend, v->found, tensor_bytes(v, s));
    v->cycles_before = s ? v->cycles : 0;
    v->cycles = backend->cycles - begun;
    return status;
}

static bb_status verify_stage(verification *v, uint32_t s)
{
    v->tensors[s] = bb_allocate(v->context, tensor_bytes(v, s), 1);
    if (!v->tensors[s])
        return BB_MEMORY;
    run_reference(v, &v->plan->stages[s], s, v->tensors[s]);
    bb_status status = run_device_to(v, s);
    if (status == BB_OK && v->report->stages_equal)
        compare_stage(v, s);
    bb_release(v->context, v->found);
    v->found = NULL;
    return status == BB_OK ? count_ties(v, s) : status;
}

static bb_status verify_stages(verification *v)
{
    bb_status status = bb_engine_reserve(v->engine, &v->store, &v->run);
    v->tensors = bb_allocate(v->context, v->plan->n_stages, sizeof(*v->tensors));
    if (!v->tensors)
        return BB_MEMORY;
    for (uint32_t s = 0; status == BB_OK && s < v->plan->n_stages; s++)
        status = verify_stage(v, s);
    for (uint32_t s = 0; s < v->plan->n_stages; s++)
        bb_release(v->context, v->tensors[s]);
    bb_release(v->context, v->tensors);
    return status;
}

/* One chunk after the other, as an ordinary run cuts them. */
static bb_status verify_chunks(verification *v, const void *inputs, uint32_t n,
                               const bb_sampler *sampler)
{
    bb_leaf_set *leaves = bb_allocate(v->context, n, sizeof(*leaves));
    size_t *first_row = bb_allocate(v->context, n, sizeof(*first_row));
    bb_status status = leaves && first_row ? bb_chunk_store_create(&v->store, sampler) : BB_MEMORY;
    v->run = (bb_run){.sampler = sampler,
                      .lanes = &v->engine->lanes,
                      .inputs = inputs,
                      .n = n,
                      .budget = v->engine->budget,
                      .preferred = v->engine->preferred,
                      .largest_lane = v->engine->device->largest_buffer_bytes,
                      .leaves = leaves,
                      .first_row = first_row};
    while (status == BB_OK) {
        status = bb_chunk_fill(&v->store, &v->run);
        if (status != BB_OK || v->store.n_outputs == 0)
            break;
        status = verify_stages(v);
    }
    for (uint32_t i = 0; leaves && i < n; i++)
        bb_leaf_set_free(v->context, &leaves[i]);
    bb_release(v->context, leaves);
    bb_release(v->context, first_row);
    bb_chunk_store_free(&v->store, v->context);
    return status;
}

static bb_status compare_logits(const verification *v, const void *inputs, uint32_t n,
                                const bb_sampling *sampling, const float *expected,
                                double tolerance)
{
    const uint32_t classes = v->plan->n_classes;
    const bb_status status = bb_engine_run(v->engine, inputs, 0, n, sampling);
    if (status != BB_OK)
        return status;
    for (uint32_t i = 0; i < n; i++) {
        bb_leaves leaves;
        bb_engine_leaves(v->engine, i, &leaves);
        for (uint32_t pass = 0; pass < leaves.n_passes; pass++)
            for (uint32_t c = 0; c < classes; c++) {
                const double found = leaves.logits[(size_t)leaves.leaf_of_pass[pass] * classes + c];
                const double wanted = expected[((size_t)i * leaves.n_passes + pass) * classes + c];
                const double difference = fabs(found - wanted);
                if (!(difference <= v->report->largest_difference))
                    v->report->largest_difference = difference;
                if (difference <= tolerance || !v->report->logits_within)
                    continue;
                v->report->logits_within = false;
                if (v->report->stages_equal)
                    snprintf(v->report->first_difference, sizeof(v->report->first_difference),
                             "logits of input %u, pass %u, class %u: found %.9g, expected %.9g", i,
                             pass, c, found, wanted);
            }
    }
    return BB_OK;
}

bb_status bb_verify(bb_verify_report *out, bb_context *context, const bb_plan *plan,
                    const bb_engine_options *options, const void *inputs, uint32_t n,
                    const bb_sampling *sampling, const float *expected, double tolerance)
{
    *out = (bb_verify_report){
        .n_inputs = n, .n_stages = plan->n_stages, .stages_equal = true, .logits_within = true};
    verification v = {.context = context, .plan = plan, .report = out};
    bb_sampler *sampler = NULL;
    bb_status status = bb_engine_create(&v.engine, context, plan, options);
    if (status == BB_OK)
        status = bb_sampler_create(&sampler, context, plan, sampling);
    if (status == BB_OK) {
        out->n_passes = sampler->n_passes;
        status = verify_chunks(&v, inputs, n, sampler);
    }
    if (status == BB_OK && expected)
        status = compare_logits(&v, inputs, n, sampling, expected, tolerance);
    bb_sampler_free(sampler);
    bb_engine_free(v.engine);
    return status;
}
