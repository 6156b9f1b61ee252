/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_POOL_REAL and, with BB_BITS, BB_SUM_POOL_BITS, one sum at a time: the window's values of the
 * own channel, +1 and -1 for bits, taps in order (ky, kx). With BB_LARGEST BB_SUM_MAX_REAL.
 *   x  input  f32 [in_h][in_w][in_channels], or bits [in_h][in_w][in_words]
 */
#ifdef BB_BITS
#define BB_VALUE int
#define BB_AS_VALUE as_int
#else
#define BB_VALUE float
#define BB_AS_VALUE as_float
#endif

static BB_VALUE bb_sum(const bb_stage_descriptor *stage, const bb_operands *of, int y, int x,
                       uint channel)
{
    const bb_window w = bb_window_at(stage, y, x);
    BB_VALUE sum = 0;
    for (int ky = w.first_y; ky < w.end_y; ky++) {
        for (int kx = w.first_x; kx < w.end_x; kx++) {
            const uint pixel = bb_pixel(stage, &w, ky, kx);
#ifdef BB_BITS
            sum += 2 * (int)bb_bit(of->input + (size_t)pixel * stage->in_words, channel) - 1;
#else
            __global const float *reals = (__global const float *)of->input;
            const float value = reals[(size_t)pixel * stage->in_channels + channel];
#ifdef BB_LARGEST
            const bool first = ky == w.first_y && kx == w.first_x;
            sum = first || value > sum ? value : sum;
#else
            sum = sum + value;
#endif
#endif
        }
    }
    return sum;
}
