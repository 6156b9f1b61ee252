/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_BITS by tables (table.cl), made for x86 processors without vector popcounts.
 *
 * A work-item copies the windows of a tile of BB_PIXELS pixels, four bits and their mask a byte,
 * padding as masked: so borders and masks cost nothing, and all taps are one loop. They go column by
 * column: pixels side by side have their windows in one run of columns. Such a byte names a table; 64
 * output channels (a group) stand in the bytes of two vectors:
 *
 *   weights  u8 [group][kx][ky][word][16][2][32], four bits each; then the tables u8 [256][16], of a
 *            byte {input 0 .. 3, mask 4 .. 7} and the weights: how many bits differ
 *   bank     u32 [draw][group] {a[64], b[64]}; with bits a is i16 [2][even, odd][16], b is {flip[2],
 *            smallest[2]}, bit: channel
 *
 * Bytes of 32 channels are in the order that packing comparisons undoes: channel 8 i + k of 32 is byte
 * 16 (i / 2) + 2 k + i % 2. Counts go from bytes to 16 bits before they can overflow.
 * Behind a pool a tile is one output pixel, whose window is gone through BB_PIXELS at a time.
 *
 *   dimension 0: tile; dimension 1: share of the groups
 */
#ifndef BB_POOLED
#define BB_POOLED 0 /* the stage has a pool */
#endif
#ifndef BB_HEAD
#define BB_HEAD 0 /* the stage emits real values */
#endif
#define BB_EACH_HALF(j) _Pragma("unroll") for (int j = 0; j < 4; j++) /* even, odd bytes of 2 vectors */
#define BB_TILE (BB_POOLED ? 1u : (uint)BB_PIXELS)
#define BB_STEPS 8192       /* of a window, four bits each */
#define BB_STEPS_OF_BYTE 63 /* that a byte can count: 4 each */

typedef struct bb_windows {
    /* whole vectors: vstore of words is made of many small stores */
    __attribute__((aligned(32))) ushort steps[BB_PIXELS * BB_STEPS]; /* where its table begins */
    uint at[BB_PIXELS];    /* its first step */
    int kept[BB_PIXELS];   /* n of the sums */
    bool taken[BB_PIXELS]; /* part of a pool; else true */
} bb_windows;

/* Where the 16 tables of a word of the input and its mask begin. */
BB_INLINE void bb_find_tables(uint8 bytes, uint8 mask, uint8 *to)
{
    const uint8 x = (bytes << (uint8)(4)) | (bytes << (uint8)(16));
    const uint8 m = (mask << (uint8)(8)) | (mask << (uint8)(20));
    *to = (x & (uint8)(0x00f000f0)) | (m & (uint8)(0x0f000f00));
}

/* n words without a mask. */
BB_INLINE void bb_copy_words(__global const ulong *words, uint n, uint8 *to)
{
    for (uint k = 0; k < n; k++)
        bb_find_tables(convert_uint8(as_uchar8(words[k])), (uint8)(255), to + k);
}

/* n words that do not count. */
BB_INLINE void bb_skip_words(uint n, uint8 *to)
{
    for (uint k = 0; k < n; k++)
        to[k] = (uint8)(0);
}

/* Words under a mask; returns the channels that it keeps. */
BB_INLINE int bb_copy_masked(const bb_stage_descriptor *stage, __global const ulong *words,
                             __global const ulong *mask, uint8 *to)
{
    for (uint k = 0; k < stage->in_words; k++)
        bb_find_tables(convert_uint8(as_uchar8(words[k])), convert_uint8(as_uchar8(mask[k])), to + k);
    return bb_kept_channels(stage, mask);
}

