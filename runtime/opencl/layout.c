/* SPDX-License-Identifier: MIT */
/* Repacks weights and banks once, when a backend is made. */
#include "opencl/layout.h"

#include <string.h>

enum { MAX_FLAG_WORDS = 2 };

static size_t n_taps(const bb_stage_descriptor *stage)
{
    return (size_t)stage->kernel_h * stage->kernel_w;
}

static bool allocate(bb_context *context, size_t count, size_t size, void **out, size_t *bytes)
{
    *out = bb_allocate(context, count, size);
    *bytes = count * size;
    return *out != NULL;
}

bb_status bb_pack_plain(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                        bb_packed *out)
{
    (void)choice;
    out->weight_bytes = stage->weights ? stage->weight_bytes : 0;
    out->bank_bytes = stage->n_bank_entries * sizeof(*stage->bank);
    if (out->weight_bytes)
        out->weights = bb_copy_bytes(context, stage->weights, out->weight_bytes, 1);
    out->bank = bb_copy_bytes(context, stage->bank, out->bank_bytes, 1);
    return out->bank && (out->weights || !out->weight_bytes) ? BB_OK : BB_MEMORY;
}

/* An entry that a channel beyond the last one gets: its bits are 0, whatever the sum. */
static bb_bank_entry no_channel(const bb_stage_descriptor *stage)
{
    const bool real_sum = !bb_sum_is_integer(stage->sum);
    const bool bits = stage->emit == BB_EMIT_BITS;
    return (bb_bank_entry){bits ? real_sum ? 0x7f800000u : 0x7fffffffu : 0, 0};
}

/* Rows of the bank: [class][draw], and one of thresholds where bits stand beside real values. */
static size_t n_bank_rows(const bb_stage_descriptor *d)
{
    return (size_t)d->n_row_classes * d->n_column_classes * d->n_draws +
           (d->emit == BB_EMIT_BOTH);
}

/* An entry whose bits are 0 for a channel beyond the last one. */
static bb_bank_entry no_bit(void)
{
    return (bb_bank_entry){0x7f800000u, 0};
}

/* [row][block] records of `width` channels, {a[width], b[width]}. */
static bb_status pack_bank(bb_context *context, const bb_stage *stage, uint32_t width,
                           uint32_t n_channels, bb_packed *out)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t n_rows = n_bank_rows(d);
    if (!allocate(context, n_rows * n_channels, 2 * sizeof(uint32_t), &out->bank, &out->bank_bytes))
        return BB_MEMORY;
    uint32_t *words = out->bank;
    for (size_t row = 0; row < n_rows; row++)
        for (uint32_t channel = 0; channel < n_channels; channel++) {
            const bb_bank_entry entry = channel < d->out_channels
                                            ? stage->bank[row * d->out_channels + channel]
                                        : d->emit == BB_EMIT_BOTH && row + 1 == n_rows ? no_bit()
                                                                                       : no_channel(d);
            uint32_t *record = words + (row * n_channels + channel / width * width) * 2;
            record[channel % width] = entry.a;
            record[width + channel % width] = entry.b;
        }
    return BB_OK;
}

/* Thresholds as they are; instead of the flags words with a bit per channel: flip, take the
 * smallest sum. Of real values nothing, of both the last row. */
static void pack_flags(const bb_stage_descriptor *d, uint32_t group, bb_packed *out)
{
    const size_t all = out->bank_bytes / (group * 2 * sizeof(uint32_t));
    const size_t n = d->emit == BB_EMIT_BITS   ? all
                     : d->emit == BB_EMIT_BOTH ? all / n_bank_rows(d)
                                               : 0;
    uint32_t *record = (uint32_t *)out->bank + (all - n) * group * 2;
    const uint32_t n_words = (uint32_t)bb_divide_up(group, 32);
    for (size_t i = 0; i < n; i++, record += group * 2) {
        uint32_t flip[MAX_FLAG_WORDS] = {0}, smallest[MAX_FLAG_WORDS] = {0};
        for (uint32_t channel = 0; channel < group; channel++) {
            const uint32_t flags = record[group + channel];
            const bool flips = flags & BB_FLIP, ands = flags & BB_POOL_AND;
            flip[channel / 32] |= (uint32_t)flips << channel % 32;
            smallest[channel / 32] |= (uint32_t)(flips != ands) << channel % 32;
        }
        memcpy(record + group, flip, n_words * sizeof(*record));
        memcpy(record + group + n_words, smallest, n_words * sizeof(*record));
    }
}

