/* SPDX-License-Identifier: MIT */
/*
 * Boards: one work-item, one circuit for every stage of BB_SUM_BITS and BB_SUM_BYTES. BB_PE output
 * channels times BB_SIMD words of 64 bits a step; 64 channels (a group) share one stay of their
 * weights on the chip. What is on the chip is filled by loops of its own, with wide loads of
 * neighbouring words; then one flat loop walks all sums of an entry:
 *   group, block of draws, entry | output pixel, pool tap, kernel tap, chunk, plane, fold
 *   chunk  BB_SIMD words of a pixel, the last one filled up with mask 0
 *   plane  bytes are 8 masks over ones, worth 1, 2, ... 128; bits have one plane
 *   fold   the group in BB_FOLDS steps, while the operands of the step stay the same
 * A stage of bytes becomes a 1x1 convolution over its windows, made of 64-bit words while loading.
 *
 *   weights u64 [group][tap][word][64]; bytes: bits [group][word][64] of all taps in a row
 *   bank    [group] of [class][draw][64] {a, b}, with BB_EMIT_BOTH then [64] {threshold, flip}
 */
#if !defined(BB_PE) || !defined(BB_SIMD) || !defined(BB_DRAWS) || !defined(BB_WINDOW) ||          \
    !defined(BB_INPUT) || !defined(BB_MASKS) || !defined(BB_CLASSES)
#error "BB_PE, BB_SIMD, ... are missing: kernels/variants.inc or fpga/opencl/single.sh gives them"
#elif BB_PE < 1 || 64 % BB_PE || BB_SIMD < 1 || BB_WINDOW % BB_SIMD || BB_INPUT % BB_SIMD ||       \
    BB_MASKS % BB_SIMD || BB_DRAWS < 1 || BB_CLASSES < 1
#error "BB_PE must divide 64, and BB_SIMD must divide BB_WINDOW, BB_INPUT and BB_MASKS"
#endif

#if defined(INTELFPGA_CL) /* aoc */
#define BB_SINGLE __attribute__((max_global_work_dim(0))) __attribute__((uses_global_work_offset(0)))
#define BB_PIPELINE _Pragma("ii 1")
#define BB_UNROLL _Pragma("unroll")
#define BB_APART(dimension)
#elif defined(__xilinx__) /* v++ */
#define BB_SINGLE __attribute__((reqd_work_group_size(1, 1, 1)))
#define BB_PIPELINE __attribute__((xcl_pipeline_loop(1)))
#define BB_UNROLL __attribute__((opencl_unroll_hint))
#define BB_APART(dimension) __attribute__((xcl_array_partition(complete, dimension)))
#else
#define BB_SINGLE __attribute__((reqd_work_group_size(1, 1, 1)))
#define BB_PIPELINE
#define BB_UNROLL _Pragma("unroll")
#define BB_APART(dimension)
#endif

enum {
    BB_GROUP = 64,
    BB_FOLDS = BB_GROUP / BB_PE,
    BB_WIDE = BB_PE < 8 ? BB_PE : 8, /* channels a load */
    BB_PLANES = 8
};

/* A stage as the walk sees it. */
typedef struct bb_geometry {
    int in_h, in_w, kernel_h, kernel_w, step_h, step_w, dilation_h, dilation_w, pad_top, pad_left;
    uint words, chunks, planes; /* of a pixel */
    bool mask_per_element;
} bb_geometry;

static bb_geometry bb_geometry_of(const bb_stage_descriptor *stage)
{
    const bool bytes = stage->sum == BB_SUM_BYTES;
    bb_geometry g;
    g.in_h = (int)(bytes ? stage->sum_h : stage->in_h);
    g.in_w = (int)(bytes ? stage->sum_w : stage->in_w);
    g.kernel_h = bytes ? 1 : (int)stage->kernel_h;
    g.kernel_w = bytes ? 1 : (int)stage->kernel_w;
    g.step_h = bytes ? 1 : (int)stage->step_h;
    g.step_w = bytes ? 1 : (int)stage->step_w;
    g.dilation_h = (int)stage->dilation_h;
    g.dilation_w = (int)stage->dilation_w;
    g.pad_top = bytes ? 0 : (int)stage->pad_top;
    g.pad_left = bytes ? 0 : (int)stage->pad_left;
    g.words = bytes ? (stage->kernel_h * stage->kernel_w * stage->in_channels + 63) / 64
                    : stage->in_words;
    g.chunks = (g.words + BB_SIMD - 1) / BB_SIMD;
    g.planes = bytes ? BB_PLANES : 1;
    g.mask_per_element = stage->masked && stage->mask_per_element;
    return g;
}

