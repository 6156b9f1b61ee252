/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_BITS with 16 output channels in the lanes of a vector, made for CPUs.
 *
 * A work-item goes through tiles of BB_PIXELS output pixels that have the same valid taps (areas.cl),
 * and in each through its share of the channels, BB_VECTORS vectors (a group) at a time. Per step of
 * 32 input channels it loads BB_VECTORS weight vectors and BB_PIXELS activation words, broadcast into
 * the XOR:
 *
 *            vector 0  vector 1         weights    u32 [group][tap][step][vector][16], then the
 *   pixel 0  sum       sum                         table of areas.cl
 *   pixel 1  sum       sum              bank       u32 [draw][group] {a[16 * BB_VECTORS], b[...]};
 *                                                  with bits b is flip, smallest: a bit per channel;
 *                                                  with both real values and bits one row more
 *
 * With bits and 4 vectors the channels of a group are interleaved by fours (layout.c), in weights and
 * thresholds: so their bits come in order.
 *
 * All steps of a row of taps, or of a whole window, are one loop: the table says where their words
 * lie. Masked entries AND a mask behind the XOR. Behind a pool a pixel keeps the largest and the
 * smallest sum of its window: the bit is monotone in the sum.
 *
 *   dimension 0: an equal part of all tiles; dimension 1: share of the channel groups
 */
#ifndef BB_POOLED
#define BB_POOLED 0 /* the stage has a pool */
#endif
#ifndef BB_HEAD
#define BB_HEAD 0 /* the stage emits real values */
#endif
#ifndef BB_VECTORS
#define BB_VECTORS 4 /* of a group: 64 channels, whose bits fill a word; 2 or 1: the only group */
#endif

#define BB_GROUP (16 * BB_VECTORS)
#define BB_EACH_VECTOR(j) _Pragma("unroll") for (int j = 0; j < BB_VECTORS; j++)

#define BB_TARGETS 2 /* draws whose output pixels are looked up once for all groups */

/* One tap of the pool: the sums whose window begins `shift` 32-bit words behind the corner. */
typedef struct bb_view {
    uint y, x;        /* an output pixel of the area */
    bb_window window; /* of its sum; valid taps are the same for all */
    long shift;
    int taps; /* how many are valid */
} bb_view;

/* A tile where sums read and write. */
typedef struct bb_places {
    long corner[BB_PIXELS]; /* of a window in the input slot, in 64-bit words, even if it is padding */
    __global const uint *at[BB_PIXELS];
    __global uchar *out[BB_TARGETS][BB_PIXELS]; /* 0: not to be written */
} bb_places;

typedef struct bb_counts {
    uint16 differing[BB_PIXELS][BB_VECTORS];
} bb_counts;

/* Largest and smallest sum of a pool. */
typedef struct bb_extremes {
    int16 high[BB_PIXELS][BB_VECTORS], low[BB_PIXELS][BB_VECTORS];
} bb_extremes;

/* What is constant in a launch. */
typedef struct bb_layout {
    uint n_groups, n_steps, tap_steps; /* steps of a window, of a tap */
    __global const int *table, *offset;
    __global const uint *ones; /* a mask row that keeps everything */
} bb_layout;

BB_INLINE void bb_layout_of(const bb_stage_descriptor *stage, __global const ulong *weights,
                            bb_layout *l)
{
    l->n_groups = (stage->out_channels + BB_GROUP - 1) / BB_GROUP;
    l->tap_steps = (stage->in_channels + 31) / 32;
    l->n_steps = stage->kernel_h * stage->kernel_w * l->tap_steps;
    l->table = (__global const int *)weights + (size_t)l->n_groups * l->n_steps * BB_GROUP;
    l->offset = l->table + 2 + l->table[0] + l->table[1];
    l->ones = (__global const uint *)(l->offset + l->n_steps);
}

/* The sums under tap (tap_y, tap_x) of the pool; false if they lie outside the map. */
BB_INLINE bool bb_view_at(const bb_stage_descriptor *stage, int tap_y, int tap_x, bb_view *v)
{
    int y = (int)v->y, x = (int)v->x;
    if (BB_POOLED) {
        y = y * (int)stage->pool_step_h - (int)stage->pool_top + tap_y;
        x = x * (int)stage->pool_step_w - (int)stage->pool_left + tap_x;
    }
    v->window = bb_window_at(stage, y, x);
    const bb_window *w = &v->window;
    v->taps = max(w->end_y - w->first_y, 0) * max(w->end_x - w->first_x, 0);
    v->shift = (long)(tap_y * (int)(stage->step_h * stage->in_w) + tap_x * (int)stage->step_w) *
               (stage->in_words * 2);
    return y >= 0 && y < (int)stage->sum_h && x >= 0 && x < (int)stage->sum_w;
}

