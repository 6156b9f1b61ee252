/* SPDX-License-Identifier: MIT */
/*
 * The one choice of popcount, for a vector of words at a time. Drivers that do not know the vector
 * instruction of their own machine emulate it 5 to 10 times slower; the host passes BB_POPCOUNT_X86
 * once the instruction has given right results on the device.
 */
#ifdef BB_POPCOUNT_X86
static ulong8 bb_popcount8(ulong8 x)
{
    ulong8 count;
    __asm__("vpopcntq %1, %0" : "=v"(count) : "v"(x));
    return count;
}

/* popcount(w ^ x) with x read from memory into all lanes */
static uint16 bb_differ16(uint16 w, __global const uint *x)
{
    uint16 count;
    __asm__("vpxord %2%{1to16%}, %1, %0\n\tvpopcntd %0, %0" : "=v"(count) : "v"(w), "m"(*x));
    return count;
}

/* popcount((w ^ x) & m): 0x48 is the truth table of (first ^ third) & second */
static uint16 bb_differ16_masked(uint16 w, __global const uint *x, uint16 m)
{
    __asm__("vpternlogd $0x48, %2%{1to16%}, %1, %0\n\tvpopcntd %0, %0" : "+v"(w) : "v"(m), "m"(*x));
    return w;
}

/* Bit i: lane i of a is at least lane i of b. */
static uint bb_not_less16(int16 a, int16 b)
{
    uint bits;
    __asm__("vpcmpd $5, %2, %1, %%k1\n\tkmovw %%k1, %0" : "=r"(bits) : "v"(a), "v"(b) : "k1");
    return bits;
}

/* The same for four pairs, a[0] in the lowest bits. */
static ulong bb_not_less64(const int16 *a, const int16 *b)
{
    ulong bits;
    __asm__("vpcmpd $5, %5, %1, %%k1\n\tvpcmpd $5, %6, %2, %%k2\n\t"
            "vpcmpd $5, %7, %3, %%k3\n\tvpcmpd $5, %8, %4, %%k4\n\t"
            "kunpckwd %%k1, %%k2, %%k1\n\tkunpckwd %%k3, %%k4, %%k3\n\t"
            "kunpckdq %%k1, %%k3, %%k1\n\tkmovq %%k1, %0"
            : "=r"(bits)
            : "v"(a[0]), "v"(a[1]), "v"(a[2]), "v"(a[3]), "v"(b[0]), "v"(b[1]), "v"(b[2]), "v"(b[3])
            : "k1", "k2", "k3", "k4");
    return bits;
}
#else
static ulong8 bb_popcount8(ulong8 x)
{
    return popcount(x);
}

static uint16 bb_differ16(uint16 w, __global const uint *x)
{
    return popcount(w ^ (uint16)(*x));
}

static uint16 bb_differ16_masked(uint16 w, __global const uint *x, uint16 m)
{
    return popcount((w ^ (uint16)(*x)) & m);
}

static uint bb_not_less16(int16 a, int16 b)
{
    const int16 bits = (a >= b) & (int16)(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
                                          8192, 16384, 32768);
    const int8 eight = bits.lo | bits.hi;
    const int4 four = eight.lo | eight.hi;
    const int2 two = four.lo | four.hi;
    return (uint)(two.x | two.y);
}

static ulong bb_not_less64(const int16 *a, const int16 *b)
{
    return bb_not_less16(a[0], b[0]) | bb_not_less16(a[1], b[1]) << 16 |
           (ulong)(bb_not_less16(a[2], b[2]) | bb_not_less16(a[3], b[3]) << 16) << 32;
}
#endif
