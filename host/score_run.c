/* SPDX-License-Identifier: MIT */
/*
 * Runs a data set over the lanes. Each lane takes the next block of inputs, runs and reduces it
 * with a context of its own, and puts the block in a ring; whoever completes the oldest block hands
 * on all that are ready. So rows come in input order whatever the devices' speeds, and sums are
 * formed in one order.
 */
#include "progress.h"
#include "score.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_BLOCK 1024

static progress line;

/* ---- lanes ---- */

static void lane_close(score_lane *lane)
{
    bb_engine_free(lane->engine);
    if (lane->context) {
        bb_release(lane->context, lane->evaluations);
        bb_context_free(lane->context);
    }
    bb_release(lane->run->context, lane->device);
    *lane = (score_lane){0};
}

void score_collect_times(score_run *run)
{
    for (uint32_t i = 0; i < run->n_lanes; i++) {
        if (!run->lanes[i].engine)
            continue;
        bb_engine_counts counts;
        bb_engine_count(run->lanes[i].engine, &counts);
        run->times.compile += counts.compile_seconds;
        run->times.transfer += counts.transfer_seconds;
        run->times.compute += counts.compute_seconds;
        run->times.draw += counts.list_seconds;
    }
    run->collected = true;
}

static void close_lanes(score_run *run)
{
    if (!run->collected)
        score_collect_times(run);
    run->collected = false;
    for (uint32_t i = 0; i < run->n_lanes; i++)
        lane_close(&run->lanes[i]);
    run->n_lanes = 0;
}

static bb_status lane_open(score_run *run, score_lane *lane)
{
    const score_options *const options = run->options;
    const bb_engine_options engine = {
        .device = lane->device,
        .memory_bytes = options->memory,
        .backend = {options->variants, options->popcount, options->image, options->cache,
                    options->tune},
    };
    lane->context = open_context();
    if (!lane->context)
        return bb_fail(run->context, BB_MEMORY, "out of memory: a context for device %s",
                       lane->device ? lane->device : "");
    bb_status status = bb_engine_create(&lane->engine, lane->context, run->net.plan, &engine);
    lane->evaluations = status == BB_OK
                            ? bb_allocate(lane->context, bb_plan_stage_count(run->net.plan),
                                          sizeof(*lane->evaluations))
                            : NULL;
    if (status == BB_OK && !lane->evaluations)
        status = BB_MEMORY;
    if (status != BB_OK)
        bb_fail(run->context, status, "%s", bb_context_error(lane->context));
    return status;
}

static bb_status join(char **text, bb_context *context, const char *part)
{
    char *const joined =
        *text ? bb_format(context, "%s+%s", *text, part) : bb_copy_text(context, part);
    bb_release(context, *text);
    *text = joined;
    return joined ? BB_OK : BB_MEMORY;
}

static bb_status name_lanes(score_run *run)
{
    bb_status status = BB_OK;
    for (uint32_t i = 0; status == BB_OK && i < run->n_lanes; i++) {
        const bb_engine *const engine = run->lanes[i].engine;
        status = join(&run->device_ids, run->context, bb_engine_device_id(engine));
        if (status == BB_OK)
            status = join(&run->device_names, run->context, bb_engine_device_name(engine));
        if (status == BB_OK)
            status = join(&run->drivers, run->context, bb_engine_driver(engine));
    }
    return status;
}

static bb_status open_lanes(score_run *run)
{
    char *devices[MAX_DEVICES];
    bb_status status = split_devices(devices, &run->n_lanes, run->context, run->options->device);
    for (uint32_t i = 0; i < run->n_lanes; i++)
        run->lanes[i] = (score_lane){.run = run, .device = devices[i]};
    for (uint32_t i = 0; status == BB_OK && i < run->n_lanes; i++)
        status = lane_open(run, &run->lanes[i]);
    if (status == BB_OK && !run->device_ids)
        status = name_lanes(run);
    return status;
}

bb_status score_prepare(score_run *run, bb_data_type type)
{
    const bb_input_type input = type == BB_DATA_U8 ? BB_INPUT_BYTES : BB_INPUT_FLOATS;
    if (run->folded && run->fold.input_type == input)
        return BB_OK;
    close_lanes(run);
    run->folded = false;
    run->fold = (bb_fold_options){input, run->preprocess.n ? &run->preprocess : NULL};
    bb_status status = network_fold(&run->net, run->context, &run->fold);
    if (status != BB_OK)
        return status;
    run->folded = true;
    bb_release(run->context, run->evaluations);
    run->evaluations =
        bb_allocate(run->context, bb_plan_stage_count(run->net.plan), sizeof(*run->evaluations));
    return run->evaluations ? open_lanes(run) : BB_MEMORY;
}

