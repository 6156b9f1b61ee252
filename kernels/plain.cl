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

/* What an output pixel of a real map needs besides its sums. */
typedef struct bb_real_pixel {
    size_t pixel, n_values;
    uint class;
    __global const float *residual; /* of the pixel; 0 without */
    __global const uint *second;    /* BB_EMIT_BOTH: {threshold, flip} [out_channels] */
} bb_real_pixel;

/* One channel for the draws of a block; bit `lane` of bits[draw]. */
static void bb_channel_reals(const bb_stage_descriptor *stage, const bb_real_pixel *at, float z,
                             __global const uint *bank, __global const uint *slots, uint n_draws,
                             uint first_draw, uint channel, __global ulong *output, uint *bits)
{
    const size_t value = at->pixel * stage->out_channels + channel;
    for (uint d = 0; d < n_draws; d++) {
        const uint slot = slots[first_draw + d];
        if (slot == BB_NONE)
            continue;
        const uint2 entry = bb_bank_at(stage, bank, at->class, first_draw + d, channel);
        __global float *out = (__global float *)(output + (size_t)slot * stage->out_stride);
        const float product = z * as_float(entry.x);
        float y = product + as_float(entry.y);
        if (at->residual)
            y = y + at->residual[channel];
        out[value] = y;
        if (value == at->n_values - 1 && at->n_values % 2)
            out[at->n_values] = 0.0f;
        if (stage->emit != BB_EMIT_BOTH)
            continue;
        const uint2 second = vload2(channel, at->second);
        bits[d] |= ((uint)(y >= as_float(second.x)) ^ (second.y & BB_FLIP)) << (channel % 8);
    }
}

static void bb_emit_real(const bb_stage_descriptor *stage, const bb_operands *of,
                         __global const uint *bank, __global const uint *border,
                         __global const uint *slots, int2 at, uint octet, __global ulong *output)
{
    __global const float *residual = bb_residual_of(stage, of->second);
    const size_t n_classes = stage->n_row_classes * stage->n_column_classes;
    bb_real_pixel p;
    p.pixel = (size_t)at.y * stage->out_w + (size_t)at.x;
    p.n_values = (size_t)stage->out_h * stage->out_w * stage->out_channels;
    p.class = bb_class(stage, border, at.y, at.x);
    p.residual = residual ? residual + p.pixel * stage->out_channels : 0;
    p.second = bank + n_classes * stage->n_draws * stage->out_channels * 2;
    for (uint block = 0; block < stage->n_draws; block += BB_DRAWS) {
        const uint n_draws = min((uint)BB_DRAWS, stage->n_draws - block);
        uint bits[BB_DRAWS] = {0};
        for (uint channel = octet * 8; channel < min(octet * 8 + 8, stage->out_channels); channel++)
            bb_channel_reals(stage, &p, (float)bb_sum(stage, of, at.y, at.x, channel), bank, slots,
                             n_draws, block, channel, output, bits);
        for (uint d = 0; d < n_draws && stage->emit == BB_EMIT_BOTH; d++) {
            const uint slot = slots[block + d];
            __global uchar *bytes =
                (__global uchar *)(output + (size_t)slot * stage->out_stride + stage->bits_offset);
            if (slot != BB_NONE)
                bytes[p.pixel * stage->out_words * 8 + octet] = (uchar)bits[d];
        }
    }
}

__kernel void BB_KERNEL(BB_STAGE_CALL)
{
    const uint n_octets = stage.out_words ? stage.out_words * 8 : (stage.out_channels + 7) / 8;
    const uint id = (uint)get_global_id(0);
    const uint pixel = id / n_octets;
    if (pixel >= stage.out_h * stage.out_w || get_global_id(1) >= n_entries)
        return;
    const int2 at = (int2)((int)(pixel % stage.out_w), (int)(pixel / stage.out_w));
    __global const uint *entry = list + first + get_global_id(1) * BB_ENTRY_WORDS(&stage);
    bb_operands of;
    of.weights = weights;
    of.channel_scale = channel_scale;
    of.input = bb_input_of(&stage, input, entry);
    of.second = bb_second_of(&stage, second, entry);
    of.mask = bb_mask_of(&stage, masks + first_mask, entry[BB_ENTRY_MASK]);
    if (stage.emit == BB_EMIT_BITS)
        bb_emit_bits(&stage, &of, bank, border, entry + BB_ENTRY_OUTPUT, at, id % n_octets, output);
    else
        bb_emit_real(&stage, &of, bank, border, entry + BB_ENTRY_OUTPUT, at, id % n_octets, output);
}
