/* SPDX-License-Identifier: MIT */
/* Random small models. */
#include "check/random_graph.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static float check_between(check_random *random, float low, float high)
{
    return low + (high - low) * (float)(check_next(random) >> 40) * 0x1p-24f;
}

static const uint32_t ugly_channels[] = {1, 5, 31, 32, 33, 63, 64, 65, 127, 129};

/* Where a model grows: the generator, and the node that the next one reads, with its shape. */
typedef struct builder {
    bb_context *context;
    bb_graph *graph;
    check_random random;
    bb_shape shape;
    uint32_t last;
    bool exact; /* constants are such that no operation rounds */
} builder;

/* A number between low and high, or a power of two. */
static float constant(builder *b, float low, float high)
{
    if (b->exact)
        return check_below(&b->random, 2) ? 0.5f : 1;
    return check_between(&b->random, low, high);
}

static float offset(builder *b, float spread)
{
    const float value = check_between(&b->random, -spread, spread);
    return b->exact ? rintf(value * 4) / 4 : value;
}

static bb_node *add(builder *b, bb_node_kind kind, const char *operator_name)
{
    char name[32];
    snprintf(name, sizeof(name), "n%u", b->graph->n_nodes);
    bb_node *node = bb_graph_add(b->graph, kind, name, operator_name);
    assert(node);
    node->input = b->last;
    node->shape = b->shape;
    b->last = b->graph->n_nodes - 1;
    return node;
}

static void add_input(builder *b, bb_shape shape, uint32_t n_means)
{
    b->shape = shape;
    add(b, BB_NODE_INPUT, "Input");
    float *mean = bb_allocate(b->context, n_means, sizeof(float));
    float *std = bb_allocate(b->context, n_means, sizeof(float));
    for (uint32_t c = 0; c < n_means; c++) {
        mean[c] = (float)(32 + check_below(&b->random, 64));
        std[c] = n_means == 1 ? 64 : 32 * (float)(1 + check_below(&b->random, 2));
    }
    bb_release(b->context, (void *)(uintptr_t)b->graph->preprocess.mean);
    bb_release(b->context, (void *)(uintptr_t)b->graph->preprocess.std);
    b->graph->preprocess = (bb_preprocess){.scale = 1, .n = n_means, .mean = mean, .std = std};
}

static void add_grouped(builder *b, bb_window window, uint32_t channels, uint32_t groups,
                        bool binary, float mask_factor)
{
    const bb_shape in = b->shape;
    bool fits = bb_window_output(&window, &in, &b->shape);
    assert(fits);
    (void)fits;
    b->shape.channels = channels;
    bb_node *node = add(b, BB_NODE_LINEAR, "Conv");
    bb_linear *linear = &node->linear;
    *linear = (bb_linear){.window = window, .groups = groups, .mask_factor = mask_factor};
    const size_t n = bb_linear_weight_count(linear, in.channels, channels);
    if (binary) {
        linear->signs = bb_allocate(b->context, n, 1);
        linear->magnitude = bb_allocate(b->context, channels, sizeof(float));
        for (size_t i = 0; i < n; i++)
            linear->signs[i] = check_next(&b->random) & 1 ? 1 : -1;
        for (uint32_t c = 0; c < channels; c++)
            linear->magnitude[c] = constant(b, 0.25f, 2);
    } else {
        linear->weights = bb_allocate(b->context, n, sizeof(float));
        for (size_t i = 0; i < n; i++)
            linear->weights[i] = b->exact ? (check_next(&b->random) & 1 ? -1.0f : 0.5f)
                                          : check_between(&b->random, -1, 1);
    }
}

static void add_linear(builder *b, bb_window window, uint32_t channels, bool binary,
                       float mask_factor)
{
    add_grouped(b, window, channels, 1, binary, mask_factor);
}

static void add_step(builder *b, bb_step_kind kind, uint32_t site, uint32_t n_draws, float spread)
{
    bb_node *node = add(b, BB_NODE_STEP, "Step");
    const size_t n = (size_t)n_draws * b->shape.channels;
    node->step = (bb_step){.kind = kind, .site = site, .n_draws = n_draws};
    node->step.a = bb_allocate(b->context, n, sizeof(float));
    if (kind == BB_STEP_NORMALIZE || kind == BB_STEP_CLIP)
        node->step.b = bb_allocate(b->context, n, sizeof(float));
    for (size_t i = 0; i < n; i++) {
        const uint32_t dice = check_below(&b->random, 16);
        float a = constant(b, 0.2f, 1.5f) * (dice < 4 ? -1 : 1);
        if (kind == BB_STEP_ADD || kind == BB_STEP_SUBTRACT || kind == BB_STEP_SUBTRACT_FROM)
            a = b->exact ? offset(b, spread) : a * spread;
        if (dice == 15 && (kind == BB_STEP_MULTIPLY || kind == BB_STEP_NORMALIZE))
            a = 0;
        if (kind == BB_STEP_CLIP)
            a = -1;
        node->step.a[i] = a;
        if (node->step.b)
            node->step.b[i] = kind == BB_STEP_CLIP ? 1 : offset(b, spread);
    }
}

