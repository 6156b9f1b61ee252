/* SPDX-License-Identifier: MIT */
/* Stage calls through the register page of bb_small. */
#include "small.h"

#include <stdlib.h>
#include <string.h>

#define PLANES 8u
#define SUM_LIMIT (1 << 17) /* thresholds beyond what a sum can reach; the page holds 30 bits */

const bb_fpga_engine bb_small_engine = {
    .pe = 4,
    .simd = 32,
    .window = 64,
    .weights = 512,
    .input = UINT32_MAX,
    .masks = UINT32_MAX,
    .rows = 4,
    .draws = 2,
    .border = UINT32_MAX,
};

typedef struct run {
    const bb_small_port *port;
    const bb_stage_descriptor *d;
    const bb_stage *stage;
    const uint64_t *weights; /* as bb_fpga_pack_weights makes them */
    bb_fpga_call call;       /* what the driver derives from the descriptor */
    const uint64_t *input;   /* of the entry */
    const uint64_t *mask;    /* likewise, or NULL */
    uint32_t tile, channels;
    uint32_t mask_there; /* what the register MASK holds */
    bool mask_known;
    bool good;
} run;

static void put(run *r, uint32_t at, uint32_t value)
{
    r->good = r->good && r->port->write(r->port->context, at, value);
}

static uint32_t get(run *r, uint32_t at)
{
    uint32_t value = 0;
    r->good = r->good && r->port->read(r->port->context, at, &value);
    return value;
}

static bool over_bytes(const run *r)
{
    return r->d->sum == BB_SUM_BYTES;
}

static bool over_sums(const run *r)
{
    return r->d->emit == BB_FPGA_EMIT_SUMS;
}

/* Half k of 64-bit words. */
static uint32_t half(const uint64_t *words, size_t k)
{
    return (uint32_t)(words[k / 2] >> (k % 2 * 32));
}

static uint32_t weight_unit(const run *r, uint32_t channel, uint32_t k)
{
    const uint64_t *row = r->weights + (size_t)(r->tile + channel) * r->call.row_words;
    if (over_bytes(r))
        return half(row, k);
    const uint32_t tap = k / r->call.pixel_units;
    return half(row + (size_t)tap * r->d->in_words, k % r->call.pixel_units);
}

static void load_weights(run *r)
{
    const uint32_t pe = bb_small_engine.pe, end = (r->channels + pe - 1) / pe * pe;
    for (uint32_t lane = 0; lane < pe; lane++) {
        put(r, BB_FPGA_SMALL_ADDRESS, lane << 16);
        for (uint32_t channel = lane; channel < end; channel += pe)
            for (uint32_t k = 0; k < r->call.chunks; k++)
                put(r, BB_FPGA_SMALL_WEIGHT,
                    channel < r->channels ? weight_unit(r, channel, k) : 0);
    }
}

static void load_banks(run *r)
{
    for (uint32_t row = 0; row < r->call.n_rows && !over_sums(r); row++) {
        put(r, BB_FPGA_SMALL_ADDRESS, row * BB_FPGA_TILE);
        for (uint32_t channel = 0; channel < r->channels; channel++) {
            const bb_bank_entry e =
                r->stage->bank[(size_t)row * r->d->out_channels + r->tile + channel];
            int32_t threshold = (int32_t)e.a;
            threshold = threshold > SUM_LIMIT - 1 ? SUM_LIMIT - 1 : threshold;
            threshold = threshold < -SUM_LIMIT ? -SUM_LIMIT : threshold;
            put(r, BB_FPGA_SMALL_BANK, ((uint32_t)threshold & 0x3fffffff) | e.b << 30);
        }
    }
}

/* Input pixel of a tap, or false for padding. */
static bool tap_pixel(const run *r, uint32_t sy, uint32_t sx, uint32_t tap, size_t *pixel)
{
    const bb_stage_descriptor *d = r->d;
    const uint32_t y =
        sy * d->step_h + tap / d->kernel_w - d->pad_top; /* above 0 wraps far outside */
    const uint32_t x = sx * d->step_w + tap % d->kernel_w - d->pad_left;
    *pixel = (size_t)y * d->in_w + x;
    return y < d->in_h && x < d->in_w;
}

static void gather_bits(const run *r, uint32_t sy, uint32_t sx, uint32_t *bits, uint32_t *mask)
{
    const uint32_t n = r->call.pixel_units;
    for (uint32_t tap = 0; tap < r->d->kernel_h * r->d->kernel_w; tap++) {
        size_t pixel;
        const bool inside = tap_pixel(r, sy, sx, tap, &pixel);
        const uint64_t *x = r->input + pixel * r->d->in_words;
        const uint64_t *kept = r->mask + (r->d->mask_per_element ? pixel * r->d->in_words : 0);
        for (uint32_t u = 0; u < n; u++) {
            bits[tap * n + u] = inside ? half(x, u) : 0;
            mask[tap * n + u] = !inside      ? 0
                                : r->mask    ? half(kept, u)
                                : u + 1 == n ? r->call.tail_low
                                             : UINT32_MAX;
        }
    }
}

/* Bit planes, highest first: masks over ones. */
static void gather_bytes(const run *r, uint32_t sy, uint32_t sx, uint32_t *bits, uint32_t *mask)
{
    const uint32_t n = r->call.chunks, n_channels = r->d->in_channels;
    memset(mask, 0, PLANES * n * sizeof(*mask));
    memset(bits, 0xff, PLANES * n * sizeof(*bits));
    for (uint32_t i = 0; i < r->d->kernel_h * r->d->kernel_w * n_channels; i++) {
        size_t pixel;
        if (!tap_pixel(r, sy, sx, i / n_channels, &pixel))
            continue;
        const uint32_t byte = ((const uint8_t *)r->input)[pixel * n_channels + i % n_channels];
        for (uint32_t plane = 0; plane < PLANES; plane++)
            mask[plane * n + i / 32] |= (byte >> (PLANES - 1 - plane) & 1) << (i % 32);
    }
}