BB_INLINE void bb_copy_window(const bb_stage_descriptor *stage, const bb_tile *t, int tile_pixel,
                              int y, int x, int i, bb_windows *windows)
{
    const bb_window w = bb_window_at(stage, y, x);
    const uint n = stage->in_words, column = stage->kernel_h * n;
    const int n_taps = max(w.end_y - w.first_y, 0) * max(w.end_x - w.first_x, 0);
    const bool masked = t->mask[tile_pixel] != 0;
    windows->at[i] = (uint)i * BB_STEPS;
    windows->kept[i] = masked ? 0 : n_taps * (int)stage->in_channels;
    uint8 *to = (uint8 *)(windows->steps + i * BB_STEPS);
    if (n_taps < (int)(stage->kernel_h * stage->kernel_w))
        bb_skip_words(stage->kernel_w * column, to);
    for (int kx = w.first_x; kx < w.end_x; kx++)
        for (int ky = w.first_y; ky < w.end_y; ky++) {
            const uint pixel = bb_pixel(stage, &w, ky, kx);
            __global const ulong *words = t->input[tile_pixel] + (size_t)pixel * n;
            uint8 *tap = to + (uint)kx * column + (uint)ky * n;
            if (masked)
                windows->kept[i] += bb_copy_masked(
                    stage, words, bb_mask_at(stage, t->mask[tile_pixel], pixel), tap);
            else
                bb_copy_words(words, n, tap);
        }
}

/* The pixels of the tile lie side by side and share columns. */
BB_INLINE bool bb_shares_columns(const bb_stage_descriptor *stage, const bb_tile *t)
{
    const int last = BB_PIXELS - 1;
    return !BB_POOLED && !t->masked && stage->dilation_w == 1 &&
           stage->step_w <= stage->kernel_w && t->entry[0] == t->entry[last] &&
           t->y[0] == t->y[last] && t->x[0] + last == t->x[last];
}

BB_INLINE void bb_copy_columns(const bb_stage_descriptor *stage, const bb_tile *t,
                               bb_windows *windows)
{
    const bb_window w = bb_window_at(stage, t->y[0], t->x[0]);
    const uint n = stage->in_words, column = stage->kernel_h * n;
    const int n_columns = (int)((BB_PIXELS - 1) * stage->step_w + stage->kernel_w);
    const int n_rows = max(w.end_y - w.first_y, 0), in_w = (int)stage->in_w;
    const int first = max(-w.x, 0), end = min(n_columns, in_w - w.x);
    uint8 *to = (uint8 *)windows->steps;
    if (n_rows < (int)stage->kernel_h || end - first < n_columns)
        bb_skip_words((uint)n_columns * column, to);
    const uint run = stage->kernel_h == 1 ? (uint)max(end - first, 0) : 1;
    for (int ky = w.first_y; ky < w.end_y; ky++) {
        __global const ulong *words = t->input[0] + (size_t)bb_pixel(stage, &w, ky, first) * n;
        uint8 *tap = to + (uint)first * column + (uint)ky * n;
        for (int kx = first; kx < end; kx += (int)run, words += n, tap += column)
            bb_copy_words(words, run * n, tap);
    }
    BB_EACH_PIXEL(i)
    {
        const int x = w.x + i * (int)stage->step_w;
        const int n_taps = max(min(x + (int)stage->kernel_w, in_w) - max(x, 0), 0) * n_rows;
        windows->at[i] = (uint)i * stage->step_w * column * 16;
        windows->kept[i] = n_taps * (int)stage->in_channels;
        windows->taken[i] = true;
    }
}

