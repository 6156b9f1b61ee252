/* SPDX-License-Identifier: MIT */
/*
 * BB_SUM_BITS in 32-bit words for GPUs: one sum per work-item, operands through local memory.
 *
 *   work-group   32 channels (dimension 0) x BB_ROWS output pixels of all entries (dimension 1)
 *   x, m         u32 [BB_ROWS][BB_WORDS] in local memory, words in order (ky, kx, word); m is the mask,
 *                all ones, or 0 for padding, which then counts 0, and n along with it
 *   w            u32 [BB_WORDS][32] in local memory, of u32 [tap][word][channel]: neighbours read
 *                neighbours
 *   bank         u32 [draw][channel] {a, b}; channels are filled up to whole output words
 *
 * The group's bits of a pixel meet in local memory and leave as one 32-bit word. Barriers stand in
 * loops that all work-items run equally often; work-items beyond the last pixel take part in them.
 */
#ifndef BB_ROWS
#define BB_ROWS 8 /* pixels of a work-group: 4 .. 32 */
#endif
#ifndef BB_WORDS
#define BB_WORDS 32 /* words of the inner dimension at a time: 8 .. 64 */
#endif
#define BB_CHANNELS 32

/* What belongs to one output pixel. */
typedef struct bb_row {
    __global const uint *entry;
    __global const uint *input;
    __global const uint *mask; /* 0: none */
    int y, x;
    bool exists;
} bb_row;

static bb_row bb_row_at(const bb_stage_descriptor *stage, __global const ulong *input,
                        __global const uint *list, uint n_entries, __global const ulong *masks,
                        uint row)
{
    const uint n_pixels = stage->out_h * stage->out_w;
    bb_row r;
    r.exists = row < n_entries * n_pixels;
    const uint at = r.exists ? row : 0;
    r.entry = list + (size_t)(at / n_pixels) * BB_ENTRY_WORDS(stage);
    r.input = (__global const uint *)bb_input_of(stage, input, r.entry);
    r.mask = (__global const uint *)bb_mask_of(stage, masks, r.entry[BB_ENTRY_MASK]);
    r.y = (int)(at % n_pixels / stage->out_w);
    r.x = (int)(at % stage->out_w);
    return r;
}

/* Word k of a window and its mask: 0 outside the map and behind the last word. */
static uint2 bb_load_word(const bb_stage_descriptor *stage, const bb_row *r, int y, int x, uint k)
{
    const uint n_words = stage->in_words * 2, tap = k / n_words, word = k % n_words;
    const int iy = y + (int)(tap / stage->kernel_w * stage->dilation_h);
    const int ix = x + (int)(tap % stage->kernel_w * stage->dilation_w);
    if (tap >= stage->kernel_h * stage->kernel_w || iy < 0 || ix < 0 || iy >= (int)stage->in_h ||
        ix >= (int)stage->in_w)
        return (uint2)(0, 0);
    const uint pixel = (uint)iy * stage->in_w + (uint)ix;
    const uint used = min(32u, max(stage->in_channels, word * 32) - word * 32);
    const uint ones = used == 32 ? ~0u : (1u << used) - 1;
    const size_t mask_at = stage->mask_per_element ? (size_t)pixel * n_words + word : word;
    return (uint2)(r->input[(size_t)pixel * n_words + word], r->mask ? r->mask[mask_at] : ones);
}

