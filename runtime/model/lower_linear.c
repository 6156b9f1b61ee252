/* SPDX-License-Identifier: MIT */
/* Convolutions and dense layers: weights into our order, binary where they are. */
#include "model/lower.h"

#include <math.h>

/* Where the weight (out, c, y, x) lies in a tensor of the file. */
typedef struct strides {
    size_t out, c, y, x;
} strides;

/* Signs and one magnitude per output, where all magnitudes of an output agree to 1e-6. */
static bool split_weights(const float *weights, size_t row, uint32_t outputs, int8_t *signs,
                          float *magnitude)
{
    for (uint32_t o = 0; o < outputs; o++) {
        const float *w = weights + o * row;
        magnitude[o] = fabsf(w[0]);
        if (!(magnitude[o] > 0))
            return false;
        for (size_t i = 0; i < row; i++) {
            if (!(fabsf(fabsf(w[i]) - magnitude[o]) <= 1e-6f * magnitude[o]))
                return false;
            signs[o * row + i] = w[i] < 0 ? -1 : 1;
        }
    }
    return true;
}

static bb_status make_binary(bb_lowering *lowering, bb_linear *linear, size_t row, uint32_t outputs)
{
    bb_context *context = lowering->import->context;
    linear->signs = bb_allocate(context, row * outputs, sizeof(*linear->signs));
    linear->magnitude = bb_allocate(context, outputs, sizeof(*linear->magnitude));
    if (!linear->signs || !linear->magnitude)
        return BB_MEMORY;
    if (split_weights(linear->weights, row, outputs, linear->signs, linear->magnitude)) {
        bb_release(context, linear->weights);
        linear->weights = NULL;
        return BB_OK;
    }
    bb_release(context, linear->signs);
    bb_release(context, linear->magnitude);
    linear->signs = NULL;
    linear->magnitude = NULL;
    return BB_OK;
}

static bb_status copy_weights(bb_lowering *lowering, const bb_station *at, bb_linear *linear,
                              const bb_tensor *tensor, const strides *stride, uint32_t inputs,
                              uint32_t outputs, float factor)
{
    const size_t count = bb_linear_weight_count(linear, inputs, outputs);
    if (count != tensor->count)
        return bb_import_fail(lowering->import, at->operation, BB_INPUT,
                              "%zu weights; %zu are expected", tensor->count, count);
    const bb_status status = bb_arena_charge(&lowering->import->arena, 5 * count);
    if (status != BB_OK)
        return status;
    linear->weights = bb_allocate(lowering->import->context, count, sizeof(*linear->weights));
    if (!linear->weights)
        return BB_MEMORY;
    size_t i = 0;
    for (uint32_t o = 0; o < outputs; o++)
        for (uint32_t y = 0; y < linear->window.kernel_h; y++)
            for (uint32_t x = 0; x < linear->window.kernel_w; x++)
                for (uint32_t c = 0; c < inputs / linear->groups; c++) {
                    const size_t from =
                        o * stride->out + c * stride->c + y * stride->y + x * stride->x;
                    const float weight = (float)tensor->values[from] * factor;
                    linear->weights[i++] = weight;
                    if (!isfinite(weight))
                        return bb_import_fail(lowering->import, at->operation, BB_INPUT,
                                              "the weight '%.200s' is not finite everywhere",
                                              tensor->name ? tensor->name : "");
                }
    return make_binary(lowering, linear, count / outputs, outputs);
}

/* beta * C behind the sum, where there is one. */
static bb_status add_bias(bb_lowering *lowering, const bb_station *at, float beta)
{
    const bb_tensor *bias;
    bb_status status = bb_import_constant(lowering->import, at->operation, 2, "the bias", &bias);
    if (status != BB_OK || !bias || beta == 0)
        return status;
    const bb_station behind = {at->operation, at->out, at->out, 0};
    bb_dims dims = bias->dims;
    if (at->out->dims.rank == 4 && dims.rank == 1) /* a Conv's bias is one per channel */
        dims = (bb_dims){3, {dims.extent[0], 1, 1}};
    bb_tensor *shaped;
    status = bb_tensor_new(&shaped, &lowering->import->arena, BB_ELEMENT_FLOAT, &dims);
    if (status != BB_OK)
        return status;
    shaped->name = bias->name;
    for (size_t i = 0; i < bias->count; i++)
        shaped->values[i] = bb_element_round(BB_ELEMENT_FLOAT, bias->values[i] * (double)beta);
    return bb_lower_step(lowering, &behind, BB_STEP_ADD, shaped, "the bias");
}

