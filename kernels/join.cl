/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_JOIN_REAL and, with BB_BITS, BB_SUM_JOIN_BITS: the own channel of the input or, behind its
 * channels, of the second operand; +1 and -1 for bits.
 *   x  input   f32 [in_h][in_w][in_channels], or bits [in_h][in_w][in_words]
 *      second  f32 [in_h][in_w][second_channels], or bits [in_h][in_w][second_words]
 */
#ifdef BB_BITS
#define BB_VALUE int
#define BB_AS_VALUE as_int
#else
#define BB_VALUE float
#define BB_AS_VALUE as_float
#endif

static BB_VALUE bb_sum(const bb_stage_descriptor *stage, const bb_operands *of, int y, int x,
                       uint channel)
{
    const size_t pixel = (uint)y * stage->in_w + (uint)x;
    const bool own = channel < stage->in_channels;
    const uint c = own ? channel : channel - stage->in_channels;
    __global const ulong *map = own ? of->input : of->second;
#ifdef BB_BITS
    return 2 * (int)bb_bit(map + pixel * (own ? stage->in_words : stage->second_words), c) - 1;
#else
    return ((__global const float *)map)[pixel * (own ? stage->in_channels : stage->second_channels) +
                                         c];
#endif
}
