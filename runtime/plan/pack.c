/* SPDX-License-Identifier: MIT */
/* Packing of weights, and the border classes of a first layer on bytes. */
#include "plan/pack.h"

#include <string.h>
#include <xxhash.h>

/* One output channel and tap: its weights, and the channels they are for. */
typedef struct run {
    size_t from;       /* of the first weight, in the order of bb_linear */
    uint32_t first, n; /* input channels */
} run;

static run run_of(const bb_stage_descriptor *d, size_t row)
{
    const uint32_t n = d->in_channels / d->groups;
    const size_t channel = row / ((size_t)d->kernel_h * d->kernel_w);
    return (run){row * n, (uint32_t)(channel / (d->out_channels / d->groups)) * n, n};
}

static size_t n_rows(const bb_stage_descriptor *d)
{
    return (size_t)d->out_channels * d->kernel_h * d->kernel_w;
}

static bb_status pack_bits(bb_context *context, bb_stage *stage, const int8_t *signs)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t rows = n_rows(d);
    uint64_t *words = bb_allocate(context, rows * d->in_words, sizeof(*words));
    if (!words)
        return BB_MEMORY;
    for (size_t row = 0; row < rows; row++) {
        const run r = run_of(d, row);
        for (uint32_t i = 0; i < r.n; i++)
            if (signs[r.from + i] > 0)
                words[row * d->in_words + (r.first + i) / 64] |= (uint64_t)1
                                                                 << ((r.first + i) % 64);
    }
    stage->weights = words;
    stage->weight_bytes = rows * d->in_words * sizeof(*words);
    return BB_OK;
}

/* Binary weights behind a real input are +-1 there; their magnitude stands in the chain. */
static bb_status pack_floats(bb_context *context, bb_stage *stage, const bb_linear *linear)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t rows = n_rows(d);
    float *weights = bb_allocate(context, rows * d->in_channels, sizeof(*weights));
    if (!weights)
        return BB_MEMORY;
    for (size_t row = 0; row < rows; row++) {
        const run r = run_of(d, row);
        for (uint32_t i = 0; i < r.n; i++)
            weights[row * d->in_channels + r.first + i] =
                linear->signs ? linear->signs[r.from + i] : linear->weights[r.from + i];
    }
    stage->weights = weights;
    stage->weight_bytes = rows * d->in_channels * sizeof(*weights);
    return BB_OK;
}

static bb_status pack_bytes(bb_context *context, bb_stage *stage, const int8_t *signs)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t rows = n_rows(d);
    int8_t *weights = bb_allocate(context, rows * d->in_channels, 1);
    if (!weights)
        return BB_MEMORY;
    for (size_t row = 0; row < rows; row++) {
        const run r = run_of(d, row);
        memcpy(weights + row * d->in_channels + r.first, signs + r.from, r.n);
    }
    stage->weights = weights;
    stage->weight_bytes = rows * d->in_channels;
    return BB_OK;
}

bb_status bb_pack_weights(bb_context *context, bb_stage *stage, const bb_linear *linear)
{
    switch (stage->descriptor.sum) {
    case BB_SUM_BITS:
        return pack_bits(context, stage, linear->signs);
    case BB_SUM_BYTES:
    case BB_SUM_BYTES_SCALED:
        return pack_bytes(context, stage, linear->signs);
    default:
        return pack_floats(context, stage, linear);
    }
}

/* Which taps of one axis are inside the map, as a bit set, and whether all of them fit in the set.
 */
static uint64_t valid_taps(uint32_t position, uint32_t step, uint32_t dilation, uint32_t pad,
                           uint32_t kernel, uint32_t size)
{
    uint64_t set = 0;
    for (uint32_t k = 0; k < kernel; k++) {
        const int64_t i = (int64_t)position * step + (int64_t)k * dilation - pad;
        if (i >= 0 && i < size)
            set |= (uint64_t)1 << k;
    }
    return set;
}

#define MAX_CLASSES 128 /* per axis: at most 64 taps can be cut off at either end */

typedef struct axis {
    uint64_t sets[MAX_CLASSES];
    uint32_t n;
} axis;

static bool class_of_set(axis *known, uint64_t set, uint32_t *class)
{
    for (*class = 0; *class < known->n; (*class)++)
        if (known->sets[*class] == set)
            return true;
    if (known->n == MAX_CLASSES)
        return false;
    known->sets[known->n++] = set;
    return true;
}

static bool classify(const bb_stage_descriptor *d, uint32_t *border, axis *rows, axis *columns)
{
    bool good = d->kernel_h <= 64 && d->kernel_w <= 64;
    for (uint32_t y = 0; good && y < d->sum_h; y++)
        good = class_of_set(
            rows, valid_taps(y, d->step_h, d->dilation_h, d->pad_top, d->kernel_h, d->in_h),
            &border[y]);
    for (uint32_t x = 0; good && x < d->sum_w; x++)
        good = class_of_set(
            columns, valid_taps(x, d->step_w, d->dilation_w, d->pad_left, d->kernel_w, d->in_w),
            &border[d->sum_h + x]);
    return good;
}

