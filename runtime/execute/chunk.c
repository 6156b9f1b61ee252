/* SPDX-License-Identifier: MIT */
/* Cutting a run in chunks that fit the memory budget. */
#include "execute/chunk.h"

#include <string.h>

/* The work lists of the next chunk are made while one runs, and a chunk's activations are better
 * off in a cache: so many inputs occupy a device, and more would only make the first list later. */
enum { MOST_INPUTS = 256 };

bb_status bb_lanes_assign(bb_lanes *out, bb_context *context, const bb_plan *plan)
{
    out->n_lanes = 0;
    out->lane = bb_allocate(context, plan->n_stages, sizeof(*out->lane));
    if (!out->lane)
        return BB_MEMORY;
    for (uint32_t s = 0; s < plan->n_stages; s++) {
        uint32_t lane = 0;
        for (uint32_t t = 0; t < s; t++) /* a tensor still needed at s keeps its lane */
            if (out->lane[t] == lane && bb_plan_last_use(plan, t) >= s) {
                lane++;
                t = UINT32_MAX; /* look again from the first tensor */
            }
        out->lane[s] = lane;
        if (lane >= out->n_lanes)
            out->n_lanes = lane + 1;
    }
    return BB_OK;
}

bb_status bb_chunk_store_create(bb_chunk_store *store, const bb_sampler *sampler)
{
    *store = (bb_chunk_store){0};
    return bb_worklist_create(&store->list, sampler);
}

void bb_chunk_store_free(bb_chunk_store *store, bb_context *context)
{
    bb_worklist_free(store->list);
    bb_release(context, store->inputs);
    bb_release(context, store->row_of_output);
    *store = (bb_chunk_store){0};
}

/* Entries and outputs per stage that some leaves would add, given how much each shares. */
typedef struct increment {
    uint32_t first; /* first leaf, which shares nothing */
    const uint32_t *shared;
    uint32_t n;
} increment;

static void count_increment(const bb_sampler *sampler, const increment *more, uint32_t s,
                            uint64_t *entries, uint64_t *outputs)
{
    *entries = *outputs = 0;
    for (uint32_t i = 0; i < more->n; i++) {
        uint32_t entry, output;
        const uint32_t shared =
            i == more->first || !more->shared ? BB_NOTHING_SHARED : more->shared[i];
        bb_worklist_cost(sampler, s, shared, &entry, &output);
        *entries += entry;
        *outputs += output;
    }
}

static uint64_t stage_list_bytes(const bb_stage *stage, uint64_t entries)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const uint64_t mask_words =
        d->masked ? (uint64_t)d->in_words * (d->mask_per_element ? (uint64_t)d->in_h * d->in_w : 1)
                  : 0;
    return entries * (BB_ENTRY_WORDS(d) * 4 + mask_words * 8);
}

/* Bytes of the chunk as it stands plus `more` leaves (may be NULL) of one more input or none. */
static uint64_t bytes_with(const bb_chunk_store *store, const bb_run *run, const increment *more,
                           uint32_t more_inputs, size_t *lane_bytes)
{
    const bb_plan *plan = run->sampler->plan;
    uint64_t total = (uint64_t)(store->list->n_inputs + more_inputs) * plan->input_stride * 8;
    for (uint32_t lane = 0; lane < run->lanes->n_lanes; lane++)
        lane_bytes[lane] = 0;
    for (uint32_t s = 0; s < plan->n_stages; s++) {
        uint64_t entries = 0, outputs = 0;
        if (more)
            count_increment(run->sampler, more, s, &entries, &outputs);
        entries += store->list->stages[s].n_entries;
        outputs += store->list->stages[s].n_outputs;
        if (entries >= BB_NONE / 2 || outputs >= BB_NONE / 2)
            return UINT64_MAX;
        total += stage_list_bytes(&plan->stages[s], entries);
        const size_t bytes = outputs * plan->stages[s].descriptor.out_stride * 8;
        if (bytes > lane_bytes[run->lanes->lane[s]])
            lane_bytes[run->lanes->lane[s]] = bytes;
    }
    for (uint32_t lane = 0; lane < run->lanes->n_lanes; lane++)
        total += lane_bytes[lane];
    for (uint32_t lane = 0; lane < run->lanes->n_lanes; lane++)
        if (run->largest_lane && lane_bytes[lane] > run->largest_lane)
            return UINT64_MAX;
    return total;
}

uint64_t bb_chunk_bytes(const bb_chunk_store *store, const bb_run *run, size_t *lane_bytes)
{
    return bytes_with(store, run, NULL, 0, lane_bytes);
}

static void normalise(const bb_plan *plan, const void *from, bool bytes, float *to)
{
    const bb_shape *shape = &plan->input_shape;
    const size_t n = (size_t)shape->channels * shape->height * shape->width;
    for (size_t i = 0; i < n; i++) {
        const size_t c = i % shape->channels;
        const float raw = bytes ? (float)((const uint8_t *)from)[i] : ((const float *)from)[i];
        const float scaled = raw * plan->input_scale[c];
        const float centred = scaled - plan->input_mean[c];
        to[i] = centred / plan->input_std[c];
    }
}

