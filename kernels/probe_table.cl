/* SPDX-License-Identifier: MIT */
/* Counts where counting by tables differs from plain C; one work-item. x: n + 34 words. */
__kernel void bb_probe(__global const uint *x, const uint n, __global uint *n_wrong)
{
    uint wrong = 0;
    for (uint i = 0; i < n; i++) {
        __global const uchar *bytes = (__global const uchar *)(x + i);
        __global const short *shorts = (__global const short *)(x + i);
        const ulong4 sum = as_ulong4(vload8(0, x + i)), few = (ulong4)(0x0f0f0f0f0f0f0f0ful);
        const ulong4 w = as_ulong4(vload8(0, x + i / 2)) & few;
        uchar found[32], before[32], index[32];
        const ulong4 counted = bb_add_counts(sum, bb_table(bytes), w);
        vstore16(as_uchar16(counted.lo), 0, found);
        vstore16(as_uchar16(counted.hi), 1, found);
        vstore16(as_uchar16(sum.lo), 0, before);
        vstore16(as_uchar16(sum.hi), 1, before);
        vstore16(as_uchar16(w.lo), 0, index);
        vstore16(as_uchar16(w.hi), 1, index);
        for (uint k = 0; k < 32; k++)
            wrong += found[k] != (uchar)(before[k] + bytes[index[k]]);
        const uint bits = bb_sums_reach(as_short16(sum), as_short16(vload8(0, x + i / 2)),
                                        (__global const short *)(x + 2));
        for (uint k = 0; k < 32; k++) {
            const uint odd = k / 8 % 2, at = k / 16 * 8 + k % 8;
            __global const short *of = odd ? (__global const short *)(x + i / 2) : shorts;
            wrong += (bits >> k & 1) != (of[at] >= ((__global const short *)(x + 2))[odd * 16 + at]);
        }
    }
    *n_wrong = wrong;
}
