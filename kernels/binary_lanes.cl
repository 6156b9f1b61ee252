/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_BITS with eight output channels (an octet) in the lanes of a vector, made for CPUs.
 *
 * A work-item owns a tile of BB_PIXELS output pixels, counted through all entries of the list, and
 * goes through its share of the channels BB_OCTETS octets (a group) at a time. Per word of the
 * window it loads BB_OCTETS weight vectors and BB_PIXELS activation words, broadcast into the XOR:
 *
 *            octet 0   octet 1            weights    u64 [group][tap][word][octet][8]
 *   pixel 0  sum       sum                           then a pixel of zeros, one of ones
 *   pixel 1  sum       sum                bank       u32 [draw][group] {a[8 * BB_OCTETS], b[...]};
 *                                                    with bits b is {flip, smallest}, bit: channel
 *
 * Taps that are valid for all pixels of a tile take the fast loop, taps that are padding for all
 * are skipped. The others and masked entries AND a mask behind the XOR: zeros where there is no tap.
 * A pooled pixel keeps the largest and the smallest sum of its window: the bit is monotone in the sum.
 *
 *   dimension 0: tile; dimension 1: share of the channel groups
 */
#ifndef BB_POOLED
#define BB_POOLED 0 /* the stage has a pool */
#endif
#ifndef BB_HEAD
#define BB_HEAD 0 /* the stage emits real values */
#endif
#define BB_OCTETS 4 /* of a group: 32 channels, whose bits fill one 32-bit word */

/* Output pixels of a tile: with a pool one, whose window is gone through BB_PIXELS at a time. */
#define BB_TILE (BB_POOLED ? 1u : (uint)BB_PIXELS)

#define BB_EACH_OCTET(j) _Pragma("unroll") for (int j = 0; j < BB_OCTETS; j++)

/* Windows of the pixels, for one tap of the pool: taps [first, end) of both directions are valid. */
typedef struct bb_corners {
    __global const ulong *at[BB_PIXELS]; /* first word of the corner, even if it is padding */
    int y[BB_PIXELS], x[BB_PIXELS];
    int first_y[BB_PIXELS], end_y[BB_PIXELS], first_x[BB_PIXELS], end_x[BB_PIXELS];
    int kept[BB_PIXELS];   /* n of the sums */
    bool taken[BB_PIXELS]; /* part of a pool; else true */
    int any_first_y, any_end_y, any_first_x, any_end_x; /* taps that some pixel has */
    int all_first_y, all_end_y, all_first_x, all_end_x; /* taps that all pixels have */
} bb_corners;

typedef struct bb_counts {
    ulong8 differing[BB_PIXELS][BB_OCTETS];
} bb_counts;

/* Largest and smallest sum of a pool. */
typedef struct bb_extremes {
    long8 high[BB_OCTETS], low[BB_OCTETS];
} bb_extremes;

/* n of a sum: kept channels of its valid taps. */
BB_INLINE int bb_count_kept(const bb_stage_descriptor *stage, const bb_tile *t, int i,
                            const bb_window *w)
{
    if (!t->mask[i] || !stage->mask_per_element)
        return t->kept[i] * max(w->end_y - w->first_y, 0) * max(w->end_x - w->first_x, 0);
    int kept = 0;
    for (int ky = w->first_y; ky < w->end_y; ky++)
        for (int kx = w->first_x; kx < w->end_x; kx++)
            kept += bb_kept_channels(stage,
                                     bb_mask_at(stage, t->mask[i], bb_pixel(stage, w, ky, kx)));
    return kept;
}

