/* SPDX-License-Identifier: MIT */
/* The invariants of a graph that all later stages rely on. */
#include "model/graph.h"

#include <math.h>
#include <string.h>

#define MAX_CLASSES 65536
#define MAX_ELEMENTS ((uint64_t)1 << 28) /* of one map */
#define MAX_DRAWS 256

static bb_status fail(const bb_graph *graph, const bb_node *node, const char *reason)
{
    return bb_fail(graph->context, BB_INPUT, "%s: node '%.200s' (%.80s): %s", graph->path,
                   node->name, node->operator_name, reason);
}

static bb_status fail_advice(const bb_graph *graph, const bb_node *node, const char *reason)
{
    fail(graph, node, reason);
    return BB_UNSUPPORTED;
}

static bool is_usable(const bb_shape *shape)
{
    return shape->channels && shape->height && shape->width && shape->channels <= MAX_ELEMENTS &&
           (uint64_t)shape->height * shape->width <= MAX_ELEMENTS / shape->channels;
}

static bool same_shape(const bb_shape *a, const bb_shape *b)
{
    return a->channels == b->channels && a->height == b->height && a->width == b->width;
}

static bool all_finite(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static bool is_window_small(const bb_window *window)
{
    const uint32_t limit = 1u << 28;
    return window->kernel_h <= limit && window->kernel_w <= limit && window->step_h <= limit &&
           window->step_w <= limit && window->dilation_h <= limit && window->dilation_w <= limit &&
           window->pad_top <= limit && window->pad_left <= limit && window->pad_bottom <= limit &&
           window->pad_right <= limit;
}

static bb_status check_linear(const bb_graph *graph, const bb_node *node, const bb_shape *in)
{
    const bb_linear *linear = &node->linear;
    const uint32_t outputs = node->shape.channels;
    bb_shape out;
    if (!is_window_small(&linear->window) || !bb_window_output(&linear->window, in, &out) ||
        out.height != node->shape.height || out.width != node->shape.width)
        return fail(graph, node, "the window does not fit the map");
    if (linear->groups == 0 || in->channels % linear->groups || outputs % linear->groups)
        return fail(graph, node, "the groups do not divide the channels");
    const size_t count = bb_linear_weight_count(linear, in->channels, outputs);
    if ((linear->signs == NULL) == (linear->weights == NULL) ||
        (linear->signs == NULL) != (linear->magnitude == NULL))
        return fail(graph, node, "either signs and magnitudes or float weights are expected");
    if (!(linear->mask_factor > 0) || !isfinite(linear->mask_factor))
        return fail(graph, node, "the factor of a mask is not positive");
    if (linear->weights && !all_finite(linear->weights, count))
        return fail(graph, node, "a weight is NaN or infinite");
    for (uint32_t o = 0; linear->signs && o < outputs; o++)
        if (!(linear->magnitude[o] > 0) || !isfinite(linear->magnitude[o]))
            return fail(graph, node, "a magnitude is not positive");
    for (size_t i = 0; linear->signs && i < count; i++)
        if (linear->signs[i] != 1 && linear->signs[i] != -1)
            return fail(graph, node, "a sign is neither -1 nor 1");
    return BB_OK;
}

static bb_status check_step_site(const bb_graph *graph, const bb_node *node)
{
    const bb_step *step = &node->step;
    if (step->site == BB_NO_INDEX)
        return step->n_draws == 1 ? BB_OK : fail(graph, node, "several draws without a site");
    if (step->site >= graph->n_sites || graph->sites[step->site].kind == BB_SITE_MASK ||
        graph->sites[step->site].n_draws != step->n_draws)
        return fail(graph, node, "its site does not fit its bank");
    return BB_OK;
}

static bb_status check_step(const bb_graph *graph, const bb_node *node)
{
    const bb_step *step = &node->step;
    const bool second = step->kind == BB_STEP_NORMALIZE || step->kind == BB_STEP_CLIP;
    if ((unsigned)step->kind > BB_STEP_CLIP)
        return fail(graph, node, "unknown kind of step");
    const bb_status status = check_step_site(graph, node);
    if (status != BB_OK)
        return status;
    const size_t count = (size_t)step->n_draws * node->shape.channels;
    if (!step->a || second != (step->b != NULL) || !all_finite(step->a, count) ||
        (second && !all_finite(step->b, count)))
        return fail(graph, node, "its constants are missing, NaN or infinite");
    for (size_t i = 0; i < count; i++)
        if ((step->kind == BB_STEP_DIVIDE && step->a[i] == 0) ||
            (step->kind == BB_STEP_CLIP && step->a[i] > step->b[i]))
            return fail(graph, node, "divides by zero, or clips to an empty range");
    return BB_OK;
}

static bb_status check_pool(const bb_graph *graph, const bb_node *node, const bb_shape *in)
{
    const bb_window *pool = &node->pool;
    bb_shape out;
    if (!is_window_small(pool) || !bb_window_output(pool, in, &out) ||
        !same_shape(&out, &node->shape))
        return fail(graph, node, "the window does not fit the map");
    if (pool->dilation_h != 1 || pool->dilation_w != 1 || pool->pad_top >= pool->kernel_h ||
        pool->pad_bottom >= pool->kernel_h || pool->pad_left >= pool->kernel_w ||
        pool->pad_right >= pool->kernel_w)
        return fail(graph, node, "dilated, or padded as far as its window");
    return BB_OK;
}

/* A mask stands between a sign (possibly pooled) and the LINEAR that sums what it leaves. */
static bb_status check_mask(const bb_graph *graph, uint32_t index)
{
    const bb_node *node = &graph->nodes[index], *before = &graph->nodes[node->input];
    const bb_shape *shape = &node->shape;
    if (node->mask.site >= graph->n_sites || graph->sites[node->mask.site].kind != BB_SITE_MASK)
        return fail(graph, node, "its site is not one of a mask");
    const uint32_t n = graph->sites[node->mask.site].n_elements;
    if (n != shape->channels && n != shape->channels * shape->height * shape->width)
        return fail(graph, node, "its site has neither the channels nor the elements of the map");
    while (before->kind == BB_NODE_MAX_POOL)
        before = &graph->nodes[before->input];
    if (before->kind != BB_NODE_SIGN && before->kind != BB_NODE_MASK)
        return fail_advice(graph, node,
                           "a mask on real values; put it directly behind a sign, or "
                           "behind the sign and its pool");
    return BB_OK;
}

/* Masks stand before a LINEAR, which alone knows what to do with them. */
static bb_status check_order(const bb_graph *graph, uint32_t index)
{
    const bb_node *node = &graph->nodes[index];
    const bool joins = bb_node_joins(node);
    if ((index == 0) != (node->kind == BB_NODE_INPUT) || (index && node->input >= index) ||
        (joins ? node->second >= index : node->second != BB_NO_INDEX))
        return fail(graph, node, "the nodes are not in order");
    const bool masked = graph->nodes[node->input].kind == BB_NODE_MASK ||
                        (joins && graph->nodes[node->second].kind == BB_NODE_MASK);
    if (masked && node->kind != BB_NODE_LINEAR && node->kind != BB_NODE_MASK)
        return fail_advice(graph, node,
                           "follows a mask; the mask has to stand directly before a convolution "
                           "or dense layer");
    return BB_OK;
}

static bb_status check_join(const bb_graph *graph, const bb_node *node)
{
    const bb_shape *a = &graph->nodes[node->input].shape, *b = &graph->nodes[node->second].shape;
    const bool adds = node->kind == BB_NODE_ADD;
    if (a->height != b->height || a->width != b->width || (adds && a->channels != b->channels))
        return fail(graph, node, "its two maps do not fit together");
    const uint64_t channels = adds ? a->channels : (uint64_t)a->channels + b->channels;
    if (node->shape.channels != channels || node->shape.height != a->height ||
        node->shape.width != a->width)
        return fail(graph, node, "its shape is not that of its maps joined");
    return BB_OK;
}

/* What nobody reads would still be computed, and its draws with it. */
static bb_status check_readers(const bb_graph *graph)
{
    bool *read = bb_allocate(graph->context, graph->n_nodes, sizeof(*read));
    if (!read)
        return BB_MEMORY;
    for (uint32_t i = 1; i < graph->n_nodes; i++) {
        read[graph->nodes[i].input] = true;
        if (bb_node_joins(&graph->nodes[i]))
            read[graph->nodes[i].second] = true;
    }
    bb_status status = BB_OK;
    for (uint32_t i = 0; status == BB_OK && i + 1 < graph->n_nodes; i++)
        if (!read[i])
            status = fail(graph, &graph->nodes[i], "no node reads what it makes");
    bb_release(graph->context, read);
    return status;
}

static bb_status check_node(const bb_graph *graph, uint32_t index)
{
    const bb_node *node = &graph->nodes[index];
    const bb_status status = check_order(graph, index);
    if (status != BB_OK)
        return status;
    const bb_shape *in = &graph->nodes[node->input].shape;
    if (!is_usable(&node->shape))
        return fail(graph, node, "its map is empty or has more than 2^28 elements");
    if (node->kind != BB_NODE_LINEAR && node->kind != BB_NODE_CONCAT && index &&
        in->channels != node->shape.channels)
        return fail(graph, node, "the number of channels changes");
    if ((node->kind == BB_NODE_STEP || node->kind == BB_NODE_SIGN || node->kind == BB_NODE_MASK) &&
        !same_shape(in, &node->shape))
        return fail(graph, node, "the shape changes");
    switch (node->kind) {
    case BB_NODE_LINEAR:
        return check_linear(graph, node, in);
    case BB_NODE_STEP:
        return check_step(graph, node);
    case BB_NODE_MAX_POOL:
    case BB_NODE_AVERAGE_POOL:
        return check_pool(graph, node, in);
    case BB_NODE_MASK:
        return check_mask(graph, index);
    case BB_NODE_ADD:
    case BB_NODE_CONCAT:
        return check_join(graph, node);
    case BB_NODE_INPUT:
    case BB_NODE_SIGN:
        return BB_OK;
    }
    return fail(graph, node, "unknown kind of node");
}

static bb_status check_site(const bb_graph *graph, uint32_t index)
{
    const bb_site *site = &graph->sites[index];
    bool good = site->p >= 0 && site->p <= 1;
    if (site->kind == BB_SITE_DROP)
        good = good && site->n_draws == 2 && site->n_elements == 0;
    else if (site->kind == BB_SITE_MEMBER)
        good = good && site->n_draws >= 2 && site->n_draws <= MAX_DRAWS && site->n_elements == 0;
    else
        good = good && site->kind == BB_SITE_MASK && site->n_draws == 0 && site->n_elements > 0;
    if (good)
        return BB_OK;
    return bb_fail(graph->context, BB_INPUT, "%s: site %u ('%.200s') is malformed", graph->path,
                   index, site->name);
}

static bb_status check_preprocess(const bb_graph *graph)
{
    const bb_preprocess *p = &graph->preprocess;
    bool good = isfinite(p->scale) && (p->n == 1 || p->n == graph->nodes[0].shape.channels);
    for (uint32_t i = 0; good && i < p->n; i++)
        good = isfinite(p->mean[i]) && isfinite(p->std[i]) && p->std[i] > 0;
    if (good)
        return BB_OK;
    return bb_fail(graph->context, BB_INPUT, "%s: the preprocessing is malformed", graph->path);
}

/* "0", "1", ... where the model brought no names. */
static bb_status name_classes(bb_graph *graph)
{
    const uint32_t n = graph->nodes[graph->n_nodes - 1].shape.channels;
    if (n > MAX_CLASSES || (graph->classes && graph->n_classes != n))
        return bb_fail(graph->context, BB_INPUT, "%s: %u outputs and %u class names", graph->path,
                       n, graph->n_classes);
    if (graph->classes)
        return BB_OK;
    graph->n_classes = 0;
    graph->classes = bb_allocate(graph->context, n, sizeof(*graph->classes));
    if (!graph->classes)
        return BB_MEMORY;
    graph->n_classes = n;
    for (uint32_t i = 0; i < n; i++) {
        graph->classes[i] = bb_format(graph->context, "%u", i);
        if (!graph->classes[i])
            return BB_MEMORY;
    }
    return BB_OK;
}

bb_status bb_graph_check(bb_graph *graph)
{
    if (graph->n_nodes < 2)
        return bb_fail(graph->context, BB_INPUT, "%s: the model does nothing", graph->path);
    bb_status status = BB_OK;
    for (uint32_t i = 0; status == BB_OK && i < graph->n_sites; i++)
        status = check_site(graph, i);
    for (uint32_t i = 0; status == BB_OK && i < graph->n_nodes; i++)
        status = check_node(graph, i);
    if (status == BB_OK)
        status = check_readers(graph);
    if (status == BB_OK)
        status = check_preprocess(graph);
    if (status != BB_OK)
        return status;
    const bb_node *last = &graph->nodes[graph->n_nodes - 1];
    if (last->shape.height != 1 || last->shape.width != 1)
        return fail_advice(graph, last, "makes a map; one vector of logits is expected at the end");
    if (last->kind == BB_NODE_MASK)
        return fail_advice(graph, last, "a mask at the end; a layer has to follow");
    return name_classes(graph);
}
