/* SPDX-License-Identifier: MIT */
/* Work lists that grow leaf by leaf. */
#include "sampling/worklist.h"

#include <string.h>

bb_status bb_worklist_create(bb_worklist **out, const bb_sampler *sampler)
{
    bb_context *context = sampler->context;
    const uint32_t n = sampler->plan->n_stages;
    *out = NULL;
    bb_worklist *list = bb_allocate(context, 1, sizeof(*list));
    if (!list)
        return BB_MEMORY;
    list->sampler = sampler;
    list->stages = bb_allocate(context, n, sizeof(*list->stages));
    list->works = bb_allocate(context, n, sizeof(*list->works));
    if (!list->stages || !list->works) {
        bb_worklist_free(list);
        return BB_MEMORY;
    }
    *out = list;
    return BB_OK;
}

void bb_worklist_free(bb_worklist *list)
{
    if (!list)
        return;
    bb_context *context = list->sampler->context;
    for (uint32_t s = 0; list->stages && s < list->sampler->plan->n_stages; s++) {
        bb_release(context, list->stages[s].words);
        bb_release(context, list->stages[s].masks);
    }
    bb_release(context, list->stages);
    bb_release(context, list->works);
    bb_release(context, list);
}

void bb_worklist_clear(bb_worklist *list)
{
    list->n_inputs = 0;
    for (uint32_t s = 0; s < list->sampler->plan->n_stages; s++) {
        bb_stage_list *stage = &list->stages[s];
        stage->n_words = stage->n_mask_words = 0;
        stage->n_entries = stage->n_outputs = stage->n_masks = 0;
    }
}

void bb_worklist_next_input(bb_worklist *list)
{
    list->n_inputs++;
}

static bool shares(uint32_t shared, uint32_t depth)
{
    return shared != BB_NOTHING_SHARED && shared >= depth;
}

void bb_worklist_cost(const bb_sampler *sampler, uint32_t s, uint32_t shared, uint32_t *entries,
                      uint32_t *outputs)
{
    *entries = !shares(shared, sampler->depths.masked[s]);
    *outputs = !shares(shared, sampler->depths.emitted[s]);
}

static bool grow(bb_context *context, void **block, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity)
        return true;
    const size_t capacity_new = needed + needed / 2 + 64;
    void *grown = bb_resize(context, *block, capacity_new, size);
    if (!grown)
        return false;
    *block = grown;
    *capacity = capacity_new;
    return true;
}

static size_t mask_words(const bb_stage_descriptor *d)
{
    return (size_t)d->in_words * (d->mask_per_element ? (size_t)d->in_h * d->in_w : 1);
}

/* Draws number elements c, y, x; kernels read pixel by pixel. */
static void write_mask(const bb_stage_descriptor *d, const uint8_t *draw, uint64_t *words)
{
    const size_t pixels = d->mask_per_element ? (size_t)d->in_h * d->in_w : 1;
    memset(words, 0, mask_words(d) * sizeof(*words));
    for (uint32_t c = 0; c < d->in_channels; c++)
        for (size_t pixel = 0; pixel < pixels; pixel++) {
            const size_t e = c * pixels + pixel;
            if (draw[e / 8] >> (e % 8) & 1)
                words[pixel * d->in_words + c / 64] |= (uint64_t)1 << (c % 64);
        }
}

static bb_status add_mask(bb_worklist *list, uint32_t s, const uint8_t *row, uint32_t *index)
{
    const bb_sampler *sampler = list->sampler;
    const bb_stage *stage = &sampler->plan->stages[s];
    bb_stage_list *target = &list->stages[s];
    *index = BB_NONE;
    if (!stage->descriptor.masked || sampler->sampling.mode == BB_SAMPLING_DETERMINISTIC)
        return BB_OK;
    const size_t words = mask_words(&stage->descriptor);
    void *masks = target->masks;
    if (!grow(sampler->context, &masks, &target->capacity_mask_words, target->n_mask_words + words,
              sizeof(uint64_t)))
        return BB_MEMORY;
    target->masks = masks;
    write_mask(&stage->descriptor, row + sampler->offset[stage->mask_site],
               target->masks + target->n_mask_words);
    target->n_mask_words += words;
    *index = target->n_masks++;
    return BB_OK;
}

/* Where the tensor of a stage lies for the leaf that is being added. */
static uint32_t slot_of(const bb_worklist *list, uint32_t stage)
{
    return stage == BB_NO_INDEX ? list->n_inputs - 1 : list->stages[stage].slot;
}

static bb_status add_entry(bb_worklist *list, uint32_t s, const uint8_t *row)
{
    const bb_stage *stage = &list->sampler->plan->stages[s];
    bb_stage_list *target = &list->stages[s];
    const size_t n = BB_ENTRY_WORDS(&stage->descriptor);
    void *words = target->words;
    if (!grow(list->sampler->context, &words, &target->capacity_words, target->n_words + n,
              sizeof(uint32_t)))
        return BB_MEMORY;
    target->words = words;
    uint32_t *entry = target->words + target->n_words;
    memset(entry, 0xff, n * sizeof(*entry)); /* BB_NONE everywhere */
    entry[BB_ENTRY_INPUT] = slot_of(list, stage->input);
    if (stage->descriptor.second)
        entry[BB_ENTRY_SECOND(&stage->descriptor)] = slot_of(list, stage->second);
    target->n_words += n;
    target->n_entries++;
    return add_mask(list, s, row, &entry[BB_ENTRY_MASK]);
}

static uint32_t bank_index(const bb_sampler *sampler, const bb_stage *stage, const uint8_t *row)
{
    if (sampler->sampling.mode == BB_SAMPLING_DETERMINISTIC)
        return stage->deterministic;
    uint32_t index = 0;
    for (uint32_t i = 0; i < stage->n_bank_sites; i++)
        index += row[sampler->offset[stage->bank_site[i]]] * stage->bank_weight[i];
    return index;
}

bb_status bb_worklist_add(bb_worklist *list, const uint8_t *row, uint32_t shared)
{
    const bb_sampler *sampler = list->sampler;
    for (uint32_t s = 0; s < sampler->plan->n_stages; s++) {
        const bb_stage *stage = &sampler->plan->stages[s];
        bb_stage_list *target = &list->stages[s];
        uint32_t new_entry, new_output;
        bb_worklist_cost(sampler, s, shared, &new_entry, &new_output);
        if (new_entry && add_entry(list, s, row) != BB_OK)
            return BB_MEMORY;
        if (!new_output)
            continue;
        const size_t n = BB_ENTRY_WORDS(&stage->descriptor);
        uint32_t *entry = target->words + target->n_words - n;
        uint32_t *output = &entry[BB_ENTRY_OUTPUT + bank_index(sampler, stage, row)];
        if (*output == BB_NONE) /* else the leaves differ in draws of another branch only */
            *output = target->n_outputs++;
        target->slot = *output;
    }
    return BB_OK;
}

void bb_worklist_close(bb_worklist *list)
{
    for (uint32_t s = 0; s < list->sampler->plan->n_stages; s++) {
        const bb_stage_list *from = &list->stages[s];
        list->works[s] = (bb_stage_work){.list = from->words,
                                         .n_entries = from->n_entries,
                                         .n_outputs = from->n_outputs,
                                         .masks = from->masks,
                                         .n_masks = from->n_masks};
    }
}
