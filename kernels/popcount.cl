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

/* The same for four pairs of a group that is interleaved (layout.c): bits in the order of channels.
 * Signs of differences are packed, which takes less than half the time of four comparisons. */
static ulong bb_not_less64(const int16 *a, const int16 *b)
{
    const int16 d0 = a[0] - b[0], d1 = a[1] - b[1], d2 = a[2] - b[2], d3 = a[3] - b[3];
    int16 low, high;
    ulong less;
    __asm__("vpackssdw %4, %3, %1\n\tvpackssdw %6, %5, %2\n\tvpacksswb %2, %1, %1\n\t"
            "vpmovb2m %1, %%k1\n\tkmovq %%k1, %0"
            : "=r"(less), "=&v"(low), "=&v"(high)
            : "v"(d0), "v"(d1), "v"(d2), "v"(d3)
            : "k1");
    return ~less;
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
    return bb_pack16(a >= b);
}

static ulong bb_not_less64(const int16 *a, const int16 *b)
{
    ulong bits = 0;
    for (int j = 0; j < 4; j++) {
        const ulong four = bb_not_less16(a[j], b[j]);
        bits |= ((four & 0xf) | (four & 0xf0) << 12 | (four & 0xf00) << 24 | (four & 0xf000) << 36)
                << (4 * j);
    }
    return bits;
}
#endif
