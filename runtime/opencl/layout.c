/* SPDX-License-Identifier: MIT */
/* Repacks weights and banks once, when a backend is made. */
#include "opencl/layout.h"

#include <string.h>

static size_t n_taps(const bb_stage_descriptor *stage)
{
    return (size_t)stage->kernel_h * stage->kernel_w;
}

static bool allocate(bb_context *context, size_t count, size_t size, void **out, size_t *bytes)
{
    *out = bb_allocate(context, count, size);
    *bytes = count * size;
    return *out != NULL;
}

bb_status bb_pack_plain(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                        bb_packed *out)
{
    (void)choice;
    out->weight_bytes = stage->weights ? stage->weight_bytes : 0;
    out->bank_bytes = stage->n_bank_entries * sizeof(*stage->bank);
    if (out->weight_bytes)
        out->weights = bb_copy_bytes(context, stage->weights, out->weight_bytes, 1);
    out->bank = bb_copy_bytes(context, stage->bank, out->bank_bytes, 1);
    return out->bank && (out->weights || !out->weight_bytes) ? BB_OK : BB_MEMORY;
}

/* An entry that a channel beyond the last one gets: its bits are 0, whatever the sum. */
static bb_bank_entry no_channel(const bb_stage_descriptor *stage)
{
    const bool real_sum = stage->sum == BB_SUM_BYTES_SCALED || stage->sum == BB_SUM_BITS_REAL ||
                          stage->sum == BB_SUM_REAL || stage->sum == BB_SUM_POOL_REAL;
    const bool bits = stage->emit == BB_EMIT_BITS;
    return (bb_bank_entry){bits ? real_sum ? 0x7f800000u : 0x7fffffffu : 0, 0};
}

/* [class][draw][block] records of `width` channels, {a[width], b[width]}. */
static bb_status pack_bank(bb_context *context, const bb_stage *stage, uint32_t width,
                           uint32_t n_channels, bb_packed *out)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t n_rows = (size_t)d->n_row_classes * d->n_column_classes * d->n_draws;
    if (!allocate(context, n_rows * n_channels, 2 * sizeof(uint32_t), &out->bank, &out->bank_bytes))
        return BB_MEMORY;
    uint32_t *words = out->bank;
    for (size_t row = 0; row < n_rows; row++)
        for (uint32_t channel = 0; channel < n_channels; channel++) {
            const bb_bank_entry entry = channel < d->out_channels
                                            ? stage->bank[row * d->out_channels + channel]
                                            : no_channel(d);
            uint32_t *record = words + (row * n_channels + channel / width * width) * 2;
            record[channel % width] = entry.a;
            record[width + channel % width] = entry.b;
        }
    return BB_OK;
}

/* Thresholds as they are; instead of the flags bits by channel: {flip, take the smallest sum}. */
static void pack_flags(const bb_stage_descriptor *d, uint32_t group, uint32_t n_groups,
                       bb_packed *out)
{
    uint32_t *record = out->bank;
    for (uint32_t i = 0; i < n_groups * d->n_draws; i++, record += group * 2) {
        uint32_t flip = 0, smallest = 0;
        for (uint32_t channel = 0; channel < group; channel++) {
            const uint32_t flags = record[group + channel];
            const bool flips = flags & BB_FLIP, ands = flags & BB_POOL_AND;
            flip |= (uint32_t)flips << channel;
            smallest |= (uint32_t)(flips != ands) << channel;
        }
        record[group] = flip;
        record[group + 1] = smallest;
    }
}

/*
 * Weights u64 [group][tap][word][octet][8], then a pixel of zeros and one of ones (tail bits 0):
 * what padding and entries without a mask read. The last group is filled up.
 */
bb_status bb_pack_lanes(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                        bb_packed *out)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    (void)choice;
    const uint32_t group = BB_LANES_GROUP;
    const uint32_t n_groups = (uint32_t)bb_divide_up(d->out_channels, group);
    const size_t row = n_taps(d) * d->in_words, all = row * n_groups * group;
    if (!allocate(context, all + (size_t)d->in_words * 2, sizeof(uint64_t), &out->weights,
                  &out->weight_bytes))
        return BB_MEMORY;
    const uint64_t *from = stage->weights;
    uint64_t *to = out->weights, *ones = to + all + d->in_words;
    for (uint32_t channel = 0; channel < d->out_channels; channel++)
        for (size_t i = 0; i < row; i++)
            to[(channel / group * row + i) * group + channel % group] = from[channel * row + i];
    for (uint32_t c = 0; c < d->in_channels; c++)
        ones[c / 64] |= (uint64_t)1 << (c % 64);
    const bb_status status = pack_bank(context, stage, group, n_groups * group, out);
    if (status == BB_OK && d->emit == BB_EMIT_BITS)
        pack_flags(d, group, n_groups, out);
    return status;
}

/*
 * Weights [block of 16 channels][in_channel][tap][16] for the byte sums, as i8 masks: 0 for -1 and
 * -1 for +1; [block][tap][in_channel][16] as f32 for the float sums: the order of the sum.
 */
bb_status bb_pack_vector(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                         bb_packed *out)
{
    (void)choice;
    const bb_stage_descriptor *d = &stage->descriptor;
    const bool bytes = d->in_type == BB_TYPE_BYTES;
    const uint32_t n_channels = (d->out_channels + 15) / 16 * 16;
    const size_t taps = n_taps(d), row = taps * d->in_channels;
    if (!allocate(context, row * n_channels, bytes ? 1 : sizeof(float), &out->weights,
                  &out->weight_bytes))
        return BB_MEMORY;
    for (uint32_t channel = 0; channel < d->out_channels; channel++)
        for (size_t tap = 0; tap < taps; tap++)
            for (size_t c = 0; c < d->in_channels; c++) {
                const size_t from = (channel * taps + tap) * d->in_channels + c;
                const size_t within = bytes ? c * taps + tap : tap * d->in_channels + c;
                const size_t to = (channel / 16 * row + within) * 16 + channel % 16;
                if (bytes)
                    ((int8_t *)out->weights)[to] =
                        ((const int8_t *)stage->weights)[from] > 0 ? -1 : 0;
                else
                    ((float *)out->weights)[to] = ((const float *)stage->weights)[from];
            }
    return pack_bank(context, stage, 16, n_channels, out);
}

uint32_t bb_tile32_channels(const bb_stage_descriptor *stage)
{
    return stage->emit == BB_EMIT_BITS ? stage->out_words * 64
                                       : (stage->out_channels + 31) / 32 * 32;
}

/* Weights u32 [tap][word][channel]: neighbouring work-items read neighbouring words. */
bb_status bb_pack_tile32(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                         bb_packed *out)
{
    (void)choice;
    const bb_stage_descriptor *d = &stage->descriptor;
    const uint32_t n_channels = bb_tile32_channels(d);
    const size_t row = n_taps(d) * d->in_words * 2;
    if (!allocate(context, row * n_channels, sizeof(uint32_t), &out->weights, &out->weight_bytes))
        return BB_MEMORY;
    const uint64_t *from = stage->weights;
    uint32_t *to = out->weights;
    for (uint32_t channel = 0; channel < d->out_channels; channel++)
        for (size_t i = 0; i < row; i++)
            to[i * n_channels + channel] =
                (uint32_t)(from[(channel * row + i) / 2] >> (i % 2 * 32));
    return pack_bank(context, stage, 1, n_channels, out);
}
