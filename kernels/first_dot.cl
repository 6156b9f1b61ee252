/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_BYTES and, with BB_SCALED, BB_SUM_BYTES_SCALED by dot products of four bytes at a time (a
 * quad) for 32 output channels (a group).
 *
 * A work-item copies what the windows of its tile cover: per run of neighbouring pixels kernel_h rows
 * of bytes, padding as 0. Then each quad of a window is one 32-bit word of a row, whatever the border:
 *
 *   row   |x x x x x x x x x x x x|   a plane of the input: all channels of a pixel side by side or,
 *   quads  0 . . .|1 . . .|2 . .      scaled, one channel; weights of what is no tap are 0
 *   w     i8 [group][plane][ky][quad][32][4]
 *   bank  u32 [class][draw][group] {a[32], b[32]}; with bits b is {flip, smallest}, bit: channel; with
 *         both real values and bits then [group] of those that make the bits
 *
 * Taps of a pool go one by one; bits are kept, since border classes make thresholds depend on the
 * pixel.
 *   dimension 0: tile of BB_PIXELS pixels; dimension 1: share of the groups
 */
#ifndef BB_ROW_BYTES
#define BB_ROW_BYTES 16384 /* room for copied rows */
#define BB_QUADS 512       /* of a window */
#endif
#define BB_STRIP 4 /* pixels whose sums are in registers: divides BB_PIXELS */
#define BB_SPAN 4  /* groups between stores */
#define BB_DRAWS 8 /* whose bits are kept while the taps of a pool go by */
#define BB_EACH_OF_STRIP(i) _Pragma("unroll") for (int i = 0; i < BB_STRIP; i++)

#ifdef BB_SCALED
typedef float16 bb_value16;
#define BB_NOT_LESS32 bb_not_less32_float
#else
typedef int16 bb_value16;
#define BB_NOT_LESS32 bb_not_less32_int
#endif

/* What the windows of a tile cover, for one tap of the pool. */
typedef struct bb_gathered {
    uchar bytes[BB_ROW_BYTES];
    uint quad[BB_QUADS];  /* from the first byte of a window on, in the order of the weights */
    uint base[BB_PIXELS]; /* first byte of the window */
    uint class[BB_PIXELS];
    bool taken[BB_PIXELS], seen[BB_PIXELS]; /* lies in the sum map; an earlier tap did */
    uint bits[BB_DRAWS][BB_PIXELS][BB_SPAN];
} bb_gathered;

/* Of the copied rows. */
typedef struct bb_rows {
    uint planes, pixel_bytes; /* of a plane */
    uint step;                /* pixels between neighbouring windows */
    uint pitch, quads;        /* bytes of a row; quads of a window in a row */
} bb_rows;

BB_INLINE void bb_rows_of(const bb_stage_descriptor *stage, bb_rows *r, uint *quad)
{
#ifdef BB_SCALED
    r->planes = stage->in_channels;
    r->pixel_bytes = 1;
#else
    r->planes = 1;
    r->pixel_bytes = stage->in_channels;
#endif
    r->step = stage->step_w * stage->pool_step_w;
    r->quads = (((stage->kernel_w - 1) * stage->dilation_w + 1) * r->pixel_bytes + 3) / 4;
    const uint last = (min(stage->out_w, (uint)BB_PIXELS) - 1) * r->step * r->pixel_bytes;
    r->pitch = (last + r->quads * 4 + 15) & ~15u;
    for (uint row = 0; row < r->planes * stage->kernel_h; row++)
        for (uint k = 0; k < r->quads; k++)
            quad[row * r->quads + k] = row * r->pitch + k * 4;
}

/* n bytes, `apart` each from the next. */
BB_INLINE void bb_copy_bytes(__global const uchar *from, uint apart, uint n, uchar *to)
{
    uint i = 0;
    if (apart == 1) {
        for (; i + 16 <= n; i += 16)
            vstore16(vload16(0, from + i), 0, to + i);
        for (; i + 4 <= n; i += 4)
            vstore4(vload4(0, from + i), 0, to + i);
    }
    for (; i < n; i++)
        to[i] = from[i * apart];
}

/* The rows of a run of n windows, the first one at w. */
BB_INLINE void bb_copy_run(const bb_stage_descriptor *stage, const bb_rows *r,
                           __global const uchar *input, int y, int x, uint n, uchar *to)
{
    const int columns = (int)((n - 1) * r->step + (stage->kernel_w - 1) * stage->dilation_w + 1);
    const int first = clamp(-x, 0, columns), end = clamp((int)stage->in_w - x, first, columns);
    for (uint plane = 0; plane < r->planes; plane++)
        for (uint ky = 0; ky < stage->kernel_h; ky++, to += r->pitch) {
            const int row = y + (int)(ky * stage->dilation_h);
            for (uint i = 0; i < r->pitch; i += 16)
                vstore16((uchar16)(0), 0, to + i);
            if (row >= 0 && row < (int)stage->in_h)
                bb_copy_bytes(input + ((size_t)row * stage->in_w + (uint)(x + first)) *
                                          stage->in_channels + plane,
                              stage->in_channels / r->pixel_bytes,
                              (uint)(end - first) * r->pixel_bytes,
                              to + (uint)first * r->pixel_bytes);
        }
}