static uint32_t add_site(builder *b, bb_site_kind kind, float p, uint32_t n_draws,
                         uint32_t n_elements)
{
    bb_site *site = bb_graph_add_site(b->graph, kind, "site");
    assert(site);
    site->p = p;
    site->n_draws = n_draws;
    site->n_elements = n_elements;
    return b->graph->n_sites - 1;
}

/* A step whose constants depend on a draw: a scale that is 1 when dropped, or a set of members. */
static void add_stochastic_step(builder *b)
{
    if (check_below(&b->random, 4) == 0) { /* in exact models too: powers of two */
        const uint32_t site = add_site(b, BB_SITE_MEMBER, 0, 3, 0);
        add_step(b, BB_STEP_NORMALIZE, site, 3, 1);
        return;
    }
    const uint32_t site = add_site(b, BB_SITE_DROP, 0.25f, 2, 0);
    add_step(b, BB_STEP_MULTIPLY, site, 2, 1);
    float *dropped = b->graph->nodes[b->graph->n_nodes - 1].step.a + b->shape.channels;
    for (uint32_t c = 0; c < b->shape.channels; c++)
        dropped[c] = 1;
}

static void add_max_pool(builder *b)
{
    bb_window window = {2, 2, 2, 2, 1, 1, 0, 0, 0, 0};
    if (check_below(&b->random, 2))
        window = (bb_window){3, 3, 2, 2, 1, 1, 1, 1, 1, 1};
    bb_shape out;
    if (!bb_window_output(&window, &b->shape, &out))
        return;
    out.channels = b->shape.channels;
    b->shape = out;
    add(b, BB_NODE_MAX_POOL, "MaxPool")->pool = window;
}

static void add_sign(builder *b)
{
    bb_node *node = add(b, BB_NODE_SIGN, "Sign");
    node->sign.onnx_sign = check_below(&b->random, 2);
    node->sign.zero_is_positive = node->sign.onnx_sign || check_below(&b->random, 2);
}

/* What stands between a sum and the next layer: steps, a pool in one of three places, a sign. */
static void add_activation(builder *b, const check_graph_options *options, float spread)
{
    const uint32_t pool = check_below(&b->random, 4); /* 3: none */
    if (check_below(&b->random, 2))
        add_step(b, check_below(&b->random, 2) ? BB_STEP_ADD : BB_STEP_SUBTRACT_FROM, BB_NO_INDEX,
                 1, spread);
    if (pool == 0)
        add_max_pool(b);
    if (options->scales && check_below(&b->random, 3))
        add_stochastic_step(b);
    add_step(b, BB_STEP_NORMALIZE, BB_NO_INDEX, 1, spread);
    if (pool == 1)
        add_max_pool(b);
    if (check_below(&b->random, 3) == 0)
        add_step(b, BB_STEP_CLIP, BB_NO_INDEX, 1, 1);
    add_sign(b);
    if (pool == 2)
        add_max_pool(b);
}