/* n of the sums: kept channels of the valid taps. */
BB_INLINE void bb_count_kept(const bb_stage_descriptor *stage, const bb_tile *t, const bb_view *v,
                             int *kept)
{
    BB_EACH_PIXEL(i)
    {
        kept[i] = t->kept[i] * v->taps;
        if (!t->mask[i] || !stage->mask_per_element)
            continue;
        bb_window w = v->window;
        w.y += (t->y[i] - (int)v->y) * (int)(stage->pool_step_h * stage->step_h);
        w.x += (t->x[i] - (int)v->x) * (int)(stage->pool_step_w * stage->step_w);
        kept[i] = 0;
        for (int ky = w.first_y; ky < w.end_y; ky++)
            for (int kx = w.first_x; kx < w.end_x; kx++)
                kept[i] += bb_kept_channels(
                    stage, bb_mask_at(stage, t->mask[i], bb_pixel(stage, &w, ky, kx)));
    }
}

/* A row of taps at a time; the whole window at once where it has all its columns. */
BB_INLINE void bb_count_all(const bb_stage_descriptor *stage, const bb_places *p, const bb_view *v,
                            const bb_layout *l, __global const uint16 *weights, bb_counts *out)
{
    __global const uint *at[BB_PIXELS]; /* copies that stay in registers */
    uint16 sums[BB_PIXELS][BB_VECTORS], w[BB_VECTORS];
    BB_EACH_PIXEL(i) at[i] = p->at[i] + v->shift;
    BB_EACH_PIXEL(i) BB_EACH_VECTOR(j) sums[i][j] = (uint16)(0);
    const bb_window *taps = &v->window;
    const int row = (int)(stage->kernel_w * l->tap_steps), n_rows = taps->end_y - taps->first_y;
    const bool whole = taps->end_x - taps->first_x == (int)stage->kernel_w;
    const int length = whole ? n_rows * row : (taps->end_x - taps->first_x) * (int)l->tap_steps;
    int from = taps->first_y * row + taps->first_x * (int)l->tap_steps;
    for (int run = 0; run < (whole ? 1 : n_rows); run++, from += row)
        for (int k = from; k < from + length; k++) {
            const long offset = l->offset[k];
            BB_EACH_VECTOR(j) w[j] = weights[(size_t)k * BB_VECTORS + j];
            BB_EACH_PIXEL(i) BB_EACH_VECTOR(j) sums[i][j] += bb_differ16(w[j], at[i] + offset);
        }
    BB_EACH_PIXEL(i) BB_EACH_VECTOR(j) out->differing[i][j] = sums[i][j];
}

/* The same under masks, tap by tap. */
BB_INLINE void bb_count_masked(const bb_stage_descriptor *stage, const bb_tile *t,
                               const bb_places *p, const bb_view *v, const bb_layout *l,
                               __global const uint16 *weights, bb_counts *out)
{
    __global const uint *at[BB_PIXELS], *mask[BB_PIXELS];
    bool spread[BB_PIXELS]; /* the mask has a row per input pixel */
    uint16 sums[BB_PIXELS][BB_VECTORS], w[BB_VECTORS];
    BB_EACH_PIXEL(i)
    {
        at[i] = p->at[i] + v->shift;
        spread[i] = t->mask[i] && stage->mask_per_element;
        mask[i] = (__global const uint *)t->mask[i];
        mask[i] = spread[i] ? mask[i] + p->corner[i] * 2 + v->shift : mask[i] ? mask[i] : l->ones;
    }
    BB_EACH_PIXEL(i) BB_EACH_VECTOR(j) sums[i][j] = (uint16)(0);
    const bb_window *taps = &v->window;
    for (int ky = taps->first_y; ky < taps->end_y; ky++)
        for (int kx = taps->first_x; kx < taps->end_x; kx++)
            for (uint step = 0; step < l->tap_steps; step++) {
                const size_t k = bb_tap(stage, 0, ky, kx) * l->tap_steps + step;
                const long offset = l->offset[k];
                BB_EACH_VECTOR(j) w[j] = weights[k * BB_VECTORS + j];
                BB_EACH_PIXEL(i)
                {
                    const uint16 m = (uint16)(mask[i][spread[i] ? offset : (long)step]);
                    BB_EACH_VECTOR(j) sums[i][j] += bb_differ16_masked(w[j], at[i] + offset, m);
                }
            }
    BB_EACH_PIXEL(i) BB_EACH_VECTOR(j) out->differing[i][j] = sums[i][j];
}

/* Sums of one tap of a pool, merged into those before. */
BB_INLINE void bb_merge(const int *kept, const bb_counts *counts, bb_extremes *e)
{
    BB_EACH_PIXEL(i) BB_EACH_VECTOR(j)
    {
        const int16 sum = (int16)(kept[i]) - (as_int16(counts->differing[i][j]) << 1);
        e->high[i][j] = max(e->high[i][j], sum);
        e->low[i][j] = min(e->low[i][j], sum);
    }
}

