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

static uint32_t input_type(uint32_t sum)
{
    if (sum == BB_SUM_BYTES || sum == BB_SUM_BYTES_SCALED)
        return BB_TYPE_BYTES;
    return bb_sum_is_integer(sum) || sum == BB_SUM_BITS_REAL ? BB_TYPE_BITS : BB_TYPE_REAL;
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
    const bool no_pool = emit != BB_EMIT_BITS;
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
    d->out_words = emit != BB_EMIT_REAL ? (out_channels + 63) / 64 : 0;
    const uint32_t reals = slot_words(BB_TYPE_REAL, d->out_h, d->out_w, out_channels);
    d->bits_offset = emit == BB_EMIT_BOTH ? reals : 0;
    d->out_stride = (emit != BB_EMIT_BITS ? reals : 0) + d->out_h * d->out_w * d->out_words;
}

static bool joins(uint32_t sum)
{
    return sum == BB_SUM_JOIN_BITS || sum == BB_SUM_JOIN_REAL;
}

static uint32_t second_type(const bb_stage_descriptor *d)
{
    return d->sum == BB_SUM_JOIN_BITS ? BB_TYPE_BITS : BB_TYPE_REAL;
}

static void add_operands(bb_stage_descriptor *d, const check_parts *parts, uint32_t n_inputs)
{
    d->in_offset = parts->in_offset;
    d->in_stride += parts->in_offset;
    if (parts->groups)
        d->groups = parts->groups;
    if (!parts->residual && !joins(d->sum))
        return;
    d->second = 1;
    d->second_channels = d->out_channels - (joins(d->sum) ? d->in_channels : 0);
    d->second_words =
        joins(d->sum) && second_type(d) == BB_TYPE_BITS ? (d->second_channels + 63) / 64 : 0;
    d->second_stride = slot_words(second_type(d), d->out_h, d->out_w, d->second_channels);
    d->second_offset = n_inputs * d->in_stride;
}

/* The weights of channels outside the group of an output channel are 0. */
static bool is_in_group(const bb_stage_descriptor *d, size_t row, uint32_t c)
{
    const size_t channel = row / (d->kernel_h * d->kernel_w);
    return channel / (d->out_channels / d->groups) == c / (d->in_channels / d->groups);
}

static void fill_weights(bb_stage *stage, check_random *random)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t rows = (size_t)d->out_channels * d->kernel_h * d->kernel_w;
    if (!bb_sum_has_weights(d->sum))
        return;
    if (d->sum == BB_SUM_BITS) {
        uint64_t *words = zeroed(rows * d->in_words, sizeof(*words));
        check_fill_words(random, words, rows * d->in_words);
        for (size_t row = 0; row < rows; row++)
            for (uint32_t c = 0; c < d->in_words * 64; c++)
                if (c >= d->in_channels || !is_in_group(d, row, c))
                    words[row * d->in_words + c / 64] &= ~((uint64_t)1 << c % 64);
        stage->weights = words;
        stage->weight_bytes = rows * d->in_words * sizeof(*words);
    } else if (d->in_type == BB_TYPE_BYTES) {
        int8_t *signs = zeroed(rows * d->in_channels, 1);
        for (size_t i = 0; i < rows * d->in_channels; i++)
            signs[i] = !is_in_group(d, i / d->in_channels, i % d->in_channels) ? 0
                       : check_below(random, 2)                                ? 1
                                                                               : -1;
        stage->weights = signs;
        stage->weight_bytes = rows * d->in_channels;
    } else {
        float *values = zeroed(rows * d->in_channels, sizeof(*values));
        for (size_t i = 0; i < rows * d->in_channels; i++)
            if (is_in_group(d, i / d->in_channels, i % d->in_channels))
                values[i] = check_float(random);
        stage->weights = values;
        stage->weight_bytes = rows * d->in_channels * sizeof(*values);
    }
}

