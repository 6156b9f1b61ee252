/* SPDX-License-Identifier: MIT */
/*
 * Tiles of output pixels for kernels that keep several pixels in registers. Pixels are counted through
 * all entries of a list, so that maps of one pixel fill a tile as well as large ones.
 */
#ifndef BB_PIXELS
#define BB_PIXELS 4 /* output pixels of a tile, 1 .. 16 */
#endif

/* Arrays of a tile live in registers only where everything is in one function. Results are handed
 * back through pointers: inlined returns of structs are more than some simulators understand. */
#define BB_INLINE static inline __attribute__((always_inline))

#if BB_PIXELS > 8 /* in memory in any case */
#define BB_EACH_PIXEL(i) for (int i = 0; i < BB_PIXELS; i++)
#else
#define BB_EACH_PIXEL(i) _Pragma("unroll") for (int i = 0; i < BB_PIXELS; i++)
#endif

/* Channels that a mask row keeps; all without one. */
static int bb_kept_channels(const bb_stage_descriptor *stage, __global const ulong *mask)
{
    int n = 0;
    for (uint k = 0; mask && k < stage->in_words; k++)
        n += (int)popcount(mask[k]);
    return mask ? n : (int)stage->in_channels;
}

/* Pixel row and those behind it; a tile that gets fewer than BB_PIXELS repeats its last pixel. */
typedef struct bb_tile {
    __global const uint *entry[BB_PIXELS];
    __global const ulong *input[BB_PIXELS];
    __global const ulong *mask[BB_PIXELS]; /* 0: none */
    int y[BB_PIXELS], x[BB_PIXELS];        /* of the output */
    int kept[BB_PIXELS];                   /* channels under a mask row */
    uint offset[BB_PIXELS];                /* bytes from the start of an output slot */
    __global const float *residual[BB_PIXELS]; /* of the pixel; 0: none */
    bool masked;
} bb_tile;

/* What a stage call works on, in the way that tiles read it. */
typedef struct bb_call {
    __global const ulong *input;
    __global const uint *list;
    uint n_entries;
    __global const ulong *masks;
    __global const ulong *second; /* of residuals */
} bb_call;

/* Bytes of an output pixel, before the bits of BB_EMIT_BOTH. */
#define BB_PIXEL_BYTES(stage)                                                                      \
    ((stage)->emit == BB_EMIT_BITS ? (stage)->out_words * 8 : (stage)->out_channels * 4)

/* Pixel (y, x) of the output of an entry becomes pixel i, behind the pixels before it. */
BB_INLINE void bb_tile_put(const bb_stage_descriptor *stage, const bb_call *call, uint entry,
                           uint y, uint x, int i, bb_tile *t)
{
    t->entry[i] = call->list + (size_t)entry * BB_ENTRY_WORDS(stage);
    t->input[i] = bb_input_of(stage, call->input, t->entry[i]);
    t->y[i] = (int)y;
    t->x[i] = (int)x;
    t->offset[i] = (y * stage->out_w + x) * BB_PIXEL_BYTES(stage);
    t->residual[i] = 0;
    if (stage->second)
        t->residual[i] = (__global const float *)bb_second_of(stage, call->second, t->entry[i]) +
                         (size_t)(y * stage->out_w + x) * stage->out_channels;
    t->mask[i] = 0;
    t->kept[i] = (int)stage->in_channels;
    if (i == 0)
        t->masked = false;
    if (!stage->masked)
        return;
    t->mask[i] = bb_mask_of(stage, call->masks, t->entry[i][BB_ENTRY_MASK]);
    t->masked = t->masked || t->mask[i];
    t->kept[i] = i > 0 && t->mask[i] == t->mask[i - 1] ? t->kept[i - 1]
                                                       : bb_kept_channels(stage, t->mask[i]);
}

