/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_BYTES and, with BB_SCALED, BB_SUM_BYTES_SCALED for 16 output channels at a time.
 *   w  i8 [block of 16][in_channel][tap][16], 0 for -1 and -1 (all bits) for +1
 * With x & w instead of x * w: sum of w x = 2 sum of (x & w) - sum of x. Padding reads x = 0.
 */
#ifdef BB_SCALED
#define BB_VALUE16 float16
#define BB_AS_VALUE16 as_float16
#else
#define BB_VALUE16 int16
#define BB_AS_VALUE16 as_int16
#endif

#define BB_WEIGHTS(weights, stage, block)                                                          \
    ((__global const char *)(weights) +                                                            \
     (size_t)(block) * (stage)->in_channels * (stage)->kernel_h * (stage)->kernel_w * 16)

#define BB_MAX_BYTES 128 /* of a window, so that it is gathered once for all blocks */

/* What the windows of a tile hold, in the order of the weights; padding is 0. */
typedef struct bb_gathered {
    int x[BB_MAX_BYTES][BB_PIXELS];
} bb_gathered;

BB_INLINE int bb_byte(const bb_stage_descriptor *stage, const bb_tile *t, const bb_window *at,
                      int i, uint c, int ky, int kx)
{
    const bool valid = ky >= at[i].first_y && ky < at[i].end_y && kx >= at[i].first_x &&
                       kx < at[i].end_x;
    __global const uchar *bytes = (__global const uchar *)t->input[i] + c;
    return valid ? bytes[bb_pixel(stage, &at[i], ky, kx) * stage->in_channels] : 0;
}

BB_INLINE bool bb_gathers(const bb_stage_descriptor *stage)
{
    return stage->in_channels * stage->kernel_h * stage->kernel_w <= BB_MAX_BYTES;
}

BB_INLINE void bb_gather(const bb_stage_descriptor *stage, const bb_tile *t, const bb_window *at,
                         bb_gathered *g)
{
    uint n = 0;
    for (uint c = 0; c < stage->in_channels && bb_gathers(stage); c++)
        for (int ky = 0; ky < (int)stage->kernel_h; ky++)
            for (int kx = 0; kx < (int)stage->kernel_w; kx++, n++)
                BB_EACH_PIXEL(i) g->x[n][i] = bb_byte(stage, t, at, i, c, ky, kx);
}

/* Sums of one input channel; returns the weights behind it. */
BB_INLINE __global const char *bb_channel_sums(const bb_stage_descriptor *stage, const bb_tile *t,
                                               const bb_window *at, const bb_gathered *g, uint c,
                                               __global const char *weights, int16 *sums)
{
    const uint n_taps = stage->kernel_h * stage->kernel_w;
    int16 positive[BB_PIXELS];
    int total[BB_PIXELS];
    BB_EACH_PIXEL(i)
    {
        positive[i] = (int16)(0);
        total[i] = 0;
    }
    if (bb_gathers(stage)) {
        for (uint tap = 0; tap < n_taps; tap++) {
            const int16 w = convert_int16(vload16(tap, weights));
            BB_EACH_PIXEL(i)
            {
                positive[i] += w & (int16)(g->x[c * n_taps + tap][i]);
                total[i] += g->x[c * n_taps + tap][i];
            }
        }
    } else {
        for (uint tap = 0; tap < n_taps; tap++) {
            const int16 w = convert_int16(vload16(tap, weights));
            const int ky = (int)(tap / stage->kernel_w), kx = (int)(tap % stage->kernel_w);
            BB_EACH_PIXEL(i)
            {
                const int x = bb_byte(stage, t, at, i, c, ky, kx);
                positive[i] += w & (int16)(x);
                total[i] += x;
            }
        }
    }
    BB_EACH_PIXEL(i) sums[i] = positive[i] * 2 - (int16)(total[i]);
    return weights + (size_t)n_taps * 16;
}

BB_INLINE void bb_sums(const bb_stage_descriptor *stage, const bb_tile *t, const bb_window *at,
                       const bb_gathered *g, __global const char *weights,
                       __global const float *channel_scale, BB_VALUE16 *sums)
{
    BB_EACH_PIXEL(i) sums[i] = (BB_VALUE16)(0);
    for (uint c = 0; c < stage->in_channels; c++) {
        int16 channel[BB_PIXELS];
        weights = bb_channel_sums(stage, t, at, g, c, weights, channel);
        BB_EACH_PIXEL(i)
        {
#ifdef BB_SCALED
            const float16 product = convert_float16(channel[i]) * channel_scale[c];
            sums[i] = sums[i] + product;
#else
            sums[i] += channel[i];
#endif
        }
    }
}
