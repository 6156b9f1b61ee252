/* SPDX-License-Identifier: MIT */
/*
 * Whole networks on the Verilated engine, beside the reference: the runtime's own plans, draws, mask
 * trees and work lists, with a backend that lays a chunk out in an arena and runs its call list.
 * What the engine refuses runs on the host, and is named.
 */
#include "network.h"

#include "execute/engine.h"
#include "board/driver.h"
#include "fpga/model.h"
#include "reference/reference.h"
#include <bitbayes/data.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LATENCY 20 /* of the memory in network.cpp */

typedef struct sim_backend {
    bb_backend base;
    bb_fpga_engine engine;
    uint64_t *arena;
    size_t at, capacity;
    bb_fpga_call *calls;  /* waiting to be run */
    uint32_t n_calls;
    uint32_t *outputs;    /* per stage: offset of its slots */
    uint64_t cycles, model_cycles;
} sim_backend;

static uint32_t place(sim_backend *self, const void *words, size_t bytes)
{
    const size_t at = self->at, n = (bytes + 7) / 8;
    self->at += n;
    if (self->at > self->capacity) {
        self->capacity = self->at * 2;
        self->arena = realloc(self->arena, self->capacity * 8);
        if (!self->arena)
            abort();
    }
    memset(self->arena + at, 0, n * 8);
    if (words)
        memcpy(self->arena + at, words, bytes);
    return (uint32_t)at;
}

static bb_status run_waiting(sim_backend *self)
{
    if (!self->n_calls)
        return BB_OK;
    const uint32_t at = place(self, self->calls, self->n_calls * sizeof(*self->calls));
    const uint32_t error = network_run(self->arena, self->at, at, self->n_calls, &self->cycles);
    self->model_cycles +=
        bb_fpga_cycles(&self->engine, self->arena, at, self->n_calls, LATENCY, NULL);
    self->n_calls = 0;
    return error ? bb_fail(self->base.context, BB_DEVICE, "fpga: %s", bb_fpga_error_text(error))
                 : BB_OK;
}

/* The engine's call for a stage: a head becomes sums. */
static bb_stage_descriptor for_engine(const bb_stage *stage)
{
    bb_stage_descriptor d = stage->descriptor;
    if (d.emit == BB_EMIT_REAL) {
        d.emit = BB_FPGA_EMIT_SUMS;
        d.n_draws = 1;
    }
    return d;
}

static uint32_t place_list(sim_backend *self, const bb_stage *stage, const bb_stage_work *work)
{
    const uint32_t words = BB_ENTRY_WORDS(stage->descriptor.n_draws);
    if (stage->descriptor.emit == BB_EMIT_BITS)
        return place(self, work->list, (size_t)work->n_entries * words * 4);
    const uint32_t at = place(self, NULL, (size_t)work->n_entries * 3 * 4);
    uint32_t *list = (uint32_t *)(self->arena + at);
    for (uint32_t i = 0; i < work->n_entries; i++) {
        memcpy(list + i * 3, work->list + (size_t)i * words, 8);
        list[i * 3 + BB_ENTRY_OUTPUT] = i;
    }
    return at;
}

static float as_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* y = float(sum) * gain + offset, per draw that names a slot; maps without border classes. */
static void finish_sums(sim_backend *self, const bb_stage *stage, const bb_stage_work *work,
                        uint32_t sums, uint32_t output)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    for (uint32_t i = 0; i < work->n_entries; i++) {
        const uint32_t *slots = work->list + (size_t)i * BB_ENTRY_WORDS(d->n_draws) + BB_ENTRY_OUTPUT;
        const int32_t *from = (const int32_t *)(self->arena + sums + (size_t)i * d->out_stride);
        for (uint32_t draw = 0; draw < d->n_draws; draw++) {
            if (slots[draw] == BB_NONE)
                continue;
            float *to = (float *)(self->arena + output + (size_t)slots[draw] * d->out_stride);
            for (size_t k = 0; k < (size_t)d->out_h * d->out_w * d->out_channels; k++) {
                const bb_bank_entry e = stage->bank[draw * d->out_channels + k % d->out_channels];
                const float scaled = (float)from[k] * as_float(e.a);
                to[k] = scaled + as_float(e.b);
            }
        }
    }
}