/* Windows of the tile; behind a pool taps of its window from `tap` on. */
BB_INLINE void bb_copy_windows(const bb_stage_descriptor *stage, const bb_tile *t, uint tap,
                               bb_windows *windows)
{
    if (bb_shares_columns(stage, t)) {
        bb_copy_columns(stage, t, windows);
        return;
    }
    for (int i = 0; i < BB_PIXELS; i++) {
        const uint n = tap + (uint)i;
        windows->taken[i] = true;
        if (BB_POOLED) {
            const int y = t->y[0] * (int)stage->pool_step_h + (int)(n / stage->pool_w) -
                          (int)stage->pool_top;
            const int x = t->x[0] * (int)stage->pool_step_w + (int)(n % stage->pool_w) -
                          (int)stage->pool_left;
            windows->taken[i] = n < stage->pool_h * stage->pool_w && y >= 0 && x >= 0 &&
                                y < (int)stage->sum_h && x < (int)stage->sum_w;
            bb_copy_window(stage, t, 0, windows->taken[i] ? y : 0, windows->taken[i] ? x : 0, i,
                           windows);
        } else {
            bb_copy_window(stage, t, i, t->y[i], t->x[i], i, windows);
        }
    }
}

/* Differing bits of all pixels and 64 channels, from n steps. */
BB_INLINE void bb_count(const bb_windows *windows, uint n, __global const ulong4 *w,
                        __global const uchar *tables, short16 (*differing)[4])
{
    const ushort *steps[BB_PIXELS];
    BB_EACH_PIXEL(i) steps[i] = windows->steps + windows->at[i];
    BB_EACH_PIXEL(i) BB_EACH_HALF(j) differing[i][j] = (short16)(0);
    for (uint from = 0; from < n; from += BB_STEPS_OF_BYTE) {
        const uint end = min(n, from + BB_STEPS_OF_BYTE);
        ulong4 low[BB_PIXELS], high[BB_PIXELS];
        BB_EACH_PIXEL(i) low[i] = high[i] = (ulong4)(0);
        for (uint k = from; k < end; k++, w += 2) {
            const ulong4 first = w[0], second = w[1];
            BB_EACH_PIXEL(i)
            {
                const ulong4 table = bb_table(tables + steps[i][k]);
                low[i] = bb_add_counts(low[i], table, first);
                high[i] = bb_add_counts(high[i], table, second);
            }
        }
        BB_EACH_PIXEL(i)
        {
            differing[i][0] += as_short16(low[i]) & (short16)(255);
            differing[i][1] += as_short16(as_ushort16(low[i]) >> (ushort16)(8));
            differing[i][2] += as_short16(high[i]) & (short16)(255);
            differing[i][3] += as_short16(as_ushort16(high[i]) >> (ushort16)(8));
        }
    }
}

BB_INLINE ulong bb_bits(const short16 *sums, __global const uint *record)
{
    __global const short *limits = (__global const short *)record;
    return bb_sums_reach(sums[0], sums[1], limits) |
           (ulong)bb_sums_reach(sums[2], sums[3], limits + 32) << 32;
}

BB_INLINE void bb_store_bits(const bb_stage_descriptor *stage, const bb_tile *t, int i, uint draw,
                             uint group, ulong bits, __global ulong *output)
{
    __global uchar *out = bb_output_pixel(stage, t, i, draw, output);
    if (out)
        ((__global ulong *)out)[group] = bits;
}

BB_INLINE void bb_store_real(const bb_stage_descriptor *stage, const bb_tile *t, int i, uint draw,
                             uint group, const short16 *sums, __global const float *record,
                             __global ulong *output)
{
    __global uchar *out = bb_output_pixel(stage, t, i, draw, output);
    for (uint k = 0; k < 4 && out; k++) {
        const short16 *of = sums + k / 2 * 2;
        float sum[16]; /* Oclgrind cannot make a vector of two */
        vstore8(convert_float8(k % 2 ? of[0].hi : of[0].lo), 0, sum);
        vstore8(convert_float8(k % 2 ? of[1].hi : of[1].lo), 1, sum);
        const float16 product = vload16(0, sum) * vload16(k, record);
        bb_store_reals(stage, t, i, (__global float *)out, group * 64 + k * 16,
                       product + vload16(4 + k, record));
    }
}

