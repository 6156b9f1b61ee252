/* SPDX-License-Identifier: MIT */
/* Cutting the graph in segments, each of which one stage can hold. */
#include "plan/segment.h"

static bb_status refuse(bb_context *context, const bb_graph *graph, const bb_node *node,
                        const char *reason)
{
    return bb_fail(context, BB_UNSUPPORTED, "%s: node '%s' (%s): %s", graph->path, node->name,
                   node->operator_name, reason);
}

static const bb_node *peek(const bb_graph *graph, uint32_t next)
{
    return next < graph->n_nodes ? &graph->nodes[next] : NULL;
}

static bb_status take_steps(bb_segment *segment, const bb_graph *graph, bb_context *context,
                            uint32_t *next)
{
    const bb_node *node;
    while ((node = peek(graph, *next)) != NULL && node->kind == BB_NODE_STEP) {
        if (segment->n_steps == BB_MAX_STEPS)
            return refuse(context, graph, node, "more than 64 elementwise operations in a row");
        segment->steps[segment->n_steps++] = &node->step;
        segment->last = node;
        (*next)++;
    }
    return BB_OK;
}

static void take_max_pool(bb_segment *segment, const bb_graph *graph, uint32_t *next)
{
    const bb_node *node = peek(graph, *next);
    if (!node || node->kind != BB_NODE_MAX_POOL || segment->max_pool)
        return;
    segment->max_pool = node;
    segment->last = node;
    segment->first_behind_pool = segment->n_steps;
    (*next)++;
}

static bb_status take_core(bb_segment *segment, const bb_graph *graph, bb_context *context,
                           bool input_is_bits, uint32_t *next)
{
    const bb_node *node = peek(graph, *next);
    if (node->kind == BB_NODE_MASK) {
        if (!input_is_bits)
            return refuse(
                context, graph, node,
                "a mask on real values is not supported; drop feature maps behind a sign");
        segment->mask = node;
        (*next)++;
        node = peek(graph, *next);
        if (!node || node->kind != BB_NODE_LINEAR)
            return refuse(context, graph, segment->mask,
                          "a mask must stand directly before a convolution or dense layer");
    }
    if (node->kind == BB_NODE_LINEAR || node->kind == BB_NODE_AVERAGE_POOL) {
        segment->core = node;
        segment->last = node;
        (*next)++;
    }
    segment->sum = segment->core ? segment->core->shape : segment->in;
    return BB_OK;
}

/* What leaves a stage without a sign must be affine in the sum, and cannot be pooled by maximum. */
static bb_status check_real(const bb_segment *segment, const bb_graph *graph, bb_context *context)
{
    if (segment->max_pool)
        return refuse(context, graph, segment->max_pool,
                      "max pooling is supported only around a sign; none follows");
    for (uint32_t i = 0; i < segment->n_steps; i++)
        if (segment->steps[i]->kind == BB_STEP_CLIP)
            return refuse(context, graph, segment->last,
                          "clipping is supported only before a sign; none follows");
    return BB_OK;
}

bb_status bb_segment_cut(bb_segment *out, const bb_graph *graph, bb_context *context,
                         bool input_is_bits, uint32_t *next)
{
    const bb_node *first = &graph->nodes[*next];
    *out = (bb_segment){.in = graph->nodes[first->input].shape};
    bb_status status = take_core(out, graph, context, input_is_bits, next);
    if (status == BB_OK)
        status = take_steps(out, graph, context, next);
    if (status != BB_OK)
        return status;
    take_max_pool(out, graph, next);
    status = take_steps(out, graph, context, next);
    if (status != BB_OK)
        return status;
    const bb_node *node = peek(graph, *next);
    if (node && node->kind == BB_NODE_SIGN) {
        out->sign = node;
        out->last = node;
        (*next)++;
        if (!out->max_pool) {
            take_max_pool(out, graph, next);
            out->first_behind_pool = out->n_steps;
        }
    }
    if (!out->last)
        return refuse(context, graph, first, "no stage can hold this node here");
    if (!out->max_pool)
        out->first_behind_pool = out->n_steps;
    out->out = out->last->shape;
    return out->sign ? BB_OK : check_real(out, graph, context);
}
