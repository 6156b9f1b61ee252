/* SPDX-License-Identifier: MIT */
/* Networks from a seed. Weights are noise: speed does not depend on them, and thresholds near the
 * middle of the sums keep every bit alive. */
#include "models.h"

#include "reference/sample.h"

#include <math.h>
#include <string.h>

uint64_t bench_random(uint64_t *state)
{
    return bb_random_word(state);
}

/* Uniform in [low, high). */
static float between(uint64_t *state, float low, float high)
{
    return low + (high - low) * (float)(bench_random(state) >> 40) * 0x1p-24f;
}

static bb_node *add(model_builder *b, bb_node_kind kind, const char *word)
{
    if (b->status != BB_OK)
        return NULL;
    char name[32];
    snprintf(name, sizeof(name), "%s%u", word, b->graph->n_nodes);
    bb_node *node = bb_graph_add(b->graph, kind, name, word);
    if (!node) {
        b->status = BB_MEMORY;
        return NULL;
    }
    node->shape = b->shape;
    node->input = b->last;
    b->last = b->graph->n_nodes - 1;
    return node;
}

void model_begin(model_builder *b, bb_context *context, const char *name, bb_shape input,
                 uint64_t seed)
{
    const float mean = 127.5f, std = 64;
    *b = (model_builder){.shape = input, .state = seed};
    b->status = bb_graph_new(&b->graph, context, name);
    if (b->status == BB_OK)
        b->status = bb_graph_set_preprocess(b->graph, 1, 1, &mean, &std);
    add(b, BB_NODE_INPUT, "input");
}

void model_grouped(model_builder *b, const layer_window *w, uint32_t channels, uint32_t groups)
{
    const uint32_t in_channels = b->shape.channels;
    const bb_window window = {w->kernel_h, w->kernel_w, w->step, w->step, w->dilation,
                              w->dilation, w->pad,      w->pad,  w->pad,  w->pad};
    if (b->status == BB_OK && !bb_window_output(&window, &b->shape, &b->shape))
        b->status =
            bb_fail(b->graph->context, BB_ARGUMENT,
                    "%s: a kernel of %u x %u does not fit the map of %u x %u", b->graph->path,
                    w->kernel_h, w->kernel_w, b->shape.height, b->shape.width);
    b->shape.channels = channels;
    bb_node *node = add(b, BB_NODE_LINEAR, "conv");
    if (!node)
        return;
    node->linear = (bb_linear){.window = window, .groups = groups, .mask_factor = 1};
    const size_t n = bb_linear_weight_count(&node->linear, in_channels, channels);
    node->linear.signs = bb_allocate(b->graph->context, n, 1);
    node->linear.magnitude = bb_allocate(b->graph->context, channels, sizeof(float));
    if (!node->linear.signs || !node->linear.magnitude) {
        b->status = BB_MEMORY;
        return;
    }
    for (size_t i = 0; i < n; i++)
        node->linear.signs[i] = bench_random(&b->state) & 1 ? 1 : -1;
    for (uint32_t c = 0; c < channels; c++)
        node->linear.magnitude[c] = 1;
}

void model_linear(model_builder *b, const layer_window *window, uint32_t channels)
{
    model_grouped(b, window, channels, 1);
}

/* A step with n_draws values of a and one of b per channel. */
static bb_step *add_step(model_builder *b, bb_step_kind kind, uint32_t site, uint32_t n_draws)
{
    const uint32_t channels = b->shape.channels;
    bb_node *node = add(b, BB_NODE_STEP, kind == BB_STEP_NORMALIZE ? "norm" : "scale");
    if (!node)
        return NULL;
    bb_context *context = b->graph->context;
    node->step = (bb_step){.kind = kind, .site = site, .n_draws = n_draws};
    node->step.a = bb_allocate(context, (size_t)n_draws * channels, sizeof(float));
    node->step.b = kind == BB_STEP_NORMALIZE ? bb_allocate(context, channels, sizeof(float)) : NULL;
    if (!node->step.a || (kind == BB_STEP_NORMALIZE && !node->step.b)) {
        b->status = BB_MEMORY;
        return NULL;
    }
    return &node->step;
}

void model_scale(model_builder *b, float p)
{
    if (b->status != BB_OK)
        return;
    char name[32];
    snprintf(name, sizeof(name), "site%u", b->graph->n_sites);
    bb_site *site = bb_graph_add_site(b->graph, BB_SITE_DROP, name);
    if (!site) {
        b->status = BB_MEMORY;
        return;
    }
    site->p = p;
    site->n_draws = 2;
    bb_step *step = add_step(b, BB_STEP_MULTIPLY, b->graph->n_sites - 1, 2);
    for (uint32_t c = 0; step && c < b->shape.channels; c++) {
        step->a[c] = exp2f(between(&b->state, -1, 1));
        step->a[b->shape.channels + c] = 1;
    }
}

/* Standard deviation of a sum of +-1 over the fan-in of the linear node before `last`. */
static float deviation(const bb_graph *graph, uint32_t last)
{
    for (uint32_t i = last; i > 0; i = graph->nodes[i].input) {
        const bb_node *node = &graph->nodes[i];
        if (node->kind == BB_NODE_LINEAR)
            return sqrtf((float)(node->linear.window.kernel_h * node->linear.window.kernel_w *
                                 graph->nodes[node->input].shape.channels));
    }
    return 1;
}

