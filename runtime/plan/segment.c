/* SPDX-License-Identifier: MIT */
/* Cutting the graph in segments, each of which one stage can hold. */
#include "plan/segment.h"

static bb_status refuse(const bb_cutter *c, const bb_node *node, const char *reason)
{
    return bb_fail(c->context, BB_UNSUPPORTED, "%s: node '%s' (%s): %s", c->graph->path, node->name,
                   node->operator_name, reason);
}

static uint32_t index_of(const bb_cutter *c, const bb_node *node)
{
    return (uint32_t)(node - c->graph->nodes);
}

static void add_edge(bb_cutter *c, uint32_t from, uint32_t edge)
{
    c->next[edge] = c->reader[from];
    c->reader[from] = edge;
    c->n_readers[from]++;
}

static bool makes_binary(const bb_cutter *c, const bb_node *node)
{
    switch (node->kind) {
    case BB_NODE_SIGN:
        return true;
    case BB_NODE_MAX_POOL:
    case BB_NODE_MASK:
        return c->binary[node->input];
    case BB_NODE_CONCAT:
        return c->binary[node->input] && c->binary[node->second];
    default:
        return false;
    }
}

bb_status bb_cutter_create(bb_cutter *out, bb_context *context, const bb_graph *graph)
{
    const uint32_t n = graph->n_nodes;
    *out = (bb_cutter){.context = context, .graph = graph};
    out->n_readers = bb_allocate(context, n, sizeof(*out->n_readers));
    out->reader = bb_allocate(context, n, sizeof(*out->reader));
    out->next = bb_allocate(context, 2 * (size_t)n, sizeof(*out->next));
    out->taken = bb_allocate(context, n, sizeof(*out->taken));
    out->binary = bb_allocate(context, n, sizeof(*out->binary));
    if (!out->n_readers || !out->reader || !out->next || !out->taken || !out->binary)
        return BB_MEMORY;
    for (uint32_t i = 0; i < n; i++)
        out->reader[i] = BB_NO_INDEX;
    for (uint32_t i = n; i-- > 1;) { /* from the last on, so that lists are in order */
        if (bb_node_joins(&graph->nodes[i]))
            add_edge(out, graph->nodes[i].second, 2 * i + 1);
        add_edge(out, graph->nodes[i].input, 2 * i);
    }
    for (uint32_t i = 1; i < n; i++)
        out->binary[i] = makes_binary(out, &graph->nodes[i]);
    out->taken[0] = true;
    return BB_OK;
}

void bb_cutter_free(bb_cutter *cutter)
{
    bb_release(cutter->context, cutter->n_readers);
    bb_release(cutter->context, cutter->reader);
    bb_release(cutter->context, cutter->next);
    bb_release(cutter->context, cutter->taken);
    bb_release(cutter->context, cutter->binary);
    *cutter = (bb_cutter){0};
}

/* The only reader of a node, or NULL. */
static const bb_node *only_reader(const bb_cutter *c, const bb_node *node)
{
    const uint32_t i = index_of(c, node);
    return c->n_readers[i] == 1 ? &c->graph->nodes[c->reader[i] / 2] : NULL;
}

static void take(bb_segment *segment, bb_cutter *c, const bb_node **node)
{
    c->taken[index_of(c, *node)] = true;
    segment->last = *node;
    *node = only_reader(c, *node);
}

static bb_status take_steps(bb_segment *segment, bb_cutter *c, const bb_node **node)
{
    while (*node && (*node)->kind == BB_NODE_STEP) {
        if (segment->n_steps == BB_MAX_STEPS)
            return refuse(c, *node, "more than 64 elementwise operations in a row");
        segment->steps[segment->n_steps++] = &(*node)->step;
        take(segment, c, node);
    }
    return BB_OK;
}

/* The sign to which nothing but steps leads from `node` on, itself among them; or NULL. */
static const bb_node *sign_behind_steps(const bb_cutter *c, const bb_node *node)
{
    while (node && node->kind == BB_NODE_STEP)
        node = only_reader(c, node);
    return node && node->kind == BB_NODE_SIGN ? node : NULL;
}

static void take_max_pool(bb_segment *segment, bb_cutter *c, const bb_node **node)
{
    segment->max_pool = *node;
    segment->first_behind_pool = segment->n_steps;
    take(segment, c, node);
}

/* A max pool that stands before a sign, or acts on bits. */
static bool is_pool_of_bits(const bb_cutter *c, const bb_node *node)
{
    return node && node->kind == BB_NODE_MAX_POOL &&
           (c->binary[index_of(c, node)] || sign_behind_steps(c, only_reader(c, node)));
}

