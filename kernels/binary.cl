/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_BITS, one sum at a time: n - 2 popcount((x ^ w) & m) over the valid taps.
 *   x  input   [in_h][in_w][in_words]
 *   w  weights [out_channels][kernel_h][kernel_w][in_words]
 *   m  masks   [row][in_words] or [row][in_h][in_w][in_words]; without one all ones, n counts channels;
 *              of both only the channels of the group
 */
#define BB_VALUE int
#define BB_AS_VALUE as_int

/* Bits of word k that stand for the channels first .. end-1. */
static ulong bb_ones(uint first, uint end, uint k)
{
    const ulong from = first > k * 64 ? ~0ul << (first - k * 64) : ~0ul;
    return end < k * 64 + 64 ? from & ((1ul << (end - k * 64)) - 1) : from;
}

static int bb_sum(const bb_stage_descriptor *stage, const bb_operands *of, int y, int x,
                  uint channel)
{
    const bb_window w = bb_window_at(stage, y, x);
    const uint n_group = stage->in_channels / stage->groups;
    const uint first = channel / (stage->out_channels / stage->groups) * n_group;
    const uint first_word = first / 64, end_word = (first + n_group + 63) / 64;
    int kept = 0, differing = 0;
    for (int ky = w.first_y; ky < w.end_y; ky++) {
        for (int kx = w.first_x; kx < w.end_x; kx++) {
            const uint pixel = bb_pixel(stage, &w, ky, kx);
            __global const ulong *a = of->input + (size_t)pixel * stage->in_words;
            __global const ulong *b =
                of->weights + (size_t)bb_tap(stage, channel, ky, kx) * stage->in_words;
            if (of->mask || stage->groups != 1) {
                __global const ulong *m = of->mask ? bb_mask_at(stage, of->mask, pixel) : 0;
                for (uint k = first_word; k < end_word; k++) {
                    const ulong ones = bb_ones(first, first + n_group, k) & (m ? m[k] : ~0ul);
                    kept += (int)popcount(ones);
                    differing += (int)popcount((a[k] ^ b[k]) & ones);
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