static void add_conv(builder *b, const check_graph_options *options, bool first)
{
    const uint32_t kernel = 1 + 2 * check_below(&b->random, 3),
                   pad = check_below(&b->random, kernel / 2 + 1);
    const uint32_t step = 1 + (check_below(&b->random, 4) == 0);
    bb_window window = {kernel, kernel, step, step, 1, 1, pad, pad, pad, pad};
    bb_shape out;
    if (!bb_window_output(&window, &b->shape, &out))
        window = (bb_window){1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
    float factor = 1;
    if (!first && (options->masks || options->element_masks) && check_below(&b->random, 3)) {
        const uint32_t pixels = options->element_masks ? b->shape.height * b->shape.width : 1;
        const uint32_t site = add_site(b, BB_SITE_MASK, 0.2f, 0, b->shape.channels * pixels);
        add(b, BB_NODE_MASK, "Mul")->mask.site = site;
        factor = 1.25f;
    }
    const uint32_t n = sizeof(ugly_channels) / sizeof(ugly_channels[0]);
    add_linear(b, window, ugly_channels[check_below(&b->random, n)], true, factor);
    add_activation(b, options, (float)(window.kernel_h * 2));
}

static void add_head(builder *b, const check_graph_options *options)
{
    if (check_below(&b->random, 3) == 0 && b->shape.height > 1 && b->shape.width > 1) {
        bb_window window = {b->shape.height, b->shape.width, 1, 1, 1, 1, 0, 0, 0, 0};
        b->shape.height = b->shape.width = 1;
        add(b, BB_NODE_AVERAGE_POOL, "GlobalAveragePool")->pool = window;
    }
    const bool averaged = b->graph->nodes[b->graph->n_nodes - 1].kind == BB_NODE_AVERAGE_POOL;
    const bb_window whole = {b->shape.height, b->shape.width, 1, 1, 1, 1, 0, 0, 0, 0};
    add_linear(b, whole, 7, !options->float_head && !averaged, 1);
    if (options->scales)
        add_stochastic_step(b);
    add_step(b, BB_STEP_NORMALIZE, BB_NO_INDEX, 1, 1);
    b->graph->n_classes = b->shape.channels;
}

static bb_graph *begin(builder *b, bb_context *context, uint64_t seed)
{
    *b = (builder){.context = context, .random = {seed}};
    const bb_status status = bb_graph_new(&b->graph, context, "random");
    assert(status == BB_OK);
    (void)status;
    return b->graph;
}

/* ---- models with branches ---- */

/* Where a branch begins or ends. */
typedef struct mark {
    uint32_t node;
    bb_shape shape;
} mark;

static mark here(const builder *b)
{
    return (mark){b->last, b->shape};
}

static void go(builder *b, mark to)
{
    b->last = to.node;
    b->shape = to.shape;
}

static void join(builder *b, bb_node_kind kind, mark a, mark second)
{
    if (check_below(&b->random, 2) && kind == BB_NODE_ADD) {
        const mark first = a;
        a = second;
        second = first;
    }
    go(b, a);
    if (kind == BB_NODE_CONCAT)
        b->shape.channels += second.shape.channels;
    bb_node *node = add(b, kind, kind == BB_NODE_ADD ? "Add" : "Concat");
    node->second = second.node;
}

/* A sign of the real map, with or without something before it. */
static void add_branch_sign(builder *b, const check_graph_options *options)
{
    const uint32_t dice = check_below(&b->random, 8);
    if (dice == 0)
        add_step(b, BB_STEP_ADD, BB_NO_INDEX, 1, 4);
    if (dice == 1 || dice == 2)
        add_step(b, BB_STEP_NORMALIZE, BB_NO_INDEX, 1, 4);
    if (dice == 3 && options->scales)
        add_stochastic_step(b);
    if (dice == 4)
        add_step(b, BB_STEP_CLIP, BB_NO_INDEX, 1, 1);
    add_sign(b);
    if (dice == 5)
        add(b, BB_NODE_MAX_POOL, "MaxPool")->pool = (bb_window){3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
}

/* Same height and width for step 1, else half of them, rounded up. */
static void add_branch_conv(builder *b, const check_graph_options *options, uint32_t channels,
                            uint32_t step)
{
    const uint32_t in = b->shape.channels, dilation = 1 + (check_below(&b->random, 4) == 0);
    const bb_window window = {3,        3,        step,     step,     dilation,
                              dilation, dilation, dilation, dilation, dilation};
    float factor = 1;
    if (options->masks && check_below(&b->random, 3) == 0) {
        const uint32_t site = add_site(b, BB_SITE_MASK, 0.25f, 0, in);
        add(b, BB_NODE_MASK, "Mul")->mask.site = site;
        factor = 2;
    }
    uint32_t groups = 1;
    if (in == channels && check_below(&b->random, 3) == 0)
        groups = in;
    else if (in % 2 == 0 && channels % 2 == 0 && check_below(&b->random, 3) == 0)
        groups = 2;
    add_grouped(b, window, channels, groups, true, factor);
    if (options->scales && check_below(&b->random, 2))
        add_stochastic_step(b);
    if (check_below(&b->random, 8))
        add_step(b, BB_STEP_NORMALIZE, BB_NO_INDEX, 1, 4);
}

/* Half the map: an average, and a layer of either kind if the channels change otherwise. */
static void add_shortcut(builder *b, const check_graph_options *options, uint32_t channels)
{
    const uint32_t odd_h = b->shape.height % 2, odd_w = b->shape.width % 2;
    const mark whole = here(b);
    const bb_window half = {2, 2, 2, 2, 1, 1, 0, 0, odd_h, odd_w};
    b->shape.height = (b->shape.height + 1) / 2;
    b->shape.width = (b->shape.width + 1) / 2;
    add(b, BB_NODE_AVERAGE_POOL, "AveragePool")->pool = half;
    const bb_window point = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
    const bool binary = check_below(&b->random, 2);
    if (channels == 2 * whole.shape.channels && check_below(&b->random, 2)) {
        join(b, BB_NODE_CONCAT, here(b), here(b));
        return;
    }
    if (binary)
        add_branch_sign(b, options);
    add_linear(b, point, channels, binary, 1);
    if (check_below(&b->random, 2))
        add_step(b, BB_STEP_NORMALIZE, BB_NO_INDEX, 1, 4);
}

static void add_halving_block(builder *b, const check_graph_options *options)
{
    const mark from = here(b);
    const uint32_t channels =
        check_below(&b->random, 2) ? 2 * from.shape.channels : 1 + check_below(&b->random, 40);
    const bool shortcut_first = check_below(&b->random, 2);
    mark shortcut = from;
    if (shortcut_first) {
        add_shortcut(b, options, channels);
        shortcut = here(b);
        go(b, from);
    }
    add_branch_sign(b, options);
    add_branch_conv(b, options, channels, 2);
    const mark main = here(b);
    if (!shortcut_first) {
        go(b, from);
        add_shortcut(b, options, channels);
        shortcut = here(b);
    }
    join(b, BB_NODE_ADD, main, shortcut);
}

/* x + conv(sign(x)), in four kinds. */
static void add_residual_block(builder *b, const check_graph_options *options)
{
    mark from = here(b);
    const uint32_t kind = check_below(&b->random, 5), channels = from.shape.channels;
    add_branch_sign(b, options);
    const mark sign = here(b);
    add_branch_conv(b, options, kind == 3 ? 1 + check_below(&b->random, 9) : channels, 1);
    mark main = here(b);
    if (kind == 1) /* of binary values */
        from = sign;
    if (kind == 2) { /* two layers on the same bits */
        go(b, sign);
        add_branch_conv(b, options, channels, 1);
        from = here(b);
    }
    join(b, kind == 3 ? BB_NODE_CONCAT : BB_NODE_ADD, from, main);
    if (kind == 4) { /* bits joined, which a layer reads */
        add_branch_sign(b, options);
        join(b, BB_NODE_CONCAT, here(b), sign);
        add_branch_conv(b, options, channels, 1);
    }
}

static void add_branching_layers(builder *b, const check_graph_options *options)
{
    static const uint32_t counts[] = {1, 6, 31, 32, 33, 64, 65};
    const bb_window window = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
    add_linear(b, window, counts[check_below(&b->random, 7)], check_below(&b->random, 4) != 0, 1);
    add_step(b, BB_STEP_NORMALIZE, BB_NO_INDEX, 1, 4);
    for (uint32_t blocks = 1 + check_below(&b->random, 3); blocks > 0; blocks--) {
        const uint32_t kind = check_below(&b->random, 8);
        if (kind < 3)
            add_halving_block(b, options);
        else if (kind == 3 && b->shape.height > 1 && b->shape.width > 1)
            add_max_pool(b);
        else if (kind == 4)
            join(b, BB_NODE_ADD, here(b), here(b));
        else
            add_residual_block(b, options);
    }
    if (check_below(&b->random, 2))
        add_branch_sign(b, options);
}

bb_graph *check_random_graph(bb_context *context, uint64_t seed, const check_graph_options *options)
{
    builder b;
    begin(&b, context, seed);
    b.exact = options->branches;
    const uint32_t channels = options->channel_means ? 3 : 1 + check_below(&b.random, 3);
    const bb_shape input = {channels, 5 + check_below(&b.random, 6), 5 + check_below(&b.random, 6)};
    add_input(&b, input, options->channel_means ? 3 : 1);
    if (options->branches)
        add_branching_layers(&b, options);
    const uint32_t layers = options->branches ? 0 : 1 + check_below(&b.random, 3);
    for (uint32_t i = 0; i < layers; i++)
        add_conv(&b, options, i == 0);
    add_head(&b, options);
    return b.graph;
}

bb_graph *check_dense_graph(bb_context *context, uint64_t seed, uint32_t side, uint32_t width,
                            uint32_t n_layers, float p)
{
    builder b;
    begin(&b, context, seed);
    add_input(&b, (bb_shape){1, side, side}, 1);
    for (uint32_t i = 0; i <= n_layers; i++) {
        const bb_window whole = {b.shape.height, b.shape.width, 1, 1, 1, 1, 0, 0, 0, 0};
        add_linear(&b, whole, i == n_layers ? 4 : width, true, 1);
        if (i < n_layers) {
            const uint32_t site = add_site(&b, BB_SITE_DROP, p, 2, 0);
            add_step(&b, BB_STEP_MULTIPLY, site, 2, 1);
        }
        add_step(&b, BB_STEP_NORMALIZE, BB_NO_INDEX, 1, 4);
        if (i < n_layers)
            add_sign(&b);
    }
    b.graph->n_classes = 4;
    return b.graph;
}
