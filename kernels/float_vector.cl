/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_REAL and, with BB_BITS, BB_SUM_BITS_REAL for 16 output channels at a time: the order of each
 * output's sum stays, only outputs are computed side by side.
 *   w  f32 [block of 16][tap][in_channel][16]
 */
#define BB_VALUE16 float16
#define BB_AS_VALUE16 as_float16

#define BB_WEIGHTS(weights, stage, block)                                                          \
    ((__global const float *)(weights) +                                                           \
     (size_t)(block) * (stage)->in_channels * (stage)->kernel_h * (stage)->kernel_w * 16)

/* One tap of one pixel: all input channels. */
BB_INLINE float16 bb_tap_sums(const bb_stage_descriptor *stage, const bb_tile *t, int i, uint pixel,
                           __global const float *weights, float16 sum)
{
#ifdef BB_BITS
    __global const ulong *x = t->input[i] + (size_t)pixel * stage->in_words;
    __global const ulong *m = t->mask[i] ? bb_mask_at(stage, t->mask[i], pixel) : 0;
    for (uint c = 0; c < stage->in_channels; c++) {
        const uint16 w = as_uint16(vload16(c, weights));
        const uint16 sign = (uint16)(bb_bit(x, c) ? 0u : 0x80000000u);
        if (!m || bb_bit(m, c))
            sum = sum + as_float16(w ^ sign); /* s - w is s + -w */
    }
#else
    __global const float *x =
        (__global const float *)t->input[i] + (size_t)pixel * stage->in_channels;
    for (uint c = 0; c < stage->in_channels; c++) {
        const float16 product = vload16(c, weights) * x[c];
        sum = sum + product;
    }
#endif
    return sum;
}

/* Nothing is gathered: every input is read once per block. */
typedef int bb_gathered;

BB_INLINE void bb_gather(const bb_stage_descriptor *stage, const bb_tile *t, const bb_window *at,
                         bb_gathered *g)
{
    *g = 0;
}

BB_INLINE void bb_sums(const bb_stage_descriptor *stage, const bb_tile *t, const bb_window *at,
                       const bb_gathered *g, __global const float *weights,
                       __global const float *channel_scale, float16 *sums)
{
    BB_EACH_PIXEL(i) sums[i] = (float16)(0.0f);
    for (int ky = 0; ky < (int)stage->kernel_h; ky++)
        for (int kx = 0; kx < (int)stage->kernel_w;
             kx++, weights += (size_t)stage->in_channels * 16)
            BB_EACH_PIXEL(i)
            {
                if (ky >= at[i].first_y && ky < at[i].end_y && kx >= at[i].first_x &&
                    kx < at[i].end_x)
                    sums[i] = bb_tap_sums(stage, t, i, bb_pixel(stage, &at[i], ky, kx), weights,
                                          sums[i]);
            }
}