/* Thresholds that no sum lies beyond, so that a kernel may subtract them from a sum. */
static void clamp_thresholds(uint32_t group, bb_packed *out)
{
    enum { FAR = 0x3fffffff };
    int32_t *record = out->bank;
    const size_t n = out->bank_bytes / (group * 2 * sizeof(*record));
    for (size_t i = 0; i < n; i++, record += group * 2)
        for (uint32_t channel = 0; channel < group; channel++)
            record[channel] = record[channel] > FAR    ? FAR
                              : record[channel] < -FAR ? -FAR
                                                       : record[channel];
}

/* One direction of a stage. */
typedef struct direction {
    uint32_t in, kernel, step, dilation, pad, sum, pool, pool_step, pool_pad, out;
} direction;

static direction rows_of(const bb_stage_descriptor *d)
{
    return (direction){d->in_h,  d->kernel_h, d->step_h,      d->dilation_h, d->pad_top,
                       d->sum_h, d->pool_h,   d->pool_step_h, d->pool_top,   d->out_h};
}

static direction columns_of(const bb_stage_descriptor *d)
{
    return (direction){d->in_w,  d->kernel_w, d->step_w,      d->dilation_w, d->pad_left,
                       d->sum_w, d->pool_w,   d->pool_step_w, d->pool_left,  d->out_w};
}

/* Whether tap `tap` of the sum under tap `pool_tap` of the pool of output `at` lies in the input.
 */
static bool is_valid(const direction *d, uint32_t at, uint32_t pool_tap, uint32_t tap)
{
    const int64_t sum = (int64_t)at * d->pool_step + pool_tap - d->pool_pad;
    const int64_t in = sum * d->step - d->pad + (int64_t)tap * d->dilation;
    return sum >= 0 && sum < d->sum && in >= 0 && in < d->in;
}

static bool same_taps(const direction *d, uint32_t a, uint32_t b)
{
    for (uint32_t pool_tap = 0; pool_tap < d->pool; pool_tap++)
        for (uint32_t tap = 0; tap < d->kernel; tap++)
            if (is_valid(d, a, pool_tap, tap) != is_valid(d, b, pool_tap, tap))
                return false;
    return true;
}

/* Bands of neighbouring outputs with the same valid taps; `ends` may be NULL. */
static uint32_t find_bands(const direction *d, int32_t *ends)
{
    uint32_t n = 0;
    for (uint32_t at = 0; at < d->out; at++)
        if (at + 1 == d->out || !same_taps(d, at, at + 1)) {
            if (ends)
                ends[n] = (int32_t)at + 1;
            n++;
        }
    return n;
}

static uint32_t tap_steps(const bb_stage_descriptor *d)
{
    return (d->in_channels + 31) / 32;
}

/* The table of kernels/areas.cl: bands, where the words of each step lie, a mask row of ones. */
static void pack_areas(const bb_stage_descriptor *d, int32_t *to)
{
    const direction rows = rows_of(d), columns = columns_of(d);
    to[0] = (int32_t)find_bands(&rows, to + 2);
    to[1] = (int32_t)find_bands(&columns, to + 2 + to[0]);
    to += 2 + to[0] + to[1];
    for (uint32_t ky = 0; ky < d->kernel_h; ky++)
        for (uint32_t kx = 0; kx < d->kernel_w; kx++)
            for (uint32_t step = 0; step < tap_steps(d); step++)
                *to++ = (int32_t)((ky * d->dilation_h * d->in_w + kx * d->dilation_w) *
                                      d->in_words * 2 +
                                  step);
    for (uint32_t step = 0; step < tap_steps(d); step++)
        *to++ = -1;
}