/* Thresholds close to 0, where sums lie; now and then a constant. */
static uint32_t threshold(check_random *random, uint32_t sum, uint32_t fan_in)
{
    const uint32_t kind = check_below(random, 16);
    if (bb_sum_is_integer(sum)) {
        const int32_t scale = sum == BB_SUM_BYTES ? 64 : 1;
        const int32_t spread = (int32_t)(check_below(random, fan_in / 4 + 4)) * scale;
        return kind == 0   ? (uint32_t)INT32_MIN
               : kind == 1 ? (uint32_t)INT32_MAX
                           : (uint32_t)(kind % 2 ? spread : -spread);
    }
    const float value = kind == 0   ? -__builtin_inff()
                        : kind == 1 ? __builtin_inff()
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
    const size_t n_entries = n_classes * per_class;
    const bool both = d->emit == BB_EMIT_BOTH;
    stage->n_bank_entries = n_entries + (both ? d->out_channels : 0);
    stage->bank = zeroed(stage->n_bank_entries, sizeof(*stage->bank));
    for (size_t i = n_entries; i < stage->n_bank_entries; i++)
        stage->bank[i] = (bb_bank_entry){threshold(random, BB_SUM_REAL, 1), check_below(random, 2)};
    for (size_t i = 0; i < n_entries; i++) {
        bb_bank_entry *entry = &stage->bank[i];
        const float gain = check_float(random), offset = check_float(random);
        if (d->emit != BB_EMIT_BITS) {
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
                      uint32_t n_draws, const check_parts *parts, uint32_t n_inputs)
{
    static const check_parts none = {0};
    parts = parts ? parts : &none;
    *out = (bb_stage){.input = BB_NO_INDEX, .second = BB_NO_INDEX, .mask_site = BB_NO_INDEX};
    bb_stage_descriptor *d = &out->descriptor;
    describe(d, sum, emit, shape, in_channels, out_channels);
    d->n_draws = n_draws;
    d->masked = parts->mask != 0;
    d->mask_per_element = parts->mask == 2;
    add_operands(d, parts, n_inputs);
    if (parts->classes)
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

/* Rows of as many bits as there are channels. */
static void fill_bit_rows(check_random *random, uint32_t channels, uint64_t *words, size_t rows)
{
    const size_t n = (channels + 63) / 64;
    check_fill_words(random, words, rows * n);
    for (size_t row = 0; channels % 64 && row < rows; row++)
        words[(row + 1) * n - 1] &= ((uint64_t)1 << channels % 64) - 1;
}

static void fill_masks(check_work *work, check_random *random, const bb_stage_descriptor *d)
{
    const size_t rows = d->mask_per_element ? (size_t)d->in_h * d->in_w : 1;
    work->work.n_masks = 3;
    work->masks = zeroed(work->work.n_masks * rows * d->in_words, sizeof(*work->masks));
    fill_bit_rows(random, d->in_channels, work->masks, work->work.n_masks * rows);
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
    out->list = zeroed((size_t)n_entries * BB_ENTRY_WORDS(d), sizeof(*out->list));
    for (uint32_t i = 0; i < n_entries; i++) {
        uint32_t *entry = out->list + (size_t)i * BB_ENTRY_WORDS(d);
        entry[BB_ENTRY_INPUT] = check_below(random, n_inputs);
        entry[BB_ENTRY_MASK] =
            d->masked && check_below(random, 4) ? check_below(random, out->work.n_masks) : BB_NONE;
        if (d->second)
            entry[BB_ENTRY_SECOND(d)] = check_below(random, n_inputs);
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

size_t check_input_words(const bb_stage_descriptor *stage, uint32_t n_inputs)
{
    return (size_t)n_inputs * (stage->in_stride + stage->second_stride);
}

static void fill_map(check_random *random, uint32_t type, size_t pixels, uint32_t channels,
                     uint64_t *words)
{
    if (type == BB_TYPE_BITS)
        fill_bit_rows(random, channels, words, pixels);
    else if (type == BB_TYPE_BYTES)
        check_fill_bytes(random, (uint8_t *)words, pixels * channels);
    else
        for (size_t k = 0; k < pixels * channels; k++)
            ((float *)words)[k] = check_float(random);
}

void check_inputs_fill(check_random *random, const bb_stage_descriptor *stage, uint64_t *words,
                       uint32_t n_inputs)
{
    memset(words, 0, check_input_words(stage, n_inputs) * sizeof(*words));
    for (uint32_t i = 0; i < n_inputs; i++) {
        uint64_t *slot = words + (size_t)i * stage->in_stride;
        check_fill_words(random, slot, stage->in_offset); /* of another map */
        fill_map(random, stage->in_type, (size_t)stage->in_h * stage->in_w, stage->in_channels,
                 slot + stage->in_offset);
        if (stage->second)
            fill_map(random, second_type(stage), (size_t)stage->out_h * stage->out_w,
                     stage->second_channels,
                     words + (size_t)i * stage->second_stride + stage->second_offset);
    }
}