/* ---- what is on the chip ------------------------------------------------------------------- */

/* One group's weights: [tap and chunk][fold] of BB_PE times BB_SIMD words. */
static void bb_load_weights(const bb_geometry *g, __global const ulong *restrict from,
                            ulong (*chip)[BB_PE][BB_SIMD])
{
    const uint n_taps = (uint)(g->kernel_h * g->kernel_w);
    const uint n = n_taps * g->chunks * BB_SIMD * (BB_GROUP / BB_WIDE);
    uint channel = 0, word = 0, beat = 0, at = 0; /* beat: of the tap's first chunk */
    BB_PIPELINE
    for (uint i = 0; i < n; i++) {
        const uint row = (beat + word / BB_SIMD) * BB_FOLDS + channel / BB_PE;
        const bool real = word < g->words;
        BB_UNROLL
        for (uint lane = 0; lane < BB_WIDE; lane++)
            chip[row][channel % BB_PE + lane][word % BB_SIMD] = real ? from[at + lane] : 0;
        at += real ? BB_WIDE : 0;
        channel += BB_WIDE;
        if (channel == BB_GROUP) {
            channel = 0;
            word++;
        }
        if (word == g->chunks * BB_SIMD) {
            word = 0;
            beat += g->chunks;
        }
    }
}

/* One group's thresholds or affines of draws [first, first + BB_DRAWS): [class][fold]; zeros for
 * draws that the stage does not have. */
static void bb_load_bank(const bb_stage_descriptor *stage, __global const uint *restrict from,
                         uint n_classes, uint first, uint2 (*chip)[BB_DRAWS][BB_PE])
{
    const uint n_draws = min((uint)BB_DRAWS, stage->n_draws - first);
    for (uint class = 0; class < n_classes; class++) {
        __global const uint *rows = from + (size_t)(class * stage->n_draws + first) * BB_GROUP * 2;
        BB_PIPELINE
        for (uint i = 0; i < BB_DRAWS * BB_GROUP; i += BB_WIDE) {
            const uint channel = i % BB_GROUP;
            const bool real = i < n_draws * BB_GROUP;
            BB_UNROLL
            for (uint lane = 0; lane < BB_WIDE; lane++)
                chip[class * BB_FOLDS + channel / BB_PE][i / BB_GROUP][channel % BB_PE + lane] =
                    real ? (uint2)(rows[2 * (i + lane)], rows[2 * (i + lane) + 1]) : (uint2)(0, 0);
        }
    }
}

/* One group's thresholds behind the real values. */
static void bb_load_second(__global const uint *restrict from, uint2 *chip)
{
    BB_PIPELINE
    for (uint channel = 0; channel < BB_GROUP; channel++)
        chip[channel] = (uint2)(from[2 * channel], from[2 * channel + 1]);
}

static void bb_load_classes(const bb_stage_descriptor *stage, __global const uint *restrict border,
                            uchar *rows, uchar *columns)
{
    BB_PIPELINE
    for (uint y = 0; y < stage->sum_h; y++)
        rows[y] = (uchar)border[y];
    BB_PIPELINE
    for (uint x = 0; x < stage->sum_w; x++)
        columns[x] = (uchar)border[stage->sum_h + x];
}

/* Pixels of words, each padded to whole chunks. The wide loads stay within the n_words; the few
 * chunks behind them are read word by word. */
