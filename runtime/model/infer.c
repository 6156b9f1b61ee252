/* SPDX-License-Identifier: MIT */
/* Extents of what depends on the input. */
#include "model/import.h"

#include <string.h>

static bb_status fail_fit(bb_import *import, const bb_operation *operation, const bb_dims *a,
                          const bb_dims *b)
{
    char text_a[BB_DIMS_TEXT], text_b[BB_DIMS_TEXT];
    return bb_import_fail(import, operation, BB_INPUT, "shapes %s and %s do not fit together",
                          bb_dims_text(a, text_a), bb_dims_text(b, text_b));
}

static bb_status infer_same(bb_import *import, const bb_operation *operation, bb_dims *out)
{
    const bb_value *in = bb_import_input(import, operation, 0);
    if (!in || !bb_is_activation(import, in))
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "the first input does not depend on the input of the model");
    *out = in->dims;
    return BB_OK;
}

static bb_status infer_broadcast(bb_import *import, const bb_operation *operation, bb_dims *out)
{
    *out = (bb_dims){0};
    for (uint32_t i = 0; i < operation->n_inputs; i++) {
        bb_value *in = bb_import_input(import, operation, i);
        if (!in)
            continue;
        const bb_status status = bb_import_need(import, operation, in);
        if (status != BB_OK)
            return status;
        const bb_dims before = *out;
        if (!bb_dims_broadcast(&before, &in->dims, out))
            return fail_fit(import, operation, &before, &in->dims);
    }
    return BB_OK;
}

static bb_status set_map(bb_import *import, const bb_operation *operation, const bb_dims *in,
                         const bb_window *window, int64_t channels, bb_dims *out)
{
    const bb_shape from = {(uint32_t)in->extent[1], (uint32_t)in->extent[2],
                           (uint32_t)in->extent[3]};
    bb_shape to;
    if (!bb_window_output(window, &from, &to))
        return bb_import_fail(import, operation, BB_INPUT,
                              "the window of %u x %u does not fit a map of %u x %u",
                              window->kernel_h, window->kernel_w, from.height, from.width);
    *out = (bb_dims){.rank = 4, .extent = {in->extent[0], channels, to.height, to.width}};
    return BB_OK;
}

static bb_status infer_convolution(bb_import *import, const bb_operation *operation, bb_dims *out)
{
    const bb_tensor *weights;
    bb_dims in;
    bb_status status = infer_same(import, operation, &in);
    if (status == BB_OK)
        status = bb_import_constant(import, operation, 1, "the weight", &weights);
    if (status != BB_OK)
        return status;
    if (in.rank != 4 || !weights || weights->dims.rank != 4)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "%d-D kernels are not supported; 2-D only",
                              weights && weights->dims.rank > 2 ? (int)weights->dims.rank - 2 : 0);
    const int64_t *extent = weights->dims.extent;
    const int64_t groups = bb_import_int(operation, "group", 1);
    if (groups < 1 || groups > in.extent[1] || in.extent[1] % groups || extent[0] % groups ||
        extent[1] != in.extent[1] / groups || extent[0] < 1)
        return bb_import_fail(import, operation, BB_INPUT,
                              "%lld input channels in %lld groups do not fit weights for %lld",
                              (long long)in.extent[1], (long long)groups, (long long)extent[1]);
    bb_window window;
    status = bb_import_window(import, operation, &in, extent[2], extent[3], &window);
    if (status != BB_OK)
        return status;
    return set_map(import, operation, &in, &window, extent[0], out);
}

