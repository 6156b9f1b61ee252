/* SPDX-License-Identifier: MIT */
/* Counts where the popcount choice differs from plain popcount(); one work-item. x: n + 16 words. */
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
        const int16 fours[4] = {as_int16(w), as_int16(m), as_int16(w), as_int16(w)};
        const int16 limits[4] = {as_int16(m), as_int16(m), as_int16(w), as_int16(m)};
        wrong += bb_not_less64(fours, limits) != (0x0000ffffffff0000ul | bits |
                                                  (ulong)bits << 48);
    }
    *n_wrong = wrong;
}
