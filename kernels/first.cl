/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_BYTES and, with BB_SCALED, BB_SUM_BYTES_SCALED, one sum at a time.
 *   x  input   u8 [in_h][in_w][in_channels]
 *   w  weights i8 [out_channels][kernel_h][kernel_w][in_channels]
 * Scaled: s = s + float(sum of channel c) * channel_scale[c], c in order; else the integers add up.
 */
#ifdef BB_SCALED
#define BB_VALUE float
#define BB_AS_VALUE as_float
#else
#define BB_VALUE int
#define BB_AS_VALUE as_int
#endif

static int bb_channel_sum(const bb_stage_descriptor *stage, const bb_operands *of,
                          const bb_window *w, uint channel, uint c)
{
    __global const uchar *bytes = (__global const uchar *)of->input;
    __global const char *signs = (__global const char *)of->weights;
    int sum = 0;
    for (int ky = w->first_y; ky < w->end_y; ky++) {
        for (int kx = w->first_x; kx < w->end_x; kx++) {
            const size_t at = (size_t)bb_pixel(stage, w, ky, kx) * stage->in_channels + c;
            const size_t tap = (size_t)bb_tap(stage, channel, ky, kx) * stage->in_channels + c;
            sum += (int)signs[tap] * (int)bytes[at];
        }
    }
    return sum;
}

static BB_VALUE bb_sum(const bb_stage_descriptor *stage, const bb_operands *of, int y, int x,
                       uint channel)
{
    const bb_window w = bb_window_at(stage, y, x);
    BB_VALUE sum = 0;
    for (uint c = 0; c < stage->in_channels; c++) {
#ifdef BB_SCALED
        const float product =
            (float)bb_channel_sum(stage, of, &w, channel, c) * of->channel_scale[c];
        sum = sum + product;
#else
        sum += bb_channel_sum(stage, of, &w, channel, c);
#endif
    }
    return sum;
}