/* Activations side by side along the channels, or the features. */
static bb_status infer_concat(bb_import *import, const bb_operation *operation, bb_dims *out)
{
    const int64_t axis = bb_import_int(operation, "axis", 1);
    for (uint32_t i = 0; i < operation->n_inputs; i++) {
        const bb_value *in = bb_import_input(import, operation, i);
        if (!in || !bb_is_activation(import, in))
            return bb_import_fail(import, operation, BB_UNSUPPORTED,
                                  "joins an activation with a constant");
        const bb_dims *dims = &in->dims;
        if (dims->rank < 2 || (axis != 1 && axis != 1 - (int64_t)dims->rank))
            return bb_import_fail(import, operation, BB_UNSUPPORTED,
                                  "axis %lld; 1, the channels, is supported", (long long)axis);
        const bb_dims before = *out;
        bool fits = i == 0 || before.rank == dims->rank;
        for (uint32_t k = 0; k < dims->rank && i; k++)
            fits = fits && (k == 1 || before.extent[k] == dims->extent[k]);
        if (!fits)
            return fail_fit(import, operation, &before, dims);
        *out = *dims;
        if (i && before.extent[1] > BB_MAX_ELEMENTS)
            return fail_fit(import, operation, &before, dims);
        out->extent[1] += i ? before.extent[1] : 0;
    }
    return BB_OK;
}

static bb_status infer_pool(bb_import *import, const bb_operation *operation, bb_dims *out)
{
    bb_dims in;
    bb_window window;
    bb_status status = infer_same(import, operation, &in);
    if (status == BB_OK)
        status = bb_import_window(import, operation, &in, 0, 0, &window);
    return status == BB_OK ? set_map(import, operation, &in, &window, in.extent[1], out) : status;
}

static bb_status infer_global_pool(bb_import *import, const bb_operation *operation, bb_dims *out)
{
    const bb_status status = infer_same(import, operation, out);
    for (uint32_t i = 2; status == BB_OK && i < out->rank; i++)
        out->extent[i] = 1;
    return status;
}

static bb_status infer_product(bb_import *import, const bb_operation *operation, bb_dims *out)
{
    const bool gemm = bb_import_is(operation, "Gemm");
    const bool turned = gemm && bb_import_int(operation, "transB", 0) != 0;
    const bb_tensor *weights;
    bb_dims in;
    bb_status status = infer_same(import, operation, &in);
    if (status == BB_OK)
        status = bb_import_constant(import, operation, 1, "the weight", &weights);
    if (status != BB_OK)
        return status;
    char text[BB_DIMS_TEXT];
    if (in.rank != 2 || in.extent[0] != BB_BATCH || !weights || weights->dims.rank != 2 ||
        (gemm && bb_import_int(operation, "transA", 0) != 0))
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "an input of shape %s; [N, features] times a matrix is supported: "
                              "flatten before",
                              bb_dims_text(&in, text));
    if (in.extent[1] != weights->dims.extent[turned] || weights->dims.extent[!turned] < 1)
        return fail_fit(import, operation, &in, &weights->dims);
    *out = (bb_dims){.rank = 2, .extent = {in.extent[0], weights->dims.extent[!turned]}};
    return BB_OK;
}

static bb_status infer_pad(bb_import *import, const bb_operation *operation, bb_dims *out)
{
    const int64_t *pads;
    size_t n;
    bb_status status = infer_same(import, operation, out);
    if (status == BB_OK)
        status = bb_import_ints(import, operation, "pads", 1, &pads, &n);
    if (status != BB_OK)
        return status;
    if (out->rank != 4 || n != 8)
        return bb_import_fail(import, operation, BB_UNSUPPORTED, "only 2-D maps are padded");
    for (uint32_t i = 0; i < 4; i++) {
        const bool spatial = i >= 2;
        const int64_t limit = spatial ? 1 << 16 : 0;
        if (pads[i] < 0 || pads[i + 4] < 0 || pads[i] > limit || pads[i + 4] > limit)
            return bb_import_fail(import, operation, BB_UNSUPPORTED,
                                  "crops, or pads other than height and width");
        out->extent[i] += pads[i] + pads[i + 4];
    }
    return BB_OK;
}