static void bb_load_map(uint n_pixels, uint words, uint chunks, __global const ulong *restrict from,
                        ulong (*chip)[BB_SIMD])
{
    const uint n = n_pixels * chunks, n_words = n_pixels * words;
    uint beat = 0, row = 0, k = 0; /* row: first word of the pixel */
    BB_PIPELINE
    for (; beat < n && row + k + BB_SIMD <= n_words; beat++) {
        BB_UNROLL
        for (uint s = 0; s < BB_SIMD; s++) {
            const ulong word = from[row + k + s];
            chip[beat][s] = k + s < words ? word : 0;
        }
        k += BB_SIMD;
        if (k >= words) {
            k = 0;
            row += words;
        }
    }
    for (; beat < n; beat++) {
        for (uint s = 0; s < BB_SIMD; s++)
            chip[beat][s] = k + s < words ? from[row + k + s] : 0;
        k += BB_SIMD;
        if (k >= words) {
            k = 0;
            row += words;
        }
    }
}

/* What an entry without a mask keeps: all channels. */
static void bb_keep_all(uint n_rows, uint chunks, uint channels, ulong (*chip)[BB_SIMD])
{
    uint k = 0;
    BB_PIPELINE
    for (uint beat = 0; beat < n_rows * chunks; beat++) {
        BB_UNROLL
        for (uint s = 0; s < BB_SIMD; s++) {
            const uint first = (k + s) * 64;
            chip[beat][s] = first >= channels        ? 0
                            : channels - first >= 64 ? ~(ulong)0
                                                     : ((ulong)1 << (channels - first)) - 1;
        }
        k = k + BB_SIMD >= chunks * BB_SIMD ? 0 : k + BB_SIMD;
    }
}

/* Where a window's bytes come from, one after the other. */
typedef struct bb_byte_at {
    uint ky, kx, c;
} bb_byte_at;

static uint bb_next_byte(const bb_stage_descriptor *stage, const bb_window *w,
                         __global const uchar *restrict from, bb_byte_at *at)
{
    const bool valid = (int)at->ky >= w->first_y && (int)at->ky < w->end_y &&
                       (int)at->kx >= w->first_x && (int)at->kx < w->end_x;
    const uint pixel = valid ? bb_pixel(stage, w, (int)at->ky, (int)at->kx) : 0;
    const uint byte = valid ? from[(size_t)pixel * stage->in_channels + at->c] : 0;
    at->c++;
    if (at->c == stage->in_channels) {
        at->c = 0;
        at->kx++;
    }
    if (at->kx == stage->kernel_w) {
        at->kx = 0;
        at->ky++;
    }
    return byte;
}

/* The windows of a map of bytes: [pixel of the sum][chunk][plane]; a padded tap is 0 in all planes. */
static void bb_load_windows(const bb_stage_descriptor *stage, const bb_geometry *g,
                            __global const uchar *restrict from, ulong (*chip)[BB_SIMD])
{
    const uint n_taps = stage->kernel_h * stage->kernel_w * stage->in_channels;
    uint beat = 0;
    for (uint pixel = 0; pixel < stage->sum_h * stage->sum_w; pixel++) {
        const bb_window w =
            bb_window_at(stage, (int)(pixel / stage->sum_w), (int)(pixel % stage->sum_w));
        bb_byte_at at = {0, 0, 0};
        for (uint word = 0; word < g->chunks * BB_SIMD; word++) {
            const uint n = word * 64 < n_taps ? min(64u, n_taps - word * 64) : 0;
            ulong planes[BB_PLANES] = {0};
            BB_PIPELINE
            for (uint i = 0; i < n; i++) {
                const uint byte = bb_next_byte(stage, &w, from, &at);
                BB_UNROLL
                for (uint plane = 0; plane < BB_PLANES; plane++)
                    planes[plane] |= (ulong)(byte >> plane & 1u) << i;
            }
            for (uint plane = 0; plane < BB_PLANES; plane++)
                chip[beat + word / BB_SIMD * BB_PLANES + plane][word % BB_SIMD] = planes[plane];
        }
        beat += g->chunks * BB_PLANES;
    }
}

/* ---- the walk ------------------------------------------------------------------------------ */

/* Where a step stands; the counters turn from the right. `value`: of the real values behind a pixel. */
typedef struct bb_step {
    uint y, x, pool_y, pool_x, ky, kx, chunk, plane, fold;
    uint draw, channel;
    bool emits; /* a real value instead of a sum */
} bb_step;