static bb_status add_input(bb_chunk_store *store, const bb_run *run)
{
    const bb_plan *plan = run->sampler->plan;
    const size_t stride = plan->input_stride;
    const size_t needed = ((size_t)store->list->n_inputs + 1) * stride;
    if (needed > store->capacity_words) {
        uint64_t *grown = bb_resize(run->sampler->context, store->inputs, needed + needed / 2, 8);
        if (!grown)
            return BB_MEMORY;
        store->inputs = grown;
        store->capacity_words = needed + needed / 2;
    }
    const bb_shape *shape = &plan->input_shape;
    const size_t elements = (size_t)shape->channels * shape->height * shape->width;
    const bool bytes = plan->input_type == BB_INPUT_BYTES;
    const char *from =
        (const char *)run->inputs + run->input * elements * (bytes ? 1 : sizeof(float));
    uint64_t *to = store->inputs + needed - stride;
    to[stride - 1] = 0;
    if (plan->input_is_real)
        normalise(plan, from, bytes, (float *)to);
    else
        memcpy(to, from, elements);
    bb_worklist_next_input(store->list);
    return BB_OK;
}

/* Item k of an input is its k-th leaf in prefix order, or its k-th pass where nothing is shared. */
static uint32_t item_count(const bb_run *run, const bb_leaf_set *leaves)
{
    return run->sampler->sampling.no_sharing ? leaves->n_passes : leaves->n_leaves;
}

static uint32_t item_leaf(const bb_run *run, const bb_leaf_set *leaves, uint32_t item)
{
    return run->sampler->sampling.no_sharing ? leaves->leaf_of_pass[item] : leaves->sorted[item];
}

static bb_status add_item(bb_chunk_store *store, const bb_run *run, const bb_leaf_set *leaves,
                          bool first)
{
    const uint32_t leaf = item_leaf(run, leaves, run->item);
    const bool alone = first || run->sampler->sampling.no_sharing;
    if (store->n_outputs == store->capacity_outputs) {
        const size_t capacity = store->capacity_outputs * 2 + 256;
        size_t *grown =
            bb_resize(run->sampler->context, store->row_of_output, capacity, sizeof(*grown));
        if (!grown)
            return BB_MEMORY;
        store->row_of_output = grown;
        store->capacity_outputs = capacity;
    }
    store->row_of_output[store->n_outputs++] = run->first_row[run->input] + leaf;
    return bb_worklist_add(store->list, leaves->rows + leaf * run->sampler->row_bytes,
                           alone ? BB_NOTHING_SHARED : leaves->shared[run->item]);
}

static bb_status draw_input(bb_run *run)
{
    const bb_sampler *sampler = run->sampler;
    const uint8_t *rows = sampler->sampling.rows;
    if (rows)
        rows += (size_t)run->input * sampler->n_passes * sampler->row_bytes;
    bb_leaf_set *leaves = &run->leaves[run->input];
    const bb_status status = bb_sampler_draw(sampler, run->first_index + run->input, rows, leaves);
    run->first_row[run->input] = run->n_rows;
    if (status == BB_OK)
        run->n_rows += leaves->n_leaves;
    return status;
}

static uint64_t limit_of(const bb_run *run)
{
    return run->preferred && run->preferred < run->budget ? run->preferred : run->budget;
}

/* Take items of the current input; *full tells that the chunk ends inside it. */
static bb_status take_input(bb_chunk_store *store, bb_run *run, bool whole, size_t *lane_bytes,
                            bool *full)
{
    const bb_leaf_set *leaves = &run->leaves[run->input];
    const uint32_t n = item_count(run, leaves);
    bb_status status = add_input(store, run);
    for (bool first = true; status == BB_OK && run->item < n; first = false, run->item++) {
        if (!whole) {
            const uint32_t shared = first || run->sampler->sampling.no_sharing
                                        ? BB_NOTHING_SHARED
                                        : leaves->shared[run->item];
            const increment one = {.first = BB_NO_INDEX, .shared = &shared, .n = 1};
            const uint64_t bytes = bytes_with(store, run, &one, 0, lane_bytes);
            if (bytes > run->budget && first)
                return bb_fail(
                    run->sampler->context, BB_MEMORY,
                    "one pass of one input needs %llu bytes on the device, the budget is %llu; "
                    "raise --memory",
                    (unsigned long long)bytes, (unsigned long long)run->budget);
            *full = !first && bytes > limit_of(run);
            if (*full)
                return BB_OK;
        }
        status = add_item(store, run, leaves, first);
    }
    run->input++;
    run->item = 0;
    return status;
}

bb_status bb_chunk_fill(bb_chunk_store *store, bb_run *run)
{
    bb_worklist_clear(store->list);
    store->n_outputs = 0;
    size_t *lane_bytes =
        bb_allocate(run->sampler->context, run->lanes->n_lanes, sizeof(*lane_bytes));
    if (!lane_bytes)
        return BB_MEMORY;
    bb_status status = BB_OK;
    bool full = false;
    while (status == BB_OK && !full && run->input < run->n && store->list->n_inputs < MOST_INPUTS) {
        status = bb_check_interrupted(run->sampler->context);
        if (status != BB_OK)
            break;
        if (run->item == 0 && run->leaves[run->input].n_leaves == 0)
            status = draw_input(run);
        if (status != BB_OK)
            break;
        const bb_leaf_set *leaves = &run->leaves[run->input];
        const increment rest = {
            .first = 0,
            .shared = run->sampler->sampling.no_sharing ? NULL : leaves->shared + run->item,
            .n = item_count(run, leaves) - run->item,
        };
        const bool whole = bytes_with(store, run, &rest, 1, lane_bytes) <= limit_of(run);
        if (!whole && store->n_outputs > 0)
            break;
        status = take_input(store, run, whole, lane_bytes, &full);
    }
    bb_release(run->sampler->context, lane_bytes);
    bb_worklist_close(store->list);
    store->chunk = (bb_chunk){.inputs = store->inputs,
                              .n_inputs = store->list->n_inputs,
                              .stages = store->list->works,
                              .n_stages = run->sampler->plan->n_stages};
    return status;
}