static bb_status infer_mean(bb_import *import, const bb_operation *operation, bb_dims *out)
{
    const int64_t *axes;
    size_t n;
    bb_dims in;
    bb_status status = infer_same(import, operation, &in);
    if (status == BB_OK)
        status = bb_import_ints(import, operation, "axes", 1, &axes, &n);
    if (status != BB_OK)
        return status;
    const bool spatial = in.rank == 4 && n == 2 && (axes[0] == 2 || axes[0] == -2) &&
                         (axes[1] == 3 || axes[1] == -1);
    if (!spatial)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "a mean over anything but height and width");
    const bool keep = bb_import_int(operation, "keepdims", 1) != 0;
    *out = (bb_dims){.rank = keep ? 4 : 2, .extent = {in.extent[0], in.extent[1], 1, 1}};
    return BB_OK;
}

/* Target of a Reshape: the batch in front, the rest with as many elements as before. */
static bb_status infer_reshape(bb_import *import, const bb_operation *operation, const bb_dims *in,
                               size_t elements, bb_dims *out)
{
    const bb_tensor *shape;
    bb_dims target;
    bb_status status = bb_import_constant(import, operation, 1, "the shape", &shape);
    if (status == BB_OK && !shape)
        return bb_import_fail(import, operation, BB_INPUT, "no shape");
    if (status == BB_OK)
        status = bb_shape_from_tensor(import, operation, shape, &target);
    if (status != BB_OK)
        return status;
    const int64_t first = target.rank ? target.extent[0] : -2;
    if (first != BB_BATCH && first != -1 && first != 0 && first != 1 && first != import->batch)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "the reshape mixes inputs with each other; keep the batch as first "
                              "dimension");
    target.extent[0] = BB_BATCH;
    int64_t known = 1;
    uint32_t open = 0;
    for (uint32_t i = 1; i < target.rank; i++) {
        if (target.extent[i] == 0 && i < in->rank)
            target.extent[i] = in->extent[i];
        if (target.extent[i] == -1 && !open && first != -1)
            open = i;
        else if (target.extent[i] < 1 || target.extent[i] > (int64_t)elements / known)
            known = INT64_MAX / 2; /* not a divisor of anything */
        else
            known *= target.extent[i];
    }
    if (open && (int64_t)elements % known == 0)
        target.extent[open] = (int64_t)elements / known;
    else if (open || known != (int64_t)elements)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "the reshape does not keep the %zu elements of each input apart",
                              elements);
    *out = target;
    return BB_OK;
}

static bb_status infer_squeeze(bb_import *import, const bb_operation *operation, const bb_dims *in,
                               bool insert, bb_dims *out)
{
    const int64_t *axes;
    size_t n;
    const bb_status status = bb_import_ints(import, operation, "axes", 1, &axes, &n);
    if (status != BB_OK)
        return status;
    bb_dims range = *in;
    uint32_t mask = 0;
    if (insert && n <= BB_MAX_RANK)
        range.rank += (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        uint32_t axis;
        if (range.rank > BB_MAX_RANK || !bb_dims_axis(&range, axes[i], &axis) || axis == 0 ||
            mask >> axis & 1 || (!insert && in->extent[axis] != 1))
            return bb_import_fail(import, operation, BB_UNSUPPORTED,
                                  "axis %lld; the batch stays the first dimension",
                                  (long long)axes[i]);
        mask |= 1u << axis;
    }
    *out = (bb_dims){0};
    for (uint32_t i = 0, k = 0; i < range.rank; i++) {
        const bool named = n ? mask >> i & 1 : i && in->extent[i] == 1;
        if (insert)
            out->extent[out->rank++] = named ? 1 : in->extent[k++];
        else if (!named)
            out->extent[out->rank++] = in->extent[i];
    }
    return BB_OK;
}

