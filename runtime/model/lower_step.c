/* SPDX-License-Identifier: MIT */
/* Elementwise operations: arithmetic with constants, norms, clips and signs. */
#include "model/lower.h"

#include <float.h>
#include <math.h>

bb_node *bb_lower_node(bb_lowering *lowering, const bb_station *at, bb_node_kind kind)
{
    bb_node *node = bb_graph_add(lowering->graph, kind, at->operation->name, at->operation->type);
    if (!node)
        return NULL;
    node->input = lowering->at.node;
    node->shape = lowering->at.shape;
    lowering->at.node = lowering->graph->n_nodes - 1;
    return node;
}

/* Whether a constant can differ between pixels of a channel. */
static bool covers_pixels(const bb_tensor *tensor, const bb_dims *dims)
{
    if (dims->rank != 4)
        return true;
    for (uint32_t i = 0; i < 2 && i < tensor->dims.rank; i++)
        if (bb_extent(tensor->dims.extent[tensor->dims.rank - 1 - i]) != 1)
            return true;
    return false;
}

bb_status bb_lower_channels(bb_lowering *lowering, const bb_station *at, const bb_tensor *tensor,
                            const char *what, float *out)
{
    bb_import *import = lowering->import;
    const bb_dims *dims = &at->in->dims;
    bb_dims result;
    if (!bb_dims_broadcast(dims, &tensor->dims, &result) || !bb_dims_equal(&result, dims))
        return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                              "%s has a shape that differs between inputs or makes more of them",
                              what);
    const size_t pixels = (size_t)lowering->at.shape.height * lowering->at.shape.width;
    double value = 0;
    const bool uniform = bb_tensor_uniform(tensor, &value);
    const bool check = !uniform && pixels > 1 && covers_pixels(tensor, dims);
    for (uint32_t c = 0; c < lowering->at.shape.channels; c++) {
        if (!uniform)
            value = tensor->values[bb_tensor_offset(tensor, dims, c * pixels)];
        out[c] = (float)value;
        if (!isfinite(out[c]))
            return bb_import_fail(import, at->operation, BB_INPUT,
                                  "%s '%.200s' is not finite everywhere in float32", what,
                                  tensor->name ? tensor->name : "");
        for (size_t p = 1; check && p < pixels; p++)
            if (tensor->values[bb_tensor_offset(tensor, dims, c * pixels + p)] != value)
                return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                                      "%s differs between pixels of a channel; one value per "
                                      "channel is supported: put the dense layer first",
                                      what);
    }
    return BB_OK;
}

bb_step *bb_lower_new_step(bb_lowering *lowering, const bb_station *at, bb_step_kind kind,
                           uint32_t n_draws, bool second, bb_status *status)
{
    bb_context *context = lowering->import->context;
    const size_t count = (size_t)n_draws * lowering->at.shape.channels;
    *status = bb_arena_charge(&lowering->import->arena, (second ? 2 : 1) * count * sizeof(float));
    if (*status != BB_OK)
        return NULL;
    *status = BB_MEMORY;
    bb_node *node = bb_lower_node(lowering, at, BB_NODE_STEP);
    if (!node)
        return NULL;
    node->step.kind = kind;
    node->step.site = BB_NO_INDEX;
    node->step.n_draws = n_draws;
    node->step.a = bb_allocate(context, count, sizeof(float));
    if (second && node->step.a)
        node->step.b = bb_allocate(context, count, sizeof(float));
    if (!node->step.a || (second && !node->step.b))
        return NULL;
    *status = BB_OK;
    return &node->step;
}