/* sum over valid taps and input channels of w * mean / std, in double. */
static double class_offset(const bb_plan *plan, const bb_stage_descriptor *d, const int8_t *signs,
                           uint64_t rows, uint64_t columns)
{
    double offset = 0;
    for (uint32_t c = 0; c < d->in_channels; c++) {
        int32_t total = 0;
        for (uint32_t ky = 0; ky < d->kernel_h; ky++)
            for (uint32_t kx = 0; kx < d->kernel_w; kx++)
                if ((rows >> ky & 1) && (columns >> kx & 1))
                    total += signs[((size_t)ky * d->kernel_w + kx) * d->in_channels + c];
        offset += (double)plan->input_mean[c] / (double)plan->input_std[c] * total;
    }
    return offset;
}

static bb_status set_offsets(const bb_plan *plan, bb_stage *stage, const axis *rows,
                             const axis *columns, float **offset)
{
    const int8_t *signs = stage->weights;
    bb_stage_descriptor *d = &stage->descriptor;
    d->n_row_classes = rows->n;
    d->n_column_classes = columns->n;
    const size_t taps = (size_t)d->kernel_h * d->kernel_w * d->in_channels;
    *offset = bb_allocate(plan->context, (size_t)rows->n * columns->n * d->out_channels,
                          sizeof(**offset));
    if (!*offset)
        return BB_MEMORY;
    float *next = *offset;
    for (uint32_t r = 0; r < rows->n; r++)
        for (uint32_t c = 0; c < columns->n; c++)
            for (uint32_t channel = 0; channel < d->out_channels; channel++)
                *next++ = (float)class_offset(plan, d, signs + channel * taps, rows->sets[r],
                                              columns->sets[c]);
    return BB_OK;
}

static bb_status set_channel_scale(const bb_plan *plan, bb_stage *stage)
{
    const uint32_t n = stage->descriptor.in_channels;
    stage->channel_scale = bb_allocate(plan->context, n, sizeof(float));
    if (!stage->channel_scale)
        return BB_MEMORY;
    for (uint32_t c = 0; c < n; c++)
        stage->channel_scale[c] =
            (float)((double)plan->input_scale[c] / (double)plan->input_std[c]);
    return BB_OK;
}

bb_status bb_pack_border(const bb_plan *plan, bb_stage *stage, const bb_node *core,
                         const bb_preprocess *preprocess, float *scale, float **offset)
{
    bb_stage_descriptor *d = &stage->descriptor;
    if (d->sum != BB_SUM_BYTES && d->sum != BB_SUM_BYTES_SCALED)
        return BB_OK;
    if (d->sum == BB_SUM_BYTES)
        *scale = (float)((double)preprocess->scale / (double)plan->input_std[0]);
    else if (set_channel_scale(plan, stage) != BB_OK)
        return BB_MEMORY;
    stage->border = bb_allocate(plan->context, (size_t)d->sum_h + d->sum_w, sizeof(*stage->border));
    axis *axes = bb_allocate(plan->context, 2, sizeof(*axes));
    bb_status status = BB_MEMORY;
    if (stage->border && axes) {
        if (classify(d, stage->border, &axes[0], &axes[1]))
            status = set_offsets(plan, stage, &axes[0], &axes[1], offset);
        else
            status =
                bb_fail(plan->context, BB_UNSUPPORTED,
                        "node '%s' (%s): a first layer's kernel of more than 64 taps per axis with "
                        "padding is not supported",
                        core->name, core->operator_name);
    }
    bb_release(plan->context, axes);
    if (d->n_row_classes * d->n_column_classes == 1) {
        bb_release(plan->context, stage->border);
        stage->border = NULL;
    }
    return status;
}

static uint64_t chain_hash(uint64_t seed, const void *bytes, size_t length)
{
    return bytes && length ? XXH3_64bits_withSeed(bytes, length, seed) : seed;
}

uint64_t bb_pack_hash(const bb_plan *plan)
{
    uint64_t hash =
        chain_hash(1, plan->input_scale, 3 * plan->input_shape.channels * sizeof(float));
    const uint32_t input = plan->input_type;
    hash = chain_hash(hash, &input, sizeof(input));
    for (uint32_t i = 0; i < plan->n_sites; i++) {
        const bb_site *site = &plan->sites[i];
        const uint32_t facts[3] = {(uint32_t)site->kind, site->n_draws, site->n_elements};
        hash = chain_hash(hash, facts, sizeof(facts));
        hash = chain_hash(hash, &site->p, sizeof(site->p));
    }
    for (uint32_t s = 0; s < plan->n_stages; s++) {
        const bb_stage *stage = &plan->stages[s];
        hash = chain_hash(hash, &stage->descriptor, sizeof(stage->descriptor));
        const uint32_t choice[5] = {stage->mask_site, stage->n_bank_sites, stage->deterministic,
                                    stage->input, stage->second};
        hash = chain_hash(hash, choice, sizeof(choice));
        hash = chain_hash(hash, stage->bank_weight, stage->n_bank_sites * sizeof(uint32_t));
        hash = chain_hash(hash, stage->sites, stage->n_sites * sizeof(stage->sites[0]));
        hash = chain_hash(hash, stage->weights, stage->weight_bytes);
        hash = chain_hash(hash, stage->bank, stage->n_bank_entries * sizeof(*stage->bank));
        if (stage->channel_scale)
            hash = chain_hash(hash, stage->channel_scale,
                              stage->descriptor.in_channels * sizeof(float));
    }
    return hash;
}
