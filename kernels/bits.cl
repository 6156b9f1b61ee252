/* SPDX-License-Identifier: MIT */
/*
 * What all kernels share: the stage call, the valid taps of a window, where things lie. Layouts and
 * arithmetic stand in shared.h, names in README.md.
 *
 * Contraction would change the sign of results that nearly cancel: do not restore mad() or FMA.
 */
#pragma OPENCL FP_CONTRACT OFF

/*
 * The stage call. `list` + first is the first of n_entries entries; `masks` + first_mask is row 0 of
 * the stage's masks. Weights and bank come in the layout that the variant asks for (README.md).
 * `second` are the slots of the second operand, where the stage has one.
 */
#define BB_STAGE_CALL                                                                              \
    const bb_stage_descriptor stage, __global const ulong *restrict weights,                       \
        __global const float *restrict channel_scale, __global const uint *restrict bank,          \
        __global const uint *restrict border, __global const ulong *restrict input,                \
        __global ulong *restrict output, __global const uint *restrict list, const uint first,     \
        const uint n_entries, __global const ulong *restrict masks, const uint first_mask,         \
        __global const ulong *restrict second

/* What a sum reads besides the descriptor. mask: BB_NONE's is 0, which means all ones. */
typedef struct bb_operands {
    __global const ulong *weights;
    __global const float *channel_scale;
    __global const ulong *input; /* the entry's map */
    __global const ulong *second; /* its second one; 0 without */
    __global const ulong *mask;
} bb_operands;

static int bb_divide_up(int x, int dilation)
{
    return dilation == 1 ? x : (x + dilation - 1) / dilation; /* divisions are slow */
}

/* Taps [first, end) of a window that starts at `start` and lie inside 0 .. size-1. */
static int bb_first_tap(int start, int dilation)
{
    return start < 0 ? bb_divide_up(-start, dilation) : 0;
}

static int bb_end_tap(int start, int dilation, int n_taps, int size)
{
    return start >= size ? 0 : min(n_taps, bb_divide_up(size - start, dilation));
}

/* The window of the sum at (y, x): its corner in the input and its valid taps. */
typedef struct bb_window {
    int y, x, first_y, end_y, first_x, end_x;
} bb_window;

static bb_window bb_window_at(const bb_stage_descriptor *stage, int y, int x)
{
    bb_window w;
    w.y = y * (int)stage->step_h - (int)stage->pad_top;
    w.x = x * (int)stage->step_w - (int)stage->pad_left;
    w.first_y = bb_first_tap(w.y, (int)stage->dilation_h);
    w.first_x = bb_first_tap(w.x, (int)stage->dilation_w);
    w.end_y = bb_end_tap(w.y, (int)stage->dilation_h, (int)stage->kernel_h, (int)stage->in_h);
    w.end_x = bb_end_tap(w.x, (int)stage->dilation_w, (int)stage->kernel_w, (int)stage->in_w);
    return w;
}

/* Input pixel under tap (ky, kx), and the tap's number within the kernel. */
static uint bb_pixel(const bb_stage_descriptor *stage, const bb_window *w, int ky, int kx)
{
    const int y = w->y + ky * (int)stage->dilation_h;
    const int x = w->x + kx * (int)stage->dilation_w;
    return (uint)y * stage->in_w + (uint)x;
}

static uint bb_tap(const bb_stage_descriptor *stage, uint channel, int ky, int kx)
{
    return (channel * stage->kernel_h + (uint)ky) * stage->kernel_w + (uint)kx;
}

/* Row of the mask that holds for an input pixel. */
static __global const ulong *bb_mask_at(const bb_stage_descriptor *stage,
                                        __global const ulong *mask, uint pixel)
{
    return stage->mask_per_element ? mask + (size_t)pixel * stage->in_words : mask;
}

static __global const ulong *bb_mask_of(const bb_stage_descriptor *stage,
                                        __global const ulong *masks, uint row)
{
    const uint pixels = stage->mask_per_element ? stage->in_h * stage->in_w : 1;
    return row == BB_NONE || !stage->masked ? 0 : masks + (size_t)row * pixels * stage->in_words;
}

/* The maps that an entry names, within their slots. */
static __global const ulong *bb_input_of(const bb_stage_descriptor *stage,
                                         __global const ulong *input, __global const uint *entry)
{
    return input + (size_t)entry[BB_ENTRY_INPUT] * stage->in_stride + stage->in_offset;
}

static __global const ulong *bb_second_of(const bb_stage_descriptor *stage,
                                          __global const ulong *second, __global const uint *entry)
{
    if (!stage->second)
        return 0;
    return second + (size_t)entry[BB_ENTRY_SECOND(stage)] * stage->second_stride +
           stage->second_offset;
}

/* The residual of an entry, f32 of the output's shape; 0 without one. */
static __global const float *bb_residual_of(const bb_stage_descriptor *stage,
                                            __global const ulong *second)
{
    const bool joins = stage->sum == BB_SUM_JOIN_BITS || stage->sum == BB_SUM_JOIN_REAL;
    return joins ? 0 : (__global const float *)second;
}

/* Bit i: lane i of x is not 0; lanes are 0 or -1. The product adds up the bytes of a word, each of
 * which holds one bit of its own. */
static uint bb_pack16(int16 x)
{
    const uchar16 bits = convert_uchar16(x) & (uchar16)(1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16,
                                                        32, 64, 128);
    const ulong2 bytes = (as_ulong2(bits) * 0x0101010101010101ul) >> 56;
    return (uint)(bytes.x | (bytes.y << 8));
}

static uint bb_bit(__global const ulong *words, uint channel)
{
    return (uint)(words[channel / 64] >> (channel % 64)) & 1u;
}

/* Class of the pixel (y, x) of the sum map, for the bank. */
static uint bb_class(const bb_stage_descriptor *stage, __global const uint *border, int y, int x)
{
    if (stage->n_row_classes * stage->n_column_classes == 1)
        return 0;
    return border[y] * stage->n_column_classes + border[stage->sum_h + (uint)x];
}