typedef struct bb_walk {
    uint n_draws;    /* of this block */
    uint n_channels; /* of this group */
    uint n_columns;  /* column classes; 0: the stage has no classes */
    uint slots[BB_DRAWS];
    bool real;
} bb_walk;

static bool bb_starts_window(const bb_step *at)
{
    return at->ky == 0 && at->kx == 0 && at->chunk == 0 && at->plane == 0;
}

static bool bb_ends_window(const bb_geometry *g, const bb_step *at)
{
    return at->ky + 1 == (uint)g->kernel_h && at->kx + 1 == (uint)g->kernel_w &&
           at->chunk + 1 == g->chunks && at->plane + 1 == g->planes;
}

static bool bb_ends_pixel(const bb_stage_descriptor *stage, const bb_geometry *g, const bb_step *at)
{
    return bb_ends_window(g, at) && at->pool_y + 1 == stage->pool_h &&
           at->pool_x + 1 == stage->pool_w && at->fold + 1 == BB_FOLDS;
}

/* Add 1 to a counter of this size; true if it has turned over. */
static bool bb_turn(uint *counter, uint size)
{
    *counter = *counter + 1 == size ? 0 : *counter + 1;
    return *counter == 0;
}

static void bb_next_pixel(const bb_stage_descriptor *stage, bb_step *at)
{
    if (bb_turn(&at->x, stage->out_w))
        at->y++;
}

static void bb_advance(const bb_stage_descriptor *stage, const bb_geometry *g, const bb_walk *walk,
                       bb_step *at)
{
    if (at->emits) {
        if (bb_turn(&at->channel, walk->n_channels) && bb_turn(&at->draw, walk->n_draws)) {
            at->emits = false;
            bb_next_pixel(stage, at);
        }
        return;
    }
    if (bb_turn(&at->fold, BB_FOLDS) && bb_turn(&at->plane, g->planes) &&
        bb_turn(&at->chunk, g->chunks) && bb_turn(&at->kx, (uint)g->kernel_w) &&
        bb_turn(&at->ky, (uint)g->kernel_h) && bb_turn(&at->pool_x, stage->pool_w) &&
        bb_turn(&at->pool_y, stage->pool_h)) {
        if (walk->real)
            at->emits = true;
        else
            bb_next_pixel(stage, at);
    }
}

static ulong bb_n_steps(const bb_stage_descriptor *stage, const bb_geometry *g, const bb_walk *walk)
{
    const ulong window = (ulong)(g->kernel_h * g->kernel_w) * g->chunks * g->planes * BB_FOLDS;
    const ulong values = walk->real ? (ulong)walk->n_channels * walk->n_draws : 0;
    return (ulong)(stage->out_h * stage->out_w) *
           (window * stage->pool_h * stage->pool_w + values);
}

/* What the circuit keeps from step to step. */
typedef struct bb_state {
    uint kept;                      /* taps of the window, by their worth */
    uint differing[BB_FOLDS][BB_PE]; /* turns with the folds: row 0 is the step's own */
    int sums[BB_FOLDS][BB_PE];      /* of the pixel whose real values are written */
    ulong bits[BB_DRAWS];           /* turns likewise: the low BB_PE bits are the step's own */
    ulong above;                    /* bits of the real values of the pixel and draw */
    bool pooled;                    /* the pool has met a tap inside the map */
} bb_state;

/* Pixel of the sum map under the pool's tap; false where the pool is padded. */
static bool bb_sum_at(const bb_stage_descriptor *stage, const bb_step *at, int *y, int *x)
{
    *y = (int)(at->y * stage->pool_step_h + at->pool_y) - (int)stage->pool_top;
    *x = (int)(at->x * stage->pool_step_w + at->pool_x) - (int)stage->pool_left;
    return *y >= 0 && *x >= 0 && *y < (int)stage->sum_h && *x < (int)stage->sum_w;
}

