/* SPDX-License-Identifier: MIT */
/* The graph evaluated node by node. */
#include "check/random_graph.h"

#include <stdlib.h>
#include <string.h>

static size_t elements(const bb_shape *shape)
{
    return (size_t)shape->channels * shape->height * shape->width;
}

/* Bytes of a site in a row, and where it begins. */
static const uint8_t *draw_of(const bb_graph *graph, const uint8_t *row, uint32_t site)
{
    for (uint32_t i = 0; row && i < site; i++)
        row += graph->sites[i].kind == BB_SITE_MASK ? (graph->sites[i].n_elements + 7) / 8 : 1;
    return row;
}

static void evaluate_linear(const bb_node *node, const bb_shape *in, const float *x, bool masked,
                            float *y)
{
    const bb_linear *l = &node->linear;
    const bb_shape *out = &node->shape;
    const uint32_t n_group = in->channels / l->groups;
    for (uint32_t o = 0; o < out->channels; o++)
        for (uint32_t oy = 0; oy < out->height; oy++)
            for (uint32_t ox = 0; ox < out->width; ox++) {
                double sum = 0;
                for (uint32_t ky = 0; ky < l->window.kernel_h; ky++)
                    for (uint32_t kx = 0; kx < l->window.kernel_w; kx++)
                        for (uint32_t k = 0; k < n_group; k++) {
                            const uint32_t c = o / (out->channels / l->groups) * n_group + k;
                            const long iy = (long)(oy * l->window.step_h) +
                                            (long)(ky * l->window.dilation_h) - l->window.pad_top;
                            const long ix = (long)(ox * l->window.step_w) +
                                            (long)(kx * l->window.dilation_w) - l->window.pad_left;
                            if (iy < 0 || iy >= in->height || ix < 0 || ix >= in->width)
                                continue;
                            const size_t w =
                                ((o * (size_t)l->window.kernel_h + ky) * l->window.kernel_w + kx) *
                                    n_group +
                                k;
                            const double weight =
                                l->signs ? (double)l->signs[w] : (double)l->weights[w];
                            sum +=
                                weight *
                                (double)x[((size_t)iy * in->width + (size_t)ix) * in->channels + c];
                        }
                float z = (float)sum;
                const float magnitude = l->magnitude ? l->magnitude[o] : 1;
                z = z * (masked ? magnitude * l->mask_factor : magnitude);
                y[(oy * out->width + ox) * out->channels + o] = z;
            }
}

static float step_value(const bb_step *s, float x, size_t i)
{
    const float a = s->a[i];
    switch (s->kind) {
    case BB_STEP_MULTIPLY:
        return x * a;
    case BB_STEP_DIVIDE:
        return x / a;
    case BB_STEP_ADD:
        return x + a;
    case BB_STEP_SUBTRACT:
        return x - a;
    case BB_STEP_SUBTRACT_FROM:
        return a - x;
    case BB_STEP_NORMALIZE: {
        const float scaled = x * a;
        return scaled + s->b[i];
    }
    case BB_STEP_CLIP:
        x = x < a ? a : x;
        return x > s->b[i] ? s->b[i] : x;
    }
    return x;
}

static void evaluate_pool(const bb_node *node, const bb_shape *in, const float *x, float *y)
{
    const bb_window *p = &node->pool;
    const bb_shape *out = &node->shape;
    for (size_t i = 0; i < elements(out); i++) {
        const uint32_t c = (uint32_t)(i % out->channels), pixel = (uint32_t)(i / out->channels);
        const uint32_t oy = pixel / out->width, ox = pixel % out->width;
        float largest = -1e30f, sum = 0;
        for (uint32_t ky = 0; ky < p->kernel_h; ky++)
            for (uint32_t kx = 0; kx < p->kernel_w; kx++) {
                const long iy = (long)(oy * p->step_h + ky) - p->pad_top;
                const long ix = (long)(ox * p->step_w + kx) - p->pad_left;
                if (iy < 0 || iy >= in->height || ix < 0 || ix >= in->width)
                    continue;
                const float value = x[((size_t)iy * in->width + (size_t)ix) * in->channels + c];
                largest = value > largest ? value : largest;
                sum += value;
            }
        y[i] = node->kind == BB_NODE_MAX_POOL ? largest : sum / (float)(p->kernel_h * p->kernel_w);
    }
}