/* The sum of the work-item's channel at one place of the sum map; every work-item of the group comes. */
static int bb_tile_sum(const bb_stage_descriptor *stage, const bb_row *r, int y, int x,
                       __global const uint *weights, uint n_channels, __local uint2 *xm,
                       __local uint *w)
{
    const uint lane = (uint)get_local_id(0), row = (uint)get_local_id(1);
    const uint n_words = stage->kernel_h * stage->kernel_w * stage->in_words * 2;
    const uint channel = (uint)get_global_id(0);
    const int corner_y = y * (int)stage->step_h - (int)stage->pad_top;
    const int corner_x = x * (int)stage->step_w - (int)stage->pad_left;
    int kept = 0, differing = 0;
    for (uint base = 0; base < n_words; base += BB_WORDS) {
        for (uint k = lane; k < BB_WORDS; k += BB_CHANNELS)
            xm[row * BB_WORDS + k] = bb_load_word(stage, r, corner_y, corner_x, base + k);
        for (uint k = row; k < BB_WORDS; k += BB_ROWS)
            w[k * BB_CHANNELS + lane] =
                base + k < n_words ? weights[(size_t)(base + k) * n_channels + channel] : 0;
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint k = 0; k < BB_WORDS; k++) {
            const uint2 operand = xm[row * BB_WORDS + k];
            kept += (int)popcount(operand.y);
            differing += (int)popcount((operand.x ^ w[k * BB_CHANNELS + lane]) & operand.y);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    return kept - 2 * differing;
}

/* One word of 32 bits per pixel: every work-item leaves its bit, the first of the row gathers. */
static void bb_emit_word(const bb_stage_descriptor *stage, const bb_row *r, uint draw, uint bit,
                         __local uint *bits, __global ulong *output)
{
    const uint lane = (uint)get_local_id(0), row = (uint)get_local_id(1);
    const uint slot = r->entry[BB_ENTRY_OUTPUT + draw];
    bits[row * BB_CHANNELS + lane] = bit << lane;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (lane == 0 && r->exists && slot != BB_NONE) {
        uint word = 0;
        for (uint i = 0; i < BB_CHANNELS; i++)
            word |= bits[row * BB_CHANNELS + i];
        const size_t pixel = (uint)r->y * stage->out_w + (uint)r->x;
        __global uint *out = (__global uint *)(output + (size_t)slot * stage->out_stride);
        out[pixel * stage->out_words * 2 + get_global_id(0) / 32] = word;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

static void bb_emit_value(const bb_stage_descriptor *stage, const bb_row *r, uint draw, int sum,
                          uint2 entry, __global ulong *output)
{
    const uint slot = r->entry[BB_ENTRY_OUTPUT + draw], channel = (uint)get_global_id(0);
    if (!r->exists || slot == BB_NONE || channel >= stage->out_channels)
        return;
    const size_t n_values = (size_t)stage->out_h * stage->out_w * stage->out_channels;
    const size_t pixel = (uint)r->y * stage->out_w + (uint)r->x;
    const size_t at = pixel * stage->out_channels + channel;
    __global float *out = (__global float *)(output + (size_t)slot * stage->out_stride);
    const float product = (float)sum * as_float(entry.x);
    out[at] = product + as_float(entry.y);
    if (at == n_values - 1 && n_values % 2)
        out[n_values] = 0.0f;
}

__kernel __attribute__((reqd_work_group_size(BB_CHANNELS, BB_ROWS, 1))) void
BB_KERNEL(BB_STAGE_CALL)
{
    __local uint2 xm[BB_ROWS * BB_WORDS];
    __local uint w[BB_WORDS * BB_CHANNELS];
    __local uint bits[BB_ROWS * BB_CHANNELS];
    if (n_entries == 0)
        return;
    const uint channel = (uint)get_global_id(0), n_channels = (uint)get_global_size(0);
    const bb_row r = bb_row_at(&stage, input, list + first, n_entries, masks + first_mask,
                               (uint)get_global_id(1));
    int high = INT_MIN, low = INT_MAX;
    for (uint tap = 0; tap < stage.pool_h * stage.pool_w; tap++) {
        const int y =
            r.y * (int)stage.pool_step_h + (int)(tap / stage.pool_w) - (int)stage.pool_top;
        const int x =
            r.x * (int)stage.pool_step_w + (int)(tap % stage.pool_w) - (int)stage.pool_left;
        const int sum =
            bb_tile_sum(&stage, &r, y, x, (__global const uint *)weights, n_channels, xm, w);
        if (y >= 0 && x >= 0 && y < (int)stage.sum_h && x < (int)stage.sum_w) {
            high = max(high, sum);
            low = min(low, sum);
        }
    }
    for (uint draw = 0; draw < stage.n_draws; draw++) {
        const uint2 entry = vload2((size_t)draw * n_channels + channel, bank);
        const bool flip = entry.y & BB_FLIP, and = entry.y & BB_POOL_AND;
        /* OR of s >= t is max >= t, OR of its flip is the flip of min >= t; AND the reverse */
        const int sum = flip != and ? low : high;
        if (stage.emit == BB_EMIT_BITS)
            bb_emit_word(&stage, &r, draw, (uint)((sum >= as_int(entry.x)) != flip), bits, output);
        else
            bb_emit_value(&stage, &r, draw, high, entry, output);
    }
}