/* Sums of a group; behind a pool high[0] and low[0] are the largest and the smallest of its window. */
BB_INLINE void bb_sums(const bb_stage_descriptor *stage, const bb_tile *t, bb_windows *windows,
                       __global const ulong4 *w, __global const uchar *tables,
                       short16 (*high)[4], short16 *low)
{
    const uint n_steps = stage->kernel_h * stage->kernel_w * stage->in_words * 16;
    const uint n_taps = BB_POOLED ? stage->pool_h * stage->pool_w : 1;
    short16 largest[4];
    BB_EACH_HALF(j)
    {
        largest[j] = (short16)(SHRT_MIN);
        low[j] = (short16)(SHRT_MAX);
    }
    for (uint tap = 0; tap < n_taps; tap += BB_PIXELS) {
        if (n_taps > BB_PIXELS)
            bb_copy_windows(stage, t, tap, windows);
        bb_count(windows, n_steps, w, tables, high);
        BB_EACH_PIXEL(i)
        {
            BB_EACH_HALF(j)
            {
                high[i][j] = (short16)((short)windows->kept[i]) - high[i][j] - high[i][j];
                if (BB_POOLED && windows->taken[i]) {
                    largest[j] = max(largest[j], high[i][j]);
                    low[j] = min(low[j], high[i][j]);
                }
            }
        }
    }
    if (BB_POOLED)
        BB_EACH_HALF(j) high[0][j] = largest[j];
}

/* A pooled bit comes from the largest or the smallest sum: it is monotone in the sum. */
BB_INLINE void bb_emit(const bb_stage_descriptor *stage, const bb_tile *t, uint draw, uint group,
                       __global const uint *record, short16 (*high)[4], const short16 *low,
                       __global ulong *output)
{
    if (BB_HEAD) {
        BB_EACH_PIXEL(i) bb_store_real(stage, t, i, draw, group, high[i],
                                       (__global const float *)record, output);
        return;
    }
    const ulong flip = record[64] | (ulong)record[65] << 32;
    const ulong smallest = record[66] | (ulong)record[67] << 32;
    if (BB_POOLED) {
        const ulong bits =
            (bb_bits(high[0], record) & ~smallest) | (bb_bits(low, record) & smallest);
        bb_store_bits(stage, t, 0, draw, group, bits ^ flip, output);
        return;
    }
    BB_EACH_PIXEL(i) bb_store_bits(stage, t, i, draw, group, bb_bits(high[i], record) ^ flip,
                                   output);
}

__kernel void BB_KERNEL(BB_STAGE_CALL)
{
    const uint n_groups = (stage.out_channels + 63) / 64;
    const uint share = (uint)get_global_id(1), n_shares = (uint)get_global_size(1);
    const uint end = (share + 1) * n_groups / n_shares;
    const size_t group_vectors = (size_t)stage.kernel_h * stage.kernel_w * stage.in_words * 32;
    __global const ulong4 *w = (__global const ulong4 *)weights;
    __global const uchar *tables = (__global const uchar *)(w + n_groups * group_vectors);
    if (get_global_id(0) * BB_TILE >= n_entries * stage.out_h * stage.out_w)
        return;
    const bb_call call = {input, list + first, n_entries, masks + first_mask};
    bb_tile t;
    bb_windows windows;
    bb_tile_at(&stage, &call, (uint)get_global_id(0) * BB_TILE, &t);
    bb_copy_windows(&stage, &t, 0, &windows);
    for (uint group = share * n_groups / n_shares; group < end; group++) {
        short16 high[BB_PIXELS][4], low[4];
        bb_sums(&stage, &t, &windows, w + group * group_vectors, tables, high, low);
        for (uint draw = 0; draw < stage.n_draws; draw++)
            bb_emit(&stage, &t, draw, group, bank + ((size_t)draw * n_groups + group) * 128, high,
                    low, output);
    }
    if (end == n_groups)
        bb_clear_tail(&stage, &t, n_groups * 8, output);
}
