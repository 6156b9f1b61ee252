/* SPDX-License-Identifier: MIT */
/*
 * From a chain of float operations to one comparison, or to one multiplication and addition.
 *
 * 1. A stage's sum a is an integer in [-n, n] (n: largest possible magnitude), or a float32.
 * 2. The model computes z = float32(a) * c, c the float32 product of weight magnitude and mask
 *    factor, then its remaining operations one by one in float32, then a sign.
 * 3. Rounding is monotone, so each operation with a constant is monotone in float32 as well, and so
 * is the whole chain: the output bit is a monotone function of a.
 * 4. Hence there is one threshold t with bit = (a >= t), or its complement where the chain falls
 *    (negative gain): flip. It is found by bisection over the integers, each probe evaluating the
 *    chain in the order of step 2, so that the bits equal the model's, ties included.
 * 5. If both ends of the range agree the output is constant: every a is >= the smallest number.
 * 6. A float sum is bisected the same way over the float32 numbers in their order.
 * 7. A max pool between steps commutes with all that is monotone: OR of the bits where the steps
 * behind it rise, AND where they fall.
 * 8. A draw only changes constants of the chain, so it selects one of several thresholds.
 * 9. Where a real value leaves the stage the steps must be affine and are multiplied out in double:
 *    y = z * gain + offset, both rounded once to float32. A residual is added behind, rounded
 * again.
 * 10. Where bits leave beside a real value, they are a function of that value as it was rounded:
 * the steps up to the sign are a chain over a float of its own, bisected as in 6.
 */
#include "plan/chain.h"

#include <math.h>
#include <string.h>

/* Where a bank entry stands. */
typedef struct place {
    uint32_t draw, channel;
    size_t class;
} place;

static uint32_t draws_without_mask(const bb_stage *stage)
{
    return stage->descriptor.masked ? stage->descriptor.n_draws / 2 : stage->descriptor.n_draws;
}

/* The draw of a step's site within the stage's bank index. */
static uint32_t step_draw(const bb_stage *stage, const bb_step *step, uint32_t draw)
{
    if (step->site == BB_NO_INDEX)
        return 0;
    for (uint32_t i = 0; i < stage->n_bank_sites; i++)
        if (stage->bank_site[i] == step->site)
            return draw % draws_without_mask(stage) / stage->bank_weight[i] % step->n_draws;
    return 0;
}

static float factor(const bb_chain *chain, const bb_stage *stage, place at)
{
    const float magnitude = chain->magnitude ? chain->magnitude[at.channel] : 1.0f;
    const bool stochastic = stage->descriptor.masked && at.draw < draws_without_mask(stage);
    return stochastic ? magnitude * chain->mask_factor : magnitude;
}

static float class_offset(const bb_chain *chain, const bb_stage *stage, place at)
{
    return chain->offset ? chain->offset[at.class * stage->descriptor.out_channels + at.channel]
                         : 0;
}

static float apply_step(const bb_step *step, float x, size_t i)
{
    switch (step->kind) {
    case BB_STEP_MULTIPLY:
        return x * step->a[i];
    case BB_STEP_DIVIDE:
        return x / step->a[i];
    case BB_STEP_ADD:
        return x + step->a[i];
    case BB_STEP_SUBTRACT:
        return x - step->a[i];
    case BB_STEP_SUBTRACT_FROM:
        return step->a[i] - x;
    case BB_STEP_NORMALIZE: {
        const float scaled = x * step->a[i];
        return scaled + step->b[i];
    }
    case BB_STEP_CLIP:
        return x < step->a[i] ? step->a[i] : x > step->b[i] ? step->b[i] : x;
    }
    return x;
}

static bool output_bit(const bb_chain *chain, const bb_stage *stage, place at, float sum)
{
    float z = sum * chain->scale;
    z = z - class_offset(chain, stage, at);
    z = z * factor(chain, stage, at);
    for (uint32_t i = 0; i < chain->n_steps; i++) {
        const bb_step *step = chain->steps[i];
        const size_t row = step_draw(stage, step, at.draw);
        z = apply_step(step, z, row * stage->descriptor.out_channels + at.channel);
    }
    return chain->zero_is_positive ? z >= 0 : z > 0;
}

/* Float32 numbers as integers in the same order; both zeros are 0. */
static float float_of_order(int64_t order)
{
    const uint32_t bits = (uint32_t)(order < 0 ? -order : order) | (order < 0 ? 0x80000000u : 0);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* 2^96: larger float sums are not expected, and gains up to 2^31 do not overflow at the ends. */
#define LARGEST_ORDER 0x6f800000

static float sum_of_order(bool integer, int64_t order)
{
    return integer ? (float)order : float_of_order(order);
}

static bb_bank_entry threshold_entry(bool integer, int64_t order, bool flip)
{
    bb_bank_entry entry = {.b = flip ? BB_FLIP : 0};
    if (integer) {
        const int32_t threshold = (int32_t)order;
        memcpy(&entry.a, &threshold, sizeof(entry.a));
    } else {
        const float threshold = float_of_order(order);
        memcpy(&entry.a, &threshold, sizeof(entry.a));
    }
    return entry;
}

static bb_bank_entry constant_entry(bool integer, bool one)
{
    bb_bank_entry entry = {.b = one ? 0 : BB_FLIP};
    const int32_t smallest = INT32_MIN;
    const float below_all = -INFINITY;
    if (integer)
        memcpy(&entry.a, &smallest, sizeof(entry.a));
    else
        memcpy(&entry.a, &below_all, sizeof(entry.a));
    return entry;
}

static bb_bank_entry bisect(const bb_chain *chain, const bb_stage *stage, place at, bool integer,
                            int64_t bound)
{
    int64_t low = -bound, high = bound;
    const bool bit_low = output_bit(chain, stage, at, sum_of_order(integer, low));
    const bool bit_high = output_bit(chain, stage, at, sum_of_order(integer, high));
    if (bit_low == bit_high)
        return constant_entry(integer, bit_low);
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (output_bit(chain, stage, at, sum_of_order(integer, middle)) == bit_low)
            low = middle;
        else
            high = middle;
    }
    return threshold_entry(integer, high, bit_low);
}

