/* SPDX-License-Identifier: MIT */
/* Lanes of the dot product of 4 bytes, and of its comparisons, that differ from plain C. */
static uint bb_wrong_dots(__global const uint *words, uint bytes)
{
    __global const char *weights = (__global const char *)words;
    __global const int *lanes = (__global const int *)words;
    __global const float *reals = (__global const float *)words;
    const int16 w = vload16(0, lanes), sum = bb_dot16(w, bytes, w);
    const uint reached = bb_not_less32_int(w, sum, words + 2);
    const uint above = bb_not_less32_float(as_float16(w), as_float16(sum), words + 2);
    const uint same = bb_not_less32_int(w, w, words);
    const uint also = bb_not_less32_float(as_float16(w), as_float16(w), words);
    int found[16];
    vstore16(sum, 0, found);
    uint wrong = 0;
    for (uint i = 0; i < 16; i++) {
        int expected = lanes[i];
        for (uint k = 0; k < 4; k++)
            expected += (int)weights[i * 4 + k] * (int)(bytes >> 8 * k & 255);
        wrong += found[i] != expected;
        wrong += (same >> i & 1) != 1 || (also >> i & 1) != (reals[i] >= reals[i]);
        wrong += (reached >> i & 1) != (lanes[i] >= lanes[i + 2]);
        wrong += (reached >> (i + 16) & 1) != (expected >= lanes[i + 18]);
        wrong += (above >> i & 1) != (reals[i] >= reals[i + 2]);
        wrong += (above >> (i + 16) & 1) != (as_float(expected) >= reals[i + 18]);
    }
    return wrong;
}

/* Counts where the popcount and dot product choices differ from plain C; one work-item.
 * x: n + 34 words. */
__kernel void bb_probe(__global const uint *x, const uint n, __global uint *n_wrong)
{
    uint wrong = 0;
    for (uint i = 0; i < n; i++) {
        const uint16 w = vload16(0, x + i), m = vload16(0, x + i / 2);
        const uint16 a = popcount(w ^ (uint16)x[i]), b = popcount((w ^ (uint16)x[i]) & m);
        const ulong8 wide = as_ulong8(w);
        wrong += any(bb_popcount8(wide) != popcount(wide));
        wrong += any(bb_differ16(w, x + i) != a);
        wrong += any(bb_differ16_masked(w, x + i, m) != b);
        int low[16], high[16];
        vstore16(as_int16(w), 0, low);
        vstore16(as_int16(m), 0, high);
        uint bits = 0;
        for (int lane = 0; lane < 16; lane++)
            bits |= (uint)(low[lane] >= high[lane]) << lane;
        wrong += bb_not_less16(as_int16(w), as_int16(m)) != bits;
        const int16 fours[4] = {as_int16(w) >> 1, as_int16(m) >> 1, as_int16(w) >> 1, (int16)(0)};
        const int16 limits[4] = {as_int16(m) >> 1, as_int16(m) >> 1, (int16)(0), as_int16(w) >> 1};
        ulong order = 0;
        for (int lane = 0; lane < 16; lane++) {
            const int at = lane / 4 * 16 + lane % 4;
            order |= (ulong)(low[lane] >> 1 >= high[lane] >> 1) << at | 1ul << (at + 4) |
                     (ulong)(low[lane] >= 0) << (at + 8) | (ulong)(low[lane] >> 1 <= 0) << (at + 12);
        }
        wrong += bb_not_less64(fours, limits) != order;
        wrong += bb_wrong_dots(x + i, x[i]);
    }
    *n_wrong = wrong;
}
