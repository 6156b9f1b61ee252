/* SPDX-License-Identifier: MIT */
/* Call records and packed operands for the engine. */
#include "board/driver.h"

#include <string.h>

static uint32_t divide_up(uint32_t a, uint32_t b)
{
    return (a + b - 1) / b;
}

static bool over_bytes(const bb_stage_descriptor *d)
{
    return d->sum == BB_SUM_BYTES;
}

static uint32_t n_taps(const bb_stage_descriptor *d)
{
    return d->kernel_h * d->kernel_w;
}

static uint32_t pixel_units(const bb_fpga_engine *e, const bb_stage_descriptor *d)
{
    return over_bytes(d) ? d->in_channels : divide_up(d->in_channels, e->simd);
}

static uint32_t n_chunks(const bb_fpga_engine *e, const bb_stage_descriptor *d)
{
    return over_bytes(d) ? divide_up(n_taps(d) * d->in_channels, e->simd)
                         : n_taps(d) * pixel_units(e, d);
}

static bool has_classes(const bb_stage_descriptor *d)
{
    return d->emit == BB_EMIT_BITS && (d->n_row_classes != 1 || d->n_column_classes != 1);
}

static uint32_t n_rows(const bb_stage_descriptor *d)
{
    return d->emit == BB_EMIT_BITS ? d->n_draws * d->n_row_classes * d->n_column_classes : 1;
}

static uint32_t mask_units(const bb_fpga_engine *e, const bb_stage_descriptor *d)
{
    return pixel_units(e, d) * (d->mask_per_element ? d->in_h * d->in_w : 1);
}

static uint32_t input_units(const bb_fpga_engine *e, const bb_stage_descriptor *d)
{
    if (over_bytes(d))
        return d->in_stride * (64 / e->simd);
    return pixel_units(e, d) * d->in_h * d->in_w;
}

static uint32_t refuse_kind(const bb_fpga_engine *e, const bb_stage_descriptor *d)
{
    const bool sums = d->emit == BB_FPGA_EMIT_SUMS;
    if (d->sum != BB_SUM_BITS && d->sum != BB_SUM_BYTES)
        return BB_FPGA_ERROR_SUM;
    if (d->emit != BB_EMIT_BITS && !sums)
        return BB_FPGA_ERROR_EMIT;
    if (d->second || d->in_offset)
        return BB_FPGA_ERROR_SECOND;
    if (d->groups != 1)
        return BB_FPGA_ERROR_GROUPS;
    if (d->dilation_h != 1 || d->dilation_w != 1)
        return BB_FPGA_ERROR_DILATION;
    if (d->n_draws == 0 || d->n_draws > (sums ? 1 : e->draws))
        return BB_FPGA_ERROR_DRAWS;
    if (d->in_type != (over_bytes(d) ? BB_TYPE_BYTES : BB_TYPE_BITS))
        return BB_FPGA_ERROR_TYPE;
    if (over_bytes(d) && d->masked)
        return BB_FPGA_ERROR_MASK;
    return sums && (d->pool_h != 1 || d->pool_w != 1) ? BB_FPGA_ERROR_POOL : 0;
}

uint32_t bb_fpga_refusal(const bb_fpga_engine *e, const bb_stage_descriptor *d)
{
    const uint32_t kind = refuse_kind(e, d);
    const uint32_t n_channels = d->out_channels < BB_FPGA_TILE ? d->out_channels : BB_FPGA_TILE;
    if (kind)
        return kind;
    if (n_chunks(e, d) > (over_bytes(d) ? e->window / 8 : e->window))
        return BB_FPGA_ERROR_WINDOW;
    if (n_rows(d) > e->rows)
        return BB_FPGA_ERROR_ROWS;
    if (has_classes(d) && d->sum_h + d->sum_w > e->border)
        return BB_FPGA_ERROR_BORDER;
    if (divide_up(n_channels, e->pe) * n_chunks(e, d) > e->weights)
        return BB_FPGA_ERROR_WEIGHTS;
    if (input_units(e, d) > e->input)
        return BB_FPGA_ERROR_INPUT;
    return d->masked && mask_units(e, d) > e->masks ? BB_FPGA_ERROR_MASKS : 0;
}

