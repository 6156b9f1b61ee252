/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_BITS with eight output channels (an octet) in the lanes of a vector, made for CPUs.
 *
 * A work-item owns a tile of BB_PIXELS output pixels, counted through all entries of the list, and
 * goes through its share of the channels BB_OCTETS octets at a time. Per word of the window it loads
 * BB_OCTETS weight vectors once and BB_PIXELS activation words, each broadcast into the XOR:
 *
 *            octet 0   octet 1            weights    u64 [octet][tap][word][8]
 *   pixel 0  sum       sum                           then a pixel of zeros
 *   pixel 1  sum       sum                bank       u32 [draw][octet] {a[8], b[8]}
 *
 * Rows of the kernel that are valid for all pixels of a tile take the fast loop, rows that are padding
 * for all are skipped, the others and masked entries AND a mask behind the XOR: per tap all ones or,
 * for padding, zeros, which then counts 0, and n along with it.
 * A pooled pixel keeps the largest and the smallest sum of its window: the bit is monotone in the sum.
 *
 *   dimension 0: tile; dimension 1: share of the channel groups
 */
#ifndef BB_OCTETS
#define BB_OCTETS 4 /* channel octets of a tile: 1, 2, 4 or 8 */
#endif

#define BB_EACH_OCTET(j) _Pragma("unroll") for (int j = 0; j < BB_OCTETS; j++)

/* Windows of the pixels, for one tap of the pool. Bit k of rows and columns: tap k is valid. */
typedef struct bb_corners {
    __global const ulong *at[BB_PIXELS]; /* first word of the corner, even if it is padding */
    int y[BB_PIXELS], x[BB_PIXELS];
    ulong rows[BB_PIXELS], columns[BB_PIXELS];
    bool taken[BB_PIXELS]; /* inside the sum map */
} bb_corners;

typedef struct bb_counts {
    ulong8 differing[BB_PIXELS][BB_OCTETS];
    int kept[BB_PIXELS];
} bb_counts;

typedef struct bb_extremes {
    long8 high[BB_PIXELS][BB_OCTETS], low[BB_PIXELS][BB_OCTETS];
} bb_extremes;

static ulong bb_ones(int n)
{
    return n >= 64 ? ~0ul : n <= 0 ? 0ul : (1ul << n) - 1;
}

static bb_corners bb_corners_at(const bb_stage_descriptor *stage, const bb_tile *t, uint tap)
{
    const int py = (int)(tap / stage->pool_w) - (int)stage->pool_top;
    const int px = (int)(tap % stage->pool_w) - (int)stage->pool_left;
    bb_corners c;
    BB_EACH_PIXEL(i)
    {
        const int y = t->y[i] * (int)stage->pool_step_h + py;
        const int x = t->x[i] * (int)stage->pool_step_w + px;
        c.taken[i] = y >= 0 && x >= 0 && y < (int)stage->sum_h && x < (int)stage->sum_w;
        const int cy = (c.taken[i] ? y : 0) * (int)stage->step_h - (int)stage->pad_top;
        const int cx = (c.taken[i] ? x : 0) * (int)stage->step_w - (int)stage->pad_left;
        const int ey = min((int)stage->kernel_h, (int)stage->in_h - cy);
        const int ex = min((int)stage->kernel_w, (int)stage->in_w - cx);
        c.rows[i] = bb_ones(ey) & ~bb_ones(-cy);
        c.columns[i] = bb_ones(ex) & ~bb_ones(-cx);
        c.y[i] = cy;
        c.x[i] = cx;
        c.at[i] = t->input[i] + (long)(cy * (int)stage->in_w + cx) * stage->in_words;
    }
    return c;
}

/* A row of the kernel that is valid everywhere: one run of words, in the weights and in every pixel. */
static void bb_count_row(const bb_stage_descriptor *stage, const bb_corners *c, uint ky,
                         __global const ulong8 *w, size_t octet_stride, bb_counts *out)
{
    const size_t run = stage->kernel_w * stage->in_words;
    __global const ulong *a[BB_PIXELS];
    BB_EACH_PIXEL(i)
    {
        a[i] = c->at[i] + (size_t)ky * stage->in_w * stage->in_words;
        out->kept[i] += (int)(stage->kernel_w * stage->in_channels);
    }
    for (size_t k = 0; k < run; k++) {
        ulong8 v[BB_OCTETS];
        BB_EACH_OCTET(j) v[j] = w[j * octet_stride + k];
        BB_EACH_PIXEL(i) BB_EACH_OCTET(j) out->differing[i][j] += bb_differ8(v[j], a[i] + k);
    }
}

