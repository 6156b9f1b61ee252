/* SPDX-License-Identifier: MIT */
/* Device "ref": the reference stages behind the backend interface. */
#include "reference/reference.h"

#include <string.h>

typedef struct reference_backend {
    bb_backend base;
    uint64_t **lanes;
    uint32_t n_lanes;
    const uint32_t *lane_of_stage;
    const uint64_t *last_output;
} reference_backend;

static void free_lanes(reference_backend *self)
{
    for (uint32_t i = 0; i < self->n_lanes; i++)
        bb_release(self->base.context, self->lanes[i]);
    bb_release(self->base.context, self->lanes);
    self->lanes = NULL;
    self->n_lanes = 0;
}

static bb_status reserve(bb_backend *backend, const bb_limits *limits)
{
    reference_backend *self = (reference_backend *)backend;
    free_lanes(self);
    self->lane_of_stage = limits->lane;
    self->lanes = bb_allocate(backend->context, limits->n_lanes, sizeof(*self->lanes));
    if (!self->lanes)
        return BB_MEMORY;
    self->n_lanes = limits->n_lanes;
    for (uint32_t i = 0; i < limits->n_lanes; i++) {
        self->lanes[i] = bb_allocate(backend->context, limits->lane_bytes[i], 1);
        if (!self->lanes[i])
            return BB_MEMORY;
    }
    return BB_OK;
}

static const uint64_t *tensor(const reference_backend *self, const bb_chunk *chunk, uint32_t stage)
{
    return stage == BB_NO_INDEX ? chunk->inputs : self->lanes[self->lane_of_stage[stage]];
}

/* Entry by entry, since a stage may take minutes. */
static bb_status run_stage(reference_backend *self, const bb_stage *stage,
                           const bb_stage_work *work, const uint64_t *input, const uint64_t *second,
                           uint64_t *output)
{
    bb_stage_work one = *work;
    one.n_entries = 1;
    for (uint32_t i = 0; i < work->n_entries; i++) {
        const bb_status status = bb_check_interrupted(self->base.context);
        if (status != BB_OK)
            return status;
        one.list = work->list + (size_t)i * BB_ENTRY_WORDS(&stage->descriptor);
        bb_reference_stage(stage, &one, input, second, output);
    }
    return BB_OK;
}

static bb_status submit(bb_backend *backend, const bb_chunk *chunk)
{
    reference_backend *self = (reference_backend *)backend;
    const double start = bb_seconds();
    bb_status status = BB_OK;
    for (uint32_t s = 0; s < chunk->n_stages && status == BB_OK; s++) {
        const bb_stage *stage = &backend->plan->stages[s];
        const uint64_t *input = tensor(self, chunk, stage->input);
        const uint64_t *second =
            stage->descriptor.second ? tensor(self, chunk, stage->second) : NULL;
        uint64_t *output = self->lanes[self->lane_of_stage[s]];
        status = run_stage(self, stage, &chunk->stages[s], input, second, output);
        self->last_output = output;
    }
    backend->times.compute += bb_seconds() - start;
    return status;
}

static bb_status finish(bb_backend *backend, void *output, size_t bytes)
{
    reference_backend *self = (reference_backend *)backend;
    if (bytes)
        memcpy(output, self->last_output, bytes);
    return BB_OK;
}

static const char *variant(bb_backend *backend, uint32_t s)
{
    (void)backend;
    (void)s;
    return "reference";
}

static void free_backend(bb_backend *backend)
{
    reference_backend *self = (reference_backend *)backend;
    free_lanes(self);
    bb_release(backend->context, self);
}

static const bb_backend_operations operations = {
    .reserve = reserve,
    .submit = submit,
    .finish = finish,
    .variant = variant,
    .free = free_backend,
};

bb_status bb_reference_backend_create(bb_backend **out, bb_context *context, const bb_plan *plan)
{
    *out = NULL;
    reference_backend *self = bb_allocate(context, 1, sizeof(*self));
    if (!self)
        return BB_MEMORY;
    self->base = (bb_backend){.operations = &operations, .context = context, .plan = plan};
    *out = &self->base;
    return BB_OK;
}
