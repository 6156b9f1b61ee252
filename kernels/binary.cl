/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_BITS, one sum at a time: n - 2 popcount((x ^ w) & m) over the valid taps.
 *   x  input   [in_h][in_w][in_words]
 *   w  weights [out_channels][kernel_h][kernel_w][in_words]
 *   m  masks   [row][in_words] or [row][in_h][in_w][in_words]; without one all ones, n counts channels
 */
#define BB_VALUE int
#define BB_AS_VALUE as_int

static int bb_sum(const bb_stage_descriptor *stage, const bb_operands *of, int y, int x,
                  uint channel)
{
    const bb_window w = bb_window_at(stage, y, x);
    int kept = 0, differing = 0;
    for (int ky = w.first_y; ky < w.end_y; ky++) {
        for (int kx = w.first_x; kx < w.end_x; kx++) {
            const uint pixel = bb_pixel(stage, &w, ky, kx);
            __global const ulong *a = of->input + (size_t)pixel * stage->in_words;
            __global const ulong *b =
                of->weights + (size_t)bb_tap(stage, channel, ky, kx) * stage->in_words;
            if (of->mask) {
                __global const ulong *m = bb_mask_at(stage, of->mask, pixel);
                for (uint k = 0; k < stage->in_words; k++) {
                    kept += (int)popcount(m[k]);
                    differing += (int)popcount((a[k] ^ b[k]) & m[k]);
                }
            } else {
                kept += (int)stage->in_channels;
                for (uint k = 0; k < stage->in_words; k++)
                    differing += (int)popcount(a[k] ^ b[k]);
            }
        }
    }
    return kept - 2 * differing;
}