static bb_status add_linear(bb_lowering *lowering, const bb_station *at, const bb_tensor *weights,
                            const strides *stride, const bb_window *window, float alpha, float beta)
{
    const bool grouped = bb_import_is(at->operation, "Conv");
    const uint32_t groups = grouped ? (uint32_t)bb_import_int(at->operation, "group", 1) : 1;
    const uint32_t inputs = lowering->at.shape.channels;
    const uint32_t outputs = (uint32_t)at->out->dims.extent[1];
    bb_shape shape = {outputs, 1, 1};
    if (!bb_window_output(window, &lowering->at.shape, &shape))
        return bb_import_fail(lowering->import, at->operation, BB_INPUT,
                              "the window does not fit the map");
    bb_node *node = bb_lower_node(lowering, at, BB_NODE_LINEAR);
    if (!node)
        return BB_MEMORY;
    shape.channels = outputs;
    node->shape = lowering->at.shape = shape;
    node->linear.window = *window;
    node->linear.groups = groups;
    node->linear.mask_factor = lowering->at.factor;
    lowering->at.factor = 1;
    lowering->at.masked = false;
    const bb_status status =
        copy_weights(lowering, at, &node->linear, weights, stride, inputs, outputs, alpha);
    if (status != BB_OK)
        return status;
    bb_import_recognise(lowering->import, at->operation, "%s weights, %u x %u x %u to %u%s",
                        node->linear.signs ? "binary" : "float", inputs, window->kernel_h,
                        window->kernel_w, outputs, groups > 1 ? ", in groups" : "");
    return add_bias(lowering, at, beta);
}

/* The ONNX map is the map as it lies, apart from a Pad that waits. */
static bool is_same_map(const bb_lowering *lowering, const bb_dims *dims)
{
    const bb_shape *shape = &lowering->at.shape;
    const bb_window *pad = &lowering->at.pad;
    return dims->extent[1] == shape->channels &&
           dims->extent[2] == (int64_t)shape->height + pad->pad_top + pad->pad_bottom &&
           dims->extent[3] == (int64_t)shape->width + pad->pad_left + pad->pad_right;
}

static bb_window whole_map(const bb_shape *shape)
{
    return (bb_window){.kernel_h = shape->height,
                       .kernel_w = shape->width,
                       .step_h = 1,
                       .step_w = 1,
                       .dilation_h = 1,
                       .dilation_w = 1};
}

bb_status bb_lower_convolution(bb_lowering *lowering, const bb_station *at)
{
    bb_import *import = lowering->import;
    const bb_dims *in = &at->in->dims;
    const bb_tensor *weights;
    bb_window window;
    bb_status status = bb_import_constant(import, at->operation, 1, "the weight", &weights);
    if (status != BB_OK)
        return status;
    const size_t kernel_h = (size_t)weights->dims.extent[2];
    const size_t kernel_w = (size_t)weights->dims.extent[3];
    status =
        bb_import_window(import, at->operation, in, (int64_t)kernel_h, (int64_t)kernel_w, &window);
    if (status != BB_OK)
        return status;
    const size_t inputs = (size_t)weights->dims.extent[1]; /* of a group */
    strides stride = {inputs * kernel_h * kernel_w, kernel_h * kernel_w, kernel_w, 1};
    if (is_same_map(lowering, in)) {
        window.pad_top += lowering->at.pad.pad_top;
        window.pad_left += lowering->at.pad.pad_left;
        window.pad_bottom += lowering->at.pad.pad_bottom;
        window.pad_right += lowering->at.pad.pad_right;
        lowering->at.pad = (bb_window){0};
        lowering->at.padded = false;
    } else if (kernel_h == 1 && kernel_w == 1 && bb_import_int(at->operation, "group", 1) == 1 &&
               !lowering->at.padded && in->extent[2] == 1 && in->extent[3] == 1 &&
               at->out->dims.extent[2] == 1 && at->out->dims.extent[3] == 1) {
        window = whole_map(&lowering->at.shape); /* a 1x1 kernel on a flattened map */
        stride.c = (size_t)window.kernel_h * window.kernel_w;
        stride.y = window.kernel_w;
    } else {
        return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                              "its input is a map of %u x %u x %u in another shape",
                              lowering->at.shape.channels, lowering->at.shape.height,
                              lowering->at.shape.width);
    }
    return add_linear(lowering, at, weights, &stride, &window, 1, 1);
}

bb_status bb_lower_product(bb_lowering *lowering, const bb_station *at)
{
    const bb_tensor *weights;
    const bb_status status =
        bb_import_constant(lowering->import, at->operation, 1, "the weight", &weights);
    if (status != BB_OK)
        return status;
    const bool gemm = bb_import_is(at->operation, "Gemm");
    const bool turned = gemm && bb_import_int(at->operation, "transB", 0) != 0;
    const bb_window window = whole_map(&lowering->at.shape);
    const size_t inputs = (size_t)at->in->dims.extent[1], outputs = (size_t)at->out->dims.extent[1];
    const size_t pixels = (size_t)window.kernel_h * window.kernel_w;
    strides stride = {inputs, pixels, window.kernel_w, 1};
    if (!turned)
        stride = (strides){1, pixels * outputs, window.kernel_w * outputs, outputs};
    return add_linear(lowering, at, weights, &stride, &window,
                      gemm ? bb_import_float(at->operation, "alpha", 1) : 1,
                      gemm ? bb_import_float(at->operation, "beta", 1) : 0);
}
