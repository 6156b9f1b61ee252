/* SPDX-License-Identifier: MIT */
/*
 * The kernel around bb_sum() of the file before: serves every stage, on every device, close to the
 * definition. One work-item makes eight channels (an octet) of one output pixel of one entry, for
 * every draw that names a slot; eight bits are one byte, so nothing needs an atomic.
 *   dimension 0: octet + n_octets * pixel, rounded up to the work-group; dimension 1: entry
 *   bank [class][draw][out_channels] {a, b}
 */

/* Draws whose bits are in the making at a time; the sums are formed again for each further block. */
#ifndef BB_DRAWS
#define BB_DRAWS 8 /* 4 .. 32 */
#endif

static uint2 bb_bank_at(const bb_stage_descriptor *stage, __global const uint *bank, uint class,
                        uint draw, uint channel)
{
    return vload2(((size_t)class * stage->n_draws + draw) * stage->out_channels + channel, bank);
}

/* OR, or AND where the entry says so, of one channel's bits over the pool window, for the draws
 * first_draw .. of a block; bit `lane` of bits[draw]. Padded taps of the pool do not take part. */
static void bb_channel_bits(const bb_stage_descriptor *stage, const bb_operands *of,
                            __global const uint *bank, __global const uint *border,
                            __global const uint *slots, uint n_draws, uint first_draw, int2 at,
                            uint channel, uint lane, uint *bits)
{
    uint seen = 0;
    for (uint tap = 0; tap < stage->pool_h * stage->pool_w; tap++) {
        const int y =
            at.y * (int)stage->pool_step_h - (int)stage->pool_top + (int)(tap / stage->pool_w);
        const int x =
            at.x * (int)stage->pool_step_w - (int)stage->pool_left + (int)(tap % stage->pool_w);
        if (y < 0 || x < 0 || y >= (int)stage->sum_h || x >= (int)stage->sum_w)
            continue;
        const BB_VALUE sum = bb_sum(stage, of, y, x, channel);
        const uint class = bb_class(stage, border, y, x);
        for (uint d = 0; d < n_draws; d++) {
            if (slots[first_draw + d] == BB_NONE)
                continue;
            const uint2 entry = bb_bank_at(stage, bank, class, first_draw + d, channel);
            const uint bit = (uint)(sum >= BB_AS_VALUE(entry.x)) ^ (entry.y & BB_FLIP);
            if (!seen)
                bits[d] |= bit << lane;
            else if (entry.y & BB_POOL_AND)
                bits[d] &= ~((bit ^ 1u) << lane);
            else
                bits[d] |= bit << lane;
        }
        seen = 1;
    }
}

static void bb_emit_bits(const bb_stage_descriptor *stage, const bb_operands *of,
                         __global const uint *bank, __global const uint *border,
                         __global const uint *slots, int2 at, uint octet, __global ulong *output)
{
    __global uchar *bytes = (__global uchar *)output;
    const size_t pixel = (size_t)at.y * stage->out_w + (size_t)at.x;
    for (uint block = 0; block < stage->n_draws; block += BB_DRAWS) {
        const uint n_draws = min((uint)BB_DRAWS, stage->n_draws - block);
        uint bits[BB_DRAWS] = {0};
        for (uint lane = 0; lane < 8 && octet * 8 + lane < stage->out_channels; lane++)
            bb_channel_bits(stage, of, bank, border, slots, n_draws, block, at, octet * 8 + lane,
                            lane, bits);
        for (uint d = 0; d < n_draws; d++) {
            const uint slot = slots[block + d];
            if (slot != BB_NONE)
                bytes[((size_t)slot * stage->out_stride + pixel * stage->out_words) * 8 + octet] =
                    (uchar)bits[d];
        }
    }
}

static void bb_emit_real(const bb_stage_descriptor *stage, const bb_operands *of,
                         __global const uint *bank, __global const uint *border,
                         __global const uint *slots, int2 at, uint octet, __global ulong *output)
{
    const size_t pixel = (size_t)at.y * stage->out_w + (size_t)at.x;
    const size_t n_values = (size_t)stage->out_h * stage->out_w * stage->out_channels;
    const uint class = bb_class(stage, border, at.y, at.x);
    for (uint channel = octet * 8; channel < min(octet * 8 + 8, stage->out_channels); channel++) {
        const float z = (float)bb_sum(stage, of, at.y, at.x, channel);
        const size_t value = pixel * stage->out_channels + channel;
        for (uint d = 0; d < stage->n_draws; d++) {
            if (slots[d] == BB_NONE)
                continue;
            const uint2 entry = bb_bank_at(stage, bank, class, d, channel);
            __global float *out = (__global float *)(output + (size_t)slots[d] * stage->out_stride);
            const float product = z * as_float(entry.x);
            out[value] = product + as_float(entry.y);
            if (value == n_values - 1 && n_values % 2)
                out[n_values] = 0.0f;
        }
    }
}

__kernel void BB_KERNEL(BB_STAGE_CALL)
{
    const bool to_bits = stage.emit == BB_EMIT_BITS;
    const uint n_octets = to_bits ? stage.out_words * 8 : (stage.out_channels + 7) / 8;
    const uint id = (uint)get_global_id(0);
    const uint pixel = id / n_octets;
    if (pixel >= stage.out_h * stage.out_w || get_global_id(1) >= n_entries)
        return;
    const int2 at = (int2)((int)(pixel % stage.out_w), (int)(pixel / stage.out_w));
    __global const uint *entry = list + first + get_global_id(1) * BB_ENTRY_WORDS(stage.n_draws);
    bb_operands of;
    of.weights = weights;
    of.channel_scale = channel_scale;
    of.input = input + (size_t)entry[BB_ENTRY_INPUT] * stage.in_stride;
    of.mask = bb_mask_of(&stage, masks + first_mask, entry[BB_ENTRY_MASK]);
    if (to_bits)
        bb_emit_bits(&stage, &of, bank, border, entry + BB_ENTRY_OUTPUT, at, id % n_octets, output);
    else
        bb_emit_real(&stage, &of, bank, border, entry + BB_ENTRY_OUTPUT, at, id % n_octets, output);
}
