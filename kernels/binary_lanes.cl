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
 *                                                  with bits b is flip, smallest: a bit per channel
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

/* Where the windows of a tile begin, for one tap of the pool. */
typedef struct bb_view {
    bb_window window;              /* of pixel 0; valid taps are the same for all */
    __global const uint *at[BB_PIXELS];   /* corner, even if it is padding */
    __global const uint *mask[BB_PIXELS]; /* the same of a mask; or one row for all taps */
    bool spread[BB_PIXELS];        /* the mask has a row per input pixel */
    int kept[BB_PIXELS];           /* n of the sums */
} bb_view;

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

/* n of a sum under a mask with a row per input pixel. */
BB_INLINE int bb_kept_taps(const bb_stage_descriptor *stage, __global const ulong *mask,
                           const bb_window *w)
{
    int kept = 0;
    for (int ky = w->first_y; ky < w->end_y; ky++)
        for (int kx = w->first_x; kx < w->end_x; kx++)
            kept += bb_kept_channels(stage, bb_mask_at(stage, mask, bb_pixel(stage, w, ky, kx)));
    return kept;
}

/* The sums under tap (tap_y, tap_x) of the pool; false if they lie outside the map. */
BB_INLINE bool bb_view_at(const bb_stage_descriptor *stage, const bb_tile *t, const bb_layout *l,
                          int tap_y, int tap_x, bb_view *v)
{
    bool inside = true;
    BB_EACH_PIXEL(i)
    {
        int y = t->y[i], x = t->x[i];
        if (BB_POOLED) {
            y = y * (int)stage->pool_step_h - (int)stage->pool_top + tap_y;
            x = x * (int)stage->pool_step_w - (int)stage->pool_left + tap_x;
            inside = y >= 0 && y < (int)stage->sum_h && x >= 0 && x < (int)stage->sum_w;
        }
        if (i == 0)
            v->window = bb_window_at(stage, y, x);
        bb_window w = v->window;
        w.y = y * (int)stage->step_h - (int)stage->pad_top;
        w.x = x * (int)stage->step_w - (int)stage->pad_left;
        const long corner = (long)(w.y * (int)stage->in_w + w.x) * stage->in_words;
        v->at[i] = (__global const uint *)(t->input[i] + corner);
        v->kept[i] = t->kept[i] * max(w.end_y - w.first_y, 0) * max(w.end_x - w.first_x, 0);
        if (!t->masked || !inside)
            continue;
        v->spread[i] = t->mask[i] && stage->mask_per_element;
        v->mask[i] = t->mask[i] ? (__global const uint *)(t->mask[i] + (v->spread[i] ? corner : 0))
                                : l->ones;
        if (v->spread[i])
            v->kept[i] = bb_kept_taps(stage, t->mask[i], &w);
    }
    return inside;
}

/* A row of taps at a time; the whole window at once where it has all its columns. */
BB_INLINE void bb_count_all(const bb_stage_descriptor *stage, const bb_view *v, const bb_layout *l,
                            __global const uint16 *weights, bb_counts *out)
{
    uint16 sums[BB_PIXELS][BB_VECTORS], w[BB_VECTORS]; /* a copy that stays in registers */
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
            BB_EACH_PIXEL(i) BB_EACH_VECTOR(j) sums[i][j] += bb_differ16(w[j], v->at[i] + offset);
        }
    BB_EACH_PIXEL(i) BB_EACH_VECTOR(j) out->differing[i][j] = sums[i][j];
}

/* The same under masks, tap by tap. */
BB_INLINE void bb_count_masked(const bb_stage_descriptor *stage, const bb_view *v,
                               const bb_layout *l, __global const uint16 *weights, bb_counts *out)
{
    uint16 sums[BB_PIXELS][BB_VECTORS], w[BB_VECTORS];
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
                    const uint16 m = (uint16)(v->mask[i][v->spread[i] ? offset : (long)step]);
                    BB_EACH_VECTOR(j) sums[i][j] +=
                        bb_differ16_masked(w[j], v->at[i] + offset, m);
                }
            }
    BB_EACH_PIXEL(i) BB_EACH_VECTOR(j) out->differing[i][j] = sums[i][j];
}

/* Sums of one tap of a pool, merged into those before. */
BB_INLINE void bb_merge(const bb_view *v, const bb_counts *counts, bb_extremes *e)
{
    BB_EACH_PIXEL(i) BB_EACH_VECTOR(j)
    {
        const int16 sum = (int16)(v->kept[i]) - (as_int16(counts->differing[i][j]) << 1);
        e->high[i][j] = max(e->high[i][j], sum);
        e->low[i][j] = min(e->low[i][j], sum);
    }
}

/* Bit i: lane i of the group is at least the limit's. */
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

BB_INLINE void bb_store_bits(const bb_stage_descriptor *stage, const bb_tile *t, int i, uint draw,
                             uint group, ulong bits, __global ulong *output)
{
    __global uchar *out = bb_output_pixel(stage, t, i, draw, output);
    if (out)
        ((__global ulong *)out)[group] = bits;
}

