/* SPDX-License-Identifier: MIT */
/* Engines: a backend with its memory, and the loop over chunks. */
#include "execute/engine.h"
#include "reference/reference.h"
#if BB_WITH_OPENCL
#include "opencl/opencl.h"
#endif

#include <string.h>

/* By default: so large that a device is busy with a chunk for a while, and no larger, since a chunk
 * cannot be interrupted and its activations are better off in a cache. */
#define LARGEST_BUDGET ((uint64_t)256 << 20)

static bb_status open_backend(bb_engine *engine, const bb_device_info *device,
                              const bb_engine_options *options)
{
    if (strcmp(device->id, "ref") == 0)
        return bb_reference_backend_create(&engine->backend, engine->context, engine->plan);
#if BB_WITH_OPENCL
    return bb_opencl_backend_create(&engine->backend, engine->context, engine->plan, device->id,
                                    options ? &options->backend : NULL);
#else
    (void)options;
    return bb_fail(engine->context, BB_NO_DEVICE, "device %s: built without OpenCL", device->id);
#endif
}

static bb_status allocate_tables(bb_engine *engine)
{
    bb_context *context = engine->context;
    const uint32_t n = engine->plan->n_stages;
    engine->lane_bytes = bb_allocate(context, engine->lanes.n_lanes, sizeof(size_t));
    engine->wanted_bytes = bb_allocate(context, engine->lanes.n_lanes, sizeof(size_t));
    engine->n_entries = bb_allocate(context, n, sizeof(uint32_t));
    engine->n_masks = bb_allocate(context, n, sizeof(uint32_t));
    engine->stage_evaluations = bb_allocate(context, n, sizeof(uint64_t));
    if (!engine->lane_bytes || !engine->wanted_bytes || !engine->n_entries || !engine->n_masks ||
        !engine->stage_evaluations)
        return BB_MEMORY;
    engine->limits = (bb_limits){.n_lanes = engine->lanes.n_lanes,
                                 .lane = engine->lanes.lane,
                                 .lane_bytes = engine->lane_bytes,
                                 .n_entries = engine->n_entries,
                                 .n_masks = engine->n_masks};
    engine->counts.stage_evaluations = engine->stage_evaluations;
    return BB_OK;
}

static const bb_device_info reference_device = {.id = "ref",
                                                .name = "plain C reference",
                                                .platform = "bitbayes",
                                                .driver = BB_VERSION,
                                                .type = "reference",
                                                .available = true};

static bb_status find_device(bb_engine *engine, const char *text)
{
    if (text && strcmp(text, reference_device.id) == 0) {
        engine->device = &reference_device;
        return BB_OK;
    }
    uint32_t index = 0;
    bb_status status = bb_device_list_create(&engine->devices, engine->context);
    if (status == BB_OK)
        status = bb_device_find(engine->devices, engine->context, text, &index);
    if (status == BB_OK)
        engine->device = bb_device_list_get(engine->devices, index);
    return status;
}

/* Real maps between stages are 32 times as large as bits: a processor waits for memory unless the
 * chunk stays in its cache, which it shares with others. */
#define CACHE_SHARE 5

static bool has_real_maps(const bb_plan *plan)
{
    for (uint32_t s = 0; s < plan->n_stages; s++)
        if (plan->stages[s].descriptor.second)
            return true;
    return false;
}

static bb_status prepare(bb_engine *engine, const bb_engine_options *options)
{
    bb_status status = find_device(engine, options ? options->device : NULL);
    if (status != BB_OK)
        return status;
    const bb_device_info *device = engine->device;
    const uint64_t quarter = device->global_bytes / 4;
    engine->budget = options && options->memory_bytes      ? options->memory_bytes
                     : quarter && quarter < LARGEST_BUDGET ? quarter
                                                           : LARGEST_BUDGET;
    engine->preferred = has_real_maps(engine->plan) && strcmp(device->type, "cpu") == 0
                            ? device->cache_bytes / CACHE_SHARE
                            : 0;
    status = bb_lanes_assign(&engine->lanes, engine->context, engine->plan);
    if (status == BB_OK)
        status = allocate_tables(engine);
    return status == BB_OK ? open_backend(engine, device, options) : status;
}