static bb_status run_stage(sim_backend *self, uint32_t s, const bb_stage_work *work, uint32_t input)
{
    const bb_stage *stage = &self->base.plan->stages[s];
    const bb_stage_descriptor d = for_engine(stage);
    const size_t slot_bytes = (size_t)d.out_stride * 8;
    const bool sums = d.emit == BB_FPGA_EMIT_SUMS;
    self->outputs[s] = place(self, NULL, work->n_outputs * slot_bytes);
    if (bb_fpga_refusal(&self->engine, &d) || (sums && stage->border)) {
        const bb_status status = run_waiting(self);
        bb_reference_stage(stage, work, self->arena + input, self->arena + self->outputs[s]);
        return status;
    }
    bb_fpga_call call;
    bb_fpga_fill_call(&call, &self->engine, &d);
    call.n_entries = work->n_entries;
    call.input = input;
    call.weights = place(self, NULL, bb_fpga_weight_words(&d) * 8);
    bb_fpga_pack_weights(self->arena + call.weights, stage);
    call.bank = place(self, stage->bank, stage->n_bank_entries * sizeof(*stage->bank));
    if (stage->border) {
        call.border = place(self, NULL, (d.sum_h + d.sum_w) * sizeof(uint32_t));
        bb_fpga_pack_border((uint32_t *)(self->arena + call.border), stage);
    }
    call.list = place_list(self, stage, work);
    call.masks = place(self, work->masks, (size_t)work->n_masks * call.mask_words * 8);
    call.output = sums ? place(self, NULL, work->n_entries * slot_bytes) : self->outputs[s];
    self->calls[self->n_calls++] = call;
    if (!sums)
        return BB_OK;
    const bb_status status = run_waiting(self);
    finish_sums(self, stage, work, call.output, self->outputs[s]);
    return status;
}

static bb_status reserve(bb_backend *backend, const bb_limits *limits)
{
    (void)backend;
    (void)limits;
    return BB_OK;
}

static bb_status submit(bb_backend *backend, const bb_chunk *chunk)
{
    sim_backend *self = (sim_backend *)backend;
    const bb_plan *plan = backend->plan;
    bb_status status = BB_OK;
    self->at = 0;
    const uint32_t inputs =
        place(self, chunk->inputs, (size_t)chunk->n_inputs * plan->input_stride * 8);
    for (uint32_t s = 0; s < chunk->n_stages && status == BB_OK; s++) {
        const uint32_t from = plan->stages[s].input;
        status = run_stage(self, s, &chunk->stages[s],
                           from == BB_NO_INDEX ? inputs : self->outputs[from]);
    }
    self->outputs[plan->n_stages] = self->outputs[chunk->n_stages - 1];
    return status == BB_OK ? run_waiting(self) : status;
}

static bb_status finish(bb_backend *backend, void *output, size_t bytes)
{
    sim_backend *self = (sim_backend *)backend;
    if (bytes)
        memcpy(output, self->arena + self->outputs[backend->plan->n_stages], bytes);
    return BB_OK;
}

static const char *variant(bb_backend *backend, uint32_t s)
{
    const bb_stage_descriptor d = for_engine(&backend->plan->stages[s]);
    const uint32_t refusal = bb_fpga_refusal(&((sim_backend *)backend)->engine, &d);
    return refusal ? bb_fpga_error_text(refusal) : "engine";
}

static void free_backend(bb_backend *backend)
{
    sim_backend *self = (sim_backend *)backend;
    free(self->arena);
    free(self->calls);
    free(self->outputs);
    free(self);
}

