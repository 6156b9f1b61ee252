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

/* Sums of one input channel; returns the weights behind it. */
static __global const char *bb_channel_sums(const bb_stage_descriptor *stage, const bb_tile *t,
                                            const bb_window *at, uint c,
                                            __global const char *weights, int16 *sums)
{
    int16 positive[BB_PIXELS];
    int total[BB_PIXELS];
    BB_EACH_PIXEL(i)
    {
        positive[i] = (int16)(0);
        total[i] = 0;
    }
    for (int ky = 0; ky < (int)stage->kernel_h; ky++) {
        for (int kx = 0; kx < (int)stage->kernel_w; kx++, weights += 16) {
            const int16 w = convert_int16(vload16(0, weights));
            BB_EACH_PIXEL(i)
            {
                const bool valid = ky >= at[i].first_y && ky < at[i].end_y && kx >= at[i].first_x &&
                                   kx < at[i].end_x;
                __global const uchar *bytes = (__global const uchar *)t->input[i] + c;
                const int x =
                    valid ? bytes[bb_pixel(stage, &at[i], ky, kx) * stage->in_channels] : 0;
                positive[i] += w & (int16)(x);
                total[i] += x;
            }
        }
    }
    BB_EACH_PIXEL(i) sums[i] = positive[i] * 2 - (int16)(total[i]);
    return weights;
}

static void bb_sums(const bb_stage_descriptor *stage, const bb_tile *t, const bb_window *at,
                    __global const char *weights, __global const float *channel_scale,
                    BB_VALUE16 *sums)
{
    BB_EACH_PIXEL(i) sums[i] = (BB_VALUE16)(0);
    for (uint c = 0; c < stage->in_channels; c++) {
        int16 channel[BB_PIXELS];
        weights = bb_channel_sums(stage, t, at, c, weights, channel);
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
