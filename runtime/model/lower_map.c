/* SPDX-License-Identifier: MIT */
/* Pools, padding, and operators that only name the same map in another shape. */
#include "model/lower.h"

static bb_status read_pool(bb_lowering *lowering, const bb_station *at, bb_window *window)
{
    const bb_shape *shape = &lowering->at.shape;
    if (!bb_import_is(at->operation, "MaxPool") && !bb_import_is(at->operation, "AveragePool")) {
        *window = (bb_window){shape->height, shape->width, 1, 1, 1, 1, 0, 0, 0, 0};
        return BB_OK;
    }
    const bb_status status =
        bb_import_window(lowering->import, at->operation, &at->in->dims, 0, 0, window);
    if (status != BB_OK)
        return status;
    if (window->dilation_h != 1 || window->dilation_w != 1)
        return bb_import_fail(lowering->import, at->operation, BB_UNSUPPORTED,
                              "dilations of a pool; 1 is supported");
    if (window->pad_top >= window->kernel_h || window->pad_bottom >= window->kernel_h ||
        window->pad_left >= window->kernel_w || window->pad_right >= window->kernel_w)
        return bb_import_fail(lowering->import, at->operation, BB_INPUT,
                              "padding as large as the window");
    const uint32_t rest_h =
        (shape->height + window->pad_top + window->pad_bottom - window->kernel_h) % window->step_h;
    const uint32_t rest_w =
        (shape->width + window->pad_left + window->pad_right - window->kernel_w) % window->step_w;
    if (bb_import_int(at->operation, "ceil_mode", 0) != 0 && (rest_h || rest_w))
        return bb_import_fail(lowering->import, at->operation, BB_UNSUPPORTED,
                              "ceil_mode with a map that the windows do not divide; use floor");
    return BB_OK;
}

bb_status bb_lower_pool(bb_lowering *lowering, const bb_station *at)
{
    bb_import *import = lowering->import;
    const bb_shape *shape = &lowering->at.shape;
    const bb_dims *in = &at->in->dims;
    if (in->rank != 4 || in->extent[1] != shape->channels || in->extent[2] != shape->height ||
        in->extent[3] != shape->width)
        return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                              "its input is a map of %u x %u x %u in another shape",
                              shape->channels, shape->height, shape->width);
    bb_window window;
    const bb_status status = read_pool(lowering, at, &window);
    if (status != BB_OK)
        return status;
    const bool largest =
        bb_import_is(at->operation, "MaxPool") || bb_import_is(at->operation, "GlobalMaxPool");
    const bool padded = window.pad_top + window.pad_left + window.pad_bottom + window.pad_right;
    if (!largest && padded && bb_import_int(at->operation, "count_include_pad", 0) == 0)
        return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                              "an average that leaves the padding out; use count_include_pad=True "
                              "or no padding");
    bb_shape out;
    if (!bb_window_output(&window, shape, &out))
        return bb_import_fail(import, at->operation, BB_INPUT, "the window does not fit the map");
    if (window.kernel_h == 1 && window.kernel_w == 1 && window.step_h == 1 && window.step_w == 1 &&
        !padded)
        return BB_OK;
    bb_node *node = bb_lower_node(lowering, at, largest ? BB_NODE_MAX_POOL : BB_NODE_AVERAGE_POOL);
    if (!node)
        return BB_MEMORY;
    node->pool = window;
    node->shape = lowering->at.shape = out;
    bb_import_recognise(import, at->operation, "%s over %u x %u", largest ? "maximum" : "average",
                        window.kernel_h, window.kernel_w);
    return BB_OK;
}

/* The order of the elements stays, so the map stays; the input alone may still be given a shape. */
bb_status bb_lower_layout(bb_lowering *lowering, const bb_station *at)
{
    const bb_dims *to = &at->out->dims;
    if (lowering->graph->n_nodes > 1 || to->rank != 4 || to->extent[2] * to->extent[3] == 1)
        return BB_OK;
    lowering->at.shape =
        (bb_shape){(uint32_t)to->extent[1], (uint32_t)to->extent[2], (uint32_t)to->extent[3]};
    lowering->graph->nodes[0].shape = lowering->at.shape;
    bb_import_recognise(lowering->import, at->operation, "the input is taken as %u x %u x %u",
                        lowering->at.shape.channels, lowering->at.shape.height,
                        lowering->at.shape.width);
    return BB_OK;
}

bb_status bb_lower_pad(bb_lowering *lowering, const bb_station *at)
{
    bb_import *import = lowering->import;
    const int64_t *pads;
    const bb_tensor *value;
    size_t n;
    bb_status status = bb_import_ints(import, at->operation, "pads", 1, &pads, &n);
    if (status == BB_OK)
        status = bb_import_constant(import, at->operation, 2, "the value", &value);
    if (status != BB_OK)
        return status;
    const double number = value && value->count == 1
                              ? value->values[0]
                              : (double)bb_import_float(at->operation, "value", 0);
    const bool constant = !bb_import_attribute(at->operation, "mode") ||
                          bb_import_text(at->operation, "mode", "constant");
    if (!constant || number != 0 || n != 8 || at->operation->n_inputs > 3)
        return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                              "pads with something other than 0; zero padding is supported");
    bb_window *pad = &lowering->at.pad;
    pad->pad_top += (uint32_t)pads[2];
    pad->pad_left += (uint32_t)pads[3];
    pad->pad_bottom += (uint32_t)pads[6];
    pad->pad_right += (uint32_t)pads[7];
    lowering->at.padded = pad->pad_top + pad->pad_left + pad->pad_bottom + pad->pad_right > 0;
    bb_import_recognise(import, at->operation, "zero padding, taken over by the next Conv");
    return BB_OK;
}