BB_INLINE void bb_tile_at(const bb_stage_descriptor *stage, const bb_call *call, uint row,
                          bb_tile *t)
{
    const uint n_pixels = stage->out_h * stage->out_w;
    uint entry = row / n_pixels;
    uint y = row % n_pixels / stage->out_w, x = row % n_pixels % stage->out_w;
    const int n = (int)min((uint)BB_PIXELS, call->n_entries * n_pixels - row);
    BB_EACH_PIXEL(i)
    {
        bb_tile_put(stage, call, entry, y, x, i, t);
        const bool more = i + 1 < n;
        const bool row_ends = more && x + 1 == stage->out_w;
        const bool map_ends = row_ends && y + 1 == stage->out_h;
        x = row_ends ? 0 : x + more;
        y = map_ends ? 0 : y + row_ends;
        entry += map_ends;
    }
}

/* Pixel i of a tile in the output slot of a draw: its first byte; 0 where nothing is to be written. */
BB_INLINE __global uchar *bb_output_pixel(const bb_stage_descriptor *stage, const bb_tile *t, int i,
                                       uint draw, __global ulong *output)
{
    const uint slot = t->entry[i][BB_ENTRY_OUTPUT + draw];
    if (slot == BB_NONE)
        return 0;
    return (__global uchar *)(output + (size_t)slot * stage->out_stride) + t->offset[i];
}

/* The same of the bits beside real values, BB_EMIT_BOTH; the slot is named. */
BB_INLINE __global uchar *bb_bits_pixel(const bb_stage_descriptor *stage, const bb_tile *t, int i,
                                        uint draw, __global ulong *output)
{
    const size_t pixel = (uint)t->y[i] * stage->out_w + (uint)t->x[i];
    return (__global uchar *)(output +
                              (size_t)t->entry[i][BB_ENTRY_OUTPUT + draw] * stage->out_stride +
                              stage->bits_offset + pixel * stage->out_words);
}

/* 16 channels of a residual from `channel` on; 0 beyond the last. */
BB_INLINE float16 bb_load_residual(const bb_stage_descriptor *stage, __global const float *pixel,
                                   uint channel)
{
    if (channel + 16 <= stage->out_channels)
        return vload16(0, pixel + channel);
    float values[16] = {0};
    for (uint c = 0; c < 16 && channel + c < stage->out_channels; c++)
        values[c] = pixel[channel + c];
    return vload16(0, values);
}

/* 16 channels of a pixel from `channel` on, and the padding behind the last value of a slot. */
BB_INLINE void bb_store_reals(const bb_stage_descriptor *stage, const bb_tile *t, int i,
                              __global float *pixel, uint channel, float16 y)
{
    if (channel + 16 <= stage->out_channels) {
        vstore16(y, 0, pixel + channel);
    } else {
        float values[16];
        vstore16(y, 0, values);
        for (uint c = 0; c < 16 && channel + c < stage->out_channels; c++)
            pixel[channel + c] = values[c];
    }
    const bool last = t->y[i] + 1 == (int)stage->out_h && t->x[i] + 1 == (int)stage->out_w;
    if (last && channel < stage->out_channels && channel + 16 >= stage->out_channels &&
        stage->out_h * stage->out_w * stage->out_channels % 2)
        pixel[stage->out_channels] = 0.0f;
}

/* 16 channels of a real value: the residual added and stored. */
BB_INLINE float16 bb_finish_reals(const bb_stage_descriptor *stage, const bb_tile *t, int i,
                                  __global float *pixel, uint channel, float16 y)
{
    const float16 sum =
        t->residual[i] ? y + bb_load_residual(stage, t->residual[i], channel) : y;
    bb_store_reals(stage, t, i, pixel, channel, sum);
    return sum;
}

/* Zero bytes behind the octets that the channel groups wrote. */
static void bb_clear_tail(const bb_stage_descriptor *stage, const bb_tile *t, uint n_octets,
                          __global ulong *output)
{
    if (n_octets >= stage->out_words * 8)
        return;
    for (uint draw = 0; draw < stage->n_draws; draw++)
        BB_EACH_PIXEL(i)
        {
            __global uchar *out = bb_output_pixel(stage, t, i, draw, output);
            if (out && stage->emit == BB_EMIT_BOTH)
                out = bb_bits_pixel(stage, t, i, draw, output);
            for (uint octet = n_octets; out && octet < stage->out_words * 8; octet++)
                out[octet] = 0;
        }
}
