/* SPDX-License-Identifier: MIT */
/*
 * Factors around a LINEAR. A scale between a sign and the next LINEAR would make its input real;
 * behind the sum it is one more operation per output. The 1/(1-p) behind a masked sum becomes a
 * property of the LINEAR, because it is 1 when the run is deterministic.
 */
#include "model/lower.h"

#include <math.h>
#include <string.h>

static bool is_uniform(const bb_node *node, uint32_t draw)
{
    const float *a = node->step.a + (size_t)draw * node->shape.channels;
    for (uint32_t c = 1; c < node->shape.channels; c++)
        if (a[c] != a[0])
            return false;
    return true;
}

bool bb_step_is_scale(const bb_node *node)
{
    if (node->kind != BB_NODE_STEP ||
        (node->step.kind != BB_STEP_MULTIPLY && node->step.kind != BB_STEP_DIVIDE))
        return false;
    for (uint32_t d = 0; d < node->step.n_draws; d++)
        if (!(node->step.a[(size_t)d * node->shape.channels] >= 0) || !is_uniform(node, d))
            return false;
    return true;
}

/* The step for the outputs of `linear` instead of its inputs. */
static bb_status widen(bb_lowering *lowering, bb_node *step, const bb_node *linear)
{
    const uint32_t n_draws = step->step.n_draws, from = step->shape.channels;
    const uint32_t to = linear->shape.channels;
    const bb_status status =
        bb_arena_charge(&lowering->import->arena, (size_t)n_draws * to * sizeof(float));
    if (status != BB_OK)
        return status;
    float *a = bb_allocate(lowering->import->context, (size_t)n_draws * to, sizeof(*a));
    if (!a)
        return BB_MEMORY;
    for (uint32_t d = 0; d < n_draws; d++)
        for (uint32_t c = 0; c < to; c++)
            a[(size_t)d * to + c] = step->step.a[(size_t)d * from];
    bb_release(lowering->import->context, step->step.a);
    step->step.a = a;
    step->shape = linear->shape;
    return BB_OK;
}

/* First node behind the sign whose scales the LINEAR at `end` has to take; `end` if there is none. */
static uint32_t scales_start(const bb_graph *graph, uint32_t end)
{
    uint32_t i = end;
    while (i > 0 && (graph->nodes[i - 1].kind == BB_NODE_MAX_POOL ||
                     graph->nodes[i - 1].kind == BB_NODE_MASK ||
                     bb_step_is_scale(&graph->nodes[i - 1])))
        i--;
    return i > 0 && graph->nodes[i - 1].kind == BB_NODE_SIGN ? i : end;
}

/* Nodes start .. end, the LINEAR at `end`: steps to the back, each side in its order. */
static bb_status move_scales(bb_lowering *lowering, uint32_t start, uint32_t end, bb_node *spare)
{
    bb_node *nodes = lowering->graph->nodes;
    uint32_t n_kept = 0, n_moved = 0;
    for (uint32_t i = start; i <= end; i++) {
        if (nodes[i].kind == BB_NODE_STEP) {
            const bb_status status = widen(lowering, &nodes[i], &nodes[end]);
            if (status != BB_OK)
                return status;
        }
    }
    for (uint32_t i = start; i <= end; i++) {
        const bb_node node = nodes[i];
        if (node.kind == BB_NODE_STEP)
            spare[n_moved++] = node;
        else
            nodes[start + n_kept++] = node;
    }
    if (n_moved)
        memcpy(&nodes[start + n_kept], spare, n_moved * sizeof(*spare));
    return BB_OK;
}

/* The companion multiplies by 1/(1-p) directly behind the sum. */
static void absorb_factor(bb_lowering *lowering, uint32_t at, bool *removed)
{
    bb_graph *graph = lowering->graph;
    if (at == 0 || at + 1 >= graph->n_nodes)
        return;
    const bb_node *mask = &graph->nodes[at - 1];
    bb_node *linear = &graph->nodes[at], *step = &graph->nodes[at + 1];
    if (mask->kind != BB_NODE_MASK || linear->linear.mask_factor != 1 ||
        step->kind != BB_NODE_STEP || step->step.kind != BB_STEP_MULTIPLY ||
        step->step.n_draws != 1 || !bb_step_is_scale(step))
        return;
    const double expected = 1 / (1 - (double)graph->sites[mask->mask.site].p);
    const float found = step->step.a[0];
    if (!(fabs((double)found - expected) <= 1e-6 * expected))
        return;
    linear->linear.mask_factor = found;
    removed[at + 1] = true;
}

bb_status bb_lower_tidy(bb_lowering *lowering)
{
    bb_graph *graph = lowering->graph;
    bb_arena *arena = &lowering->import->arena;
    bb_status status;
    bool *removed = bb_arena_allocate(arena, graph->n_nodes, sizeof(*removed), &status);
    bb_node *spare =
        removed ? bb_arena_allocate(arena, graph->n_nodes, sizeof(*spare), &status) : NULL;
    if (!spare)
        return status;
    for (uint32_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].kind == BB_NODE_LINEAR)
            absorb_factor(lowering, i, removed);
    uint32_t n = 0;
    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        const bb_node node = graph->nodes[i];
        if (removed[i])
            bb_node_clear(graph->context, &graph->nodes[i]);
        else
            graph->nodes[n++] = node;
    }
    graph->n_nodes = n;
    status = BB_OK;
    for (uint32_t i = 0; status == BB_OK && i < n; i++)
        if (graph->nodes[i].kind == BB_NODE_LINEAR) {
            const uint32_t start = scales_start(graph, i);
            status = move_scales(lowering, start, i, spare);
        }
    for (uint32_t i = 0; i < n; i++)
        graph->nodes[i].input = i ? i - 1 : 0;
    return status;
}