void score_run_free(score_run *run)
{
    close_lanes(run);
    network_free(&run->net);
    bb_release(run->context, run->device_ids);
    bb_release(run->context, run->device_names);
    bb_release(run->context, run->drivers);
    bb_release(run->context, run->evaluations);
    preprocess_free(&run->preprocess, run->context);
}

/* ---- one block on one lane ---- */

/* Blocks pass between threads, so their memory belongs to no context. */
static void block_free(score_block *block)
{
    free(block->sampled);
    free(block->plain);
    free(block->mean);
    free(block->logits);
    free(block->weights);
    *block = (score_block){0};
}

static bb_status block_allocate(score_lane *lane, score_block *block)
{
    const size_t classes = bb_plan_class_count(lane->run->net.plan);
    block->sampled = calloc(block->n, sizeof(*block->sampled));
    block->plain = calloc(block->n, sizeof(*block->plain));
    block->mean = calloc(block->n, classes * sizeof(*block->mean));
    if (block->sampled && block->plain && block->mean)
        return BB_OK;
    return bb_fail(lane->context, BB_MEMORY, "out of memory: results of %u inputs", block->n);
}

static uint32_t label_of(const score_set *set, uint64_t index)
{
    return set->labels ? set->labels[index] : BB_NO_LABEL;
}

/* Reduce what the engine just ran. `out` [n], `mean` [n][classes]. */
static bb_status reduce(score_lane *lane, const score_block *block, bb_prediction *out,
                        double *mean)
{
    const uint32_t classes = bb_plan_class_count(lane->run->net.plan);
    const double begun = bb_seconds();
    double *scratch = NULL;
    size_t room = 0;
    bb_status status = BB_OK;
    for (uint32_t i = 0; status == BB_OK && i < block->n; i++) {
        bb_leaves leaves;
        bb_engine_leaves(lane->engine, i, &leaves);
        const size_t needed = bb_predict_scratch(leaves.n_leaves, classes);
        if (needed > room) {
            bb_release(lane->context, scratch);
            scratch = bb_allocate(lane->context, needed, sizeof(*scratch));
            room = scratch ? needed : 0;
        }
        const uint64_t index = block->first + i;
        status = !scratch ? BB_MEMORY
                          : bb_predict(&out[i], mean + (size_t)i * classes, lane->context, &leaves,
                                       classes, index, label_of(lane->run->set, index), scratch);
    }
    bb_release(lane->context, scratch);
    lane->reduce_seconds += bb_seconds() - begun;
    return status;
}

/* Logits of all passes, in pass order. */
static bb_status keep_passes(const score_lane *lane, score_block *block)
{
    const size_t classes = bb_plan_class_count(lane->run->net.plan);
    bb_leaves leaves;
    bb_engine_leaves(lane->engine, 0, &leaves);
    block->n_passes = leaves.n_passes;
    block->logits = calloc((size_t)block->n * leaves.n_passes, classes * sizeof(float));
    if (leaves.weights)
        block->weights = calloc(leaves.n_leaves, sizeof(*block->weights));
    if (!block->logits || (leaves.weights && !block->weights))
        return bb_fail(lane->context, BB_MEMORY, "out of memory: %u passes of %u inputs",
                       block->n_passes, block->n);
    if (leaves.weights)
        memcpy(block->weights, leaves.weights, leaves.n_leaves * sizeof(*block->weights));
    for (uint32_t i = 0; i < block->n; i++) {
        bb_engine_leaves(lane->engine, i, &leaves);
        for (uint32_t t = 0; t < block->n_passes; t++)
            memcpy(block->logits + ((size_t)i * block->n_passes + t) * classes,
                   leaves.logits + leaves.leaf_of_pass[t] * classes, classes * sizeof(float));
    }
    return BB_OK;
}