const char *bb_fpga_error_text(uint32_t code)
{
    switch (code) {
#define BB_TEXT(name, number, text)                                                                \
    case number:                                                                                   \
        return text;
        BB_FPGA_ERRORS(BB_TEXT)
#undef BB_TEXT
    default:
        return "";
    }
}

/* Where the window of the first sum pixel begins, and how far it moves, in pixels and in units. */
static void fill_walk(bb_fpga_call *call, const bb_stage_descriptor *d)
{
    call->y_first = -(d->pool_top * d->step_h + d->pad_top);
    call->x_first = -(d->pool_left * d->step_w + d->pad_left);
    call->y_step = d->pool_step_h * d->step_h;
    call->x_step = d->pool_step_w * d->step_w;
    call->row_first = call->y_first * call->row_units;
    call->row_step = call->y_step * call->row_units;
    call->row_pool = d->step_h * call->row_units;
    call->column_first = call->x_first * call->pixel_units;
    call->column_step = call->x_step * call->pixel_units;
    call->column_pool = d->step_w * call->pixel_units;
}

void bb_fpga_fill_call(bb_fpga_call *call, const bb_fpga_engine *e, const bb_stage_descriptor *d)
{
    const bool bytes = over_bytes(d);
    const uint32_t rest = bytes ? 0 : d->in_channels % e->simd;
    const uint64_t tail = rest ? ((uint64_t)1 << rest) - 1 : UINT64_MAX;
    memset(call, 0, sizeof(*call));
    call->stage = *d;
    call->magic = BB_FPGA_MAGIC_NUMBER;
    call->pixel_units = pixel_units(e, d);
    call->row_units = d->in_w * call->pixel_units;
    call->chunks = n_chunks(e, d);
    call->pack_units = bytes ? call->chunks : call->pixel_units;
    call->in_units = bytes ? 64 / e->simd : call->pixel_units;
    call->row_words = bytes ? divide_up(n_taps(d) * d->in_channels, 64) : n_taps(d) * d->in_words;
    call->mask_words = d->in_words * (d->mask_per_element ? d->in_h * d->in_w : 1);
    call->tail_low = (uint32_t)tail;
    call->tail_high = (uint32_t)(tail >> 32);
    call->n_rows = n_rows(d);
    fill_walk(call, d);
}

size_t bb_fpga_weight_words(const bb_stage_descriptor *d)
{
    const size_t row =
        over_bytes(d) ? divide_up(n_taps(d) * d->in_channels, 64) : (size_t)n_taps(d) * d->in_words;
    return row * d->out_channels;
}

void bb_fpga_pack_weights(uint64_t *out, const bb_stage *stage)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    const size_t n_words = bb_fpga_weight_words(d);
    if (!over_bytes(d)) {
        memcpy(out, stage->weights, n_words * sizeof(*out));
        return;
    }
    const size_t fan_in = (size_t)n_taps(d) * d->in_channels;
    const int8_t *signs = stage->weights;
    memset(out, 0, n_words * sizeof(*out));
    for (size_t channel = 0; channel < d->out_channels; channel++) {
        uint64_t *row = out + channel * (n_words / d->out_channels);
        for (size_t i = 0; i < fan_in; i++)
            if (signs[channel * fan_in + i] > 0)
                row[i / 64] |= (uint64_t)1 << (i % 64);
    }
}

void bb_fpga_pack_border(uint32_t *out, const bb_stage *stage)
{
    const bb_stage_descriptor *d = &stage->descriptor;
    for (uint32_t y = 0; y < d->sum_h; y++)
        out[y] = stage->border[y] * d->n_column_classes * d->n_draws;
    for (uint32_t x = 0; x < d->sum_w; x++)
        out[d->sum_h + x] = stage->border[d->sum_h + x] * d->n_draws;
}