/* Bit i: channel i of the group is at least the limit's. */
BB_INLINE ulong bb_reached(const int16 *a, const int16 *limit)
{
#if BB_VECTORS == 4
    return bb_not_less64(a, limit);
#else
    ulong bits = 0;
    BB_EACH_VECTOR(j) bits |= (ulong)bb_not_less16(a[j], limit[j]) << (16 * j);
    return bits;
#endif
}

/* Flag words of a record: 0: flip, 1: take the smallest sum. */
BB_INLINE ulong bb_flags(__global const uint *record, uint which)
{
    __global const uint *words = record + BB_GROUP + which * ((BB_VECTORS + 1) / 2);
    return BB_VECTORS > 2 ? words[0] | (ulong)words[1] << 32 : words[0];
}

BB_INLINE void bb_store_bits(const bb_stage_descriptor *stage, const bb_tile *t, const bb_places *p,
                             int i, uint draw, uint group, ulong bits, __global ulong *output)
{
    __global uchar *out =
        draw < BB_TARGETS ? p->out[draw][i] : bb_output_pixel(stage, t, i, draw, output);
    if (out)
        ((__global ulong *)out)[group] = bits;
}

/* n - 2 differing >= threshold is (n - threshold) / 2, rounded down, >= differing. */
BB_INLINE void bb_emit_bits(const bb_stage_descriptor *stage, const bb_tile *t, const bb_places *p,
                            const int *kept, const bb_counts *counts, __global const uint *record,
                            uint draw, uint group, __global ulong *output)
{
    const ulong flip = bb_flags(record, 0);
    int16 limit[BB_VECTORS], differing[BB_VECTORS];
    BB_EACH_PIXEL(i)
    {
        if (i == 0 || kept[i] != kept[i - 1])
            BB_EACH_VECTOR(j) limit[j] = ((int16)(kept[i]) - as_int16(vload16(j, record))) >> 1;
        BB_EACH_VECTOR(j) differing[j] = as_int16(counts->differing[i][j]);
        bb_store_bits(stage, t, p, i, draw, group, bb_reached(limit, differing) ^ flip, output);
    }
}

/* OR of s >= t is max >= t, OR of its flip is the flip of min >= t; AND the reverse. */
BB_INLINE void bb_emit_pooled(const bb_stage_descriptor *stage, const bb_tile *t,
                              const bb_places *p, const bb_extremes *e,
                              __global const uint *record, uint draw, uint group,
                              __global ulong *output)
{
    const ulong flip = bb_flags(record, 0), smallest = bb_flags(record, 1);
    int16 threshold[BB_VECTORS];
    BB_EACH_VECTOR(j) threshold[j] = as_int16(vload16(j, record));
    BB_EACH_PIXEL(i)
    {
        const ulong high = bb_reached(e->high[i], threshold), low = bb_reached(e->low[i], threshold);
        bb_store_bits(stage, t, p, i, draw, group, ((high & ~smallest) | (low & smallest)) ^ flip,
                      output);
    }
}

/* second: the record that makes the bits beside real values. */
BB_INLINE void bb_emit_real(const bb_stage_descriptor *stage, const bb_tile *t, const int *kept,
                            const bb_counts *counts, __global const uint *record,
                            __global const uint *second, uint draw, uint group,
                            __global ulong *output)
{
    const bool both = stage->emit == BB_EMIT_BOTH;
    __global uchar *out[BB_PIXELS];
    ulong bits[BB_PIXELS];
    BB_EACH_PIXEL(i) out[i] = bb_output_pixel(stage, t, i, draw, output);
    BB_EACH_PIXEL(i) bits[i] = both ? bb_flags(second, 0) : 0;
    BB_EACH_VECTOR(j)
    {
        const float16 gain = as_float16(vload16(j, record));
        const float16 offset = as_float16(vload16(BB_VECTORS + j, record));
        BB_EACH_PIXEL(i)
        {
            const int16 sum = (int16)(kept[i]) - (as_int16(counts->differing[i][j]) << 1);
            const float16 product = convert_float16(sum) * gain;
            if (!out[i])
                continue;
            const float16 y = bb_finish_reals(stage, t, i, (__global float *)out[i],
                                              group * BB_GROUP + j * 16, product + offset);
            if (both)
                bits[i] ^= (ulong)bb_not_less16((int16)(-1), y >= as_float16(vload16(j, second)))
                           << (16 * j);
        }
    }
    BB_EACH_PIXEL(i)
    {
        if (both && out[i])
            ((__global ulong *)bb_bits_pixel(stage, t, i, draw, output))[group] = bits[i];
    }
}