bb_status bb_lower_step(bb_lowering *lowering, const bb_station *at, bb_step_kind kind,
                        const bb_tensor *tensor, const char *what)
{
    bb_status status;
    double value;
    const bool additive = kind == BB_STEP_ADD || kind == BB_STEP_SUBTRACT;
    const bool factor = kind == BB_STEP_MULTIPLY || kind == BB_STEP_DIVIDE;
    if (bb_tensor_uniform(tensor, &value) && ((additive && value == 0) || (factor && value == 1)))
        return BB_OK;
    bb_step *step = bb_lower_new_step(lowering, at, kind, 1, false, &status);
    if (!step)
        return status;
    status = bb_lower_channels(lowering, at, tensor, what, step->a);
    for (uint32_t c = 0;
         status == BB_OK && kind == BB_STEP_DIVIDE && c < lowering->at.shape.channels; c++)
        if (step->a[c] == 0)
            status = bb_import_fail(lowering->import, at->operation, BB_INPUT, "divides by zero");
    return status;
}

bb_status bb_lower_arithmetic(bb_lowering *lowering, const bb_station *at)
{
    bb_import *import = lowering->import;
    const bb_operation *operation = at->operation;
    const bb_value *other = bb_import_input(import, operation, 1 - at->which);
    if (operation->n_inputs != 2 || at->which > 1 || !other)
        return bb_import_fail(import, operation, BB_INPUT, "two inputs are expected");
    if (!bb_dims_equal(&at->in->dims, &at->out->dims))
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "its constant makes more elements of the activation");
    bb_step_kind kind = BB_STEP_MULTIPLY;
    if (bb_import_is(operation, "Add"))
        kind = BB_STEP_ADD;
    else if (bb_import_is(operation, "Sub"))
        kind = at->which == 0 ? BB_STEP_SUBTRACT : BB_STEP_SUBTRACT_FROM;
    else if (bb_import_is(operation, "Div"))
        kind = BB_STEP_DIVIDE;
    if (kind == BB_STEP_DIVIDE && at->which == 1)
        return bb_import_fail(import, operation, BB_UNSUPPORTED,
                              "divides a constant by an activation");
    if (other->kind == BB_VALUE_CHOICE)
        return bb_lower_random(lowering, at, kind, other);
    const bb_tensor *tensor;
    const bb_status status =
        bb_import_constant(import, operation, 1 - at->which, "the operand", &tensor);
    return status == BB_OK ? bb_lower_step(lowering, at, kind, tensor, "the operand") : status;
}

static void fill(const bb_lowering *lowering, float *values, float value)
{
    for (uint32_t c = 0; c < lowering->at.shape.channels; c++)
        values[c] = value;
}

bb_status bb_lower_negative(bb_lowering *lowering, const bb_station *at)
{
    bb_status status;
    bb_step *step = bb_lower_new_step(lowering, at, BB_STEP_MULTIPLY, 1, false, &status);
    if (step)
        fill(lowering, step->a, -1);
    return status;
}

static bb_status fail_norm(bb_lowering *lowering, const bb_station *at, const char *reason)
{
    return bb_import_fail(lowering->import, at->operation, BB_UNSUPPORTED, "%s", reason);
}