/* A row with padding; valid[i]: bit kx. Padded taps read any word, behind a mask of zeros. */
static void bb_count_border(const bb_stage_descriptor *stage, const bb_tile *t, const bb_corners *c,
                            uint ky, const ulong *valid, __global const ulong8 *w,
                            size_t octet_stride, bb_counts *out)
{
    const long row = (long)ky * stage->in_w * stage->in_words;
    for (uint kx = 0; kx < stage->kernel_w; kx++, w += stage->in_words) {
        __global const ulong *a[BB_PIXELS];
        ulong8 keep[BB_PIXELS];
        BB_EACH_PIXEL(i)
        {
            const bool good = (valid[i] >> kx) & 1;
            a[i] = good ? c->at[i] + row + kx * stage->in_words : t->input[i];
            keep[i] = (ulong8)(good ? ~0ul : 0ul);
            out->kept[i] += good ? (int)stage->in_channels : 0;
        }
        for (size_t k = 0; k < stage->in_words; k++) {
            ulong8 v[BB_OCTETS];
            BB_EACH_OCTET(j) v[j] = w[j * octet_stride + k];
            BB_EACH_PIXEL(i) BB_EACH_OCTET(j)
                out->differing[i][j] += bb_differ8_masked(v[j], a[i] + k, keep[i]);
        }
    }
}

/* A row under masks: of the entry, or zeros for padding. */
static void bb_count_masked(const bb_stage_descriptor *stage, const bb_tile *t, const bb_corners *c,
                            uint ky, const ulong *valid, __global const ulong8 *w,
                            size_t octet_stride, __global const ulong *ones, bb_counts *out)
{
    for (uint kx = 0; kx < stage->kernel_w; kx++, w += stage->in_words) {
        __global const ulong *a[BB_PIXELS], *m[BB_PIXELS];
        BB_EACH_PIXEL(i)
        {
            const bool good = (valid[i] >> kx) & 1;
            const uint pixel = good ? ((uint)c->y[i] + ky) * stage->in_w + (uint)c->x[i] + kx : 0;
            a[i] = t->input[i] + (size_t)pixel * stage->in_words;
            m[i] = t->mask[i] ? bb_mask_at(stage, t->mask[i], pixel) : ones;
            m[i] = good ? m[i] : ones + stage->in_words;
        }
        for (size_t k = 0; k < stage->in_words; k++) {
            ulong8 v[BB_OCTETS];
            BB_EACH_OCTET(j) v[j] = w[j * octet_stride + k];
            BB_EACH_PIXEL(i)
            {
                const ulong8 keep = (ulong8)(m[i][k]);
                out->kept[i] += (int)popcount(m[i][k]);
                BB_EACH_OCTET(j) out->differing[i][j] += bb_differ8_masked(v[j], a[i] + k, keep);
            }
        }
    }
}

static bb_counts bb_count(const bb_stage_descriptor *stage, const bb_tile *t, const bb_corners *c,
                          __global const ulong8 *w, size_t octet_stride, __global const ulong *ones)
{
    const ulong full = bb_ones((int)stage->kernel_w);
    bb_counts counts;
    BB_EACH_PIXEL(i) counts.kept[i] = 0;
    BB_EACH_PIXEL(i) BB_EACH_OCTET(j) counts.differing[i][j] = (ulong8)(0);
    for (uint ky = 0; ky < stage->kernel_h; ky++, w += stage->kernel_w * stage->in_words) {
        ulong valid[BB_PIXELS], all = full, any = 0;
        BB_EACH_PIXEL(i)
        {
            valid[i] = (c->rows[i] >> ky) & 1 ? c->columns[i] : 0ul;
            all &= valid[i];
            any |= valid[i];
        }
        if (any == 0)
            continue;
        if (t->masked)
            bb_count_masked(stage, t, c, ky, valid, w, octet_stride, ones, &counts);
        else if (all == full)
            bb_count_row(stage, c, ky, w, octet_stride, &counts);
        else
            bb_count_border(stage, t, c, ky, valid, w, octet_stride, &counts);
    }
    return counts;
}

