/* SPDX-License-Identifier: MIT */
/* Stages and work of stages.h. */
#include "check/stages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *zeroed(size_t count, size_t size)
{
    void *block = calloc(count ? count : 1, size);
    if (!block)
        abort();
    return block;
}

static bool sum_is_integer(uint32_t sum)
{
    return sum == BB_SUM_BITS || sum == BB_SUM_BYTES || sum == BB_SUM_POOL_BITS;
}

static uint32_t input_type(uint32_t sum)
{
    if (sum == BB_SUM_BYTES || sum == BB_SUM_BYTES_SCALED)
        return BB_TYPE_BYTES;
    return sum == BB_SUM_REAL || sum == BB_SUM_POOL_REAL ? BB_TYPE_REAL : BB_TYPE_BITS;
}

static uint32_t slot_words(uint32_t type, uint32_t height, uint32_t width, uint32_t channels)
{
    if (type == BB_TYPE_BITS)
        return height * width * ((channels + 63) / 64);
    const uint32_t bytes = height * width * channels * (type == BB_TYPE_REAL ? 4 : 1);
    return (bytes + 7) / 8;
}

static uint32_t window_output(uint32_t size, uint32_t kernel, uint32_t step, uint32_t dilation,
                              uint32_t pad)
{
    return (size + 2 * pad - ((kernel - 1) * dilation + 1)) / step + 1;
}

static void describe(bb_stage_descriptor *d, uint32_t sum, uint32_t emit, const check_shape *shape,
                     uint32_t in_channels, uint32_t out_channels)
{
    const bool no_pool = emit == BB_EMIT_REAL;
    *d = (bb_stage_descriptor){
        .sum = sum,
        .emit = emit,
        .in_type = input_type(sum),
        .in_channels = in_channels,
        .in_h = shape->height,
        .in_w = shape->width,
        .kernel_h = shape->dense ? shape->height : shape->kernel_h,
        .kernel_w = shape->dense ? shape->width : shape->kernel_w,
        .step_h = shape->step,
        .step_w = shape->step,
        .dilation_h = shape->dilation,
        .dilation_w = shape->dilation,
        .groups = 1,
        .pad_top = shape->pad,
        .pad_left = shape->pad,
        .out_channels = out_channels,
        .pool_h = no_pool ? 1 : shape->pool,
        .pool_w = no_pool ? 1 : shape->pool,
        .pool_step_h = no_pool ? 1 : shape->pool_step,
        .pool_step_w = no_pool ? 1 : shape->pool_step,
        .pool_top = no_pool ? 0 : shape->pool_pad,
        .pool_left = no_pool ? 0 : shape->pool_pad,
        .n_row_classes = 1,
        .n_column_classes = 1,
    };
    d->in_words = d->in_type == BB_TYPE_BITS ? (in_channels + 63) / 64 : 0;
    d->in_stride = slot_words(d->in_type, d->in_h, d->in_w, in_channels);
    d->sum_h = window_output(d->in_h, d->kernel_h, d->step_h, d->dilation_h, d->pad_top);
    d->sum_w = window_output(d->in_w, d->kernel_w, d->step_w, d->dilation_w, d->pad_left);
    d->out_h = window_output(d->sum_h, d->pool_h, d->pool_step_h, 1, d->pool_top);
    d->out_w = window_output(d->sum_w, d->pool_w, d->pool_step_w, 1, d->pool_left);
    d->out_words = emit == BB_EMIT_BITS ? (out_channels + 63) / 64 : 0;
    d->out_stride = slot_words(emit == BB_EMIT_BITS ? BB_TYPE_BITS : BB_TYPE_REAL, d->out_h,
                               d->out_w, out_channels);
}