bb_status bb_lower_normalization(bb_lowering *lowering, const bb_station *at)
{
    static const char *const names[] = {"the input", "the scale", "the bias", "the mean",
                                        "the variance"};
    bb_import *import = lowering->import;
    const bb_tensor *parameter[5] = {NULL};
    if (bb_import_int(at->operation, "training_mode", 0) != 0)
        return fail_norm(lowering, at, "is in training mode; export with model.eval()");
    const uint32_t channels = lowering->at.shape.channels;
    if (at->in->dims.rank < 2 || at->which != 0)
        return fail_norm(lowering, at, "normalises something other than an activation");
    for (uint32_t i = 1; i < 5; i++) {
        const bb_status status =
            bb_import_constant(import, at->operation, i, names[i], &parameter[i]);
        if (status != BB_OK)
            return status;
        if (!parameter[i] || (int64_t)parameter[i]->count != at->in->dims.extent[1])
            return bb_import_fail(import, at->operation, BB_INPUT,
                                  "%s has to hold one value per channel", names[i]);
        for (size_t k = 0; k < parameter[i]->count; k++)
            if (!isfinite(parameter[i]->values[k]))
                return bb_import_fail(import, at->operation, BB_INPUT,
                                      "%s '%.200s' is not finite everywhere", names[i],
                                      parameter[i]->name ? parameter[i]->name : "");
    }
    if (at->in->dims.extent[1] != channels) /* behind a flatten: per feature, not per channel */
        return fail_norm(lowering, at,
                         "normalises each feature of a flattened map; put it before the flatten "
                         "or behind the dense layer");
    bb_status status;
    bb_step *step = bb_lower_new_step(lowering, at, BB_STEP_NORMALIZE, 1, true, &status);
    if (!step)
        return status;
    const double epsilon = (double)bb_import_float(at->operation, "epsilon", 1e-5f);
    for (uint32_t c = 0; c < channels; c++) {
        const double a = parameter[1]->values[c] / sqrt(parameter[4]->values[c] + epsilon);
        step->a[c] = (float)a;
        step->b[c] = (float)(parameter[2]->values[c] - parameter[3]->values[c] * a);
        if (!isfinite(step->a[c]) || !isfinite(step->b[c]))
            return bb_import_fail(import, at->operation, BB_INPUT,
                                  "channel %u: the statistics are not finite, or the variance is "
                                  "not positive",
                                  c);
    }
    bb_import_recognise(import, at->operation, "stored statistics, %u channels", channels);
    return BB_OK;
}

static bb_status read_bound(bb_lowering *lowering, const bb_station *at, uint32_t index,
                            const char *name, float *bound)
{
    const float limit = *bound;
    const bb_tensor *tensor;
    const bb_status status =
        bb_import_constant(lowering->import, at->operation, index, name, &tensor);
    if (status != BB_OK)
        return status;
    if (tensor && tensor->count != 1)
        return bb_import_fail(lowering->import, at->operation, BB_INPUT, "%s is not one number",
                              name);
    *bound = tensor ? (float)tensor->values[0] : bb_import_float(at->operation, name, limit);
    if (isinf(*bound))
        *bound = *bound > 0 ? FLT_MAX : -FLT_MAX;
    return BB_OK;
}

bb_status bb_lower_clip(bb_lowering *lowering, const bb_station *at)
{
    float low = -FLT_MAX, high = FLT_MAX;
    bb_status status = BB_OK;
    if (bb_import_is(at->operation, "Relu"))
        low = 0;
    else
        status = read_bound(lowering, at, 1, "min", &low);
    if (status == BB_OK && !bb_import_is(at->operation, "Relu"))
        status = read_bound(lowering, at, 2, "max", &high);
    if (status != BB_OK)
        return status;
    if (!(low <= high))
        return bb_import_fail(lowering->import, at->operation, BB_INPUT, "min %g is above max %g",
                              (double)low, (double)high);
    bb_step *step = bb_lower_new_step(lowering, at, BB_STEP_CLIP, 1, true, &status);
    if (!step)
        return status;
    fill(lowering, step->a, low);
    fill(lowering, step->b, high);
    return BB_OK;
}

/* x >= 0 behind a ReLU is always true. */
static bb_status check_constant_sign(bb_lowering *lowering, const bb_station *at)
{
    const bb_node *last = &lowering->graph->nodes[lowering->at.node];
    if (last->kind != BB_NODE_STEP || last->step.kind != BB_STEP_CLIP || last->step.a[0] < 0)
        return BB_OK;
    return bb_import_fail(lowering->import, at->operation, BB_UNSUPPORTED,
                          "a sign directly behind '%.200s' (%.80s), whose results are never "
                          "negative, is always +1; compare with > 0, or leave that node out",
                          last->name, last->operator_name);
}

