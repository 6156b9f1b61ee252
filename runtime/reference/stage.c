/* SPDX-License-Identifier: MIT */
/*
 * What a stage computes, as kernels/shared.h defines it, and nothing clever: a sum per pixel and
 * channel, a bank entry per draw, a max pool over bits, a bit or a float32 or both written.
 */
#include "reference/reference.h"

#include <string.h>

/* One stage call with the pointers of one entry. */
typedef struct operands {
    const bb_stage *stage;
    const bb_stage_descriptor *d;
    const void *x;        /* the input map */
    const void *second;   /* the second one, or NULL */
    const uint64_t *mask; /* or NULL */
} operands;

/* An i32 or a f32, by the stage's sum kind. */
typedef union sum {
    int32_t i;
    float f;
} sum;

/* Input pixel of a tap, or false for padding. */
static bool tap(const bb_stage_descriptor *d, uint32_t y, uint32_t x, uint32_t ky, uint32_t kx,
                size_t *pixel)
{
    const int64_t iy = (int64_t)y * d->step_h + (int64_t)ky * d->dilation_h - d->pad_top;
    const int64_t ix = (int64_t)x * d->step_w + (int64_t)kx * d->dilation_w - d->pad_left;
    if (iy < 0 || iy >= d->in_h || ix < 0 || ix >= d->in_w)
        return false;
    *pixel = (size_t)iy * d->in_w + (size_t)ix;
    return true;
}

static bool bit(const uint64_t *words, size_t index)
{
    return words[index / 64] >> (index % 64) & 1;
}

static const uint64_t *mask_of_pixel(const operands *o, size_t pixel)
{
    return o->d->mask_per_element ? o->mask + pixel * o->d->in_words : o->mask;
}

/* Bits of word i of a pixel that stand for the channels first .. first+n-1. */
static uint64_t channels_of_word(uint32_t i, uint32_t first, uint32_t n)
{
    uint64_t word = 0;
    for (uint32_t c = i * 64; c < i * 64 + 64; c++)
        word |= (uint64_t)(c >= first && c < first + n) << (c % 64);
    return word;
}

static sum sum_bits(const operands *o, uint32_t channel, uint32_t y, uint32_t x)
{
    const bb_stage_descriptor *d = o->d;
    const uint64_t *w = (const uint64_t *)o->stage->weights +
                        (size_t)channel * d->kernel_h * d->kernel_w * d->in_words;
    const uint32_t n_group = d->in_channels / d->groups;
    const uint32_t first = channel / (d->out_channels / d->groups) * n_group;
    int32_t n = 0, differing = 0;
    for (uint32_t ky = 0; ky < d->kernel_h; ky++)
        for (uint32_t kx = 0; kx < d->kernel_w; kx++, w += d->in_words) {
            size_t pixel;
            if (!tap(d, y, x, ky, kx, &pixel))
                continue;
            const uint64_t *bits = (const uint64_t *)o->x + pixel * d->in_words;
            const uint64_t *mask = o->mask ? mask_of_pixel(o, pixel) : NULL;
            for (uint32_t i = 0; i < d->in_words; i++) {
                const uint64_t kept =
                    channels_of_word(i, first, n_group) & (mask ? mask[i] : UINT64_MAX);
                n += __builtin_popcountll(kept);
                differing += __builtin_popcountll((bits[i] ^ w[i]) & kept);
            }
        }
    return (sum){.i = n - 2 * differing};
}

/* Integer sum of one input channel's bytes over the valid taps. */
static int32_t sum_byte_channel(const operands *o, uint32_t channel, uint32_t y, uint32_t x,
                                uint32_t c)
{
    const bb_stage_descriptor *d = o->d;
    const int8_t *w = (const int8_t *)o->stage->weights +
                      (size_t)channel * d->kernel_h * d->kernel_w * d->in_channels;
    int32_t total = 0;
    for (uint32_t ky = 0; ky < d->kernel_h; ky++)
        for (uint32_t kx = 0; kx < d->kernel_w; kx++, w += d->in_channels) {
            size_t pixel;
            if (tap(d, y, x, ky, kx, &pixel))
                total += w[c] * ((const uint8_t *)o->x)[pixel * d->in_channels + c];
        }
    return total;
}

static sum sum_bytes(const operands *o, uint32_t channel, uint32_t y, uint32_t x)
{
    sum s = {.i = 0};
    for (uint32_t c = 0; c < o->d->in_channels; c++)
        s.i += sum_byte_channel(o, channel, y, x, c);
    return s;
}

static sum sum_bytes_scaled(const operands *o, uint32_t channel, uint32_t y, uint32_t x)
{
    sum s = {.f = 0};
    for (uint32_t c = 0; c < o->d->in_channels; c++) {
        const float scaled =
            (float)sum_byte_channel(o, channel, y, x, c) * o->stage->channel_scale[c];
        s.f = s.f + scaled;
    }
    return s;
}

