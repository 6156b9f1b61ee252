/* SPDX-License-Identifier: MIT */
/* The graph as a container: growing, asking, freeing. */
#include "model/graph.h"

bb_status bb_graph_new(bb_graph **out, bb_context *context, const char *path)
{
    *out = NULL;
    bb_graph *graph = bb_allocate(context, 1, sizeof(*graph));
    if (!graph)
        return BB_MEMORY;
    graph->context = context;
    graph->path = bb_copy_text(context, path);
    graph->recognised = bb_copy_text(context, "");
    if (!graph->path || !graph->recognised ||
        bb_graph_set_preprocess(graph, 1, 1, &(const float){0}, &(const float){1}) != BB_OK) {
        bb_graph_free(graph);
        return BB_MEMORY;
    }
    *out = graph;
    return BB_OK;
}

bb_status bb_graph_set_preprocess(bb_graph *graph, float scale, uint32_t n, const float *mean,
                                  const float *std)
{
    float *means = bb_copy_bytes(graph->context, mean, n, sizeof(*mean));
    float *stds = bb_copy_bytes(graph->context, std, n, sizeof(*std));
    if (!means || !stds) {
        bb_release(graph->context, means);
        bb_release(graph->context, stds);
        return BB_MEMORY;
    }
    bb_release(graph->context, (void *)graph->preprocess.mean);
    bb_release(graph->context, (void *)graph->preprocess.std);
    graph->preprocess = (bb_preprocess){scale, n, means, stds};
    return BB_OK;
}

bb_node *bb_graph_add(bb_graph *graph, bb_node_kind kind, const char *name,
                      const char *operator_name)
{
    bb_node *nodes =
        bb_resize(graph->context, graph->nodes, (size_t)graph->n_nodes + 1, sizeof(*nodes));
    if (!nodes)
        return NULL;
    graph->nodes = nodes;
    bb_node *node = &nodes[graph->n_nodes];
    *node = (bb_node){
        .kind = kind, .input = graph->n_nodes ? graph->n_nodes - 1 : 0, .second = BB_NO_INDEX};
    graph->n_nodes++; /* counted at once, so that a half-built node is freed with the graph */
    node->name = bb_copy_text(graph->context, name);
    node->operator_name = bb_copy_text(graph->context, operator_name);
    return node->name && node->operator_name ? node : NULL;
}

bb_site *bb_graph_add_site(bb_graph *graph, bb_site_kind kind, const char *name)
{
    bb_site *sites =
        bb_resize(graph->context, graph->sites, (size_t)graph->n_sites + 1, sizeof(*sites));
    if (!sites)
        return NULL;
    graph->sites = sites;
    bb_site *site = &sites[graph->n_sites];
    *site = (bb_site){.kind = kind};
    graph->n_sites++;
    site->name = bb_copy_text(graph->context, name);
    return site->name ? site : NULL;
}

bool bb_node_joins(const bb_node *node)
{
    return node->kind == BB_NODE_ADD || node->kind == BB_NODE_CONCAT;
}

void bb_node_clear(bb_context *context, bb_node *node)
{
    bb_release(context, node->name);
    bb_release(context, node->operator_name);
    if (node->kind == BB_NODE_LINEAR) {
        bb_release(context, node->linear.signs);
        bb_release(context, node->linear.magnitude);
        bb_release(context, node->linear.weights);
    } else if (node->kind == BB_NODE_STEP) {
        bb_release(context, node->step.a);
        bb_release(context, node->step.b);
    }
}

void bb_graph_free(bb_graph *graph)
{
    if (!graph)
        return;
    bb_context *context = graph->context;
    for (uint32_t i = 0; i < graph->n_nodes; i++)
        bb_node_clear(context, &graph->nodes[i]);
    for (uint32_t i = 0; i < graph->n_sites; i++)
        bb_release(context, graph->sites[i].name);
    for (uint32_t i = 0; graph->classes && i < graph->n_classes; i++)
        bb_release(context, graph->classes[i]);
    bb_release(context, graph->nodes);
    bb_release(context, graph->sites);
    bb_release(context, graph->classes);
    bb_release(context, (void *)graph->preprocess.mean);
    bb_release(context, (void *)graph->preprocess.std);
    bb_release(context, graph->path);
    bb_release(context, graph->recognised);
    bb_release(context, graph);
}

static bool slide(uint64_t in, uint64_t before, uint64_t after, uint64_t kernel, uint64_t dilation,
                  uint64_t step, uint32_t *out)
{
    if (kernel == 0 || dilation == 0 || step == 0)
        return false;
    const uint64_t covered = dilation * (kernel - 1) + 1, padded = in + before + after;
    if (covered > padded || (padded - covered) / step >= UINT32_MAX)
        return false;
    *out = (uint32_t)((padded - covered) / step + 1);
    return true;
}

bool bb_window_output(const bb_window *window, const bb_shape *in, bb_shape *out)
{
    bb_shape result = *in;
    if (!slide(in->height, window->pad_top, window->pad_bottom, window->kernel_h,
               window->dilation_h, window->step_h, &result.height) ||
        !slide(in->width, window->pad_left, window->pad_right, window->kernel_w, window->dilation_w,
               window->step_w, &result.width))
        return false;
    *out = result;
    return true;
}

size_t bb_linear_weight_count(const bb_linear *linear, uint32_t in_channels, uint32_t out_channels)
{
    size_t count = linear->groups ? in_channels / linear->groups : 0;
    if (!bb_multiply_size(&count, count, linear->window.kernel_h) ||
        !bb_multiply_size(&count, count, linear->window.kernel_w) ||
        !bb_multiply_size(&count, count, out_channels))
        return SIZE_MAX;
    return count;
}

void bb_graph_input_shape(const bb_graph *graph, uint32_t shape[3])
{
    shape[0] = graph->nodes[0].shape.channels;
    shape[1] = graph->nodes[0].shape.height;
    shape[2] = graph->nodes[0].shape.width;
}

const bb_preprocess *bb_graph_preprocess(const bb_graph *graph)
{
    return &graph->preprocess;
}

uint32_t bb_graph_class_count(const bb_graph *graph)
{
    return graph->n_classes;
}

uint64_t bb_graph_hash(const bb_graph *graph)
{
    return graph->hash;
}

const char *bb_graph_recognised(const bb_graph *graph)
{
    return graph->recognised;
}

const char *bb_graph_class_name(const bb_graph *graph, uint32_t index)
{
    return graph->classes && index < graph->n_classes ? graph->classes[index] : "";
}