/* Behind a pool: taps of its window from `tap` on; those that do not exist repeat others. */
BB_INLINE void bb_corners_at(const bb_stage_descriptor *stage, const bb_tile *t, uint tap,
                             bb_corners *c)
{
    const uint n_taps = stage->pool_h * stage->pool_w;
    uint tap_y = tap / stage->pool_w, tap_x = tap % stage->pool_w;
    c->any_first_y = c->any_first_x = INT_MAX;
    c->all_end_y = c->all_end_x = INT_MAX;
    c->any_end_y = c->any_end_x = c->all_first_y = c->all_first_x = 0;
    BB_EACH_PIXEL(i)
    {
        int y = t->y[i], x = t->x[i];
        c->taken[i] = true;
        if (BB_POOLED) {
            const int py = y * (int)stage->pool_step_h + (int)tap_y - (int)stage->pool_top;
            const int px = x * (int)stage->pool_step_w + (int)tap_x - (int)stage->pool_left;
            y = clamp(py, 0, (int)stage->sum_h - 1);
            x = clamp(px, 0, (int)stage->sum_w - 1);
            c->taken[i] = tap + i < n_taps && y == py && x == px;
            const bool more = tap + i + 1 < n_taps, row_ends = more && tap_x + 1 == stage->pool_w;
            tap_x = row_ends ? 0 : tap_x + more;
            tap_y += row_ends;
        }
        const bb_window w = bb_window_at(stage, y, x);
        c->at[i] = t->input[i] + (long)(w.y * (int)stage->in_w + w.x) * stage->in_words;
        c->y[i] = w.y;
        c->x[i] = w.x;
        c->first_y[i] = w.first_y;
        c->end_y[i] = w.end_y;
        c->first_x[i] = w.first_x;
        c->end_x[i] = w.end_x;
        c->any_first_y = min(c->any_first_y, w.first_y);
        c->any_end_y = max(c->any_end_y, w.end_y);
        c->any_first_x = min(c->any_first_x, w.first_x);
        c->any_end_x = max(c->any_end_x, w.end_x);
        c->all_first_y = max(c->all_first_y, w.first_y);
        c->all_end_y = min(c->all_end_y, w.end_y);
        c->all_first_x = max(c->all_first_x, w.first_x);
        c->all_end_x = min(c->all_end_x, w.end_x);
        c->kept[i] = bb_count_kept(stage, t, i, &w);
    }
}

/* n words of a run; m (where `masked`, which is known when this is inlined): what counts of them. */
BB_INLINE void bb_count_words(__global const ulong *const *a, __global const ulong *const *m,
                              size_t n, __global const ulong8 *w, const bool masked,
                              ulong8 (*out)[BB_OCTETS])
{
    ulong8 sums[BB_PIXELS][BB_OCTETS], v[BB_OCTETS]; /* a copy that stays in registers */
    BB_EACH_PIXEL(i) BB_EACH_OCTET(j) sums[i][j] = out[i][j];
    for (size_t k = 0; k < n; k++) {
        BB_EACH_OCTET(j) v[j] = w[k * BB_OCTETS + j];
        BB_EACH_PIXEL(i) BB_EACH_OCTET(j) sums[i][j] +=
            masked ? bb_differ8_masked(v[j], a[i] + k, (ulong8)(m[i][k]))
                   : bb_differ8(v[j], a[i] + k);
    }
    BB_EACH_PIXEL(i) BB_EACH_OCTET(j) out[i][j] = sums[i][j];
}

/*
 * All taps, in runs of words for which the same pixels are valid: the columns that all pixels have
 * are one run, the others go tap by tap. `masked` is known when this is inlined.
 */
