/* SPDX-License-Identifier: MIT */
/*
 * The clock of fpga/rtl, told again: each function takes the cycle in which a unit begins and returns
 * the one in which the next may. Times are cycles since the run began; "seen" times are when a
 * register shows what happened a cycle before.
 */
#include "fpga/model.h"

#include <string.h>

#define BURST 64u
#define PAGE_WORDS 512u /* 4 KiB */

/* A consumer of read words: how many cycles from one accepted word to the next. */
typedef struct consumer {
    uint32_t halves;     /* 1: 32-bit halves, a word is accepted in its second cycle */
    uint32_t per_word;   /* units of a word; 0: a word a cycle */
    uint32_t pack_units; /* units of a group of words */
} consumer;

typedef struct machine {
    const bb_fpga_engine *engine;
    const bb_fpga_call *call;
    uint32_t latency;
    bb_fpga_cost cost;
    /* of the write port */
    uint64_t write_free, answered;
    /* of an entry's run */
    uint64_t done[2];       /* of the last two jobs */
    uint64_t end_free;      /* a group may end */
    uint64_t closed[2];     /* of the last two output pixels */
    uint64_t gather_free;   /* of the unit that makes words */
    uint32_t channels;      /* of the tile */
    uint32_t wanted;        /* draws with a slot */
} machine;