/* Where a channel of a group of 64 lies so that bits come in order once signs are packed
 * (popcount.cl): four channels of each vector side by side. */
static uint32_t place_of(const bb_stage_descriptor *d, uint32_t group, uint32_t channel)
{
    if (d->emit != BB_EMIT_BITS || group != 64)
        return channel;
    return channel % 16 / 4 * 16 + channel / 16 * 4 + channel % 4;
}

/* Thresholds in the order of the places. */
static void place_thresholds(const bb_stage_descriptor *d, uint32_t group, bb_packed *out)
{
    enum { LARGEST = 64 };
    uint32_t *record = out->bank, copy[LARGEST];
    const size_t n = out->bank_bytes / (group * 2 * sizeof(*record));
    for (size_t i = 0; i < n; i++, record += group * 2) {
        memcpy(copy, record, group * sizeof(*record));
        for (uint32_t channel = 0; channel < group; channel++)
            record[place_of(d, group, channel)] = copy[channel];
    }
}

/* Weights u32 [group][tap][step][channel of the group], then the table of the areas. The last group
 * is filled up. */
bb_status bb_pack_lanes(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                        bb_packed *out)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const direction rows = rows_of(d), columns = columns_of(d);
    const uint32_t group = bb_lanes_group(choice), steps = tap_steps(d);
    const uint32_t n_groups = (uint32_t)bb_divide_up(d->out_channels, group);
    const size_t window = n_taps(d) * steps, all = window * n_groups * group;
    const size_t table = 2 + (size_t)find_bands(&rows, NULL) + find_bands(&columns, NULL);
    if (!allocate(context, all + table + window + steps, sizeof(uint32_t), &out->weights,
                  &out->weight_bytes))
        return BB_MEMORY;
    const uint64_t *from = stage->weights;
    uint32_t *to = out->weights;
    for (uint32_t channel = 0; channel < d->out_channels; channel++)
        for (size_t tap = 0; tap < n_taps(d); tap++, from += d->in_words)
            for (uint32_t step = 0; step < steps; step++) {
                const size_t k = channel / group * window + tap * steps + step;
                to[k * group + place_of(d, group, channel % group)] =
                    (uint32_t)(from[step / 2] >> step % 2 * 32);
            }
    pack_areas(d, (int32_t *)to + all);
    const bb_status status = pack_bank(context, stage, group, n_groups * group, out);
    if (status == BB_OK)
        pack_flags(d, group, out);
    if (status == BB_OK && d->emit == BB_EMIT_BITS) {
        clamp_thresholds(group, out);
        place_thresholds(d, group, out);
    }
    return status;
}

/*
 * Weights [block of 16 channels][in_channel][tap][16] for the byte sums, as i8 masks: 0 for -1 and
 * -1 for +1; [block][tap][in_channel][16] as f32 for the float sums: the order of the sum.
 */
bb_status bb_pack_vector(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                         bb_packed *out)
{
    (void)choice;
    const bb_stage_descriptor *d = &stage->descriptor;
    const bool bytes = d->in_type == BB_TYPE_BYTES;
    const uint32_t n_channels = (d->out_channels + 15) / 16 * 16;
    const size_t taps = n_taps(d), row = taps * d->in_channels;
    if (!allocate(context, row * n_channels, bytes ? 1 : sizeof(float), &out->weights,
                  &out->weight_bytes))
        return BB_MEMORY;
    for (uint32_t channel = 0; channel < d->out_channels; channel++)
        for (size_t tap = 0; tap < taps; tap++)
            for (size_t c = 0; c < d->in_channels; c++) {
                const size_t from = (channel * taps + tap) * d->in_channels + c;
                const size_t within = bytes ? c * taps + tap : tap * d->in_channels + c;
                const size_t to = (channel / 16 * row + within) * 16 + channel % 16;
                if (bytes)
                    ((int8_t *)out->weights)[to] =
                        ((const int8_t *)stage->weights)[from] > 0 ? -1 : 0;
                else
                    ((float *)out->weights)[to] = ((const float *)stage->weights)[from];
            }
    return pack_bank(context, stage, 16, n_channels, out);
}