/* The mask and the node that makes the sum; *node becomes what may follow. */
static bb_status take_core(bb_segment *segment, bb_cutter *c, const bb_node **node)
{
    const bb_node *first = *node, *nodes = c->graph->nodes;
    segment->input = first->input;
    segment->second = BB_NO_INDEX;
    if (first->kind == BB_NODE_LINEAR && nodes[first->input].kind == BB_NODE_MASK) {
        segment->mask = &nodes[first->input];
        segment->input = segment->mask->input;
        if (nodes[segment->input].kind == BB_NODE_MASK)
            return refuse(c, segment->mask,
                          "a mask must stand directly before a convolution or "
                          "dense layer");
        if (!c->binary[segment->input])
            return refuse(
                c, segment->mask,
                "a mask on real values is not supported; drop feature maps behind a sign");
    }
    segment->in = nodes[segment->input].shape;
    segment->last = &nodes[segment->input];
    if (first->kind == BB_NODE_CONCAT)
        segment->second = first->second;
    if (first->kind == BB_NODE_LINEAR || first->kind == BB_NODE_AVERAGE_POOL ||
        first->kind == BB_NODE_CONCAT ||
        (first->kind == BB_NODE_MAX_POOL && !is_pool_of_bits(c, first))) {
        segment->core = first;
        take(segment, c, node);
    }
    segment->sum = segment->core ? segment->core->shape : segment->in;
    return BB_OK;
}

/* The sign behind a max pool or before it; false if no bits leave by this way. */
static bool take_bits(bb_segment *segment, bb_cutter *c, const bb_node *node)
{
    if (node && node->kind == BB_NODE_SIGN) {
        segment->sign = node;
        take(segment, c, &node);
        if (!segment->max_pool && node && node->kind == BB_NODE_MAX_POOL) {
            take_max_pool(segment, c, &node);
            segment->first_behind_pool = segment->n_steps;
        }
    } else if ((!segment->core && !segment->max_pool) || !c->binary[index_of(c, segment->last)]) {
        return false;
    }
    segment->bits = segment->last;
    return true;
}

/* What the residual is, where `node` is the next one and adds something that is known by now. A
 * concat has a second operand already. */
static void take_residual(bb_segment *segment, bb_cutter *c, const bb_node *node)
{
    if (!node || node->kind != BB_NODE_ADD || segment->second != BB_NO_INDEX)
        return;
    const uint32_t from = index_of(c, segment->last);
    const uint32_t other = node->input == from ? node->second : node->input;
    if (!c->taken[other])
        return;
    segment->add = node;
    segment->second = other;
    take(segment, c, &node);
}

/* Among the readers of the real value the first that leads to a sign by steps without draws. */
static void take_second_sign(bb_segment *segment, bb_cutter *c)
{
    const uint32_t from = index_of(c, segment->real);
    for (uint32_t edge = c->reader[from]; edge != BB_NO_INDEX; edge = c->next[edge]) {
        const bb_node *first = &c->graph->nodes[edge / 2], *sign = sign_behind_steps(c, first);
        uint32_t n = 0;
        bool fixed = sign != NULL;
        for (const bb_node *node = first; fixed && node != sign; node = only_reader(c, node))
            fixed = node->step.site == BB_NO_INDEX && n++ < BB_MAX_STEPS;
        if (!fixed)
            continue;
        for (const bb_node *node = first; node != sign;) {
            segment->bit_steps[segment->n_bit_steps++] = &node->step;
            take(segment, c, &node);
        }
        segment->sign = segment->bits = sign;
        take(segment, c, &sign);
        return;
    }
}

/* What leaves a stage as a real value must be affine in the sum. */
static bb_status check_real(const bb_segment *segment, const bb_cutter *c)
{
    for (uint32_t i = 0; i < segment->n_steps; i++)
        if (segment->steps[i]->kind == BB_STEP_CLIP)
            return refuse(c, segment->last,
                          "clipping is supported only before a sign; none follows");
    return BB_OK;
}

bb_status bb_segment_cut(bb_segment *out, bb_cutter *c, uint32_t first)
{
    const bb_node *node = &c->graph->nodes[first];
    *out = (bb_segment){0};
    bb_status status = take_core(out, c, &node);
    if (status == BB_OK)
        status = take_steps(out, c, &node);
    if (status == BB_OK && is_pool_of_bits(c, node)) {
        take_max_pool(out, c, &node);
        if (sign_behind_steps(c, node))
            status = take_steps(out, c, &node);
    }
    if (status != BB_OK)
        return status;
    const bool bits = take_bits(out, c, node);
    if (!out->max_pool)
        out->first_behind_pool = out->n_steps;
    if (bits) {
        out->out = out->bits->shape;
        return BB_OK;
    }
    take_residual(out, c, node);
    if (!c->taken[first])
        return refuse(c, &c->graph->nodes[first], "no stage can hold this node here");
    out->real = out->last;
    out->out = out->real->shape;
    status = check_real(out, c);
    if (status == BB_OK)
        take_second_sign(out, c);
    return status;
}

bb_segment bb_segment_convert(const bb_graph *graph, uint32_t node)
{
    const bb_node *real = &graph->nodes[node];
    return (bb_segment){.real = real,
                        .last = real,
                        .input = node,
                        .second = BB_NO_INDEX,
                        .in = real->shape,
                        .sum = real->shape,
                        .out = real->shape};
}
