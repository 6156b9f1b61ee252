/* SPDX-License-Identifier: MIT */
/* Stage calls made up from a seed, with the reference's answer. */
#include "reference/sample.h"

#include "reference/reference.h"

#include <string.h>

/* Of the reference, per entry: above it one distinct input has to do. */
#define FEW_OPERATIONS 1e9

uint64_t bb_random_word(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u; /* SplitMix64 */
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* n words per pixel with zeros at and above channel `channels`. */
static void fill_bits(uint64_t *words, size_t pixels, uint32_t n, uint32_t channels,
                      uint64_t *state)
{
    const uint64_t tail = channels % 64 ? ((uint64_t)1 << channels % 64) - 1 : UINT64_MAX;
    for (size_t i = 0; i < pixels * n; i++)
        words[i] = bb_random_word(state) & (i % n == n - 1 ? tail : UINT64_MAX);
}

static void fill_map(uint32_t type, size_t pixels, uint32_t channels, uint64_t *slot,
                     uint64_t *state)
{
    const size_t values = pixels * channels;
    if (type == BB_TYPE_BITS)
        fill_bits(slot, pixels, (channels + 63) / 64, channels, state);
    for (size_t i = 0; type == BB_TYPE_BYTES && i < values; i++)
        ((uint8_t *)slot)[i] = (uint8_t)(bb_random_word(state) >> 56);
    for (size_t i = 0; type == BB_TYPE_REAL && i < values; i++) {
        const float value = (float)(int64_t)bb_random_word(state) * 0x1p-62f;
        memcpy((uint8_t *)slot + i * sizeof(value), &value, sizeof(value));
    }
}

static void fill_list(bb_sample *self, bool all_draws)
{
    const bb_stage_descriptor *d = &self->stage->descriptor;
    const uint32_t n_draws = d->n_draws, per_entry = all_draws ? n_draws : 1;
    for (uint32_t i = 0; i < self->n_entries; i++) {
        uint32_t *entry = self->list + (size_t)i * BB_ENTRY_WORDS(d);
        entry[BB_ENTRY_INPUT] = i;
        entry[BB_ENTRY_MASK] = self->masks ? i % self->n_distinct : BB_NONE;
        if (d->second)
            entry[BB_ENTRY_SECOND(d)] = i;
        for (uint32_t draw = 0; draw < n_draws; draw++)
            entry[BB_ENTRY_OUTPUT + draw] = draw < per_entry ? i * per_entry + draw : BB_NONE;
    }
    self->work = (bb_stage_work){.list = self->list,
                                 .n_entries = self->n_entries,
                                 .n_outputs = self->n_entries * per_entry,
                                 .masks = self->masks,
                                 .n_masks = self->masks ? self->n_distinct : 0};
}

static bb_status allocate(bb_sample *self)
{
    const bb_stage_descriptor *d = &self->stage->descriptor;
    bb_context *context = self->context;
    const size_t mask_pixels = d->mask_per_element ? (size_t)d->in_h * d->in_w : 1;
    self->list =
        bb_allocate(context, (size_t)self->n_entries * BB_ENTRY_WORDS(d), sizeof(*self->list));
    self->inputs =
        bb_allocate(context, (size_t)self->n_entries * d->in_stride, sizeof(*self->inputs));
    if (d->second)
        self->second =
            bb_allocate(context, (size_t)self->n_entries * d->second_stride, sizeof(*self->second));
    self->expected = bb_allocate(context, (size_t)self->n_distinct * d->n_draws * d->out_stride,
                                 sizeof(*self->expected));
    if (d->masked)
        self->masks = bb_allocate(context, self->n_distinct * mask_pixels * d->in_words,
                                  sizeof(*self->masks));
    const bool all = self->list && self->inputs && self->expected && (!d->masked || self->masks) &&
                     (!d->second || self->second);
    return all ? BB_OK : BB_MEMORY;
}

static void repeat(uint64_t *slots, size_t stride, uint32_t from, uint32_t to)
{
    memcpy(slots + to * stride, slots + from * stride, stride * sizeof(*slots));
}

static void fill(bb_sample *self, bool all_draws, uint64_t seed)
{
    const bb_stage_descriptor *d = &self->stage->descriptor;
    uint64_t state = seed;
    const uint32_t second_type = d->sum == BB_SUM_JOIN_BITS ? BB_TYPE_BITS : BB_TYPE_REAL;
    for (uint32_t i = 0; i < self->n_distinct; i++) {
        fill_map(d->in_type, (size_t)d->in_h * d->in_w, d->in_channels,
                 self->inputs + (size_t)i * d->in_stride + d->in_offset, &state);
        if (d->second)
            fill_map(second_type, (size_t)d->out_h * d->out_w, d->second_channels,
                     self->second + (size_t)i * d->second_stride + d->second_offset, &state);
    }
    for (uint32_t i = self->n_distinct; i < self->n_entries; i++) {
        repeat(self->inputs, d->in_stride, i % self->n_distinct, i);
        if (d->second)
            repeat(self->second, d->second_stride, i % self->n_distinct, i);
    }
    if (self->masks)
        fill_bits(self->masks,
                  self->n_distinct * (d->mask_per_element ? (size_t)d->in_h * d->in_w : 1),
                  d->in_words, d->in_channels, &state);
    fill_list(self, all_draws);
}

static void run_reference(bb_sample *self)
{
    bb_stage_work work = self->work;
    const uint32_t per_entry = work.n_outputs / work.n_entries;
    work.n_entries = self->n_distinct;
    work.n_outputs = self->n_distinct * per_entry;
    const double start = bb_seconds();
    bb_reference_stage(self->stage, &work, self->inputs, self->second, self->expected);
    self->reference = (bb_seconds() - start) / self->n_distinct;
}

double bb_stage_operations(const bb_stage_descriptor *d)
{
    const double channels = bb_sum_has_weights(d->sum) ? d->in_channels / d->groups : 1;
    return 2.0 * d->kernel_h * d->kernel_w * channels * d->sum_h * d->sum_w * d->out_channels;
}

bb_status bb_sample_create(bb_sample *self, bb_context *context, const bb_stage *stage,
                           uint32_t n_entries, bool all_draws, uint64_t seed)
{
    *self = (bb_sample){.context = context, .stage = stage, .n_entries = n_entries};
    self->n_distinct = bb_stage_operations(&stage->descriptor) > FEW_OPERATIONS ? 1 : 3;
    if (self->n_distinct > n_entries)
        self->n_distinct = n_entries;
    const bb_status status = allocate(self);
    if (status != BB_OK)
        return status;
    fill(self, all_draws, seed);
    run_reference(self);
    return BB_OK;
}

void bb_sample_free(bb_sample *self)
{
    bb_context *context = self->context;
    if (!context)
        return;
    bb_release(context, self->list);
    bb_release(context, self->inputs);
    bb_release(context, self->second);
    bb_release(context, self->masks);
    bb_release(context, self->expected);
    *self = (bb_sample){0};
}

bb_status bb_sample_compare(const bb_sample *self, const uint64_t *output, const char *device,
                            const char *kernel)
{
    const bb_stage_descriptor *d = &self->stage->descriptor;
    const uint32_t per_entry = self->work.n_outputs / self->n_entries;
    for (uint32_t i = 0; i < self->work.n_outputs; i++) {
        const uint64_t *found = output + (size_t)i * d->out_stride;
        const uint64_t *wanted =
            self->expected + (size_t)(i % (self->n_distinct * per_entry)) * d->out_stride;
        for (uint32_t k = 0; k < d->out_stride; k++)
            if (found[k] != wanted[k])
                return bb_fail(
                    self->context, BB_CHECK,
                    "device %s: %s: entry %u, draw %u, word %u is %016llx, the reference "
                    "gives %016llx",
                    device, kernel, i / per_entry, i % per_entry, k, (unsigned long long)found[k],
                    (unsigned long long)wanted[k]);
    }
    return BB_OK;
}
