/* SPDX-License-Identifier: MIT */
/* Counts where the popcount choice differs from plain popcount(); one work-item. x: n + 8 words. */
__kernel void bb_probe(__global const ulong *x, const uint n, __global uint *n_wrong)
{
    uint wrong = 0;
    for (uint i = 0; i < n; i++) {
        const ulong8 w = vload8(0, x + i), m = vload8(0, x + i / 2);
        const ulong8 a = popcount(w ^ (ulong8)x[i]), b = popcount((w ^ (ulong8)x[i]) & m);
        wrong += any(bb_popcount8(w) != popcount(w));
        wrong += any(bb_differ8(w, x + i) != a);
        wrong += any(bb_differ8_masked(w, x + i, m) != b);
        uint bits = 0;
        const long8 low = as_long8(w), high = as_long8(m);
        const long8 reached = low >= high;
        bits |= reached.s0 ? 1 : 0;
        bits |= reached.s1 ? 2 : 0;
        bits |= reached.s2 ? 4 : 0;
        bits |= reached.s3 ? 8 : 0;
        bits |= reached.s4 ? 16 : 0;
        bits |= reached.s5 ? 32 : 0;
        bits |= reached.s6 ? 64 : 0;
        bits |= reached.s7 ? 128 : 0;
        wrong += bb_not_less8(low, high) != bits;
    }
    *n_wrong = wrong;
}