static bb_status run_sampled(score_lane *lane, score_block *block, const void *inputs)
{
    const uint32_t stages = bb_plan_stage_count(lane->run->net.plan);
    bb_engine_counts before, after;
    bb_engine_count(lane->engine, &before);
    const uint64_t leaves = before.leaves;
    for (uint32_t s = 0; s < stages; s++)
        lane->evaluations[s] -= before.stage_evaluations[s];
    const bb_status status =
        bb_engine_run(lane->engine, inputs, block->first, block->n, &lane->run->sampling);
    bb_engine_count(lane->engine, &after);
    for (uint32_t s = 0; s < stages; s++)
        lane->evaluations[s] += after.stage_evaluations[s];
    lane->leaves += after.leaves - leaves;
    return status;
}

static bb_status run_plain(score_lane *lane, score_block *block, const void *inputs)
{
    const uint32_t classes = bb_plan_class_count(lane->run->net.plan);
    bb_sampling plain = lane->run->sampling;
    plain.mode = BB_SAMPLING_DETERMINISTIC;
    double *mean = bb_allocate(lane->context, block->n, classes * sizeof(*mean));
    if (!mean)
        return BB_MEMORY;
    bb_status status = bb_engine_run(lane->engine, inputs, block->first, block->n, &plain);
    if (status == BB_OK)
        status = reduce(lane, block, block->plain, mean);
    bb_release(lane->context, mean);
    return status;
}

static bb_status run_block(score_lane *lane, score_block *block, const void *inputs)
{
    const score_run *const run = lane->run;
    bb_status status = block_allocate(lane, block);
    if (status == BB_OK)
        status = run_sampled(lane, block, inputs);
    if (status == BB_OK)
        status = reduce(lane, block, block->sampled, block->mean);
    if (status == BB_OK && run->options->save_passes)
        status = keep_passes(lane, block);
    if (status == BB_OK && run->with_plain)
        status = run_plain(lane, block, inputs);
    return status;
}

/* ---- all blocks ---- */

/* Under the lock: the first failure wins, and everybody stops. */
static void stop_run(score_run *run, bb_status status, const char *text)
{
    if (run->status == BB_OK && status != BB_OK) {
        run->status = status;
        if (text)
            bb_fail(run->context, status, "%s", text);
    }
    run->stop = run->stop || run->status != BB_OK;
    pthread_cond_broadcast(&run->turn);
}

static void stop_interrupted(score_run *run)
{
    if (run->stop)
        return;
    char text[256];
    snprintf(text, sizeof(text),
             "interrupted after %" PRIu64 " of %" PRIu64 " inputs of %s; no result was written",
             run->set->done, run->set->count, run->set->path);
    stop_run(run, BB_INTERRUPTED, text);
}

static bb_status read_inputs(score_run *run, const score_block *block, void *inputs)
{
    const double begun = bb_seconds();
    const bb_status status = bb_dataset_read(run->set->data, block->first, block->n, inputs);
    run->times.load += bb_seconds() - begun;
    return status;
}

/* Take the next block and read its inputs; false when there is none. */
static bool take_block(score_lane *lane, score_block *block, uint64_t *ticket, void *inputs)
{
    score_run *const run = lane->run;
    pthread_mutex_lock(&run->lock);
    if (interrupted())
        stop_interrupted(run);
    const uint64_t left = run->set->count - run->next_input;
    const bool taken = !run->stop && left > 0;
    if (taken) {
        *block = (score_block){.first = run->next_input};
        block->n = left < lane->batch ? (uint32_t)left : lane->batch;
        *ticket = run->next_ticket++;
        run->next_input += block->n;
        stop_run(run, read_inputs(run, block, inputs), NULL);
    }
    pthread_mutex_unlock(&run->lock);
    return taken;
}

static bb_status hand_on(score_run *run, const score_block *block)
{
    score_set *const set = run->set;
    bb_status status = BB_OK;
    for (uint32_t i = 0; status == BB_OK && i < block->n; i++) {
        status = bb_summary_add(set->sampled, &block->sampled[i]);
        if (status == BB_OK && set->plain)
            status = bb_summary_add(set->plain, &block->plain[i]);
    }
    if (status == BB_OK)
        status = score_keep_shown(run, set, block);
    const double begun = bb_seconds();
    if (status == BB_OK)
        status = score_files_add(run, set, block);
    run->times.write += bb_seconds() - begun;
    set->done += block->n;
    progress_show(&line, set->done);
    return status;
}