void model_normalize(model_builder *b)
{
    bb_step *step = add_step(b, BB_STEP_NORMALIZE, BB_NO_INDEX, 1);
    for (uint32_t c = 0; step && c < b->shape.channels; c++) {
        step->a[c] = between(&b->state, 0.5f, 1.5f) / deviation(b->graph, b->last);
        step->b[c] = between(&b->state, -0.5f, 0.5f);
    }
}

void model_pool(model_builder *b, uint32_t size)
{
    const bb_window window = {size, size, size, size, 1, 1, 0, 0, 0, 0};
    if (b->status == BB_OK && !bb_window_output(&window, &b->shape, &b->shape))
        b->status = bb_fail(b->graph->context, BB_ARGUMENT, "%s: a pool of %u does not fit",
                            b->graph->path, size);
    bb_node *node = add(b, BB_NODE_MAX_POOL, "pool");
    if (node)
        node->pool = window;
}

void model_sign(model_builder *b)
{
    bb_node *node = add(b, BB_NODE_SIGN, "sign");
    if (node)
        node->sign.zero_is_positive = true;
}

void model_average(model_builder *b)
{
    const bb_window whole = {b->shape.height, b->shape.width, 1, 1, 1, 1, 0, 0, 0, 0};
    b->shape.height = b->shape.width = 1;
    bb_node *node = add(b, BB_NODE_AVERAGE_POOL, "average");
    if (node)
        node->pool = whole;
}

void model_add(model_builder *b, uint32_t other)
{
    bb_node *node = add(b, BB_NODE_ADD, "add");
    if (node)
        node->second = other;
}

void model_dense(model_builder *b, uint32_t channels)
{
    const layer_window whole = {b->shape.height, b->shape.width, 1, 1, 0};
    model_linear(b, &whole, channels);
}

bb_status model_end(model_builder *b, bb_graph **out)
{
    *out = NULL;
    if (b->status == BB_OK) {
        b->graph->n_classes = b->shape.channels;
        b->graph->hash = bb_hash(&b->state, sizeof(b->state));
        b->status = bb_graph_check(b->graph);
    }
    if (b->status == BB_OK)
        *out = b->graph;
    else
        bb_graph_free(b->graph);
    b->graph = NULL;
    return b->status;
}

/* Six 3x3 convolutions on 3 x 32 x 32 bytes, a Scale-Dropout site behind each, pools after the
 * second, fourth and sixth, one dense layer. */
static bb_status build_vgg_small(bb_graph **out, bb_context *context, uint64_t seed)
{
    static const uint32_t widths[] = {128, 128, 256, 256, 512, 512};
    const layer_window window = {3, 3, 1, 1, 1};
    model_builder b;
    model_begin(&b, context, "vgg-small", (bb_shape){3, 32, 32}, seed);
    for (size_t i = 0; i < BB_COUNT_OF(widths); i++) {
        model_linear(&b, &window, widths[i]);
        model_scale(&b, 0.1f);
        model_normalize(&b);
        if (i % 2 == 1)
            model_pool(&b, 2);
        model_sign(&b);
    }
    model_dense(&b, 10);
    model_normalize(&b);
    return model_end(&b, out);
}

/* A 3x3 layer with its site, and around it a shortcut: the input, or where the map is halved a
 * binary 1x1 layer on the same bits. */
static void add_bireal_layer(model_builder *b, uint32_t channels, uint32_t step)
{
    const layer_window point = {1, 1, step, 1, 0}, window = {3, 3, step, 1, 1};
    uint32_t shortcut = b->last;
    model_sign(b);
    const model_builder bits = *b;
    if (step != 1) {
        model_linear(b, &point, channels);
        model_normalize(b);
        shortcut = b->last;
        b->last = bits.last;
        b->shape = bits.shape;
    }
    model_linear(b, &window, channels);
    model_scale(b, 0.1f);
    model_normalize(b);
    model_add(b, shortcut);
}

/*
 * ResNet-18 for 3 x 32 x 32 bytes with a shortcut around every layer, as Bi-Real networks have it:
 *
 *   stem     3x3 convolution, 64 channels, norm: the real map x
 *   16 times x = norm(scale(conv3x3(sign(x)))) + shortcut, in four groups of four with 64, 128, 256,
 *            512 channels; the first of the last three groups has step 2. The scale is a site with
 *            p = 0.1. The shortcut is x, with step 2 norm(conv1x1(sign(x))), binary, step 2
 *   head     mean over the map, a dense layer of 10 with +-1 weights, norm
 */
static bb_status build_resnet18_cifar(bb_graph **out, bb_context *context, uint64_t seed)
{
    const layer_window window = {3, 3, 1, 1, 1};
    model_builder b;
    model_begin(&b, context, "resnet18-cifar", (bb_shape){3, 32, 32}, seed);
    model_linear(&b, &window, 64);
    model_normalize(&b);
    for (uint32_t i = 0; i < 16; i++)
        add_bireal_layer(&b, 64u << (i / 4), i && i % 4 == 0 ? 2 : 1);
    model_average(&b);
    model_dense(&b, 10);
    model_normalize(&b);
    return model_end(&b, out);
}

bb_status model_build(bb_graph **out, bb_context *context, const char *name, uint64_t seed)
{
    *out = NULL;
    if (strcmp(name, "vgg-small") == 0)
        return build_vgg_small(out, context, seed);
    if (strcmp(name, "resnet18-cifar") == 0)
        return build_resnet18_cifar(out, context, seed);
    return BB_OK;
}