static bb_status add_sign(bb_lowering *lowering, const bb_station *at, bool zero_is_positive,
                          bool onnx_sign)
{
    bb_node *node = bb_lower_node(lowering, at, BB_NODE_SIGN);
    if (!node)
        return BB_MEMORY;
    node->sign.zero_is_positive = zero_is_positive;
    node->sign.onnx_sign = onnx_sign;
    bb_import_recognise(lowering->import, at->operation, "sign, %s",
                        onnx_sign          ? "0 taken as +1"
                        : zero_is_positive ? "x >= 0 is +1"
                                           : "x > 0 is +1");
    return BB_OK;
}

bb_status bb_lower_sign(bb_lowering *lowering, const bb_station *at)
{
    const bb_status status = check_constant_sign(lowering, at);
    return status == BB_OK ? add_sign(lowering, at, true, true) : status;
}

bb_status bb_lower_bipolar(bb_lowering *lowering, const bb_station *at)
{
    const bb_tensor *scale;
    bb_status status = bb_import_constant(lowering->import, at->operation, 1, "the scale", &scale);
    if (status == BB_OK && !scale)
        return bb_import_fail(lowering->import, at->operation, BB_INPUT, "no scale");
    for (size_t i = 0; status == BB_OK && i < scale->count; i++)
        if (!(scale->values[i] > 0))
            status = bb_import_fail(lowering->import, at->operation, BB_INPUT,
                                    "the scale is not positive");
    if (status == BB_OK)
        status = check_constant_sign(lowering, at);
    if (status == BB_OK)
        status = add_sign(lowering, at, true, false);
    return status == BB_OK ? bb_lower_step(lowering, at, BB_STEP_MULTIPLY, scale, "the scale")
                           : status;
}

/* Both constants of a sign: value[i] of one is minus that of the other. */
static bool are_opposite(const bb_tensor *a, const bb_tensor *b)
{
    if (!bb_dims_equal(&a->dims, &b->dims)) {
        double x, y;
        return bb_tensor_uniform(a, &x) && bb_tensor_uniform(b, &y) && x == -y && x != 0;
    }
    for (size_t i = 0; i < a->count; i++)
        if (!(a->values[i] == -b->values[i]) || a->values[i] == 0)
            return false;
    return a->count > 0;
}

bb_status bb_lower_choice(bb_lowering *lowering, const bb_station *at)
{
    bb_import *import = lowering->import;
    const bb_value *choice = at->out;
    const bb_tensor *positive = choice->if_false; /* where x is not below the bound */
    double bound, scale;
    bb_status status;
    if (choice->condition.comparison == BB_EQUAL || choice->element == BB_ELEMENT_BOOL ||
        !are_opposite(choice->if_true, positive))
        return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                              "chooses between %g and %g; a binary activation is -1 or +1",
                              choice->if_true->count ? choice->if_true->values[0] : 0,
                              positive->count ? positive->values[0] : 0);
    if (!bb_dims_equal(&at->in->dims, &choice->dims))
        return bb_import_fail(import, at->operation, BB_UNSUPPORTED,
                              "its constants make more elements of the activation");
    const bool strict = choice->condition.comparison == BB_LESS_EQUAL;
    const bool at_zero = bb_tensor_uniform(choice->condition.bound, &bound) && bound == 0;
    status = at_zero && !strict ? check_constant_sign(lowering, at) : BB_OK;
    if (status == BB_OK)
        status =
            bb_lower_step(lowering, at, BB_STEP_SUBTRACT, choice->condition.bound, "the bound");
    if (status != BB_OK)
        return status;
    const bool uniform = bb_tensor_uniform(positive, &scale);
    const bool reversed = uniform && scale < 0;
    if (reversed)
        status = bb_lower_negative(lowering, at);
    if (status == BB_OK)
        status = add_sign(lowering, at, strict == reversed, false);
    if (status != BB_OK || (uniform && fabs(scale) == 1))
        return status;
    return bb_lower_step(lowering, at, BB_STEP_MULTIPLY, reversed ? choice->if_true : positive,
                         "the constant");
}
