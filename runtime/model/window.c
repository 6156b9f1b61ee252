/* SPDX-License-Identifier: MIT */
/* The window of Conv and of the pools: kernel, stride, dilation, padding. */
#include "model/import.h"

#define MAX_WINDOW ((int64_t)1 << 16) /* of any number of a window */

/* Two or four non-negative numbers, or the default for all. */
static bb_status read_numbers(bb_import *import, const bb_operation *operation, const char *name,
                              size_t n, int64_t low, int64_t otherwise, uint32_t *out)
{
    const BbOnnx__Attribute *attribute = bb_import_attribute(operation, name);
    if (attribute && attribute->n_ints != n)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "%s has %zu numbers; %zu are expected (2-D only)", name,
                              attribute->n_ints, n);
    for (size_t i = 0; i < n; i++) {
        const int64_t number = attribute ? attribute->ints[i] : otherwise;
        if (number < low || number > MAX_WINDOW)
            return bb_import_fail(import, operation, number < 0 ? BB_UNSUPPORTED : BB_INPUT,
                                  "%s holds %lld, which is out of range", name, (long long)number);
        out[i] = (uint32_t)number;
    }
    return BB_OK;
}

/* SAME: as many outputs as ceil(in / step); the odd pad goes to the end (UPPER) or the start. */
static void pad_same(uint32_t in, uint32_t kernel, uint32_t step, uint32_t dilation, bool upper,
                     uint32_t *before, uint32_t *after)
{
    const uint64_t outputs = ((uint64_t)in + step - 1) / step;
    const uint64_t covered = (outputs - 1) * step + (uint64_t)dilation * (kernel - 1) + 1;
    const uint64_t pad = covered > in ? covered - in : 0;
    *before = (uint32_t)(upper ? pad / 2 : pad - pad / 2);
    *after = (uint32_t)(pad - *before);
}

static bb_status read_padding(bb_import *import, const bb_operation *operation, const bb_dims *in,
                              bb_window *window)
{
    uint32_t pads[4];
    const BbOnnx__Attribute *mode = bb_import_attribute(operation, "auto_pad");
    const bool upper = bb_import_text(operation, "auto_pad", "SAME_UPPER");
    if (!mode || bb_import_text(operation, "auto_pad", "NOTSET")) {
        const bb_status status = read_numbers(import, operation, "pads", 4, 0, 0, pads);
        if (status != BB_OK)
            return status;
        window->pad_top = pads[0];
        window->pad_left = pads[1];
        window->pad_bottom = pads[2];
        window->pad_right = pads[3];
    } else if (upper || bb_import_text(operation, "auto_pad", "SAME_LOWER")) {
        pad_same((uint32_t)in->extent[2], window->kernel_h, window->step_h, window->dilation_h,
                 upper, &window->pad_top, &window->pad_bottom);
        pad_same((uint32_t)in->extent[3], window->kernel_w, window->step_w, window->dilation_w,
                 upper, &window->pad_left, &window->pad_right);
    } else if (!bb_import_text(operation, "auto_pad", "VALID")) {
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "this auto_pad is not supported; NOTSET, VALID and SAME_* are");
    }
    return BB_OK;
}

bb_status bb_import_window(bb_import *import, const bb_operation *operation, const bb_dims *in,
                           int64_t kernel_h, int64_t kernel_w, bb_window *window)
{
    *window = (bb_window){0};
    if (in->rank != 4)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "%u-D kernels are not supported; 2-D only",
                              in->rank > 2 ? in->rank - 2 : 0);
    uint32_t kernel[2], step[2], dilation[2];
    if (kernel_h > MAX_WINDOW || kernel_w > MAX_WINDOW)
        return bb_import_fail(import, operation, BB_UNSUPPORTED, "the kernel is too large");
    bb_status status = read_numbers(import, operation, "kernel_shape", 2, 1, kernel_h, kernel);
    if (status == BB_OK)
        status = read_numbers(import, operation, "strides", 2, 1, 1, step);
    if (status == BB_OK)
        status = read_numbers(import, operation, "dilations", 2, 1, 1, dilation);
    if (status != BB_OK)
        return status;
    if (!bb_import_attribute(operation, "kernel_shape"))
        kernel[1] = (uint32_t)kernel_w;
    if (kernel[0] == 0 || kernel[1] == 0 ||
        (kernel_h && (kernel[0] != kernel_h || kernel[1] != kernel_w)))
        return bb_import_fail(import, operation, BB_INPUT,
                              "kernel_shape is missing or does not agree with the weights");
    *window = (bb_window){.kernel_h = kernel[0],
                          .kernel_w = kernel[1],
                          .step_h = step[0],
                          .step_w = step[1],
                          .dilation_h = dilation[0],
                          .dilation_w = dilation[1]};
    return read_padding(import, operation, in, window);
}