static sum sum_with_float_weights(const operands *o, uint32_t channel, uint32_t y, uint32_t x)
{
    const bb_stage_descriptor *d = o->d;
    const float *w = (const float *)o->stage->weights +
                     (size_t)channel * d->kernel_h * d->kernel_w * d->in_channels;
    sum s = {.f = 0};
    for (uint32_t ky = 0; ky < d->kernel_h; ky++)
        for (uint32_t kx = 0; kx < d->kernel_w; kx++, w += d->in_channels) {
            size_t pixel;
            if (!tap(d, y, x, ky, kx, &pixel))
                continue;
            for (uint32_t c = 0; c < d->in_channels; c++) {
                if (d->sum == BB_SUM_REAL) {
                    const float product = ((const float *)o->x)[pixel * d->in_channels + c] * w[c];
                    s.f = s.f + product;
                } else if (!o->mask || bit(mask_of_pixel(o, pixel), c)) {
                    const uint64_t *bits = (const uint64_t *)o->x + pixel * d->in_words;
                    s.f = bit(bits, c) ? s.f + w[c] : s.f - w[c];
                }
            }
        }
    return s;
}

static sum sum_window(const operands *o, uint32_t channel, uint32_t y, uint32_t x)
{
    const bb_stage_descriptor *d = o->d;
    sum s = {.i = 0};
    if (d->sum == BB_SUM_POOL_REAL)
        s.f = 0;
    for (uint32_t ky = 0; ky < d->kernel_h; ky++)
        for (uint32_t kx = 0; kx < d->kernel_w; kx++) {
            size_t pixel;
            if (!tap(d, y, x, ky, kx, &pixel))
                continue;
            if (d->sum == BB_SUM_POOL_REAL)
                s.f = s.f + ((const float *)o->x)[pixel * d->in_channels + channel];
            else
                s.i += bit((const uint64_t *)o->x + pixel * d->in_words, channel) ? 1 : -1;
        }
    return s;
}

static sum sum_largest(const operands *o, uint32_t channel, uint32_t y, uint32_t x)
{
    const bb_stage_descriptor *d = o->d;
    sum s = {.f = 0};
    bool first = true;
    for (uint32_t ky = 0; ky < d->kernel_h; ky++)
        for (uint32_t kx = 0; kx < d->kernel_w; kx++) {
            size_t pixel;
            if (!tap(d, y, x, ky, kx, &pixel))
                continue;
            const float value = ((const float *)o->x)[pixel * d->in_channels + channel];
            if (first || value > s.f)
                s.f = value;
            first = false;
        }
    return s;
}

/* The own channel of the one map or of the other. */
static sum sum_join(const operands *o, uint32_t channel, uint32_t y, uint32_t x)
{
    const bb_stage_descriptor *d = o->d;
    const size_t pixel = (size_t)y * d->in_w + x;
    const bool own = channel < d->in_channels;
    const void *map = own ? o->x : o->second;
    const uint32_t c = own ? channel : channel - d->in_channels;
    if (d->sum == BB_SUM_JOIN_REAL)
        return (sum){
            .f = ((const float *)map)[pixel * (own ? d->in_channels : d->second_channels) + c]};
    const uint64_t *bits = (const uint64_t *)map + pixel * (own ? d->in_words : d->second_words);
    return (sum){.i = bit(bits, c) ? 1 : -1};
}

static sum sum_of(const operands *o, uint32_t channel, uint32_t y, uint32_t x)
{
    switch (o->d->sum) {
    case BB_SUM_BITS:
        return sum_bits(o, channel, y, x);
    case BB_SUM_BYTES:
        return sum_bytes(o, channel, y, x);
    case BB_SUM_BYTES_SCALED:
        return sum_bytes_scaled(o, channel, y, x);
    case BB_SUM_BITS_REAL:
    case BB_SUM_REAL:
        return sum_with_float_weights(o, channel, y, x);
    case BB_SUM_MAX_REAL:
        return sum_largest(o, channel, y, x);
    case BB_SUM_JOIN_BITS:
    case BB_SUM_JOIN_REAL:
        return sum_join(o, channel, y, x);
    default:
        return sum_window(o, channel, y, x);
    }
}

static bb_bank_entry bank_entry(const operands *o, uint32_t channel, uint32_t y, uint32_t x,
                                uint32_t draw)
{
    const bb_stage_descriptor *d = o->d;
    size_t class = 0;
    if (o->stage->border)
        class = (size_t)o->stage->border[y] * d->n_column_classes + o->stage->border[d->sum_h + x];
    return o->stage->bank[(class * d->n_draws + draw) * d->out_channels + channel];
}

static float as_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static bool emitted_bit(const bb_stage_descriptor *d, sum s, bb_bank_entry entry)
{
    const bool reached =
        bb_sum_is_integer(d->sum) ? s.i >= (int32_t)entry.a : s.f >= as_float(entry.a);
    return reached != ((entry.b & BB_FLIP) != 0);
}

