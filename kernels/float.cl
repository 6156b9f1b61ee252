/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_REAL and, with BB_BITS, BB_SUM_BITS_REAL, one sum at a time, taps in order (ky, kx, c).
 *   x  input   f32 [in_h][in_w][in_channels], or bits [in_h][in_w][in_words]
 *   w  weights f32 [out_channels][kernel_h][kernel_w][in_channels]
 * The order is part of the result. Adding -w is the same operation as subtracting w.
 */
#define BB_VALUE float
#define BB_AS_VALUE as_float

static float bb_tap_sum(const bb_stage_descriptor *stage, const bb_operands *of, uint pixel,
                        __global const float *w, float sum)
{
#ifdef BB_BITS
    __global const ulong *x = of->input + (size_t)pixel * stage->in_words;
    __global const ulong *m = of->mask ? bb_mask_at(stage, of->mask, pixel) : 0;
    for (uint c = 0; c < stage->in_channels; c++)
        if (!m || bb_bit(m, c))
            sum = bb_bit(x, c) ? sum + w[c] : sum - w[c];
#else
    __global const float *x =
        (__global const float *)of->input + (size_t)pixel * stage->in_channels;
    for (uint c = 0; c < stage->in_channels; c++) {
        const float product = x[c] * w[c];
        sum = sum + product;
    }
#endif
    return sum;
}

static float bb_sum(const bb_stage_descriptor *stage, const bb_operands *of, int y, int x,
                    uint channel)
{
    const bb_window w = bb_window_at(stage, y, x);
    __global const float *weights = (__global const float *)of->weights;
    float sum = 0.0f;
    for (int ky = w.first_y; ky < w.end_y; ky++)
        for (int kx = w.first_x; kx < w.end_x; kx++)
            sum = bb_tap_sum(stage, of, bb_pixel(stage, &w, ky, kx),
                             weights + (size_t)bb_tap(stage, channel, ky, kx) * stage->in_channels,
                             sum);
    return sum;
}