BB_INLINE void bb_count_runs(const bb_stage_descriptor *stage, const bb_tile *t,
                             const bb_corners *c, __global const ulong8 *weights,
                             __global const ulong *zeros, const bool masked, bb_counts *out)
{
    ulong8 sums[BB_PIXELS][BB_OCTETS];
    BB_EACH_PIXEL(i) BB_EACH_OCTET(j) sums[i][j] = (ulong8)(0);
    for (int ky = c->any_first_y; ky < c->any_end_y; ky++) {
        for (int kx = c->any_first_x, length; kx < c->any_end_x; kx += length) {
            const int dy = ky * (int)stage->dilation_h, dx = kx * (int)stage->dilation_w;
            const bool whole = !masked && ky >= c->all_first_y && ky < c->all_end_y &&
                               kx >= c->all_first_x && kx < c->all_end_x;
            length = whole && stage->dilation_w == 1 ? c->all_end_x - kx : 1;
            __global const ulong8 *w =
                weights +
                (size_t)((ky * (int)stage->kernel_w + kx) * (int)stage->in_words) * BB_OCTETS;
            const size_t n = (uint)length * stage->in_words;
            const long offset = (long)(dy * (int)stage->in_w + dx) * stage->in_words;
            __global const ulong *a[BB_PIXELS], *m[BB_PIXELS];
            BB_EACH_PIXEL(i)
            {
                a[i] = c->at[i] + offset;
                if (whole)
                    continue;
                const bool good = ky >= c->first_y[i] && ky < c->end_y[i] &&
                                  kx >= c->first_x[i] && kx < c->end_x[i];
                const uint pixel = (uint)((c->y[i] + dy) * (int)stage->in_w + c->x[i] + dx);
                a[i] = good ? a[i] : t->input[i];
                m[i] = !good                   ? zeros
                       : masked && t->mask[i] ? bb_mask_at(stage, t->mask[i], pixel)
                                               : zeros + stage->in_words;
            }
            if (whole)
                bb_count_words(a, m, n, w, false, sums);
            else
                bb_count_words(a, m, n, w, true, sums);
        }
    }
    BB_EACH_PIXEL(i) BB_EACH_OCTET(j) out->differing[i][j] = sums[i][j];
}

BB_INLINE void bb_count(const bb_stage_descriptor *stage, const bb_tile *t, const bb_corners *c,
                        __global const ulong8 *weights, __global const ulong *zeros,
                        bb_counts *out)
{
    if (t->masked)
        bb_count_runs(stage, t, c, weights, zeros, true, out);
    else
        bb_count_runs(stage, t, c, weights, zeros, false, out);
}

BB_INLINE void bb_store_bits(const bb_stage_descriptor *stage, const bb_tile *t, int i, uint draw,
                             uint group, uint bits, __global ulong *output)
{
    __global uchar *out = bb_output_pixel(stage, t, i, draw, output);
    if (out)
        ((__global uint *)out)[group] = bits;
}

/* n - 2 differing >= threshold is (n - threshold) / 2, rounded down, >= differing. */
BB_INLINE void bb_emit_bits(const bb_stage_descriptor *stage, const bb_tile *t, const int *kept,
                            const bb_counts *counts, __global const uint *record, uint draw,
                            uint group, __global ulong *output)
{
    const uint flip = record[BB_OCTETS * 8];
    long8 limit[BB_OCTETS];
    BB_EACH_PIXEL(i)
    {
        if (i == 0 || kept[i] != kept[i - 1])
            BB_EACH_OCTET(j) limit[j] =
                ((long8)(kept[i]) - convert_long8(as_int8(vload8(j, record)))) >> 1;
        long8 differing[BB_OCTETS];
        BB_EACH_OCTET(j) differing[j] = as_long8(counts->differing[i][j]);
        bb_store_bits(stage, t, i, draw, group, bb_not_less32(limit, differing) ^ flip, output);
    }
}

/* Sums of the window of a pool, merged into those before. */
BB_INLINE void bb_merge(const bb_corners *c, const bb_counts *counts, bb_extremes *e)
{
    BB_EACH_PIXEL(i)
    {
        if (c->taken[i])
            BB_EACH_OCTET(j)
            {
                const long8 sum = (long8)(c->kept[i]) - (as_long8(counts->differing[i][j]) << 1);
                e->high[j] = max(e->high[j], sum);
                e->low[j] = min(e->low[j], sum);
            }
    }
}