/* One pooled output pixel and channel, for every draw that names a slot. */
static void emit_bits(const operands *o, const uint32_t *slots, uint64_t *output, uint32_t channel,
                      uint32_t y, uint32_t x)
{
    const bb_stage_descriptor *d = o->d;
    bool pooled[BB_MAX_STAGE_DRAWS];
    bool first = true;
    for (uint32_t py = 0; py < d->pool_h; py++)
        for (uint32_t px = 0; px < d->pool_w; px++) {
            const int64_t sy = (int64_t)y * d->pool_step_h + py - d->pool_top;
            const int64_t sx = (int64_t)x * d->pool_step_w + px - d->pool_left;
            if (sy < 0 || sy >= d->sum_h || sx < 0 || sx >= d->sum_w)
                continue;
            const sum s = sum_of(o, channel, (uint32_t)sy, (uint32_t)sx);
            for (uint32_t draw = 0; draw < d->n_draws; draw++) {
                const bb_bank_entry entry =
                    bank_entry(o, channel, (uint32_t)sy, (uint32_t)sx, draw);
                const bool b = emitted_bit(d, s, entry);
                if (first)
                    pooled[draw] = b;
                else if (entry.b & BB_POOL_AND)
                    pooled[draw] = pooled[draw] && b;
                else
                    pooled[draw] = pooled[draw] || b;
            }
            first = false;
        }
    for (uint32_t draw = 0; draw < d->n_draws; draw++)
        if (slots[draw] != BB_NONE && pooled[draw]) {
            uint64_t *pixel = output + (size_t)slots[draw] * d->out_stride +
                              ((size_t)y * d->out_w + x) * d->out_words;
            pixel[channel / 64] |= (uint64_t)1 << (channel % 64);
        }
}

/* The bit beside a real value, of BB_EMIT_BOTH. */
static void emit_second_bit(const operands *o, float value, uint64_t *slot, uint32_t channel,
                            size_t pixel)
{
    const bb_stage_descriptor *d = o->d;
    const size_t n_affine = (size_t)d->n_row_classes * d->n_column_classes * d->n_draws;
    const bb_bank_entry entry = o->stage->bank[n_affine * d->out_channels + channel];
    uint64_t *words = slot + d->bits_offset + pixel * d->out_words;
    if ((value >= as_float(entry.a)) != ((entry.b & BB_FLIP) != 0))
        words[channel / 64] |= (uint64_t)1 << (channel % 64);
}

static void emit_real(const operands *o, const uint32_t *slots, uint64_t *output, uint32_t channel,
                      uint32_t y, uint32_t x)
{
    const bb_stage_descriptor *d = o->d;
    const bool residual = o->second && d->sum != BB_SUM_JOIN_REAL && d->sum != BB_SUM_JOIN_BITS;
    const size_t pixel = (size_t)y * d->out_w + x, at = pixel * d->out_channels + channel;
    const sum s = sum_of(o, channel, y, x);
    const float z = bb_sum_is_integer(d->sum) ? (float)s.i : s.f;
    for (uint32_t draw = 0; draw < d->n_draws; draw++) {
        if (slots[draw] == BB_NONE)
            continue;
        const bb_bank_entry entry = bank_entry(o, channel, y, x, draw);
        const float scaled = z * as_float(entry.a);
        float value = scaled + as_float(entry.b);
        if (residual)
            value = value + ((const float *)o->second)[at];
        uint64_t *slot = output + (size_t)slots[draw] * d->out_stride;
        ((float *)slot)[at] = value;
        if (d->emit == BB_EMIT_BOTH)
            emit_second_bit(o, value, slot, channel, pixel);
    }
}

static void run_entry(const operands *o, const uint32_t *slots, uint64_t *output)
{
    const bb_stage_descriptor *d = o->d;
    for (uint32_t draw = 0; draw < d->n_draws; draw++)
        if (slots[draw] != BB_NONE)
            memset(output + (size_t)slots[draw] * d->out_stride, 0, (size_t)d->out_stride * 8);
    for (uint32_t y = 0; y < d->out_h; y++)
        for (uint32_t x = 0; x < d->out_w; x++)
            for (uint32_t channel = 0; channel < d->out_channels; channel++)
                if (d->emit == BB_EMIT_BITS)
                    emit_bits(o, slots, output, channel, y, x);
                else
                    emit_real(o, slots, output, channel, y, x);
}

void bb_reference_stage(const bb_stage *stage, const bb_stage_work *work, const uint64_t *input,
                        const uint64_t *second, uint64_t *output)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t mask_words =
        (size_t)d->in_words * (d->mask_per_element ? (size_t)d->in_h * d->in_w : 1);
    for (uint32_t i = 0; i < work->n_entries; i++) {
        const uint32_t *entry = work->list + (size_t)i * BB_ENTRY_WORDS(d);
        const uint32_t mask = entry[BB_ENTRY_MASK];
        const operands o = {
            .stage = stage,
            .d = d,
            .x = input + (size_t)entry[BB_ENTRY_INPUT] * d->in_stride + d->in_offset,
            .second = d->second ? second + (size_t)entry[BB_ENTRY_SECOND(d)] * d->second_stride +
                                      d->second_offset
                                : NULL,
            .mask = mask == BB_NONE ? NULL : work->masks + mask * mask_words,
        };
        run_entry(&o, entry + BB_ENTRY_OUTPUT, output);
    }
}
