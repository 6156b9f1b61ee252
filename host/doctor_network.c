/* SPDX-License-Identifier: MIT */
/* A network small enough to be written down: 4x4 bytes, one binary convolution with a scale that
 * may drop, a sign, a binary head of three classes. */
#include "doctor.h"

#include "model/graph.h"

#include <bitbayes/engine.h>

#define SIDE 4
#define CHANNELS 70 /* more than a word, so that tail bits count */
#define CLASSES 3
#define INPUTS 4
#define PASSES 4

/* +1 or -1 from a fixed sequence. */
static int8_t next_sign(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 31 ? 1 : -1;
}

static bb_node *add_node(bb_graph *graph, bb_node_kind kind, const char *name, bb_shape shape)
{
    bb_node *const node = bb_graph_add(graph, kind, name, name);
    if (node)
        node->shape = shape;
    return node;
}

static bb_status add_linear(bb_graph *graph, const char *name, uint32_t inputs, uint32_t kernel,
                            bb_shape shape, uint32_t *state)
{
    bb_node *const node = add_node(graph, BB_NODE_LINEAR, name, shape);
    if (!node)
        return BB_MEMORY;
    const bb_window window = {kernel, kernel, 1, 1, 1, 1, 0, 0, 0, 0};
    node->linear = (bb_linear){.window = window, .groups = 1, .mask_factor = 1};
    const size_t n = bb_linear_weight_count(&node->linear, inputs, shape.channels);
    node->linear.signs = bb_allocate(graph->context, n, 1);
    node->linear.magnitude = bb_allocate(graph->context, shape.channels, sizeof(float));
    if (!node->linear.signs || !node->linear.magnitude)
        return BB_MEMORY;
    for (size_t i = 0; i < n; i++)
        node->linear.signs[i] = next_sign(state);
    for (uint32_t c = 0; c < shape.channels; c++)
        node->linear.magnitude[c] = 1;
    return BB_OK;
}

/* y = x * a + b per channel, or y = x * a with a per draw. */
static bb_status add_step(bb_graph *graph, const char *name, bb_shape shape, uint32_t site)
{
    bb_node *const node = add_node(graph, BB_NODE_STEP, name, shape);
    if (!node)
        return BB_MEMORY;
    const bool drawn = site != BB_NO_INDEX;
    const uint32_t n_draws = drawn ? 2 : 1;
    node->step = (bb_step){drawn ? BB_STEP_MULTIPLY : BB_STEP_NORMALIZE, site, n_draws, NULL, NULL};
    node->step.a = bb_allocate(graph->context, (size_t)n_draws * shape.channels, sizeof(float));
    node->step.b = bb_allocate(graph->context, shape.channels, sizeof(float));
    if (!node->step.a || !node->step.b)
        return BB_MEMORY;
    for (uint32_t i = 0; i < n_draws * shape.channels; i++)
        node->step.a[i] = drawn && i < shape.channels ? (i % 3 ? 0.5f : -0.5f) : 1.0f;
    for (uint32_t c = 0; c < shape.channels; c++)
        node->step.b[c] = (float)(c % 7) * 20 - 60;
    return BB_OK;
}

static bb_status build(bb_graph *graph)
{
    const bb_shape image = {1, SIDE, SIDE}, map = {CHANNELS, 3, 3}, classes = {CLASSES, 1, 1};
    uint32_t state = 1;
    bb_node *const input = add_node(graph, BB_NODE_INPUT, "input", image);
    bb_site *const site = input ? bb_graph_add_site(graph, BB_SITE_DROP, "site") : NULL;
    if (!site)
        return BB_MEMORY;
    site->p = 0.5f;
    site->n_draws = 2;
    bb_status status = add_linear(graph, "conv", 1, 2, map, &state);
    if (status == BB_OK)
        status = add_step(graph, "scale", map, 0);
    if (status == BB_OK)
        status = add_step(graph, "norm", map, BB_NO_INDEX);
    bb_node *const sign = status == BB_OK ? add_node(graph, BB_NODE_SIGN, "sign", map) : NULL;
    if (!sign)
        return BB_MEMORY;
    sign->sign.zero_is_positive = true;
    status = add_linear(graph, "head", CHANNELS, 3, classes, &state);
    graph->n_classes = CLASSES;
    return status;
}

static bb_status run(bb_context *context, const bb_plan *plan, const char *device)
{
    uint8_t inputs[INPUTS][SIDE * SIDE];
    for (uint32_t i = 0; i < INPUTS * SIDE * SIDE; i++)
        inputs[i / (SIDE * SIDE)][i % (SIDE * SIDE)] = (uint8_t)(i * 37);
    bb_sampling sampling = bb_sampling_default();
    sampling.samples = PASSES;
    const bb_engine_options options = {.device = device};
    bb_verify_report report;
    const bb_status status =
        bb_verify(&report, context, plan, &options, inputs, INPUTS, &sampling, NULL, 0);
    if (status == BB_OK && !report.stages_equal)
        return bb_fail(context, BB_CHECK, "differs from the reference: %s",
                       report.first_difference);
    return status;
}

bb_status doctor_run_tiny(bb_context *context, const char *device)
{
    network net = {0};
    bb_status status = bb_graph_new(&net.graph, context, "tiny network");
    if (status == BB_OK)
        status = build(net.graph);
    if (status == BB_OK)
        status = network_fold(&net, context, NULL);
    if (status == BB_OK)
        status = run(context, net.plan, device);
    network_free(&net);
    return status;
}