/* n - 2 differing >= threshold is (n - threshold) / 2, rounded down, >= differing. */
BB_INLINE void bb_emit_bits(const bb_stage_descriptor *stage, const bb_tile *t, const bb_view *v,
                            const bb_counts *counts, __global const uint *record, uint draw,
                            uint group, __global ulong *output)
{
    const ulong flip = bb_flags(record, 0);
    int16 limit[BB_VECTORS], differing[BB_VECTORS];
    BB_EACH_PIXEL(i)
    {
        if (i == 0 || v->kept[i] != v->kept[i - 1])
            BB_EACH_VECTOR(j) limit[j] =
                ((int16)(v->kept[i]) - as_int16(vload16(j, record))) >> 1;
        BB_EACH_VECTOR(j) differing[j] = as_int16(counts->differing[i][j]);
        bb_store_bits(stage, t, i, draw, group, bb_reached(limit, differing) ^ flip, output);
    }
}

/* OR of s >= t is max >= t, OR of its flip is the flip of min >= t; AND the reverse. */
BB_INLINE void bb_emit_pooled(const bb_stage_descriptor *stage, const bb_tile *t,
                              const bb_extremes *e, __global const uint *record, uint draw,
                              uint group, __global ulong *output)
{
    const ulong flip = bb_flags(record, 0), smallest = bb_flags(record, 1);
    int16 threshold[BB_VECTORS];
    BB_EACH_VECTOR(j) threshold[j] = as_int16(vload16(j, record));
    BB_EACH_PIXEL(i)
    {
        const ulong high = bb_reached(e->high[i], threshold), low = bb_reached(e->low[i], threshold);
        bb_store_bits(stage, t, i, draw, group, ((high & ~smallest) | (low & smallest)) ^ flip,
                      output);
    }
}

BB_INLINE void bb_emit_real(const bb_stage_descriptor *stage, const bb_tile *t, const bb_view *v,
                            const bb_counts *counts, __global const uint *record, uint draw,
                            uint group, __global ulong *output)
{
    BB_EACH_VECTOR(j)
    {
        const float16 gain = as_float16(vload16(j, record));
        const float16 offset = as_float16(vload16(BB_VECTORS + j, record));
        BB_EACH_PIXEL(i)
        {
            __global uchar *out = bb_output_pixel(stage, t, i, draw, output);
            const int16 sum = (int16)(v->kept[i]) - (as_int16(counts->differing[i][j]) << 1);
            const float16 product = convert_float16(sum) * gain;
            const float16 y = product + offset;
            float values[16];
            vstore16(y, 0, values);
            if (out)
                bb_store_reals(stage, t, i, (__global float *)out, group * BB_GROUP + j * 16, 16,
                               values);
        }
    }
}

/* One group of channels of a tile. v: the view, unless there is a pool. */
BB_INLINE void bb_make_group(const bb_stage_descriptor *stage, const bb_tile *t, const bb_layout *l,
                             __global const uint16 *weights, __global const uint *bank, uint group,
                             bb_view *v, __global ulong *output)
{
    bb_counts counts;
    bb_extremes e;
    BB_EACH_PIXEL(i) BB_EACH_VECTOR(j) e.high[i][j] = (int16)(INT_MIN);
    BB_EACH_PIXEL(i) BB_EACH_VECTOR(j) e.low[i][j] = (int16)(INT_MAX);
    for (uint tap_y = 0; tap_y < (BB_POOLED ? stage->pool_h : 1); tap_y++)
        for (uint tap_x = 0; tap_x < (BB_POOLED ? stage->pool_w : 1); tap_x++) {
            if (BB_POOLED && !bb_view_at(stage, t, l, (int)tap_y, (int)tap_x, v))
                continue;
            if (t->masked)
                bb_count_masked(stage, v, l, weights, &counts);
            else
                bb_count_all(stage, v, l, weights, &counts);
            if (BB_POOLED)
                bb_merge(v, &counts, &e);
        }
    __global const uint *record = bank + (size_t)group * (2 * BB_GROUP);
    const size_t stride = (size_t)l->n_groups * (2 * BB_GROUP);
    for (uint draw = 0; draw < stage->n_draws; draw++, record += stride) {
        if (BB_POOLED)
            bb_emit_pooled(stage, t, &e, record, draw, group, output);
        else if (BB_HEAD)
            bb_emit_real(stage, t, v, &counts, record, draw, group, output);
        else
            bb_emit_bits(stage, t, v, &counts, record, draw, group, output);
    }
}

__kernel void BB_KERNEL(BB_STAGE_CALL)
{
    const bb_call call = {input, list + first, n_entries, masks + first_mask};
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
        bb_area_seek(&area, (from - base) * BB_PIXELS);
        for (uint tile = from; tile < end; tile++) {
            bb_tile t;
            bb_view v;
            bb_area_take(&stage, &call, &area, &t);
            if (!BB_POOLED)
                bb_view_at(&stage, &t, &l, 0, 0, &v);
            for (uint group = first_group; group < end_group; group++)
                bb_make_group(&stage, &t, &l,
                              (__global const uint16 *)weights +
                                  (size_t)group * l.n_steps * BB_VECTORS,
                              bank, group, &v, output);
        }
        base += n;
    }
}