/* Put a finished block in the ring and hand on what is ready in order. */
static void deliver(score_run *run, score_block *block, uint64_t ticket)
{
    pthread_mutex_lock(&run->lock);
    while (!run->stop && ticket >= run->next_block + SCORE_RING)
        pthread_cond_wait(&run->turn, &run->lock);
    if (run->stop) {
        block_free(block);
    } else {
        block->ready = true;
        run->ring[ticket % SCORE_RING] = *block;
        score_block *next = &run->ring[run->next_block % SCORE_RING];
        for (; next->ready && !run->stop; next = &run->ring[run->next_block % SCORE_RING]) {
            stop_run(run, hand_on(run, next), NULL);
            block_free(next);
            run->next_block++;
        }
        pthread_cond_broadcast(&run->turn);
    }
    pthread_mutex_unlock(&run->lock);
}

static void *lane_main(void *payload)
{
    score_lane *const lane = payload;
    score_run *const run = lane->run;
    void *const inputs = calloc(lane->batch, bb_dataset_input_size(run->set->data));
    score_block block;
    uint64_t ticket;
    if (!inputs) {
        pthread_mutex_lock(&run->lock);
        stop_run(run, BB_MEMORY, "out of memory: inputs of one batch");
        pthread_mutex_unlock(&run->lock);
        return NULL;
    }
    while (take_block(lane, &block, &ticket, inputs)) {
        const bb_status status = run_block(lane, &block, inputs);
        if (status != BB_OK) {
            pthread_mutex_lock(&run->lock);
            if (status == BB_INTERRUPTED)
                stop_interrupted(run);
            else
                stop_run(run, status, bb_context_error(lane->context));
            pthread_mutex_unlock(&run->lock);
        }
        deliver(run, &block, ticket);
    }
    free(inputs);
    return NULL;
}

static uint32_t choose_batch(const score_run *run, const score_lane *lane)
{
    if (run->options->batch)
        return (uint32_t)run->options->batch;
    uint64_t batch = bb_engine_batch(lane->engine, &run->sampling);
    const uint64_t share = run->set->count / (8ull * run->n_lanes) + 1;
    if (run->n_lanes > 1 && batch > share)
        batch = share;
    return (uint32_t)(batch < LARGEST_BLOCK ? batch : LARGEST_BLOCK);
}

/* The first lane runs on this thread. */
static bb_status run_lanes(score_run *run)
{
    pthread_t threads[MAX_DEVICES];
    uint32_t n_threads = 0;
    for (uint32_t i = 1; i < run->n_lanes; i++) {
        if (pthread_create(&threads[n_threads], NULL, lane_main, &run->lanes[i]) == 0)
            n_threads++;
        else
            say("note: no thread for device %s; the others do its share", run->lanes[i].device);
    }
    lane_main(&run->lanes[0]);
    for (uint32_t i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < SCORE_RING; i++)
        block_free(&run->ring[i]);
    return run->status;
}

static void collect_counts(score_run *run)
{
    run->leaves = 0;
    memset(run->evaluations, 0, bb_plan_stage_count(run->net.plan) * sizeof(*run->evaluations));
    for (uint32_t i = 0; i < run->n_lanes; i++) {
        score_lane *const lane = &run->lanes[i];
        for (uint32_t s = 0; s < bb_plan_stage_count(run->net.plan); s++) {
            run->evaluations[s] += lane->evaluations[s];
            lane->evaluations[s] = 0;
        }
        run->leaves += lane->leaves;
        run->times.reduce += lane->reduce_seconds;
        lane->leaves = 0;
        lane->reduce_seconds = 0;
    }
}

bb_status score_set_run(score_run *run, score_set *set)
{
    run->set = set;
    run->next_ticket = run->next_block = run->next_input = 0;
    run->stop = false;
    run->status = BB_OK;
    for (uint32_t i = 0; i < run->n_lanes; i++)
        run->lanes[i].batch = choose_batch(run, &run->lanes[i]);
    pthread_mutex_init(&run->lock, NULL);
    pthread_cond_init(&run->turn, NULL);
    progress_begin(&line, "inputs", set->count);
    const double begun = bb_seconds();
    const bb_status status = run_lanes(run);
    run->times.run += bb_seconds() - begun;
    progress_end(&line);
    pthread_cond_destroy(&run->turn);
    pthread_mutex_destroy(&run->lock);
    collect_counts(run);
    return status;
}