static const bb_backend_operations operations = {
    .reserve = reserve, .submit = submit, .finish = finish, .variant = variant, .free = free_backend,
};

static sim_backend *create(bb_context *context, const bb_plan *plan)
{
    uint32_t values[9];
    sim_backend *self = calloc(1, sizeof(*self));
    if (!self)
        abort();
    network_parameters(values);
    memcpy(&self->engine, values, sizeof(values));
    self->base = (bb_backend){.operations = &operations, .context = context, .plan = plan};
    self->calls = calloc(plan->n_stages, sizeof(*self->calls));
    self->outputs = calloc(plan->n_stages + 1, sizeof(*self->outputs));
    if (!self->calls || !self->outputs)
        abort();
    return self;
}

static void check(bb_context *context, bb_status status)
{
    if (status == BB_OK)
        return;
    fprintf(stderr, "network: %s\n", bb_context_error(context));
    exit(1);
}

static uint32_t differing(const bb_engine *a, const bb_engine *b, uint32_t n, uint32_t n_classes)
{
    uint32_t n_wrong = 0;
    for (uint32_t i = 0; i < n; i++) {
        bb_leaves x, y;
        bb_engine_leaves(a, i, &x);
        bb_engine_leaves(b, i, &y);
        n_wrong += x.n_leaves != y.n_leaves ||
                   memcmp(x.logits, y.logits, (size_t)x.n_leaves * n_classes * sizeof(float)) != 0;
    }
    return n_wrong;
}

/* network MODEL IMAGES [COUNT [T]] */
int network_main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const uint32_t n = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 0) : 4;
    bb_context *context;
    bb_graph *graph;
    bb_plan *plan;
    bb_dataset *data;
    bb_engine *reference, *engine;
    uint32_t shape[3];
    const bb_engine_options options = {.device = "ref", .memory_bytes = 4 << 20};
    bb_sampling sampling = bb_sampling_default();
    sampling.samples = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 0) : 20;
    if (bb_context_create(&context, NULL))
        return 1;
    check(context, bb_graph_load(&graph, context, argv[1]));
    check(context, bb_plan_fold(&plan, context, graph, NULL));
    bb_plan_input_shape(plan, shape);
    check(context, bb_dataset_open(&data, context, argv[2], shape));
    uint8_t *images = malloc(n * bb_dataset_input_size(data));
    check(context, bb_dataset_read(data, 0, n, images));
    check(context, bb_engine_create(&reference, context, plan, &options));
    check(context, bb_engine_create(&engine, context, plan, &options));
    engine->backend->operations->free(engine->backend);
    sim_backend *sim = create(context, plan);
    engine->backend = &sim->base;
    const clock_t start = clock();
    check(context, bb_engine_run(engine, images, 0, n, &sampling));
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    check(context, bb_engine_run(reference, images, 0, n, &sampling));
    const uint32_t n_wrong = differing(reference, engine, n, bb_plan_class_count(plan));
    for (uint32_t s = 0; s < plan->n_stages; s++)
        if (strcmp(bb_engine_variant(engine, s), "engine") != 0)
            printf("stage %u (%s) runs on the host: %s\n", s, plan->stages[s].name,
                   bb_engine_variant(engine, s));
    const double n_passes = (double)n * sampling.samples;
    printf("%s: %u inputs, T = %u, %.0f cycles (model %.0f), %.0f a pass; %.1f s of simulation, "
           "%.1f passes/s: %s\n", argv[1], n, sampling.samples, (double)sim->cycles,
           (double)sim->model_cycles, (double)sim->cycles / n_passes, seconds, n_passes / seconds,
           n_wrong || sim->cycles != sim->model_cycles ? "WRONG" : "equal");
    const bool good = !n_wrong && sim->cycles == sim->model_cycles;
    bb_engine_free(engine);
    bb_engine_free(reference);
    bb_dataset_free(data);
    bb_plan_free(plan);
    bb_graph_free(graph);
    bb_context_free(context);
    free(images);
    return !good;
}