static void send_window(run *r, uint32_t sy, uint32_t sx, bool first, bool last)
{
    uint32_t bits[64], mask[64], row = 0;
    if (over_bytes(r))
        gather_bytes(r, sy, sx, bits, mask);
    else
        gather_bits(r, sy, sx, bits, mask);
    if (r->stage->border && !over_sums(r))
        row = (r->stage->border[sy] * r->d->n_column_classes + r->stage->border[r->d->sum_h + sx]) *
              r->d->n_draws;
    while (r->good && (get(r, BB_FPGA_SMALL_STATUS) >> 2 & 3) == 2) {
    }
    put(r, BB_FPGA_SMALL_ADDRESS, 0);
    for (uint32_t k = 0; k < r->call.chunks * (over_bytes(r) ? PLANES : 1); k++) {
        if (!r->mask_known || r->mask_there != mask[k])
            put(r, BB_FPGA_SMALL_MASK, mask[k]);
        r->mask_known = true;
        r->mask_there = mask[k];
        put(r, BB_FPGA_SMALL_WINDOW, bits[k]);
    }
    put(r, BB_FPGA_SMALL_JOB, row | (uint32_t)first << 8 | (uint32_t)last << 9);
}

/* The windows of one output pixel: its pool. */
static void send_pixel(run *r, uint32_t y, uint32_t x)
{
    const bb_stage_descriptor *d = r->d;
    const uint32_t top = y * d->pool_step_h - d->pool_top, left = x * d->pool_step_w - d->pool_left;
    uint32_t valid = 0, sent = 0;
    for (uint32_t i = 0; i < d->pool_h * d->pool_w; i++)
        valid += top + i / d->pool_w < d->sum_h && left + i % d->pool_w < d->sum_w;
    for (uint32_t i = 0; i < d->pool_h * d->pool_w; i++) {
        const uint32_t sy = top + i / d->pool_w, sx = left + i % d->pool_w;
        if (sy >= d->sum_h || sx >= d->sum_w)
            continue;
        sent++;
        send_window(r, sy, sx, sent == 1, sent == valid);
    }
}

static void receive_pixel(run *r, size_t pixel, const uint32_t *slots, uint64_t *output)
{
    const bb_stage_descriptor *d = r->d;
    for (uint32_t i = 0; i < (over_sums(r) ? r->channels : d->n_draws); i++) {
        while (r->good && !(get(r, BB_FPGA_SMALL_STATUS) & 1)) {
        }
        const uint32_t slot = slots[over_sums(r) ? 0 : i];
        uint64_t *map = output + (size_t)(slot == BB_NONE ? 0 : slot) * d->out_stride;
        if (slot != BB_NONE && over_sums(r))
            ((int32_t *)map)[pixel * d->out_channels + r->tile + i] =
                (int32_t)get(r, BB_FPGA_SMALL_SUM);
        else if (slot != BB_NONE)
            map[pixel * d->out_words + r->tile / 64] =
                get(r, BB_FPGA_SMALL_LOW) | (uint64_t)get(r, BB_FPGA_SMALL_HIGH) << 32;
        put(r, BB_FPGA_SMALL_NEXT, 0);
    }
}

static void run_entry(run *r, const uint32_t *entry, const bb_stage_work *work,
                      const uint64_t *input, uint64_t *output)
{
    const bb_stage_descriptor *d = r->d;
    const uint32_t mask = entry[BB_ENTRY_MASK];
    r->input = input + (size_t)entry[BB_ENTRY_INPUT] * d->in_stride;
    r->mask = mask == BB_NONE ? NULL : work->masks + (size_t)mask * r->call.mask_words;
    for (uint32_t pixel = 0; r->good && pixel < d->out_h * d->out_w; pixel++) {
        send_pixel(r, pixel / d->out_w, pixel % d->out_w);
        receive_pixel(r, pixel, entry + BB_ENTRY_OUTPUT, output);
    }
}

bool bb_small_stage(const bb_small_port *port, const bb_stage_descriptor *d, const bb_stage *stage,
                    const bb_stage_work *work, const uint64_t *input, uint64_t *output)
{
    run r = {.port = port, .d = d, .stage = stage, .good = true};
    uint64_t *weights = malloc(bb_fpga_weight_words(d) * sizeof(*weights) + 1);
    if (!weights)
        return false;
    bb_fpga_pack_weights(weights, stage);
    bb_fpga_fill_call(&r.call, &bb_small_engine, d);
    r.weights = weights;
    for (r.tile = 0; r.good && r.tile < d->out_channels; r.tile += BB_FPGA_TILE) {
        r.channels =
            d->out_channels - r.tile < BB_FPGA_TILE ? d->out_channels - r.tile : BB_FPGA_TILE;
        put(&r, BB_FPGA_SMALL_CONFIG,
            (r.call.chunks - 1) | (uint32_t)over_bytes(&r) << 8 | (r.channels - 1) << 16 |
                (d->n_draws - 1) << 24 | (uint32_t)over_sums(&r) << 28);
        load_weights(&r);
        load_banks(&r);
        for (uint32_t i = 0; r.good && i < work->n_entries; i++)
            run_entry(&r, work->list + (size_t)i * BB_ENTRY_WORDS(d), work, input, output);
    }
    free(weights);
    return r.good;
}
