/* SPDX-License-Identifier: MIT */
/* Graph to packed file. */
#include "model/bbm.h"

#include <string.h>

static void put_u32(bb_text *out, uint32_t value)
{
    uint8_t bytes[4];
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    bb_text_append_bytes(out, bytes, sizeof(bytes));
}

static void put_u64(bb_text *out, uint64_t value)
{
    put_u32(out, (uint32_t)value);
    put_u32(out, (uint32_t)(value >> 32));
}

static void put_floats(bb_text *out, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof(bits));
        put_u32(out, bits);
    }
}

static void put_text(bb_text *out, const char *text)
{
    const size_t length = strlen(text);
    put_u32(out, (uint32_t)length);
    bb_text_append_bytes(out, text, length);
}

static void put_window(bb_text *out, const bb_window *window)
{
    const uint32_t numbers[] = {window->kernel_h, window->kernel_w,   window->step_h,
                                window->step_w,   window->dilation_h, window->dilation_w,
                                window->pad_top,  window->pad_left,   window->pad_bottom,
                                window->pad_right};
    for (size_t i = 0; i < BB_COUNT_OF(numbers); i++)
        put_u32(out, numbers[i]);
}

static void put_signs(bb_text *out, const int8_t *signs, size_t count)
{
    for (size_t i = 0; i < count; i += 8) {
        uint8_t byte = 0;
        for (size_t k = 0; k < 8 && i + k < count; k++)
            byte |= (uint8_t)((signs[i + k] > 0) << k);
        bb_text_append_bytes(out, &byte, 1);
    }
}

static void put_linear(bb_text *out, const bb_graph *graph, const bb_node *node)
{
    const bb_linear *linear = &node->linear;
    const uint32_t outputs = node->shape.channels;
    const size_t count =
        bb_linear_weight_count(linear, graph->nodes[node->input].shape.channels, outputs);
    put_window(out, &linear->window);
    put_u32(out, linear->groups);
    put_floats(out, &linear->mask_factor, 1);
    put_u32(out, linear->signs != NULL);
    if (linear->signs) {
        put_floats(out, linear->magnitude, outputs);
        put_signs(out, linear->signs, count);
    } else {
        put_floats(out, linear->weights, count);
    }
}

static void put_step(bb_text *out, const bb_node *node)
{
    const bb_step *step = &node->step;
    const size_t count = (size_t)step->n_draws * node->shape.channels;
    put_u32(out, step->kind);
    put_u32(out, step->site);
    put_u32(out, step->n_draws);
    put_u32(out, step->b != NULL);
    put_floats(out, step->a, count);
    if (step->b)
        put_floats(out, step->b, count);
}

static void put_node(bb_text *out, const bb_graph *graph, const bb_node *node)
{
    put_u32(out, node->kind);
    put_u32(out, node->input);
    put_u32(out, node->shape.channels);
    put_u32(out, node->shape.height);
    put_u32(out, node->shape.width);
    put_text(out, node->name);
    put_text(out, node->operator_name);
    switch (node->kind) {
    case BB_NODE_LINEAR:
        put_linear(out, graph, node);
        break;
    case BB_NODE_STEP:
        put_step(out, node);
        break;
    case BB_NODE_SIGN:
        put_u32(out, node->sign.zero_is_positive);
        put_u32(out, node->sign.onnx_sign);
        break;
    case BB_NODE_MAX_POOL:
    case BB_NODE_AVERAGE_POOL:
        put_window(out, &node->pool);
        break;
    case BB_NODE_MASK:
        put_u32(out, node->mask.site);
        break;
    case BB_NODE_ADD:
    case BB_NODE_CONCAT:
        put_u32(out, node->second);
        break;
    case BB_NODE_INPUT:
        break;
    }
}

static uint32_t version_of(const bb_graph *graph)
{
    for (uint32_t i = 0; i < graph->n_nodes; i++)
        if (bb_node_joins(&graph->nodes[i]))
            return BB_BBM_VERSION;
    return BB_BBM_VERSION_CHAIN;
}

static void put_graph(bb_text *out, const bb_graph *graph)
{
    put_u64(out, graph->hash);
    put_floats(out, &graph->preprocess.scale, 1);
    put_u32(out, graph->preprocess.n);
    put_floats(out, graph->preprocess.mean, graph->preprocess.n);
    put_floats(out, graph->preprocess.std, graph->preprocess.n);
    put_u32(out, graph->classes ? graph->n_classes : 0);
    for (uint32_t i = 0; graph->classes && i < graph->n_classes; i++)
        put_text(out, graph->classes[i]);
    put_u32(out, graph->n_sites);
    for (uint32_t i = 0; i < graph->n_sites; i++) {
        const bb_site *site = &graph->sites[i];
        put_u32(out, site->kind);
        put_floats(out, &site->p, 1);
        put_u32(out, site->n_draws);
        put_u32(out, site->n_elements);
        put_text(out, site->name);
    }
    put_u32(out, graph->n_nodes);
    for (uint32_t i = 0; i < graph->n_nodes; i++)
        put_node(out, graph, &graph->nodes[i]);
    put_text(out, graph->recognised);
}

bb_status bb_graph_save(const bb_graph *graph, bb_context *context, const char *path)
{
    bb_text payload = {.context = context}, header = {.context = context};
    bb_file file;
    put_graph(&payload, graph);
    bb_text_append_bytes(&header, BB_BBM_MAGIC, 8);
    put_u32(&header, version_of(graph));
    put_u32(&header, 0);
    put_u64(&header, payload.length);
    put_u64(&header, payload.failed ? 0 : bb_hash(payload.bytes, payload.length));
    bb_status status = payload.failed || header.failed ? BB_MEMORY : BB_OK;
    if (status == BB_OK)
        status = bb_file_create(&file, context, path);
    if (status == BB_OK) {
        status = bb_file_write(&file, header.bytes, header.length);
        if (status == BB_OK)
            status = bb_file_write(&file, payload.bytes, payload.length);
        if (status == BB_OK)
            status = bb_file_commit(&file);
        else
            bb_file_abandon(&file);
    }
    bb_text_free(&payload);
    bb_text_free(&header);
    return status;
}
