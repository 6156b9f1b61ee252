/* SPDX-License-Identifier: MIT */
/*
 * The limits of a device, measured: popcounts in registers, a stream through memory, a launch that
 * does nothing. What kernels reach is given as a share of these.
 *
 *   bb_limit_popcount_N  N independent chains of s = s + popcount(s ^ w): per step and chain one XOR,
 *                        one count, one add, nothing that could be moved out of the loop, no memory.
 *                        Words are ulong8, or uint with BB_NARROW (devices without vectors). With
 *                        BB_POPCOUNT_AVX2 a step is a look-up and an add in 32 bytes, four bits each.
 *   bb_limit_read, _copy each work-item takes n vectors, `step` apart from `start` * its number on
 *   bb_limit_nothing     an empty kernel
 */
#ifdef BB_POPCOUNT_AVX2
typedef ulong4 bb_limit_word;
#define BB_LIMIT_WORD(x) ((ulong4)(x) + (ulong4)(0, 1, 2, 3))
#define BB_LIMIT_OTHER(item) ((ulong4)((ulong2)(0x0302020102010100ul, 0x0403030203020201ul),       \
                                       (ulong2)(0x0302020102010100ul, 0x0403030203020201ul)))
#define BB_LIMIT_STEP(s, w) bb_add_counts(s, w, s)
#define BB_LIMIT_TOTAL(x) ((x).s0 + (x).s1 + (x).s2 + (x).s3)
#else
#define BB_LIMIT_OTHER(item) BB_LIMIT_WORD(item)
#define BB_LIMIT_STEP(s, w) ((s) + BB_LIMIT_COUNT((s) ^ (w)))
#ifdef BB_NARROW
typedef uint bb_limit_word;
#define BB_LIMIT_WORD(x) ((uint)(x))
#define BB_LIMIT_COUNT(x) popcount(x)
#define BB_LIMIT_TOTAL(x) ((ulong)(x))
#else
typedef ulong8 bb_limit_word;
#define BB_LIMIT_WORD(x) ((ulong8)(x) + (ulong8)(0, 1, 2, 3, 4, 5, 6, 7))
#define BB_LIMIT_COUNT(x) bb_popcount8(x)
#define BB_LIMIT_TOTAL(x)                                                                          \
    ((x).s0 + (x).s1 + (x).s2 + (x).s3 + (x).s4 + (x).s5 + (x).s6 + (x).s7)
#endif
#endif

#define BB_LIMIT_POPCOUNT(n_chains)                                                                \
    __kernel void bb_limit_popcount_##n_chains(const uint n, __global ulong *out)                  \
    {                                                                                              \
        const uint item = (uint)get_global_id(0);                                                  \
        const bb_limit_word w = BB_LIMIT_OTHER(item);                                              \
        bb_limit_word s[n_chains];                                                                 \
        _Pragma("unroll") for (int i = 0; i < n_chains; i++) s[i] = BB_LIMIT_WORD(i);              \
        for (uint k = 0; k < n; k++) {                                                             \
            _Pragma("unroll") for (int i = 0; i < n_chains; i++) s[i] = BB_LIMIT_STEP(s[i], w);    \
        }                                                                                          \
        ulong total = 0;                                                                           \
        _Pragma("unroll") for (int i = 0; i < n_chains; i++) total += BB_LIMIT_TOTAL(s[i]);        \
        out[item] = total;                                                                         \
    }

BB_LIMIT_POPCOUNT(4)
BB_LIMIT_POPCOUNT(6)
BB_LIMIT_POPCOUNT(8)
BB_LIMIT_POPCOUNT(12)
BB_LIMIT_POPCOUNT(16)
BB_LIMIT_POPCOUNT(24)

__kernel void bb_limit_read(__global const ulong8 *x, __global ulong8 *y, const uint n,
                            const uint start, const uint step)
{
    size_t at = (size_t)get_global_id(0) * start;
    ulong8 a = 0, b = 0;
    for (uint i = 0; i + 1 < n; i += 2) {
        a ^= x[at];
        b ^= x[at + step];
        at += 2 * (size_t)step;
    }
    y[get_global_id(0)] = a ^ b;
}

__kernel void bb_limit_copy(__global const ulong8 *x, __global ulong8 *y, const uint n,
                            const uint start, const uint step)
{
    size_t at = (size_t)get_global_id(0) * start;
    for (uint i = 0; i < n; i++) {
        y[at] = x[at];
        at += step;
    }
}

__kernel void bb_limit_nothing(__global const ulong *x)
{
    (void)x;
}