/* Operands of a step: x and m, m is 0 on padding. */
static void bb_operands_at(const bb_geometry *g, const bb_step *at, int y, int x, bool inside,
                           ulong (*input)[BB_SIMD], ulong (*masks)[BB_SIMD], ulong *bits,
                           ulong *mask)
{
    const int in_y = y * g->step_h - g->pad_top + (int)at->ky * g->dilation_h;
    const int in_x = x * g->step_w - g->pad_left + (int)at->kx * g->dilation_w;
    const bool valid = inside && in_y >= 0 && in_x >= 0 && in_y < g->in_h && in_x < g->in_w;
    const uint beat = (valid ? (uint)(in_y * g->in_w + in_x) : 0) * g->chunks + at->chunk;
    const bool planes = g->planes != 1;
    BB_UNROLL
    for (uint s = 0; s < BB_SIMD; s++) {
        const ulong word = input[beat * g->planes + at->plane][s];
        const ulong keep = planes ? word : masks[g->mask_per_element ? beat : at->chunk][s];
        bits[s] = planes ? ~(ulong)0 : word;
        mask[s] = valid ? keep : 0;
    }
}

/* Add up one step; in `sums` what the window has come to. */
static void bb_count(const bb_geometry *g, const bb_step *at, ulong (*weights)[BB_PE][BB_SIMD],
                     const ulong *bits, const ulong *mask, bb_state *state, int *sums)
{
    const bool starts = bb_starts_window(at);
    const uint tap = at->ky * (uint)g->kernel_w + at->kx;
    const uint row = (tap * g->chunks + at->chunk) * BB_FOLDS + at->fold;
    uint kept = 0;
    BB_UNROLL
    for (uint s = 0; s < BB_SIMD; s++)
        kept += (uint)popcount(mask[s]);
    if (at->fold == 0)
        state->kept = (starts ? 0 : state->kept) + (kept << at->plane);
    BB_UNROLL
    for (uint p = 0; p < BB_PE; p++) {
        uint differing = 0;
        BB_UNROLL
        for (uint s = 0; s < BB_SIMD; s++)
            differing += (uint)popcount((bits[s] ^ weights[row][p][s]) & mask[s]);
        const uint total = (starts ? 0 : state->differing[0][p]) + (differing << at->plane);
        sums[p] = (int)state->kept - 2 * (int)total;
        BB_UNROLL
        for (uint fold = 0; fold + 1 < BB_FOLDS; fold++)
            state->differing[fold][p] = state->differing[fold + 1][p];
        state->differing[BB_FOLDS - 1][p] = total;
    }
}

/* Compare with the thresholds of all draws, pool, and turn the bits on. The sums are kept for real
 * values. */
static void bb_compare(const int *sums, uint2 (*bank)[BB_PE], bool inside, const bb_step *at,
                       bb_state *state)
{
    BB_UNROLL
    for (uint p = 0; p < BB_PE; p++)
        state->sums[at->fold][p] = sums[p];
    BB_UNROLL
    for (uint d = 0; d < BB_DRAWS; d++) {
        ulong own = 0;
        BB_UNROLL
        for (uint p = 0; p < BB_PE; p++) {
            const uint2 entry = bank[d][p];
            const ulong bit = (ulong)((sums[p] >= (int)entry.x) ^ (entry.y & BB_FLIP));
            const ulong was = state->bits[d] >> p & 1;
            const ulong pooled = entry.y & BB_POOL_AND ? was & bit : was | bit;
            own |= (!inside ? was : state->pooled ? pooled : bit) << p;
        }
#if BB_PE == 64
        state->bits[d] = own;
#else
        state->bits[d] = state->bits[d] >> BB_PE | own << (BB_GROUP - BB_PE);
#endif
    }
    if (at->fold + 1 == BB_FOLDS)
        state->pooled |= inside;
}

static void bb_write_bits(const bb_stage_descriptor *stage, const bb_walk *walk, const bb_step *at,
                          uint group, bb_state *state, __global ulong *restrict output)
{
    const size_t word = (size_t)(at->y * stage->out_w + at->x) * stage->out_words + group;
    BB_UNROLL
    for (uint d = 0; d < BB_DRAWS; d++) {
        if (walk->slots[d] != BB_NONE)
            output[(size_t)walk->slots[d] * stage->out_stride + word] = state->bits[d];
        state->bits[d] = 0;
    }
    state->pooled = false;
}