/* The rows that first_dot.cl copies: planes, and bytes of a pixel and quads of a window in each. */
typedef struct dot_rows {
    uint32_t planes, pixel_bytes;
    size_t quads;
} dot_rows;

static dot_rows dot_rows_of(const bb_stage_descriptor *d)
{
    const bool scaled = d->sum == BB_SUM_BYTES_SCALED;
    dot_rows rows = {scaled ? d->in_channels : 1, scaled ? 1 : d->in_channels, 0};
    const size_t columns = (size_t)(d->kernel_w - 1) * d->dilation_w + 1;
    rows.quads = bb_divide_up(columns * rows.pixel_bytes, 4);
    return rows;
}

bool bb_dot_fits(const bb_stage_descriptor *d)
{
    enum { ROW_BYTES = 16384, QUADS = 512 }; /* first_dot.cl */
    const dot_rows rows = dot_rows_of(d);
    const size_t n_rows = (size_t)rows.planes * d->kernel_h;
    const size_t neighbours = d->out_w < BB_DOT_PIXELS ? d->out_w : BB_DOT_PIXELS;
    const size_t step = (size_t)d->step_w * d->pool_step_w * rows.pixel_bytes;
    const size_t pitch = bb_divide_up((neighbours - 1) * step + rows.quads * 4, 16) * 16;
    const size_t runs = (BB_DOT_PIXELS - 2) / d->out_w + 2;
    return rows.quads * n_rows <= QUADS && runs * n_rows * pitch <= ROW_BYTES;
}

/* Weights i8 [group][plane][ky][quad][32][4]; 0 between the taps and behind the last one of a row.
 */
bb_status bb_pack_dot(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                      bb_packed *out)
{
    (void)choice;
    const bb_stage_descriptor *d = &stage->descriptor;
    const dot_rows rows = dot_rows_of(d);
    const uint32_t group = BB_DOT_GROUP;
    const uint32_t n_groups = (uint32_t)bb_divide_up(d->out_channels, group);
    const size_t per_plane = d->kernel_h * rows.quads, quads = rows.planes * per_plane;
    if (!allocate(context, n_groups * quads * group, 4, &out->weights, &out->weight_bytes))
        return BB_MEMORY;
    const int8_t *from = stage->weights;
    int8_t *to = out->weights;
    for (uint32_t channel = 0; channel < d->out_channels; channel++)
        for (uint32_t ky = 0; ky < d->kernel_h; ky++)
            for (uint32_t kx = 0; kx < d->kernel_w; kx++)
                for (uint32_t c = 0; c < d->in_channels; c++, from++) {
                    const uint32_t plane = rows.planes > 1 ? c : 0;
                    const uint32_t byte =
                        kx * d->dilation_w * rows.pixel_bytes + (rows.planes > 1 ? 0 : c);
                    const size_t quad =
                        channel / group * quads + plane * per_plane + ky * rows.quads + byte / 4;
                    to[(quad * group + channel % group) * 4 + byte % 4] = *from;
                }
    const bb_status status = pack_bank(context, stage, group, n_groups * group, out);
    if (status == BB_OK)
        pack_flags(d, group, out);
    return status;
}

bool bb_table_fits(const bb_stage_descriptor *d)
{
    enum { STEPS = 8192, SUMS = 32766 }; /* binary_table.cl */
    return n_taps(d) * d->in_words * 16 <= STEPS && n_taps(d) * d->in_channels <= SUMS;
}

/* Byte of channel 0 .. 31 in the order that binary_table.cl asks for. */
static uint32_t table_byte(uint32_t channel)
{
    return channel / 16 * 16 + channel % 8 * 2 + channel / 8 % 2;
}