/* OR of s >= t is max >= t, OR of its flip is the flip of min >= t; AND the reverse. */
BB_INLINE void bb_emit_pooled(const bb_stage_descriptor *stage, const bb_tile *t,
                              const bb_extremes *e, __global const uint *record, uint draw,
                              uint group, __global ulong *output)
{
    const uint flip = record[BB_OCTETS * 8], smallest = record[BB_OCTETS * 8 + 1];
    long8 threshold[BB_OCTETS];
    BB_EACH_OCTET(j) threshold[j] = convert_long8(as_int8(vload8(j, record)));
    const uint high = bb_not_less32(e->high, threshold), low = bb_not_less32(e->low, threshold);
    bb_store_bits(stage, t, 0, draw, group, ((high & ~smallest) | (low & smallest)) ^ flip, output);
}

BB_INLINE void bb_emit_real(const bb_stage_descriptor *stage, const bb_tile *t, const int *kept,
                            const bb_counts *counts, __global const uint *record, uint draw,
                            uint group, __global ulong *output)
{
    BB_EACH_OCTET(j)
    {
        const float8 gain = as_float8(vload8(j, record));
        const float8 offset = as_float8(vload8(BB_OCTETS + j, record));
        BB_EACH_PIXEL(i)
        {
            __global uchar *out = bb_output_pixel(stage, t, i, draw, output);
            const long8 sum = (long8)(kept[i]) - (as_long8(counts->differing[i][j]) << 1);
            const float8 product = convert_float8(sum) * gain;
            const float8 y = product + offset;
            float values[8];
            vstore8(y, 0, values);
            if (out)
                bb_store_reals(stage, t, i, (__global float *)out, (group * BB_OCTETS + j) * 8, 8,
                               values);
        }
    }
}

__kernel void BB_KERNEL(BB_STAGE_CALL)
{
    const size_t group_words =
        (size_t)stage.kernel_h * stage.kernel_w * stage.in_words * BB_OCTETS;
    const uint n_groups = (stage.out_channels + 8 * BB_OCTETS - 1) / (8 * BB_OCTETS);
    const uint share = (uint)get_global_id(1), n_shares = (uint)get_global_size(1);
    const uint end = (share + 1) * n_groups / n_shares;
    __global const ulong8 *w = (__global const ulong8 *)weights;
    __global const ulong *zeros = (__global const ulong *)(w + n_groups * group_words);
    if (get_global_id(0) * BB_TILE >= n_entries * stage.out_h * stage.out_w)
        return;
    bb_tile t;
    bb_tile_at(&stage, input, list + first, n_entries, masks + first_mask,
               (uint)get_global_id(0) * BB_TILE, BB_TILE, &t);
    const uint n_taps = BB_POOLED ? stage.pool_h * stage.pool_w : 1;
    bb_corners c;
    bb_corners_at(&stage, &t, 0, &c);
    for (uint group = share * n_groups / n_shares; group < end; group++) {
        __global const uint *record = bank + (size_t)group * (16 * BB_OCTETS);
        const size_t stride = (size_t)n_groups * (16 * BB_OCTETS);
        bb_counts counts;
        bb_extremes e;
        BB_EACH_OCTET(j) e.high[j] = (long8)(LONG_MIN);
        BB_EACH_OCTET(j) e.low[j] = (long8)(LONG_MAX);
        for (uint tap = 0; tap < n_taps; tap += BB_PIXELS) {
            if (n_taps > BB_PIXELS)
                bb_corners_at(&stage, &t, tap, &c);
            bb_count(&stage, &t, &c, w + group * group_words, zeros, &counts);
            if (BB_POOLED)
                bb_merge(&c, &counts, &e);
        }
        for (uint draw = 0; draw < stage.n_draws; draw++, record += stride) {
            if (BB_POOLED)
                bb_emit_pooled(&stage, &t, &e, record, draw, group, output);
            else if (BB_HEAD)
                bb_emit_real(&stage, &t, c.kept, &counts, record, draw, group, output);
            else
                bb_emit_bits(&stage, &t, c.kept, &counts, record, draw, group, output);
        }
    }
    if (end == n_groups)
        bb_clear_tail(&stage, &t, n_groups * BB_OCTETS, output);
}