/* Row of the bank and of the sums that a step needs. */
static uint bb_fold(const bb_step *at)
{
    return at->emits ? at->channel / BB_PE : at->fold;
}

/* Where real values and the bits behind them go; residual: of the entry, 0 without one. */
typedef struct bb_reals {
    __global const float *residual;
    bool both;
} bb_reals;

static void bb_write_real(const bb_stage_descriptor *stage, const bb_walk *walk, const bb_step *at,
                          uint group, uint2 (*bank)[BB_PE], const uint2 *second,
                          const bb_reals *reals, bb_state *state, __global ulong *restrict output)
{
    const uint slot = walk->slots[at->draw], lane = at->channel % BB_PE;
    const uint2 entry = bank[at->draw][lane], threshold = second[at->channel];
    const int sum = state->sums[at->channel / BB_PE][lane];
    const size_t pixel = at->y * stage->out_w + at->x;
    const size_t value = pixel * stage->out_channels + group * BB_GROUP + at->channel;
    __global ulong *out = output + (size_t)slot * stage->out_stride;
    const float product = (float)sum * as_float(entry.x);
    float y = product + as_float(entry.y);
    if (reals->residual)
        y = y + reals->residual[value];
    const ulong bit = (ulong)((y >= as_float(threshold.x)) ^ (threshold.y & BB_FLIP));
    state->above = (at->channel ? state->above : 0) | bit << at->channel;
    if (slot == BB_NONE)
        return;
    ((__global float *)out)[value] = y;
    if (reals->both && at->channel + 1 == walk->n_channels)
        out[stage->bits_offset + pixel * stage->out_words + group] = state->above;
}

/* An odd number of real values leaves half a word behind them. */
static void bb_write_padding(const bb_stage_descriptor *stage, const bb_walk *walk,
                             __global ulong *restrict output)
{
    const size_t n_values = (size_t)stage->out_h * stage->out_w * stage->out_channels;
    for (uint d = 0; d < walk->n_draws; d++)
        if (walk->slots[d] != BB_NONE && n_values % 2)
            ((__global float *)(output + (size_t)walk->slots[d] * stage->out_stride))[n_values] =
                0.0f;
}

/* Which slots the block's draws name; false if none. */
static bool bb_take_slots(const bb_stage_descriptor *stage, __global const uint *restrict slots,
                          uint first, bb_walk *walk)
{
    bool any = false;
    BB_UNROLL
    for (uint d = 0; d < BB_DRAWS; d++) {
        walk->slots[d] = first + d < stage->n_draws ? slots[first + d] : BB_NONE;
        any |= walk->slots[d] != BB_NONE;
    }
    walk->n_draws = min((uint)BB_DRAWS, stage->n_draws - first);
    return any;
}

/* What was built, for the host, which asks before the first stage call. */
BB_SINGLE __kernel void bb_limits__folded(__global uint *restrict out)
{
    out[0] = BB_FOLDED_LAYOUT;
    out[1] = sizeof(bb_stage_descriptor);
    out[2] = BB_PE;
    out[3] = BB_SIMD;
    out[4] = BB_DRAWS;
    out[5] = BB_WINDOW;
    out[6] = BB_INPUT;
    out[7] = BB_MASKS;
    out[8] = BB_CLASSES;
}

/* An entry's input, and its mask or all ones. */
static void bb_load_entry(const bb_stage_descriptor *stage, const bb_geometry *g,
                          __global const ulong *restrict input, __global const ulong *restrict mask,
                          ulong (*chip_input)[BB_SIMD], ulong (*chip_masks)[BB_SIMD])
{
    const uint n_pixels = stage->in_h * stage->in_w;
    const uint n_rows = g->mask_per_element ? n_pixels : 1;
    if (g->planes != 1) {
        bb_load_windows(stage, g, (__global const uchar *)input, chip_input);
        return;
    }
    bb_load_map(n_pixels, g->words, g->chunks, input, chip_input);
    if (mask)
        bb_load_map(n_rows, g->words, g->chunks, mask, chip_masks);
    else
        bb_keep_all(n_rows, g->chunks, stage->in_channels, chip_masks);
}