/* Whether the steps behind the pool fall: then the pool's maximum gives the smallest result. */
static bool falls_behind_pool(const bb_chain *chain, const bb_stage *stage, place at)
{
    bool falls = false;
    for (uint32_t i = chain->first_behind_pool; i < chain->n_steps; i++) {
        const bb_step *step = chain->steps[i];
        const size_t row = step_draw(stage, step, at.draw);
        const float a = step->a[row * stage->descriptor.out_channels + at.channel];
        const bool gain = step->kind == BB_STEP_MULTIPLY || step->kind == BB_STEP_DIVIDE ||
                          step->kind == BB_STEP_NORMALIZE;
        if (step->kind == BB_STEP_SUBTRACT_FROM || (gain && a < 0))
            falls = !falls;
    }
    return falls;
}

static int64_t sum_bound(const bb_stage_descriptor *d)
{
    const int64_t taps = (int64_t)d->kernel_h * d->kernel_w;
    switch (d->sum) {
    case BB_SUM_BITS:
        return taps * (d->in_channels / d->groups);
    case BB_SUM_BYTES:
        return taps * (d->in_channels / d->groups) * 255;
    case BB_SUM_POOL_BITS:
    case BB_SUM_JOIN_BITS:
        return taps;
    default:
        return LARGEST_ORDER;
    }
}

static size_t n_classes(const bb_stage_descriptor *d)
{
    return (size_t)d->n_row_classes * d->n_column_classes;
}

void bb_chain_thresholds(const bb_chain *chain, const bb_stage *stage, bb_bank_entry *bank)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const int64_t bound = sum_bound(d);
    const bool integer = bound != LARGEST_ORDER;
    place at;
    for (at.class = 0; at.class < n_classes(d); at.class ++)
        for (at.draw = 0; at.draw < d->n_draws; at.draw++)
            for (at.channel = 0; at.channel < d->out_channels; at.channel++) {
                bb_bank_entry entry = bisect(chain, stage, at, integer, bound);
                if (falls_behind_pool(chain, stage, at))
                    entry.b |= BB_POOL_AND;
                bank[(at.class * d->n_draws + at.draw) * d->out_channels + at.channel] = entry;
            }
}

void bb_chain_second(const bb_chain *chain, const bb_stage *stage, bb_bank_entry *bank)
{
    place at = {0};
    for (; at.channel < stage->descriptor.out_channels; at.channel++)
        bank[at.channel] = bisect(chain, stage, at, false, LARGEST_ORDER);
}

/* y = x * gain + offset, in double. */
typedef struct affine {
    double gain, offset;
} affine;

static affine compose(affine f, const bb_step *step, size_t i)
{
    const double a = step->a[i];
    switch (step->kind) {
    case BB_STEP_MULTIPLY:
        return (affine){f.gain * a, f.offset * a};
    case BB_STEP_DIVIDE:
        return (affine){f.gain / a, f.offset / a};
    case BB_STEP_ADD:
        return (affine){f.gain, f.offset + a};
    case BB_STEP_SUBTRACT:
        return (affine){f.gain, f.offset - a};
    case BB_STEP_SUBTRACT_FROM:
        return (affine){-f.gain, a - f.offset};
    case BB_STEP_NORMALIZE:
        return (affine){f.gain * a, f.offset * a + (double)step->b[i]};
    case BB_STEP_CLIP: /* refused by the fold where a real value leaves the stage */
        break;
    }
    return f;
}

void bb_chain_affine(const bb_chain *chain, const bb_stage *stage, bb_bank_entry *bank)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    place at;
    for (at.class = 0; at.class < n_classes(d); at.class ++)
        for (at.draw = 0; at.draw < d->n_draws; at.draw++)
            for (at.channel = 0; at.channel < d->out_channels; at.channel++) {
                const double c = factor(chain, stage, at);
                affine f = {c * (double)chain->scale, -c * (double)class_offset(chain, stage, at)};
                for (uint32_t i = 0; i < chain->n_steps; i++) {
                    const size_t row = step_draw(stage, chain->steps[i], at.draw);
                    f = compose(f, chain->steps[i], row * d->out_channels + at.channel);
                }
                const float gain = (float)f.gain, offset = (float)f.offset;
                bb_bank_entry *entry =
                    &bank[(at.class * d->n_draws + at.draw) * d->out_channels + at.channel];
                memcpy(&entry->a, &gain, sizeof(gain));
                memcpy(&entry->b, &offset, sizeof(offset));
            }
}
