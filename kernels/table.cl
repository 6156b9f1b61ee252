/* SPDX-License-Identifier: MIT */
/*
 * Counting by tables in 256-bit vectors: a table holds, for four bits of the input, in how many places
 * they differ from each of the 16 values that four weights can have. One instruction looks up 32
 * channels. BB_POPCOUNT_AVX2: x86 instructions, once they have given right results on the device.
 */
#ifdef BB_POPCOUNT_AVX2
/* The 16 bytes of a table, twice. */
static ulong4 bb_table(__global const uchar *bytes)
{
    ulong4 table;
    __asm__("vbroadcasti128 %1, %0" : "=x"(table) : "m"(*(__global const uchar16 *)bytes));
    return table;
}

/* Bytes of the sum plus what the table holds for the bytes 0 .. 15 of w. */
static ulong4 bb_add_counts(ulong4 sum, ulong4 table, ulong4 w)
{
    ulong4 counts;
    __asm__("vpshufb %2, %1, %0" : "=x"(counts) : "x"(table), "x"(w));
    __asm__("vpaddb %1, %0, %0" : "+x"(sum) : "x"(counts));
    return sum;
}

/* Bit i: sum i is at least limit i, in the order (even 0 .. 7, odd 0 .. 7, even 8 .. 15, odd 8 .. 15). */
static uint bb_sums_reach(short16 even, short16 odd, __global const short *limits)
{
    short16 below, odd_below;
    uint bits;
    __asm__("vpcmpgtw %2, %1, %0" : "=x"(below) : "x"(vload16(0, limits)), "x"(even));
    __asm__("vpcmpgtw %2, %1, %0" : "=x"(odd_below) : "x"(vload16(1, limits)), "x"(odd));
    __asm__("vpacksswb %1, %0, %0" : "+x"(below) : "x"(odd_below));
    __asm__("vpmovmskb %1, %0" : "=r"(bits) : "x"(below));
    return ~bits;
}
#else /* vectors made of smaller ones are more than some simulators understand */
static ulong4 bb_table(__global const uchar *bytes)
{
    const ulong2 table = as_ulong2(vload16(0, bytes));
    return (ulong4)(table.x, table.y, table.x, table.y);
}

static ulong4 bb_add_counts(ulong4 sum, ulong4 table, ulong4 w)
{
    const uchar16 of = as_uchar16(table.lo);
    const ulong2 low = as_ulong2(as_uchar16(sum.lo) + shuffle(of, as_uchar16(w.lo)));
    const ulong2 high = as_ulong2(as_uchar16(sum.hi) + shuffle(of, as_uchar16(w.hi)));
    return (ulong4)(low.x, low.y, high.x, high.y);
}

static uint bb_reach8(short8 sums, short8 limits)
{
    const short8 bits = (sums >= limits) & (short8)(1, 2, 4, 8, 16, 32, 64, 128);
    const short4 four = bits.lo | bits.hi;
    const short2 two = four.lo | four.hi;
    return (uint)(two.x | two.y);
}

static uint bb_sums_reach(short16 even, short16 odd, __global const short *limits)
{
    return bb_reach8(even.lo, vload8(0, limits)) | bb_reach8(odd.lo, vload8(2, limits)) << 8 |
           bb_reach8(even.hi, vload8(1, limits)) << 16 | bb_reach8(odd.hi, vload8(3, limits)) << 24;
}
#endif