BB_SINGLE __kernel void BB_KERNEL(BB_STAGE_CALL)
{
    ulong chip_weights[BB_WINDOW / BB_SIMD * BB_FOLDS][BB_PE][BB_SIMD] BB_APART(2) BB_APART(3);
    ulong chip_input[BB_INPUT / BB_SIMD][BB_SIMD] BB_APART(2);
    ulong chip_masks[BB_MASKS / BB_SIMD][BB_SIMD] BB_APART(2);
    uint2 chip_bank[BB_CLASSES * BB_FOLDS][BB_DRAWS][BB_PE] BB_APART(2) BB_APART(3);
    uint2 chip_second[BB_GROUP];
    uchar row_classes[BB_FOLDED_SIDE], column_classes[BB_FOLDED_SIDE];

    const bb_geometry g = bb_geometry_of(&stage);
    const uint n_classes = stage.n_row_classes * stage.n_column_classes;
    const uint n_groups = n_entries ? (stage.out_channels + BB_GROUP - 1) / BB_GROUP : 0;
    bb_walk walk;
    walk.real = stage.emit != BB_EMIT_BITS;
    bb_reals reals;
    reals.both = stage.emit == BB_EMIT_BOTH;
    walk.n_columns = n_classes == 1 ? 0 : stage.n_column_classes;
    if (n_classes != 1 && n_entries)
        bb_load_classes(&stage, border, row_classes, column_classes);

    const uint n_rows = n_classes * stage.n_draws;
    for (uint group = 0; group < n_groups; group++) {
        __global const uint *rows = bank + (size_t)group * (n_rows + reals.both) * BB_GROUP * 2;
        const size_t taps = (size_t)(g.kernel_h * g.kernel_w) * g.words;
        walk.n_channels = min((uint)BB_GROUP, stage.out_channels - group * BB_GROUP);
        bb_load_weights(&g, weights + group * taps * BB_GROUP, chip_weights);
        if (reals.both)
            bb_load_second(rows + (size_t)n_rows * BB_GROUP * 2, chip_second);
        for (uint block = 0; block < stage.n_draws; block += BB_DRAWS) {
            bb_load_bank(&stage, rows, n_classes, block, chip_bank);
            for (uint i = 0; i < n_entries; i++) {
                __global const uint *entry =
                    list + first + (size_t)i * BB_ENTRY_WORDS(&stage);
                if (!bb_take_slots(&stage, entry + BB_ENTRY_OUTPUT, block, &walk))
                    continue;
                bb_load_entry(&stage, &g, bb_input_of(&stage, input, entry),
                              bb_mask_of(&stage, masks + first_mask, entry[BB_ENTRY_MASK]),
                              chip_input, chip_masks);

                reals.residual = bb_residual_of(&stage, bb_second_of(&stage, second, entry));
                const ulong n_steps = bb_n_steps(&stage, &g, &walk);
                bb_step at = {0};
                bb_state state = {0};
                BB_PIPELINE
                for (ulong step = 0; step < n_steps; step++) {
                    int y, x;
                    const bool inside = bb_sum_at(&stage, &at, &y, &x);
                    const uint class = walk.n_columns && inside
                                           ? row_classes[y] * walk.n_columns + column_classes[x]
                                           : 0;
                    uint2(*row)[BB_PE] = chip_bank[class * BB_FOLDS + bb_fold(&at)];
                    if (at.emits) {
                        bb_write_real(&stage, &walk, &at, group, row, chip_second, &reals, &state,
                                      output);
                    } else {
                        ulong bits[BB_SIMD], mask[BB_SIMD];
                        int sums[BB_PE];
                        bb_operands_at(&g, &at, y, x, inside, chip_input, chip_masks, bits, mask);
                        bb_count(&g, &at, chip_weights, bits, mask, &state, sums);
                        if (bb_ends_window(&g, &at))
                            bb_compare(sums, row, inside, &at, &state);
                        if (!walk.real && bb_ends_pixel(&stage, &g, &at))
                            bb_write_bits(&stage, &walk, &at, group, &state, output);
                    }
                    bb_advance(&stage, &g, &walk, &at);
                }
                if (walk.real && group + 1 == n_groups)
                    bb_write_padding(&stage, &walk, output);
            }
        }
    }
}