static uint32_t bit_length(uint32_t value)
{
    return value ? 32u - (uint32_t)__builtin_clz(value) : 0;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Started in cycle `start`; the cycle in which the reader is seen to be through and the consumer done. */
static uint64_t read_words(machine *m, uint64_t start, uint32_t at, uint32_t words, consumer c)
{
    uint64_t now = start + 1, free = 0, end = 0; /* now: of the address */
    uint32_t units_left = c.pack_units;
    m->cost.bytes_read += (uint64_t)words * 8;
    while (words) {
        const uint32_t burst = smaller(words, smaller(BURST, PAGE_WORDS - at % PAGE_WORDS));
        uint64_t arrives = now + m->latency;
        for (uint32_t i = 0; i < burst; i++) {
            now = later(arrives, free) + c.halves;
            free = now + 1;
            end = now + 1;
            if (c.per_word) {
                const uint32_t units = smaller(c.per_word, units_left);
                units_left = units_left == units ? c.pack_units : units_left - units;
                free = now + units;
                end = now + units + 1;
            }
            arrives = now + 1;
        }
        now++;
        at += burst;
        words -= burst;
    }
    return end;
}

static uint64_t read_plain(machine *m, uint64_t start, uint32_t at, uint32_t words)
{
    return read_words(m, start, at, words, (consumer){0});
}

static uint64_t read_packed(machine *m, uint64_t start, uint32_t at, uint32_t words, uint32_t units)
{
    return read_words(m, start, at, words, (consumer){0, 64 / m->engine->simd, units});
}

/* A word is offered in cycle `offered`; the cycle in which it is taken. */
static uint64_t write_word(machine *m, uint64_t offered, bool wanted, uint32_t bytes)
{
    if (!wanted)
        return offered;
    const uint64_t taken = later(offered, m->write_free);
    m->write_free = taken + 2;
    m->answered = taken + 2 + m->latency;
    m->cost.bytes_written += bytes;
    return taken;
}

static bool sums_of(const machine *m)
{
    return m->call->stage.emit == BB_FPGA_EMIT_SUMS;
}

/* The sums of one group leave one by one; the cycle of the last. */
static uint64_t write_sums(machine *m, uint64_t group_end, uint32_t n)
{
    uint64_t taken = group_end + 4;
    for (uint32_t i = 0; i < n; i++)
        taken = write_word(m, taken + 4, m->wanted & 1, 4);
    return taken;
}

/* The words of an output pixel, one per draw; the cycle of the last. */
static uint64_t write_bits(machine *m, uint64_t group_end)
{
    const uint32_t n_draws = m->call->stage.n_draws, n_groups = BB_FPGA_TILE / m->engine->pe;
    const uint64_t full = group_end + m->engine->pe * n_draws + 8;
    uint64_t begun = later(full, m->gather_free) + 1, taken = 0;
    for (uint32_t draw = 0; draw < n_draws; draw++) {
        taken = write_word(m, begun + n_groups + 1, m->wanted >> draw & 1, 8);
        begun = taken + 1;
    }
    m->gather_free = taken + 1;
    return taken;
}

/* One window against the tile's channels. handed: seen in the window memory from the next cycle on. */
static void run_job(machine *m, uint64_t handed, bool first, bool last)
{
    const bb_fpga_engine *e = m->engine;
    const bool sums = sums_of(m);
    const uint32_t sweep = m->call->chunks * (m->call->stage.sum == BB_SUM_BYTES ? 8 : 1);
    const uint32_t wait = (e->pe * m->call->stage.n_draws) | (e->pe == 2);
    uint64_t now = later(m->done[1], handed) + 2, end = 0; /* now: of the first unit */
    for (uint32_t channel = 0; channel < m->channels; channel += e->pe) {
        end = later(now + sweep - 1, m->end_free);
        if (sums) {
            const uint64_t taken = write_sums(m, end, smaller(e->pe, m->channels - channel));
            m->end_free = taken + 1;
            m->closed[1] = taken;
        } else {
            if (first && channel == 0)
                end = later(end, m->closed[0] + 1);
            m->end_free = end + 1 + wait;
        }
        now = end + 1;
    }
    m->done[0] = m->done[1];
    m->done[1] = end;
    if (last && !sums) {
        m->closed[0] = m->closed[1];
        m->closed[1] = write_bits(m, end);
    }
}

/* Cycles from the decision to copy a window to handing it over. */
static uint32_t gather_cycles(const machine *m)
{
    const bb_stage_descriptor *d = &m->call->stage;
    const bool classes = d->emit == BB_EMIT_BITS && (d->n_row_classes != 1 || d->n_column_classes != 1);
    const uint32_t taps = d->sum == BB_SUM_BYTES ? m->call->chunks * (m->engine->simd + 9)
                                                 : m->call->chunks + 1;
    return 1 + (classes ? 3u : 0u) + taps;
}

/* One output pixel from cycle `now` of the walk on; the cycle in which the next one begins. */
static uint64_t run_pixel(machine *m, uint64_t now, uint32_t y, uint32_t x)
{
    const bb_stage_descriptor *d = &m->call->stage;
    const uint32_t y_first = y * d->pool_step_h - d->pool_top, x_first = x * d->pool_step_w - d->pool_left;
    bool first = true;
    for (uint32_t py = 0; py < d->pool_h; py++)
        for (uint32_t px = 0; px < d->pool_w; px++) {
            const uint32_t sy = y_first + py, sx = x_first + px; /* outside wraps to something large */
            if (sy >= d->sum_h || sx >= d->sum_w) {
                now++;
                continue;
            }
            const bool last = (px + 1 == d->pool_w || sx + 1 == d->sum_w) &&
                              (py + 1 == d->pool_h || sy + 1 == d->sum_h);
            const uint64_t handed = later(now, m->done[0] + 1) + gather_cycles(m);
            run_job(m, handed, first, last);
            first = false;
            now = handed + 1;
        }
    return now;
}

/* The walk over one entry's map; the cycle in which it is seen to have ended. */
static uint64_t run_map(machine *m, uint64_t start)
{
    uint64_t now = start + 1;
    m->done[0] = m->done[1] = 0;
    m->end_free = m->gather_free = m->closed[0] = m->closed[1] = 0;
    for (uint32_t y = 0; y < m->call->stage.out_h; y++)
        for (uint32_t x = 0; x < m->call->stage.out_w; x++)
            now = run_pixel(m, now, y, x);
    const uint64_t end = later(later(now, m->end_free), later(m->done[1], m->closed[1]) + 1);
    m->cost.compute += end - start;
    return end;
}

/* From the read of an entry to the cycle behind its last word. */
static uint64_t run_entry(machine *m, uint64_t now, const uint32_t *list, uint32_t index)
{
    const bb_fpga_call *call = m->call;
    const uint32_t n_words = BB_ENTRY_WORDS(&call->stage);
    const uint32_t first = index * n_words, odd = first % 2;
    const uint32_t *entry = list + first;
    const uint32_t mask = entry[BB_ENTRY_MASK];
    now = read_words(m, now, call->list + first / 2, (n_words + odd + 1) / 2, (consumer){1, 0, 0}) + 1;
    const uint64_t load = now;
    now += bit_length(entry[BB_ENTRY_INPUT]) + 1;
    now = read_packed(m, now, call->input + entry[BB_ENTRY_INPUT] * call->stage.in_stride,
                      call->stage.in_stride, call->in_units) + 1;
    if (mask != BB_NONE) {
        now += bit_length(mask) + 1;
        now = read_packed(m, now, call->masks + mask * call->mask_words, call->mask_words,
                          call->in_units) + 1;
    }
    m->cost.inputs += now - load;
    m->wanted = 0;
    for (uint32_t draw = 0; draw < call->stage.n_draws; draw++) {
        const uint32_t slot = entry[BB_ENTRY_OUTPUT + draw];
        now += bit_length(slot == BB_NONE ? 0 : slot) + 1;
        m->wanted |= (uint32_t)(slot != BB_NONE) << draw;
    }
    return run_map(m, now) + 2;
}

/* Weights and banks of 64 channels, then every entry. now: the tile state is entered; ready: the
 * multiplier is seen to be through. */
static uint64_t run_tile(machine *m, const uint64_t *arena, uint64_t now, uint64_t ready, uint32_t tile)
{
    const bb_fpga_call *call = m->call;
    const uint32_t n_channels = call->stage.out_channels;
    m->channels = smaller(n_channels - tile, BB_FPGA_TILE);
    const uint64_t start = now = later(now, ready) + 1;
    now = read_packed(m, now, call->weights + tile * call->row_words, m->channels * call->row_words,
                      call->pack_units) + 1;
    m->cost.weights += now - start;
    const uint64_t banks = now;
    for (uint32_t row = 0; !sums_of(m) && row < call->n_rows; row++)
        now = read_plain(m, now, call->bank + row * n_channels + tile, m->channels) + 1;
    m->cost.banks += now - banks;
    for (uint32_t i = 0; i < call->n_entries; i++)
        now = run_entry(m, now, (const uint32_t *)(arena + call->list), i);
    return now;
}

/* From the read of the call record to the cycle behind the last acknowledged write. */
static uint64_t run_call(machine *m, const uint64_t *arena, uint64_t now, uint32_t record)
{
    const bb_stage_descriptor *d = &m->call->stage;
    const bool classes = !sums_of(m) && (d->n_row_classes != 1 || d->n_column_classes != 1);
    now = read_plain(m, now, record, BB_FPGA_CALL_WORDS / 2) + 2; /* behind the check */
    uint64_t ready = now + bit_length(smaller(d->out_channels, BB_FPGA_TILE));
    if (m->call->n_entries && classes)
        now = read_words(m, now, m->call->border, (d->sum_h + d->sum_w + 1) / 2,
                         (consumer){1, 0, 0}) + 1;
    for (uint32_t tile = 0; m->call->n_entries && tile < d->out_channels; tile += BB_FPGA_TILE) {
        now = run_tile(m, arena, now, ready, tile);
        if (tile + BB_FPGA_TILE < d->out_channels)
            ready = now + bit_length(smaller(d->out_channels - tile - BB_FPGA_TILE, BB_FPGA_TILE));
    }
    return later(now, m->answered) + 1;
}

uint64_t bb_fpga_cycles(const bb_fpga_engine *engine, const uint64_t *arena, uint32_t calls,
                        uint32_t n_calls, uint32_t latency, bb_fpga_cost *cost)
{
    const uint32_t words = BB_FPGA_CALL_WORDS / 2;
    machine m = {.engine = engine, .latency = latency};
    for (uint32_t i = 0; i < n_calls; i++) {
        bb_fpga_call call;
        memcpy(&call, arena + calls + i * words, sizeof(call));
        m.call = &call;
        m.cost.cycles = run_call(&m, arena, m.cost.cycles, calls + i * words);
    }
    m.cost.cycles++;
    if (cost)
        *cost = m.cost;
    return m.cost.cycles;
}