/* Sums of one tap of the pool, merged into the extremes of the window. */
static void bb_merge(const bb_corners *c, const bb_counts *counts, bb_extremes *e)
{
    BB_EACH_PIXEL(i) BB_EACH_OCTET(j)
    {
        const long8 sum = (long8)(counts->kept[i]) - (as_long8(counts->differing[i][j]) << 1);
        if (c->taken[i]) {
            e->high[i][j] = max(e->high[i][j], sum);
            e->low[i][j] = min(e->low[i][j], sum);
        }
    }
}

static void bb_emit_bits(const bb_stage_descriptor *stage, const bb_tile *t, const bb_extremes *e,
                         __global const uint *record, uint draw, uint octet, __global ulong *output)
{
    BB_EACH_OCTET(j)
    {
        const long8 threshold = convert_long8(as_int8(vload8(2 * j, record)));
        const uint8 flags = vload8(2 * j + 1, record);
        /* OR of s >= t is max >= t, OR of its flip is the flip of min >= t; AND the reverse */
        const long8 smallest = convert_long8(((flags ^ (flags >> 1)) & 1u) != 0u);
        const uint flipped = bb_not_less8(convert_long8(flags & BB_FLIP), (long8)(1));
        BB_EACH_PIXEL(i)
        {
            __global uchar *out = bb_output_pixel(stage, t, i, draw, output);
            const long8 sum = (e->high[i][j] & ~smallest) | (e->low[i][j] & smallest);
            if (out)
                out[octet + j] = (uchar)(bb_not_less8(sum, threshold) ^ flipped);
        }
    }
}

static void bb_emit_real(const bb_stage_descriptor *stage, const bb_tile *t, const bb_extremes *e,
                         __global const uint *record, uint draw, uint octet, __global ulong *output)
{
    BB_EACH_OCTET(j)
    {
        const float8 gain = as_float8(vload8(2 * j, record));
        const float8 offset = as_float8(vload8(2 * j + 1, record));
        BB_EACH_PIXEL(i)
        {
            __global uchar *out = bb_output_pixel(stage, t, i, draw, output);
            const float8 product = convert_float8(e->high[i][j]) * gain;
            const float8 y = product + offset;
            float values[8];
            vstore8(y, 0, values);
            if (out)
                bb_store_reals(stage, t, i, (__global float *)out, (octet + j) * 8, 8, values);
        }
    }
}

__kernel void BB_KERNEL(BB_STAGE_CALL)
{
    const size_t octet_stride = stage.kernel_h * stage.kernel_w * stage.in_words;
    const uint n_groups = (stage.out_channels + 8 * BB_OCTETS - 1) / (8 * BB_OCTETS);
    const uint n_octets = n_groups * BB_OCTETS;
    const uint share = (uint)get_global_id(1), n_shares = (uint)get_global_size(1);
    const uint end = (share + 1) * n_groups / n_shares;
    __global const ulong8 *w = (__global const ulong8 *)weights;
    __global const ulong *ones = weights + (size_t)n_octets * octet_stride * 8;
    if (get_global_id(0) * BB_PIXELS >= n_entries * stage.out_h * stage.out_w)
        return;
    const bb_tile t = bb_tile_at(&stage, input, list + first, n_entries, masks + first_mask,
                                 (uint)get_global_id(0));
    const uint n_pool_taps = stage.pool_h * stage.pool_w;
    bb_corners c = bb_corners_at(&stage, &t, 0);
    for (uint group = share * n_groups / n_shares; group < end; group++) {
        const uint octet = group * BB_OCTETS;
        bb_extremes e;
        BB_EACH_PIXEL(i) BB_EACH_OCTET(j) e.high[i][j] = (long8)(LONG_MIN);
        BB_EACH_PIXEL(i) BB_EACH_OCTET(j) e.low[i][j] = (long8)(LONG_MAX);
        for (uint tap = 0; tap < n_pool_taps; tap++) {
            if (n_pool_taps != 1)
                c = bb_corners_at(&stage, &t, tap);
            const bb_counts counts =
                bb_count(&stage, &t, &c, w + octet * octet_stride, octet_stride, ones);
            bb_merge(&c, &counts, &e);
        }
        for (uint draw = 0; draw < stage.n_draws; draw++) {
            __global const uint *record = bank + ((size_t)draw * n_octets + octet) * 16;
            if (stage.emit == BB_EMIT_BITS)
                bb_emit_bits(&stage, &t, &e, record, draw, octet, output);
            else
                bb_emit_real(&stage, &t, &e, record, draw, octet, output);
        }
    }
    if (end == n_groups)
        bb_clear_tail(&stage, &t, n_octets, output);
}