bb_status bb_engine_create(bb_engine **out, bb_context *context, const bb_plan *plan,
                           const bb_engine_options *options)
{
    *out = NULL;
    bb_engine *engine = bb_allocate(context, 1, sizeof(*engine));
    if (!engine)
        return BB_MEMORY;
    engine->context = context;
    engine->plan = plan;
    const bb_status status = prepare(engine, options);
    if (status == BB_OK)
        *out = engine;
    else
        bb_engine_free(engine);
    return status;
}

void bb_engine_free(bb_engine *engine)
{
    if (!engine)
        return;
    bb_context *context = engine->context;
    if (engine->backend)
        engine->backend->operations->free(engine->backend);
    bb_device_list_free(engine->devices);
    for (uint32_t i = 0; i < engine->n_leaf_sets; i++)
        bb_leaf_set_free(context, &engine->leaves[i]);
    bb_release(context, engine->leaves);
    bb_release(context, engine->first_row);
    bb_release(context, engine->logits);
    bb_release(context, engine->weights);
    bb_release(context, engine->lanes.lane);
    bb_release(context, engine->lane_bytes);
    bb_release(context, engine->wanted_bytes);
    bb_release(context, engine->n_entries);
    bb_release(context, engine->n_masks);
    bb_release(context, engine->stage_evaluations);
    bb_release(context, engine);
}

const char *bb_engine_variant(const bb_engine *engine, uint32_t stage)
{
    return engine->backend->operations->variant(engine->backend, stage);
}

const char *bb_engine_device_id(const bb_engine *engine)
{
    return engine->device->id;
}

const char *bb_engine_device_name(const bb_engine *engine)
{
    return engine->device->name;
}

const char *bb_engine_driver(const bb_engine *engine)
{
    return engine->device->driver;
}

const bb_device_info *bb_engine_device(const bb_engine *engine)
{
    return engine->device;
}

#define LARGEST_BATCH 1024
#define LARGEST_DRAW_BYTES ((uint64_t)64 << 20)

uint32_t bb_engine_batch(const bb_engine *engine, const bb_sampling *sampling)
{
    const bb_plan *plan = engine->plan;
    uint32_t passes = sampling->samples;
    if (sampling->mode == BB_SAMPLING_DETERMINISTIC)
        passes = 1;
    if (sampling->mode == BB_SAMPLING_EXACT) {
        const uint64_t leaves = bb_exact_leaf_count(plan, sampling->drop_probability);
        passes = leaves < BB_MAX_SAMPLES ? (uint32_t)leaves : BB_MAX_SAMPLES;
    }
    double largest = 0;
    for (uint32_t s = 0; s < plan->n_stages; s++) {
        const double outputs = bb_expected_evaluations(plan, s + 1 < plan->n_stages ? s + 1 : s,
                                                       passes, sampling->drop_probability);
        const double bytes = 8.0 * plan->stages[s].descriptor.out_stride *
                             (sampling->no_sharing ? (double)passes : outputs);
        largest = bytes > largest ? bytes : largest;
    }
    const double per_input = 2 * largest + 8.0 * plan->input_stride;
    const double drawn =
        (double)passes * (double)(bb_plan_row_size(plan) + 16 + 4 * plan->n_classes);
    double batch = (double)engine->budget / per_input;
    if (batch * drawn > (double)LARGEST_DRAW_BYTES)
        batch = (double)LARGEST_DRAW_BYTES / drawn;
    return batch < 1 ? 1 : batch > LARGEST_BATCH ? LARGEST_BATCH : (uint32_t)batch;
}