static void fill_weights(bb_stage *stage, check_random *random)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t rows = (size_t)d->out_channels * d->kernel_h * d->kernel_w;
    if (d->sum == BB_SUM_POOL_BITS || d->sum == BB_SUM_POOL_REAL)
        return;
    if (d->sum == BB_SUM_BITS) {
        uint64_t *words = zeroed(rows * d->in_words, sizeof(*words));
        check_fill_words(random, words, rows * d->in_words);
        for (size_t row = 0; d->in_channels % 64 && row < rows; row++)
            words[(row + 1) * d->in_words - 1] &= ((uint64_t)1 << d->in_channels % 64) - 1;
        stage->weights = words;
        stage->weight_bytes = rows * d->in_words * sizeof(*words);
    } else if (d->in_type == BB_TYPE_BYTES) {
        int8_t *signs = zeroed(rows * d->in_channels, 1);
        for (size_t i = 0; i < rows * d->in_channels; i++)
            signs[i] = check_below(random, 2) ? 1 : -1;
        stage->weights = signs;
        stage->weight_bytes = rows * d->in_channels;
    } else {
        float *values = zeroed(rows * d->in_channels, sizeof(*values));
        for (size_t i = 0; i < rows * d->in_channels; i++)
            values[i] = check_float(random);
        stage->weights = values;
        stage->weight_bytes = rows * d->in_channels * sizeof(*values);
    }
}

/* Thresholds close to 0, where sums lie; now and then a constant. */
static uint32_t threshold(check_random *random, uint32_t sum, uint32_t fan_in)
{
    const uint32_t kind = check_below(random, 16);
    if (sum_is_integer(sum)) {
        const int32_t scale = sum == BB_SUM_BYTES ? 64 : 1;
        const int32_t spread = (int32_t)(check_below(random, fan_in / 4 + 4)) * scale;
        return kind == 0   ? (uint32_t)INT32_MIN
               : kind == 1 ? (uint32_t)INT32_MAX
                           : (uint32_t)(kind % 2 ? spread : -spread);
    }
    const float value = kind == 0 ? -__builtin_inff() : kind == 1 ? __builtin_inff()
                                                                  : check_float(random) * 4;
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static void fill_bank(bb_stage *stage, check_random *random)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const uint32_t n_classes = d->n_row_classes * d->n_column_classes;
    const size_t per_class = (size_t)d->n_draws * d->out_channels;
    stage->n_bank_entries = n_classes * per_class;
    stage->bank = zeroed(stage->n_bank_entries, sizeof(*stage->bank));
    for (size_t i = 0; i < stage->n_bank_entries; i++) {
        bb_bank_entry *entry = &stage->bank[i];
        const float gain = check_float(random), offset = check_float(random);
        if (d->emit == BB_EMIT_REAL) {
            memcpy(&entry->a, &gain, sizeof(gain));
            memcpy(&entry->b, &offset, sizeof(offset));
            continue;
        }
        entry->a = threshold(random, d->sum, d->kernel_h * d->kernel_w * d->in_channels);
        /* the direction of the pool belongs to channel and draw, not to the border class */
        entry->b = i < per_class
                       ? check_below(random, 4)
                       : (stage->bank[i % per_class].b & BB_POOL_AND) | check_below(random, 2);
    }
}

static void fill_border(bb_stage *stage, check_random *random)
{
    bb_stage_descriptor *d = &stage->descriptor;
    d->n_row_classes = 2 + check_below(random, 2);
    d->n_column_classes = 2 + check_below(random, 2);
    stage->border = zeroed((size_t)d->sum_h + d->sum_w, sizeof(*stage->border));
    for (uint32_t y = 0; y < d->sum_h; y++)
        stage->border[y] = check_below(random, d->n_row_classes);
    for (uint32_t x = 0; x < d->sum_w; x++)
        stage->border[d->sum_h + x] = check_below(random, d->n_column_classes);
}

void check_stage_make(bb_stage *out, check_random *random, uint32_t sum, uint32_t emit,
                      const check_shape *shape, uint32_t in_channels, uint32_t out_channels,
                      uint32_t n_draws, uint32_t mask, bool classes)
{
    *out = (bb_stage){.input = BB_NO_INDEX, .mask_site = BB_NO_INDEX};
    bb_stage_descriptor *d = &out->descriptor;
    describe(d, sum, emit, shape, in_channels, out_channels);
    d->n_draws = n_draws;
    d->masked = mask != 0;
    d->mask_per_element = mask == 2;
    if (classes)
        fill_border(out, random);
    fill_weights(out, random);
    fill_bank(out, random);
    if (sum == BB_SUM_BYTES_SCALED) {
        out->channel_scale = zeroed(in_channels, sizeof(*out->channel_scale));
        for (uint32_t c = 0; c < in_channels; c++)
            out->channel_scale[c] = check_float(random) / 128;
    }
}