static void evaluate_mask(const bb_graph *graph, const bb_node *node, const float *x,
                          const uint8_t *row, float *y)
{
    const bb_site *site = &graph->sites[node->mask.site];
    const uint8_t *draw = draw_of(graph, row, node->mask.site);
    const size_t pixels = (size_t)node->shape.height * node->shape.width;
    const bool per_element = site->n_elements != node->shape.channels;
    for (size_t i = 0; i < elements(&node->shape); i++) {
        const size_t c = i % node->shape.channels, pixel = i / node->shape.channels;
        const size_t e = per_element ? c * pixels + pixel : c;
        y[i] = !draw || (draw[e / 8] >> (e % 8) & 1) ? x[i] : 0;
    }
}

static void evaluate_join(const bb_graph *graph, const bb_node *node, const float *x,
                          const float *second, float *y)
{
    const uint32_t n = node->shape.channels, own = graph->nodes[node->input].shape.channels;
    for (size_t i = 0; i < elements(&node->shape); i++) {
        const size_t pixel = i / n, c = i % n;
        if (node->kind == BB_NODE_ADD)
            y[i] = x[i] + second[i];
        else
            y[i] = c < own ? x[pixel * own + c] : second[pixel * (n - own) + c - own];
    }
}

static void evaluate_node(const bb_graph *graph, const bb_node *node, const float *x,
                          const float *second, const uint8_t *row, float *y)
{
    const bb_node *from = &graph->nodes[node->input];
    const size_t n = elements(&node->shape);
    switch (node->kind) {
    case BB_NODE_LINEAR:
        evaluate_linear(node, &from->shape, x, from->kind == BB_NODE_MASK && row, y);
        break;
    case BB_NODE_STEP: {
        const uint8_t *draw =
            node->step.site == BB_NO_INDEX ? NULL : draw_of(graph, row, node->step.site);
        const size_t offset = draw ? (size_t)draw[0] * node->shape.channels : 0;
        for (size_t i = 0; i < n; i++)
            y[i] = step_value(&node->step, x[i], offset + i % node->shape.channels);
        break;
    }
    case BB_NODE_SIGN:
        for (size_t i = 0; i < n; i++)
            y[i] = x[i] > 0 || (x[i] == 0 && node->sign.zero_is_positive) ? 1 : -1;
        break;
    case BB_NODE_MASK:
        evaluate_mask(graph, node, x, row, y);
        break;
    case BB_NODE_MAX_POOL:
    case BB_NODE_AVERAGE_POOL:
        evaluate_pool(node, &from->shape, x, y);
        break;
    case BB_NODE_ADD:
    case BB_NODE_CONCAT:
        evaluate_join(graph, node, x, second, y);
        break;
    case BB_NODE_INPUT:
        break;
    }
}

void check_evaluate(const bb_graph *graph, const uint8_t *input, const uint8_t *row, float *logits)
{
    const bb_preprocess *p = &graph->preprocess;
    float **values = calloc(graph->n_nodes, sizeof(*values));
    for (uint32_t k = 0; k < graph->n_nodes; k++)
        values[k] = malloc(elements(&graph->nodes[k].shape) * sizeof(float));
    for (size_t i = 0; i < elements(&graph->nodes[0].shape); i++) {
        const size_t c = p->n == 1 ? 0 : i % p->n;
        values[0][i] = ((float)input[i] * p->scale - p->mean[c]) / p->std[c];
    }
    for (uint32_t k = 1; k < graph->n_nodes; k++) {
        const bb_node *node = &graph->nodes[k];
        const float *second = bb_node_joins(node) ? values[node->second] : NULL;
        evaluate_node(graph, node, values[node->input], second, row, values[k]);
    }
    const uint32_t last = graph->n_nodes - 1;
    memcpy(logits, values[last], elements(&graph->nodes[last].shape) * sizeof(*logits));
    for (uint32_t k = 0; k < graph->n_nodes; k++)
        free(values[k]);
    free(values);
}