static bb_status reserve_results(bb_engine *engine, uint32_t n)
{
    if (n > engine->n_leaf_sets) {
        bb_leaf_set *leaves = bb_resize(engine->context, engine->leaves, n, sizeof(*leaves));
        if (!leaves)
            return BB_MEMORY;
        engine->leaves = leaves;
        size_t *first_row = bb_resize(engine->context, engine->first_row, n, sizeof(*first_row));
        if (!first_row)
            return BB_MEMORY;
        engine->first_row = first_row;
        memset(leaves + engine->n_leaf_sets, 0, (n - engine->n_leaf_sets) * sizeof(*leaves));
        engine->n_leaf_sets = n;
    }
    for (uint32_t i = 0; i < n; i++)
        engine->leaves[i].n_leaves = 0;
    engine->n_results = n;
    return BB_OK;
}

static bool raise(uint32_t *limit, uint32_t wanted)
{
    const bool higher = wanted > *limit;
    if (higher)
        *limit = wanted;
    return higher;
}

bb_status bb_engine_reserve(bb_engine *engine, const bb_chunk_store *store, const bb_run *run)
{
    bb_chunk_bytes(store, run, engine->wanted_bytes);
    bool higher = raise(&engine->limits.n_inputs, store->chunk.n_inputs);
    for (uint32_t lane = 0; lane < engine->lanes.n_lanes; lane++)
        if (engine->wanted_bytes[lane] > engine->lane_bytes[lane]) {
            engine->lane_bytes[lane] = engine->wanted_bytes[lane];
            higher = true;
        }
    for (uint32_t s = 0; s < engine->plan->n_stages; s++) {
        higher = raise(&engine->n_entries[s], store->chunk.stages[s].n_entries) || higher;
        higher = raise(&engine->n_masks[s], store->chunk.stages[s].n_masks) || higher;
    }
    if (!higher)
        return BB_OK;
    const bb_status status = engine->backend->operations->reserve(engine->backend, &engine->limits);
    if (status != BB_OK) { /* nothing is reserved now, whatever was before */
        engine->limits.n_inputs = 0;
        memset(engine->lane_bytes, 0, engine->lanes.n_lanes * sizeof(*engine->lane_bytes));
        memset(engine->n_entries, 0, engine->plan->n_stages * sizeof(*engine->n_entries));
        memset(engine->n_masks, 0, engine->plan->n_stages * sizeof(*engine->n_masks));
    }
    return status;
}

/* Copy the logits of a finished chunk to their rows. */
static bb_status collect(bb_engine *engine, const bb_chunk_store *store, const bb_run *run)
{
    const uint32_t classes = engine->plan->n_classes;
    const size_t stride =
        (size_t)engine->plan->stages[engine->plan->n_stages - 1].descriptor.out_stride * 2;
    float *slots = bb_allocate(engine->context, store->n_outputs * stride, sizeof(*slots));
    if (!slots) { /* what is under way still reads the store */
        engine->backend->operations->finish(engine->backend, NULL, 0);
        return BB_MEMORY;
    }
    bb_status status = engine->backend->operations->finish(
        engine->backend, slots, store->n_outputs * stride * sizeof(*slots));
    if (status == BB_OK && run->n_rows > engine->capacity_rows) {
        const size_t capacity = run->n_rows + run->n_rows / 2;
        float *grown =
            bb_resize(engine->context, engine->logits, capacity, classes * sizeof(*grown));
        status = grown ? BB_OK : BB_MEMORY;
        engine->logits = grown ? grown : engine->logits;
        engine->capacity_rows = grown ? capacity : engine->capacity_rows;
    }
    for (uint32_t i = 0; status == BB_OK && i < store->n_outputs; i++)
        memcpy(engine->logits + store->row_of_output[i] * classes, slots + i * stride,
               classes * sizeof(*slots));
    bb_release(engine->context, slots);
    return status;
}

static void count_chunk(bb_engine *engine, const bb_chunk_store *store)
{
    engine->counts.chunks++;
    for (uint32_t s = 0; s < engine->plan->n_stages; s++)
        engine->stage_evaluations[s] += store->chunk.stages[s].n_entries;
}

