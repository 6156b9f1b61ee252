/* SPDX-License-Identifier: MIT */
/*
 * Factors around a LINEAR. A scale between a sign and the next LINEAR would make its input real;
 * behind the sum it is one more operation per output. The 1/(1-p) behind a masked sum becomes a
 * property of the LINEAR, because it is 1 when the run is deterministic. Both hold only where
 * nobody else reads what is changed.
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

/* The graph while nodes leave their places: who reads how much, and what stands where. */
typedef struct tidying {
    bb_lowering *lowering;
    bb_graph *graph;
    uint32_t *n_readers; /* [nodes] */
    uint32_t *follower;  /* [nodes] the moved step that comes directly behind, or BB_NO_INDEX */
    bool *moved;         /* [nodes] it follows another node */
    uint32_t *place;     /* [nodes] in the new order */
    bool *removed;
} tidying;

static void count_readers(tidying *t)
{
    const bb_graph *graph = t->graph;
    memset(t->n_readers, 0, graph->n_nodes * sizeof(*t->n_readers));
    for (uint32_t i = 1; i < graph->n_nodes; i++) {
        if (t->removed[i])
            continue;
        t->n_readers[graph->nodes[i].input]++;
        if (bb_node_joins(&graph->nodes[i]))
            t->n_readers[graph->nodes[i].second]++;
    }
}

/* Who reads `from` reads `to` instead, but for one node. */
static void relink(tidying *t, uint32_t from, uint32_t to, uint32_t except)
{
    for (uint32_t i = 1; i < t->graph->n_nodes; i++) {
        bb_node *node = &t->graph->nodes[i];
        if (i == except)
            continue;
        node->input = node->input == from ? to : node->input;
        node->second = bb_node_joins(node) && node->second == from ? to : node->second;
    }
}

/* The companion multiplies by 1/(1-p) directly behind the sum. */
static void absorb_factor(tidying *t, uint32_t step_index)
{
    bb_graph *graph = t->graph;
    const bb_node *step = &graph->nodes[step_index];
    if (step->kind != BB_NODE_STEP || step->step.kind != BB_STEP_MULTIPLY ||
        step->step.n_draws != 1 || !bb_step_is_scale(step) || t->n_readers[step->input] != 1)
        return;
    bb_node *linear = &graph->nodes[step->input];
    const bb_node *mask = &graph->nodes[linear->input];
    if (linear->kind != BB_NODE_LINEAR || mask->kind != BB_NODE_MASK ||
        linear->linear.mask_factor != 1)
        return;
    const double expected = 1 / (1 - (double)graph->sites[mask->mask.site].p);
    const float found = step->step.a[0];
    if (!(fabs((double)found - expected) <= 1e-6 * expected))
        return;
    linear->linear.mask_factor = found;
    t->removed[step_index] = true;
    relink(t, step_index, step->input, step_index);
}

/* Whether scales on the way from a sign to the LINEAR may move: nobody else reads that way. */
static bool begins_at_sign(const tidying *t, uint32_t linear)
{
    const bb_node *nodes = t->graph->nodes;
    for (uint32_t i = nodes[linear].input; i > 0; i = nodes[i].input) {
        if (nodes[i].kind == BB_NODE_SIGN)
            return true;
        if (t->n_readers[i] != 1 || (nodes[i].kind != BB_NODE_MAX_POOL &&
                                     nodes[i].kind != BB_NODE_MASK && !bb_step_is_scale(&nodes[i])))
            return false;
    }
    return false;
}

/* From the last scale before the LINEAR to the first, each directly behind it: in their order. */
static bb_status move_scales(tidying *t, uint32_t linear)
{
    bb_node *nodes = t->graph->nodes;
    for (uint32_t i = nodes[linear].input, before; nodes[i].kind != BB_NODE_SIGN; i = before) {
        before = nodes[i].input;
        if (nodes[i].kind != BB_NODE_STEP)
            continue;
        const bb_status status = widen(t->lowering, &nodes[i], &nodes[linear]);
        if (status != BB_OK)
            return status;
        relink(t, i, before, i);
        relink(t, linear, i, i);
        nodes[i].input = linear;
        t->follower[i] = t->follower[linear];
        t->follower[linear] = i;
        t->moved[i] = true;
    }
    return BB_OK;
}

/* Nodes in their old order, but what moved directly behind its LINEAR; `nodes` has room for all. */
static void reorder(tidying *t, bb_node *nodes)
{
    bb_graph *graph = t->graph;
    uint32_t n = 0;
    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        if (t->removed[i]) {
            bb_node_clear(graph->context, &graph->nodes[i]);
            continue;
        }
        for (uint32_t k = i; k != BB_NO_INDEX && (k != i || !t->moved[i]); k = t->follower[k]) {
            t->place[k] = n;
            nodes[n++] = graph->nodes[k];
        }
    }
    memcpy(graph->nodes, nodes, n * sizeof(*nodes));
    graph->n_nodes = n;
    for (uint32_t i = 1; i < n; i++) {
        bb_node *node = &graph->nodes[i];
        node->input = t->place[node->input];
        if (bb_node_joins(node))
            node->second = t->place[node->second];
    }
}

static bb_status prepare(tidying *t, bb_node **spare)
{
    bb_arena *arena = &t->lowering->import->arena;
    const uint32_t n = t->graph->n_nodes;
    bb_status status;
    t->n_readers = bb_arena_allocate(arena, n, sizeof(*t->n_readers), &status);
    t->follower = t->n_readers ? bb_arena_allocate(arena, n, sizeof(*t->follower), &status) : NULL;
    t->place = t->follower ? bb_arena_allocate(arena, n, sizeof(*t->place), &status) : NULL;
    t->removed = t->place ? bb_arena_allocate(arena, n, sizeof(*t->removed), &status) : NULL;
    t->moved = t->removed ? bb_arena_allocate(arena, n, sizeof(*t->moved), &status) : NULL;
    *spare = t->moved ? bb_arena_allocate(arena, n, sizeof(**spare), &status) : NULL;
    if (!*spare)
        return status;
    for (uint32_t i = 0; i < n; i++)
        t->follower[i] = BB_NO_INDEX;
    return BB_OK;
}

bb_status bb_lower_tidy(bb_lowering *lowering)
{
    bb_graph *graph = lowering->graph;
    tidying t = {.lowering = lowering, .graph = graph};
    bb_node *spare;
    bb_status status = prepare(&t, &spare);
    if (status != BB_OK)
        return status;
    count_readers(&t);
    for (uint32_t i = 1; i < graph->n_nodes; i++)
        absorb_factor(&t, i);
    count_readers(&t);
    for (uint32_t i = 1; status == BB_OK && i < graph->n_nodes; i++)
        if (graph->nodes[i].kind == BB_NODE_LINEAR && begins_at_sign(&t, i))
            status = move_scales(&t, i);
    reorder(&t, spare);
    return status;
}