BB_INLINE void bb_gather(const bb_stage_descriptor *stage, const bb_tile *t, const bb_rows *r,
                         __global const uint *border, uint tap, bb_gathered *g)
{
    const int py = (int)(tap / stage->pool_w) - (int)stage->pool_top;
    const int px = (int)(tap % stage->pool_w) - (int)stage->pool_left;
    uint end = 0;
    for (int i = 0, n; i < BB_PIXELS; i += n) {
        for (n = 1; i + n < BB_PIXELS && t->entry[i + n] == t->entry[i] && t->y[i + n] == t->y[i];)
            n++;
        const int y = t->y[i] * (int)stage->pool_step_h + py;
        const int x = t->x[i] * (int)stage->pool_step_w + px;
        const uint length = (uint)(t->x[i + n - 1] - t->x[i]) + 1;
        bb_copy_run(stage, r, (__global const uchar *)t->input[i],
                    y * (int)stage->step_h - (int)stage->pad_top,
                    x * (int)stage->step_w - (int)stage->pad_left, length, g->bytes + end);
        for (int k = i; k < i + n; k++) {
            const uint right = (uint)(t->x[k] - t->x[i]);
            const int at = x + (int)(right * stage->pool_step_w);
            const bool taken = y >= 0 && at >= 0 && y < (int)stage->sum_h && at < (int)stage->sum_w;
            g->base[k] = end + right * r->step * r->pixel_bytes;
            g->seen[k] = tap > 0 && (g->seen[k] || g->taken[k]);
            g->class[k] = taken ? bb_class(stage, border, y, at) : 0;
            g->taken[k] = taken;
        }
        end += r->planes * stage->kernel_h * r->pitch;
    }
}

/* Sums of the pixels of a strip from n quads on; weights of quad k: w[2 * k] and the next. */
BB_INLINE void bb_dot_quads(const bb_gathered *g, uint strip, uint from, uint n,
                            __global const int16 *w, int16 (*out)[2])
{
    int16 sums[BB_STRIP][2];
    const uchar *x[BB_STRIP];
    BB_EACH_OF_STRIP(i)
    {
        sums[i][0] = sums[i][1] = (int16)(0);
        x[i] = g->bytes + g->base[strip + i];
    }
    for (uint k = from; k < from + n; k++) {
        const int16 low = w[k * 2], high = w[k * 2 + 1];
        BB_EACH_OF_STRIP(i)
        {
            const uint bytes = as_uint(vload4(0, x[i] + g->quad[k]));
            sums[i][0] = bb_dot16(sums[i][0], bytes, low);
            sums[i][1] = bb_dot16(sums[i][1], bytes, high);
        }
    }
    BB_EACH_OF_STRIP(i)
    {
        out[i][0] = sums[i][0];
        out[i][1] = sums[i][1];
    }
}

/* Sums of the j-th group of a span. */
BB_INLINE void bb_sums(const bb_stage_descriptor *stage, const bb_rows *r, const bb_gathered *g,
                       uint strip, __global const int16 *w, __global const float *channel_scale,
                       uint j, bb_value16 (*out)[BB_SPAN][2])
{
    const uint n = stage->kernel_h * r->quads;
    int16 channel[BB_STRIP][2];
#ifdef BB_SCALED
    float16 sums[BB_STRIP][2];
    BB_EACH_OF_STRIP(i) sums[i][0] = sums[i][1] = (float16)(0.0f);
    for (uint c = 0; c < stage->in_channels; c++) {
        bb_dot_quads(g, strip, c * n, n, w, channel);
        BB_EACH_OF_STRIP(i)
        {
            const float16 low = convert_float16(channel[i][0]) * channel_scale[c];
            const float16 high = convert_float16(channel[i][1]) * channel_scale[c];
            sums[i][0] = sums[i][0] + low;
            sums[i][1] = sums[i][1] + high;
        }
    }
    BB_EACH_OF_STRIP(i) out[i][j][0] = sums[i][0];
    BB_EACH_OF_STRIP(i) out[i][j][1] = sums[i][1];
#else
    bb_dot_quads(g, strip, 0, n, w, channel);
    BB_EACH_OF_STRIP(i) out[i][j][0] = channel[i][0];
    BB_EACH_OF_STRIP(i) out[i][j][1] = channel[i][1];
#endif
}

BB_INLINE uint bb_bits(__global const uint *record, const bb_value16 *sums)
{
    return BB_NOT_LESS32(sums[0], sums[1], record) ^ record[32];
}

/* Bits of n groups of a pixel for one draw, merged into those of the taps before. */
BB_INLINE void bb_merge_bits(__global const uint *record, const bool seen, uint n,
                             const bb_value16 (*sums)[2], uint *bits)
{
    for (uint j = 0; j < n; j++, record += 64) {
        const uint and = record[32] ^ record[33], more = bb_bits(record, sums[j]);
        bits[j] = seen ? ((bits[j] | more) & ~and) | (bits[j] & more & and) : more;
    }
}