/* The next chunk is built while the current one runs. */
static bb_status run_chunks(bb_engine *engine, bb_run *run, bb_chunk_store stores[2])
{
    bb_status status = BB_OK;
    bool running = false;
    for (uint32_t current = 0;; current = 1 - current) {
        bb_chunk_store *next = &stores[current];
        const double start = bb_seconds();
        if (status == BB_OK)
            status = bb_check_interrupted(engine->context);
        if (status == BB_OK)
            status = bb_chunk_fill(next, run);
        engine->counts.list_seconds += bb_seconds() - start;
        if (running && status == BB_OK)
            status = collect(engine, &stores[1 - current], run);
        else if (running)
            engine->backend->operations->finish(engine->backend, NULL, 0);
        running = false;
        if (status != BB_OK || next->n_outputs == 0)
            return status;
        status = bb_engine_reserve(engine, next, run);
        if (status == BB_OK)
            status = engine->backend->operations->submit(engine->backend, &next->chunk);
        if (status != BB_OK)
            return status;
        count_chunk(engine, next);
        running = true;
    }
}

static bb_status run_all(bb_engine *engine, bb_run *run)
{
    bb_chunk_store stores[2];
    bb_status status = bb_chunk_store_create(&stores[0], run->sampler);
    const bb_status second = bb_chunk_store_create(&stores[1], run->sampler);
    if (status == BB_OK)
        status = second;
    if (status == BB_OK)
        status = run_chunks(engine, run, stores);
    for (int i = 0; i < 2; i++)
        bb_chunk_store_free(&stores[i], engine->context);
    return status;
}

static bb_status keep_weights(bb_engine *engine, const bb_sampler *sampler)
{
    bb_release(engine->context, engine->weights);
    engine->weights = NULL;
    if (sampler->sampling.mode != BB_SAMPLING_EXACT)
        return BB_OK;
    engine->weights =
        bb_copy_bytes(engine->context, sampler->exact_weights, sampler->n_passes, sizeof(double));
    return engine->weights ? BB_OK : BB_MEMORY;
}

bb_status bb_engine_run(bb_engine *engine, const void *inputs, uint64_t first_index, uint32_t n,
                        const bb_sampling *sampling)
{
    engine->n_results = 0;
    if (first_index > (uint64_t)1 << 32 || n > ((uint64_t)1 << 32) - first_index)
        return bb_fail(engine->context, BB_ARGUMENT,
                       "input %llu: at most 2^32 inputs can be numbered",
                       (unsigned long long)first_index + (n ? n - 1 : 0));
    bb_sampler *sampler;
    bb_status status = bb_sampler_create(&sampler, engine->context, engine->plan, sampling);
    if (status != BB_OK)
        return status;
    status = reserve_results(engine, n);
    if (status == BB_OK)
        status = keep_weights(engine, sampler);
    bb_run run = {.sampler = sampler,
                  .lanes = &engine->lanes,
                  .inputs = inputs,
                  .first_index = first_index,
                  .n = n,
                  .budget = engine->budget,
                  .preferred = engine->preferred,
                  .largest_lane = engine->device->largest_buffer_bytes,
                  .leaves = engine->leaves,
                  .first_row = engine->first_row};
    if (status == BB_OK)
        status = run_all(engine, &run);
    if (status == BB_OK) {
        engine->counts.inputs += n;
        engine->counts.passes += (uint64_t)n * sampler->n_passes;
        engine->counts.leaves += run.n_rows;
    } else {
        engine->n_results = 0;
    }
    bb_sampler_free(sampler);
    return status;
}

void bb_engine_leaves(const bb_engine *engine, uint32_t i, bb_leaves *out)
{
    const bb_leaf_set *leaves = &engine->leaves[i];
    *out = (bb_leaves){.n_leaves = leaves->n_leaves,
                       .n_passes = leaves->n_passes,
                       .logits = engine->logits + engine->first_row[i] * engine->plan->n_classes,
                       .counts = engine->weights ? NULL : leaves->counts,
                       .weights = engine->weights,
                       .leaf_of_pass = leaves->leaf_of_pass};
}

void bb_engine_count(const bb_engine *engine, bb_engine_counts *out)
{
    *out = engine->counts;
    out->compile_seconds = engine->backend->times.compile;
    out->transfer_seconds = engine->backend->times.transfer;
    out->compute_seconds = engine->backend->times.compute;
}