void check_stage_free(bb_stage *stage)
{
    free(stage->weights);
    free(stage->bank);
    free(stage->border);
    free(stage->channel_scale);
    *stage = (bb_stage){0};
}

/* Rows of in_channels bits each. */
static void fill_bit_rows(check_random *random, const bb_stage_descriptor *d, uint64_t *words,
                          size_t rows)
{
    check_fill_words(random, words, rows * d->in_words);
    for (size_t row = 0; d->in_channels % 64 && row < rows; row++)
        words[(row + 1) * d->in_words - 1] &= ((uint64_t)1 << d->in_channels % 64) - 1;
}

static void fill_masks(check_work *work, check_random *random, const bb_stage_descriptor *d)
{
    const size_t rows = d->mask_per_element ? (size_t)d->in_h * d->in_w : 1;
    work->work.n_masks = 3;
    work->masks = zeroed(work->work.n_masks * rows * d->in_words, sizeof(*work->masks));
    fill_bit_rows(random, d, work->masks, work->work.n_masks * rows);
    work->work.masks = work->masks;
}

void check_work_make(check_work *out, check_random *random, const bb_stage *stage,
                     uint32_t n_entries, uint32_t n_inputs, uint32_t n_slots)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const uint32_t n_outputs = n_entries * d->n_draws;
    *out = (check_work){0};
    if (d->masked)
        fill_masks(out, random, d);
    n_slots = n_slots ? n_slots : n_outputs;
    assert(n_slots >= n_outputs);
    uint32_t *slots = zeroed(n_slots, sizeof(*slots));
    for (uint32_t i = 0; i < n_slots; i++) {
        const uint32_t j = check_below(random, i + 1);
        slots[i] = slots[j];
        slots[j] = i;
    }
    out->list = zeroed((size_t)n_entries * BB_ENTRY_WORDS(d->n_draws), sizeof(*out->list));
    for (uint32_t i = 0; i < n_entries; i++) {
        uint32_t *entry = out->list + (size_t)i * BB_ENTRY_WORDS(d->n_draws);
        entry[BB_ENTRY_INPUT] = check_below(random, n_inputs);
        entry[BB_ENTRY_MASK] = d->masked && check_below(random, 4)
                                   ? check_below(random, out->work.n_masks)
                                   : BB_NONE;
        for (uint32_t draw = 0; draw < d->n_draws; draw++)
            entry[BB_ENTRY_OUTPUT + draw] =
                check_below(random, 4) ? slots[i * d->n_draws + draw] : BB_NONE;
    }
    free(slots);
    out->work.list = out->list;
    out->work.n_entries = n_entries;
    out->work.n_outputs = n_slots;
}

void check_work_free(check_work *work)
{
    free(work->list);
    free(work->masks);
    *work = (check_work){0};
}

void check_inputs_fill(check_random *random, const bb_stage_descriptor *stage, uint64_t *words,
                       uint32_t n_inputs)
{
    const size_t pixels = (size_t)stage->in_h * stage->in_w;
    memset(words, 0, (size_t)n_inputs * stage->in_stride * sizeof(*words));
    for (uint32_t i = 0; i < n_inputs; i++, words += stage->in_stride) {
        if (stage->in_type == BB_TYPE_BITS)
            fill_bit_rows(random, stage, words, pixels);
        else if (stage->in_type == BB_TYPE_BYTES)
            check_fill_bytes(random, (uint8_t *)words, pixels * stage->in_channels);
        else
            for (size_t k = 0; k < pixels * stage->in_channels; k++)
                ((float *)words)[k] = check_float(random);
    }
}