/* Thresholds as i16 in the order of the sums; no sum lies beyond the ends. */
static void pack_short_thresholds(bb_packed *out)
{
    int32_t *record = out->bank;
    const size_t n = out->bank_bytes / (BB_TABLE_GROUP * 2 * sizeof(*record));
    for (size_t i = 0; i < n; i++, record += BB_TABLE_GROUP * 2) {
        int16_t limits[BB_TABLE_GROUP];
        for (uint32_t channel = 0; channel < BB_TABLE_GROUP; channel++) {
            const int32_t limit = record[channel];
            const uint32_t byte = table_byte(channel % 32);
            limits[channel / 32 * 32 + byte % 2 * 16 + byte / 2] =
                (int16_t)(limit > INT16_MAX    ? INT16_MAX
                          : limit < -INT16_MAX ? -INT16_MAX
                                               : limit);
        }
        memcpy(record, limits, sizeof(limits));
    }
}

/* Word number n of a window that goes column by column, in the plan's order of rows. */
static size_t word_by_columns(const bb_stage_descriptor *d, size_t n)
{
    const size_t tap = n / d->in_words;
    return (tap % d->kernel_h * d->kernel_w + tap / d->kernel_h) * d->in_words + n % d->in_words;
}

/* Weights u8 [group][kx][ky][word][16][2][32], four bits each, then the tables u8 [256][16]. */
bb_status bb_pack_table(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                        bb_packed *out)
{
    (void)choice;
    const bb_stage_descriptor *d = &stage->descriptor;
    const uint32_t group = BB_TABLE_GROUP;
    const uint32_t n_groups = (uint32_t)bb_divide_up(d->out_channels, group);
    const size_t steps = n_taps(d) * d->in_words * 16, all = steps * n_groups * group;
    if (!allocate(context, all + 256 * 16, 1, &out->weights, &out->weight_bytes))
        return BB_MEMORY;
    const uint64_t *from = stage->weights;
    uint8_t *to = out->weights;
    for (uint32_t channel = 0; channel < d->out_channels; channel++)
        for (size_t k = 0; k < steps; k++)
            to[(channel / group * steps + k) * group + channel % group / 32 * 32 +
               table_byte(channel % 32)] =
                (uint8_t)(from[channel * (steps / 16) + word_by_columns(d, k / 16)] >>
                              (k % 16 * 4) & 15);
    for (uint32_t number = 0; number < 256; number++)
        for (uint32_t w = 0; w < 16; w++)
            to[all + number * 16 + w] =
                (uint8_t)__builtin_popcount((number ^ w) & number >> 4 & 15);
    const bb_status status = pack_bank(context, stage, group, n_groups * group, out);
    if (status == BB_OK && d->emit == BB_EMIT_BITS) {
        pack_flags(d, group, out);
        pack_short_thresholds(out);
    }
    return status;
}

uint32_t bb_tile32_channels(const bb_stage_descriptor *stage)
{
    return stage->emit == BB_EMIT_BITS ? stage->out_words * 64
                                       : (stage->out_channels + 31) / 32 * 32;
}

/* Weights u32 [tap][word][channel]: neighbouring work-items read neighbouring words. */
bb_status bb_pack_tile32(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                         bb_packed *out)
{
    (void)choice;
    const bb_stage_descriptor *d = &stage->descriptor;
    const uint32_t n_channels = bb_tile32_channels(d);
    const size_t row = n_taps(d) * d->in_words * 2;
    if (!allocate(context, row * n_channels, sizeof(uint32_t), &out->weights, &out->weight_bytes))
        return BB_MEMORY;
    const uint64_t *from = stage->weights;
    uint32_t *to = out->weights;
    for (uint32_t channel = 0; channel < d->out_channels; channel++)
        for (size_t i = 0; i < row; i++)
            to[i * n_channels + channel] =
                (uint32_t)(from[(channel * row + i) / 2] >> (i % 2 * 32));
    return pack_bank(context, stage, 1, n_channels, out);
}
