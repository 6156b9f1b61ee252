/* SPDX-License-Identifier: MIT */
/* The host's side of kernels/folded.cl: what fits, and the layouts of weights and bank. */
#include "opencl/folded.h"

#include "opencl/layout.h"

enum { GROUP = 64, PLANES = 8 };

bb_folded_limits bb_folded_limits_of(const bb_choice *choice)
{
    return (bb_folded_limits){
        .layout = BB_FOLDED_LAYOUT,
        .pe = bb_choice_tunable(choice, "BB_PE"),
        .simd = bb_choice_tunable(choice, "BB_SIMD"),
        .draws = bb_choice_tunable(choice, "BB_DRAWS"),
        .window = bb_choice_tunable(choice, "BB_WINDOW"),
        .input = bb_choice_tunable(choice, "BB_INPUT"),
        .masks = bb_choice_tunable(choice, "BB_MASKS"),
        .classes = bb_choice_tunable(choice, "BB_CLASSES"),
    };
}

/* A stage as the kernel walks it: bytes are a 1x1 convolution over their windows. */
typedef struct folded_shape {
    size_t taps, words; /* of a window; of a pixel */
    size_t pixels, planes;
} folded_shape;

static folded_shape shape_of(const bb_stage_descriptor *d)
{
    const size_t taps = (size_t)d->kernel_h * d->kernel_w;
    if (d->sum == BB_SUM_BYTES)
        return (folded_shape){1, bb_divide_up(taps * d->in_channels, 64),
                              (size_t)d->sum_h * d->sum_w, PLANES};
    return (folded_shape){taps, d->in_words, (size_t)d->in_h * d->in_w, 1};
}

bb_folded_needs bb_folded_needs_of(uint32_t simd, const bb_stage_descriptor *stage)
{
    const folded_shape shape = shape_of(stage);
    const size_t pixel = bb_divide_up(shape.words, simd) * simd;
    const size_t input = shape.pixels * pixel * shape.planes;
    const bool per_element = stage->masked && stage->mask_per_element;
    return (bb_folded_needs){
        .window = shape.taps * pixel,
        .input = input,
        .masks = stage->sum == BB_SUM_BYTES ? 0
                 : per_element              ? input
                                            : pixel,
        .classes = (size_t)stage->n_row_classes * stage->n_column_classes,
    };
}

bool bb_folded_fits(const bb_folded_limits *limits, const bb_stage_descriptor *stage,
                    const char **why_not)
{
    const bb_folded_needs needs = bb_folded_needs_of(limits->simd, stage);
    if (needs.window > limits->window)
        *why_not = "its kernel is larger than the memory for weights";
    else if (needs.input > limits->input)
        *why_not = "its map is larger than the memory for inputs";
    else if (needs.masks > limits->masks)
        *why_not = "its mask is larger than the memory for masks";
    else if (needs.classes > limits->classes)
        *why_not = "it has more border classes than the bank";
    else if (needs.classes > 1 && (stage->sum_h > BB_FOLDED_SIDE || stage->sum_w > BB_FOLDED_SIDE))
        *why_not = "its map with border classes is too wide or high";
    else
        return true;
    return false;
}

/* u64 [group][tap][word][64], zeros for channels that fill up. */
static bb_status pack_bits(bb_context *context, const bb_stage *stage, bb_packed *out)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const folded_shape shape = shape_of(d);
    const size_t row = shape.taps * shape.words;
    const size_t n_groups = bb_divide_up(d->out_channels, GROUP);
    uint64_t *to = bb_allocate(context, n_groups * row * GROUP, sizeof(*to));
    if (!to)
        return BB_MEMORY;
    out->weights = to;
    out->weight_bytes = n_groups * row * GROUP * sizeof(*to);
    const size_t n_signs = (size_t)d->kernel_h * d->kernel_w * d->in_channels;
    for (size_t channel = 0; channel < d->out_channels; channel++) {
        uint64_t *at = to + channel / GROUP * row * GROUP + channel % GROUP;
        if (d->sum == BB_SUM_BYTES) {
            const int8_t *signs = (const int8_t *)stage->weights + channel * n_signs;
            for (size_t i = 0; i < n_signs; i++)
                at[i / 64 * GROUP] |= (uint64_t)(signs[i] > 0) << i % 64;
        } else {
            const uint64_t *words = (const uint64_t *)stage->weights + channel * row;
            for (size_t i = 0; i < row; i++)
                at[i * GROUP] = words[i];
        }
    }
    return BB_OK;
}

/* {a, b} [group] of [class][draw][64] and, behind both real values and bits, [64]; a channel that fills
 * up has bits 0. */
static bb_status pack_bank(bb_context *context, const bb_stage *stage, bb_packed *out)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t n_rows = (size_t)d->n_row_classes * d->n_column_classes * d->n_draws +
                          (d->emit == BB_EMIT_BOTH);
    const size_t n_groups = bb_divide_up(d->out_channels, GROUP);
    bb_bank_entry *to = bb_allocate(context, n_groups * n_rows * GROUP, sizeof(*to));
    if (!to)
        return BB_MEMORY;
    out->bank = to;
    out->bank_bytes = n_groups * n_rows * GROUP * sizeof(*to);
    for (size_t group = 0; group < n_groups; group++)
        for (size_t row = 0; row < n_rows; row++)
            for (size_t lane = 0; lane < GROUP; lane++, to++) {
                const size_t channel = group * GROUP + lane;
                *to = channel < d->out_channels ? stage->bank[row * d->out_channels + channel]
                                                : (bb_bank_entry){INT32_MAX, 0};
            }
    return BB_OK;
}

bb_status bb_pack_folded(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                         bb_packed *out)
{
    (void)choice;
    const bb_status status = pack_bits(context, stage, out);
    return status == BB_OK ? pack_bank(context, stage, out) : status;
}
