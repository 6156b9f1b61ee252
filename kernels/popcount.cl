/* SPDX-License-Identifier: MIT */
/*
 * The one choice of popcount, for eight words at a time. Drivers that do not know the vector
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
static ulong8 bb_differ8(ulong8 w, __global const ulong *x)
{
    ulong8 count;
    __asm__("vpxorq %2%{1to8%}, %1, %0\n\tvpopcntq %0, %0" : "=v"(count) : "v"(w), "m"(*x));
    return count;
}

/* popcount((w ^ x) & m): 0x48 is the truth table of (first ^ third) & second */
static ulong8 bb_differ8_masked(ulong8 w, __global const ulong *x, ulong8 m)
{
    __asm__("vpternlogq $0x48, %2%{1to8%}, %1, %0\n\tvpopcntq %0, %0" : "+v"(w) : "v"(m), "m"(*x));
    return w;
}

/* Bit i: lane i of a is at least lane i of b. */
static uint bb_not_less8(long8 a, long8 b)
{
    uint bits;
    __asm__("vpcmpq $5, %2, %1, %%k1\n\tkmovb %%k1, %0" : "=r"(bits) : "v"(a), "v"(b) : "k1");
    return bits;
}

/* The same for four pairs, a[0] in the lowest bits. */
static uint bb_not_less32(const long8 *a, const long8 *b)
{
    uint bits;
    __asm__("vpcmpq $5, %5, %1, %%k1\n\tvpcmpq $5, %6, %2, %%k2\n\t"
            "vpcmpq $5, %7, %3, %%k3\n\tvpcmpq $5, %8, %4, %%k4\n\t"
            "kunpckbw %%k1, %%k2, %%k1\n\tkunpckbw %%k3, %%k4, %%k3\n\t"
            "kunpckwd %%k1, %%k3, %%k1\n\tkmovd %%k1, %0"
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

static ulong8 bb_differ8(ulong8 w, __global const ulong *x)
{
    return popcount(w ^ (ulong8)(*x));
}

static ulong8 bb_differ8_masked(ulong8 w, __global const ulong *x, ulong8 m)
{
    return popcount((w ^ (ulong8)(*x)) & m);
}

static uint bb_not_less8(long8 a, long8 b)
{
    const long8 bits = (a >= b) & (long8)(1, 2, 4, 8, 16, 32, 64, 128);
    const long4 four = bits.lo | bits.hi;
    const long2 two = four.lo | four.hi;
    return (uint)(two.x | two.y);
}

static uint bb_not_less32(const long8 *a, const long8 *b)
{
    return bb_not_less8(a[0], b[0]) | bb_not_less8(a[1], b[1]) << 8 |
           bb_not_less8(a[2], b[2]) << 16 | bb_not_less8(a[3], b[3]) << 24;
}
#endif
