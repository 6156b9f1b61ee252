/* SPDX-License-Identifier: MIT */
/*
 * The kernel around bb_sums() of the file before: 16 output channels (a block) in the lanes of a
 * vector, BB_PIXELS pixels at a time. At most 8 draws: their bits are kept while the window of the
 * pool is gone through, since border classes make thresholds depend on the pixel.
 *   dimension 0: tile; dimension 1: share of the blocks
 *   bank u32 [class][draw][block] {a[16], b[16]}; with both real values and bits then [block] of those
 *        that make the bits
 */
#define BB_MAX_DRAWS 8

/* Windows of the pixels for one tap of the pool, their classes, and whether they lie in the sum map. */
typedef struct bb_places {
    bb_window at[BB_PIXELS];
    uint class[BB_PIXELS];
    bool taken[BB_PIXELS];
} bb_places;

BB_INLINE void bb_places_at(const bb_stage_descriptor *stage, const bb_tile *t,
                            __global const uint *border, uint tap, bb_places *p)
{
    const int py = (int)(tap / stage->pool_w) - (int)stage->pool_top;
    const int px = (int)(tap % stage->pool_w) - (int)stage->pool_left;
    BB_EACH_PIXEL(i)
    {
        const int y = t->y[i] * (int)stage->pool_step_h + py;
        const int x = t->x[i] * (int)stage->pool_step_w + px;
        p->taken[i] = y >= 0 && x >= 0 && y < (int)stage->sum_h && x < (int)stage->sum_w;
        p->at[i] = bb_window_at(stage, p->taken[i] ? y : 0, p->taken[i] ? x : 0);
        p->class[i] = bb_class(stage, border, p->taken[i] ? y : 0, p->taken[i] ? x : 0);
    }
}

BB_INLINE __global const uint *bb_record(const bb_stage_descriptor *stage, __global const uint *bank,
                                      uint class, uint draw, uint n_blocks, uint block)
{
    return bank + (((size_t)class * stage->n_draws + draw) * n_blocks + block) * 32;
}

/* Merge the bits of one sum into those of its pooled pixel. */
BB_INLINE uint bb_merge_bits(__global const uint *record, BB_VALUE16 sum, uint before, bool first)
{
    const uint16 flags = vload16(1, record);
    const int16 reached = sum >= BB_AS_VALUE16(vload16(0, record));
    const uint bits = bb_pack16(reached ^ ((flags & BB_FLIP) != 0u));
    if (first)
        return bits;
    const uint and = bb_pack16((flags & BB_POOL_AND) != 0u);
    return ((before | bits) & ~and) | (before & bits & and);
}

BB_INLINE void bb_store_bits(const bb_stage_descriptor *stage, const bb_tile *t, uint block,
                          uint (*bits)[BB_PIXELS], __global ulong *output)
{
    for (uint draw = 0; draw < stage->n_draws; draw++)
        BB_EACH_PIXEL(i)
        {
            __global uchar *out = bb_output_pixel(stage, t, i, draw, output);
            if (out) {
                out[block * 2] = (uchar)bits[draw][i];
                out[block * 2 + 1] = (uchar)(bits[draw][i] >> 8);
            }
        }
}

BB_INLINE void bb_store_real(const bb_stage_descriptor *stage, const bb_tile *t, const bb_places *p,
                          __global const uint *bank, uint n_blocks, uint block, BB_VALUE16 *sums,
                          __global ulong *output)
{
    const uint n_classes = stage->n_row_classes * stage->n_column_classes;
    for (uint draw = 0; draw < stage->n_draws; draw++)
        BB_EACH_PIXEL(i)
        {
            __global const uint *record =
                bb_record(stage, bank, p->class[i], draw, n_blocks, block);
            __global uchar *out = bb_output_pixel(stage, t, i, draw, output);
            const float16 product = convert_float16(sums[i]) * as_float16(vload16(0, record));
            float16 y = product + as_float16(vload16(1, record));
            if (!out)
                continue;
            y = bb_finish_reals(stage, t, i, (__global float *)out, block * 16, y);
            if (stage->emit != BB_EMIT_BOTH)
                continue;
            record = bb_record(stage, bank, n_classes, 0, n_blocks, block);
            const int16 flip = (vload16(1, record) & BB_FLIP) != 0u;
            const uint bits = bb_pack16((y >= as_float16(vload16(0, record))) ^ flip);
            __global uchar *bytes = bb_bits_pixel(stage, t, i, draw, output) + block * 2;
            bytes[0] = (uchar)bits;
            bytes[1] = (uchar)(bits >> 8);
        }
}

__kernel void BB_KERNEL(BB_STAGE_CALL)
{
    const uint n_blocks = (stage.out_channels + 15) / 16;
    const uint share = (uint)get_global_id(1), n_shares = (uint)get_global_size(1);
    const uint end = (share + 1) * n_blocks / n_shares;
    if (get_global_id(0) * BB_PIXELS >= n_entries * stage.out_h * stage.out_w)
        return;
    const bb_call call = {input, list + first, n_entries, masks + first_mask, second};
    bb_tile t;
    bb_tile_at(&stage, &call, (uint)get_global_id(0) * BB_PIXELS, &t);
    const uint n_taps = stage.pool_h * stage.pool_w;
    bb_places p;
    bb_gathered g;
    bb_places_at(&stage, &t, border, 0, &p);
    bb_gather(&stage, &t, p.at, &g);
    for (uint block = share * n_blocks / n_shares; block < end; block++) {
        uint bits[BB_MAX_DRAWS][BB_PIXELS] = {{0}};
        bool seen[BB_PIXELS];
        BB_EACH_PIXEL(i) seen[i] = false;
        for (uint tap = 0; tap < n_taps; tap++) {
            if (n_taps > 1) {
                bb_places_at(&stage, &t, border, tap, &p);
                bb_gather(&stage, &t, p.at, &g);
            }
            BB_VALUE16 sums[BB_PIXELS];
            bb_sums(&stage, &t, p.at, &g, BB_WEIGHTS(weights, &stage, block), channel_scale, sums);
            if (stage.emit != BB_EMIT_BITS) {
                bb_store_real(&stage, &t, &p, bank, n_blocks, block, sums, output);
                continue;
            }
            BB_EACH_PIXEL(i)
            {
                for (uint draw = 0; p.taken[i] && draw < stage.n_draws; draw++) {
                    __global const uint *record =
                        bb_record(&stage, bank, p.class[i], draw, n_blocks, block);
                    bits[draw][i] = bb_merge_bits(record, sums[i], bits[draw][i], !seen[i]);
                }
                seen[i] = seen[i] || p.taken[i];
            }
        }
        if (stage.emit == BB_EMIT_BITS)
            bb_store_bits(&stage, &t, block, bits, output);
    }
    if (end == n_blocks)
        bb_clear_tail(&stage, &t, n_blocks * 2, output);
}
