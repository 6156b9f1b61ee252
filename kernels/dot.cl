/* SPDX-License-Identifier: MIT */
/*
 * The one choice of the 8-bit dot product: 16 lanes, each with four weights in -1 .. 1, and four
 * unsigned bytes that all lanes share. BB_POPCOUNT_X86: as in popcount.cl.
 */
#ifdef BB_POPCOUNT_X86
static int16 bb_dot16(int16 sum, uint x, int16 w)
{
    const uint16 bytes = (uint16)(x);
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(bytes), "v"(w));
    return sum;
}

/* Bit i: lane i of a and b is at least the i-th of 32 limits. */
static uint bb_not_less32_int(int16 a, int16 b, __global const uint *limits)
{
    uint bits;
    __asm__("vpcmpd $5, %3, %1, %%k1\n\tvpcmpd $5, %4, %2, %%k2\n\t"
            "kunpckwd %%k1, %%k2, %%k1\n\tkmovd %%k1, %0"
            : "=r"(bits)
            : "v"(a), "v"(b), "m"(*(__global const uint16 *)limits),
              "m"(*(__global const uint16 *)(limits + 16))
            : "k1", "k2");
    return bits;
}

static uint bb_not_less32_float(float16 a, float16 b, __global const uint *limits)
{
    uint bits;
    __asm__("vcmpps $13, %3, %1, %%k1\n\tvcmpps $13, %4, %2, %%k2\n\t"
            "kunpckwd %%k1, %%k2, %%k1\n\tkmovd %%k1, %0"
            : "=r"(bits)
            : "v"(a), "v"(b), "m"(*(__global const uint16 *)limits),
              "m"(*(__global const uint16 *)(limits + 16))
            : "k1", "k2");
    return bits;
}
#else
static int16 bb_dot16(int16 sum, uint x, int16 w)
{
    sum += (w << 24 >> 24) * (int16)(int)(x & 255);
    sum += (w << 16 >> 24) * (int16)(int)(x >> 8 & 255);
    sum += (w << 8 >> 24) * (int16)(int)(x >> 16 & 255);
    return sum + (w >> 24) * (int16)(int)(x >> 24);
}

static uint bb_not_less32_int(int16 a, int16 b, __global const uint *limits)
{
    return bb_pack16(a >= as_int16(vload16(0, limits))) |
           bb_pack16(b >= as_int16(vload16(1, limits))) << 16;
}

static uint bb_not_less32_float(float16 a, float16 b, __global const uint *limits)
{
    return bb_pack16(a >= as_float16(vload16(0, limits))) |
           bb_pack16(b >= as_float16(vload16(1, limits))) << 16;
}
#endif