/* second: the records that make the bits beside real values; bits: of the pixel, or 0. */
BB_INLINE void bb_store_real(const bb_stage_descriptor *stage, const bb_tile *t, int pixel,
                             __global const float *record, __global const uint *second, uint group,
                             uint n, const bb_value16 (*sums)[2], __global float *out,
                             __global uint *bits)
{
    for (uint j = 0; j < n; j++, record += 64, second += 64) {
        uint both = 0;
        for (uint part = 0; part < 2; part++) {
            __global const float *affine = record + part * 16;
            const float16 product = convert_float16(sums[j][part]) * vload16(0, affine);
            const float16 y = bb_finish_reals(stage, t, pixel, out, (group + j) * 32 + part * 16,
                                              product + vload16(2, affine));
            if (bits)
                both |= bb_pack16(y >= as_float16(vload16(part, second))) << part * 16;
        }
        if (bits)
            bits[group + j] = both ^ second[32];
    }
}

/* n groups of a strip for some draws; bits are stored behind the last tap. */
BB_INLINE void bb_emit(const bb_stage_descriptor *stage, const bb_tile *t, bb_gathered *g,
                       uint strip, bool last, uint first_draw, __global const uint *bank,
                       uint n_groups, uint group, uint n, const bb_value16 (*sums)[BB_SPAN][2],
                       __global ulong *output)
{
    const uint n_draws = min(stage->n_draws - first_draw, (uint)BB_DRAWS);
    const uint n_rows = stage->n_row_classes * stage->n_column_classes * stage->n_draws;
    for (uint draw = 0; draw < n_draws; draw++)
        for (int i = 0; i < BB_STRIP; i++) {
            const int pixel = (int)strip + i;
            const size_t row = (size_t)g->class[pixel] * stage->n_draws + first_draw + draw;
            __global const uint *record = bank + (row * n_groups + group) * 64;
            __global uchar *out = bb_output_pixel(stage, t, pixel, first_draw + draw, output);
            if (!out)
                continue;
            if (stage->emit != BB_EMIT_BITS) {
                __global uchar *beside = bb_bits_pixel(stage, t, pixel, first_draw + draw, output);
                bb_store_real(stage, t, pixel, (__global const float *)record,
                              bank + ((size_t)n_rows * n_groups + group) * 64, group, n, sums[i],
                              (__global float *)out,
                              stage->emit == BB_EMIT_BOTH ? (__global uint *)beside : 0);
                continue;
            }
            if (stage->pool_h * stage->pool_w == 1) {
                for (uint j = 0; j < n; j++, record += 64)
                    ((__global uint *)out)[group + j] = bb_bits(record, sums[i][j]);
                continue;
            }
            uint *bits = g->bits[draw][pixel];
            if (g->taken[pixel] && g->seen[pixel])
                bb_merge_bits(record, true, n, sums[i], bits);
            else if (g->taken[pixel])
                bb_merge_bits(record, false, n, sums[i], bits);
            for (uint j = 0; j < n && last; j++)
                ((__global uint *)out)[group + j] = bits[j];
        }
}

__kernel void BB_KERNEL(BB_STAGE_CALL)
{
    const uint n_groups = (stage.out_channels + 31) / 32;
    const uint share = (uint)get_global_id(1), n_shares = (uint)get_global_size(1);
    const uint end = (share + 1) * n_groups / n_shares;
    if (get_global_id(0) * BB_PIXELS >= n_entries * stage.out_h * stage.out_w)
        return;
    const bb_call call = {input, list + first, n_entries, masks + first_mask, second};
    bb_tile t;
    bb_tile_at(&stage, &call, (uint)get_global_id(0) * BB_PIXELS, &t);
    bb_rows r;
    bb_gathered g;
    bb_rows_of(&stage, &r, g.quad);
    const uint n_taps = stage.pool_h * stage.pool_w;
    const uint passes = (stage.n_draws + BB_DRAWS - 1) / BB_DRAWS * n_taps;
    const size_t group_vectors = (size_t)r.planes * stage.kernel_h * r.quads * 2;
    if (n_taps == 1)
        bb_gather(&stage, &t, &r, border, 0, &g);
    for (uint group = share * n_groups / n_shares, n; group < end; group += n) {
        n = min(end - group, (uint)BB_SPAN);
        __global const int16 *w = (__global const int16 *)weights + group * group_vectors;
        for (uint pass = 0; pass < passes; pass++) {
            const uint tap = pass % n_taps;
            if (n_taps > 1)
                bb_gather(&stage, &t, &r, border, tap, &g);
            for (uint strip = 0; strip < BB_PIXELS; strip += BB_STRIP) {
                bb_value16 sums[BB_STRIP][BB_SPAN][2];
                for (uint j = 0; j < n; j++)
                    bb_sums(&stage, &r, &g, strip, w + j * group_vectors, channel_scale, j, sums);
                bb_emit(&stage, &t, &g, strip, tap + 1 == n_taps, pass / n_taps * BB_DRAWS, bank,
                        n_groups, group, n, sums, output);
            }
        }
    }
    if (end == n_groups)
        bb_clear_tail(&stage, &t, n_groups * 4, output);
}