bb_status bb_infer_layout(bb_import *import, const bb_operation *operation, const bb_dims *in,
                          bb_dims *out)
{
    size_t elements;
    if (!bb_dims_count(in, &elements) || in->rank == 0 || in->extent[0] != BB_BATCH)
        return bb_import_fail(import, operation, BB_UNSUPPORTED, "the batch is not in front");
    if (bb_import_is(operation, "Reshape"))
        return infer_reshape(import, operation, in, elements, out);
    if (bb_import_is(operation, "Squeeze") || bb_import_is(operation, "Unsqueeze"))
        return infer_squeeze(import, operation, in, bb_import_is(operation, "Unsqueeze"), out);
    const int64_t axis = bb_import_int(operation, "axis", 1);
    if (axis != 1 && axis != 1 - (int64_t)in->rank)
        return bb_import_fail(import, operation, BB_UNSUPPORTED, "axis %lld; 1 is supported",
                              (long long)axis);
    *out = (bb_dims){.rank = 2, .extent = {BB_BATCH, (int64_t)elements}};
    return BB_OK;
}

static bb_status infer_relabel(bb_import *import, const bb_operation *operation, bb_dims *out)
{
    bb_dims in;
    const bb_status status = infer_same(import, operation, &in);
    return status == BB_OK ? bb_infer_layout(import, operation, &in, out) : status;
}

static bb_status infer_slice(bb_import *import, const bb_operation *operation, bb_dims *out)
{
    bb_dims in;
    const bb_status status = infer_same(import, operation, &in);
    return status == BB_OK ? bb_slice_dims(import, operation, &in, out) : status;
}

typedef bb_status inference(bb_import *import, const bb_operation *operation, bb_dims *out);

static const struct {
    const char *types; /* between blanks */
    inference *infer;
} rules[] = {
    {" Sign Abs Neg Sqrt Relu Clip Cast CastLike Tanh Sigmoid Exp Log Erf Floor Not Softmax "
     "LogSoftmax LeakyRelu PRelu Elu Selu HardSigmoid HardSwish Softplus Softsign Reciprocal "
     "BatchNormalization Dropout InstanceNormalization LayerNormalization LRN BipolarQuant ",
     infer_same},
    {" Concat ", infer_concat},
    {" Add Sum Sub Mul Div Pow Min Max Less LessOrEqual Greater GreaterOrEqual Equal And Or Where ",
     infer_broadcast},
    {" Conv ", infer_convolution},
    {" MaxPool AveragePool ", infer_pool},
    {" GlobalAveragePool GlobalMaxPool ", infer_global_pool},
    {" Gemm MatMul ", infer_product},
    {" Pad ", infer_pad},
    {" ReduceMean ", infer_mean},
    {" Slice ", infer_slice},
    {" Reshape Flatten Squeeze Unsqueeze ", infer_relabel},
};

bb_status bb_infer(bb_import *import, const bb_operation *operation, bb_dims *out, bool *known)
{
    char padded[64];
    const size_t length = strlen(operation->type);
    *known = false;
    if (length == 0 || length + 3 > sizeof(padded) || strchr(operation->type, ' '))
        return BB_OK;
    snprintf(padded, sizeof(padded), " %s ", operation->type);
    for (size_t i = 0; i < BB_COUNT_OF(rules); i++) {
        if (!strstr(rules[i].types, padded))
            continue;
        const bb_status status = rules[i].infer(import, operation, out);
        size_t count;
        *known = status == BB_OK;
        if (*known && (out->rank == 0 || out->extent[0] != BB_BATCH))
            return bb_import_fail(import, operation, BB_UNSUPPORTED,
                                  "the batch does not stay the first dimension");
        if (*known && (!bb_dims_count(out, &count) || count > (size_t)BB_MAX_ELEMENTS))
            return bb_import_fail(import, operation, BB_UNSUPPORTED,
                                  "an activation of more than %lld elements",
                                  (long long)BB_MAX_ELEMENTS);
        return status;
    }
    return BB_OK;
}