/* One group of channels of a tile. v, kept: of all sums, unless there is a pool. */
BB_INLINE void bb_make_group(const bb_stage_descriptor *stage, const bb_tile *t, const bb_places *p,
                             const bb_layout *l, __global const uint16 *weights,
                             __global const uint *bank, uint group, bb_view *v, int *kept,
                             __global ulong *output)
{
    bb_counts counts;
    bb_extremes e;
    BB_EACH_PIXEL(i) BB_EACH_VECTOR(j) e.high[i][j] = (int16)(INT_MIN);
    BB_EACH_PIXEL(i) BB_EACH_VECTOR(j) e.low[i][j] = (int16)(INT_MAX);
    for (uint tap_y = 0; tap_y < (BB_POOLED ? stage->pool_h : 1); tap_y++)
        for (uint tap_x = 0; tap_x < (BB_POOLED ? stage->pool_w : 1); tap_x++) {
            if (BB_POOLED && !bb_view_at(stage, (int)tap_y, (int)tap_x, v))
                continue;
            if (BB_POOLED)
                bb_count_kept(stage, t, v, kept);
            if (t->masked)
                bb_count_masked(stage, t, p, v, l, weights, &counts);
            else
                bb_count_all(stage, p, v, l, weights, &counts);
            if (BB_POOLED)
                bb_merge(kept, &counts, &e);
        }
    __global const uint *record = bank + (size_t)group * (2 * BB_GROUP);
    const size_t stride = (size_t)l->n_groups * (2 * BB_GROUP);
    __global const uint *second = record + stage->n_draws * stride;
    for (uint draw = 0; draw < stage->n_draws; draw++, record += stride) {
        if (BB_POOLED)
            bb_emit_pooled(stage, t, p, &e, record, draw, group, output);
        else if (BB_HEAD)
            bb_emit_real(stage, t, kept, &counts, record, second, draw, group, output);
        else
            bb_emit_bits(stage, t, p, kept, &counts, record, draw, group, output);
    }
}

BB_INLINE void bb_places_at(const bb_stage_descriptor *stage, const bb_call *call,
                            const bb_area *area, bb_cursor *next, bb_tile *t, bb_places *p,
                            __global ulong *output)
{
    bb_area_take(stage, call, area, next, t, p->corner);
    BB_EACH_PIXEL(i) p->at[i] = (__global const uint *)(t->input[i] + p->corner[i]);
    for (uint draw = 0; draw < min((uint)BB_TARGETS, stage->n_draws); draw++)
        BB_EACH_PIXEL(i) p->out[draw][i] = bb_output_pixel(stage, t, i, draw, output);
}

__kernel void BB_KERNEL(BB_STAGE_CALL)
{
    const bb_call call = {input, list + first, n_entries, masks + first_mask, second};
    bb_layout l;
    bb_layout_of(&stage, weights, &l);
    const uint share = (uint)get_global_id(1), n_shares = (uint)get_global_size(1);
    const uint first_group = share * l.n_groups / n_shares;
    const uint end_group = (share + 1) * l.n_groups / n_shares;
    const uint n_areas = (uint)(l.table[0] * l.table[1]);
    bb_area area;
    uint n_tiles = 0;
    for (uint i = 0; i < n_areas; i++) {
        bb_area_at(l.table, i, &area);
        n_tiles += (area.h * area.w * n_entries + BB_PIXELS - 1) / BB_PIXELS;
    }
    const ulong item = get_global_id(0), n_items = get_global_size(0);
    const uint first_tile = (uint)(item * n_tiles / n_items);
    const uint end_tile = (uint)((item + 1) * n_tiles / n_items);
    for (uint i = 0, base = 0; base < end_tile; i++) {
        bb_area_at(l.table, i, &area);
        const uint n = (area.h * area.w * n_entries + BB_PIXELS - 1) / BB_PIXELS;
        const uint from = max(first_tile, base), end = min(end_tile, base + n);
        bb_cursor next;
        bb_view v = {area.y, area.x};
        bb_view_at(&stage, 0, 0, &v);
        bb_cursor_at(&stage, &area, (from - base) * BB_PIXELS, &next);
        for (uint tile = from; tile < end; tile++) {
            bb_tile t;
            bb_places p;
            int kept[BB_PIXELS];
            bb_places_at(&stage, &call, &area, &next, &t, &p, output);
            if (!BB_POOLED)
                bb_count_kept(&stage, &t, &v, kept);
            for (uint group = first_group; group < end_group; group++)
                bb_make_group(&stage, &t, &p, &l,
                              (__global const uint16 *)weights +
                                  (size_t)group * l.n_steps * BB_VECTORS,
                              bank, group, &v, kept, output);
        }
        base += n;
    }
}
