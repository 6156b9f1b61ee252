/* SPDX-License-Identifier: MIT */
/* Packed file to graph. Nothing is allocated that the rest of the file could not fill. */
#include "model/bbm.h"

#include <string.h>

typedef struct reader {
    bb_graph *graph;
    const uint8_t *bytes;
    size_t length, position;
    uint32_t last_kind; /* of a node, in the file's version */
    bb_status status;   /* of the first failure; later reads do nothing */
} reader;

static void fail(reader *in, const char *reason)
{
    if (in->status == BB_OK)
        in->status = bb_fail(in->graph->context, BB_INPUT, "%s: byte %zu: %s", in->graph->path,
                             in->position + BB_BBM_HEADER, reason);
}

/* `size` bytes, or NULL at the end of the file. */
static const uint8_t *take(reader *in, size_t size)
{
    if (in->status == BB_OK && size > in->length - in->position)
        fail(in, "the packed model ends too early");
    if (in->status != BB_OK)
        return NULL;
    in->position += size;
    return in->bytes + in->position - size;
}

static uint64_t load(const uint8_t *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static uint32_t get_u32(reader *in)
{
    const uint8_t *bytes = take(in, 4);
    return bytes ? (uint32_t)load(bytes, 4) : 0;
}

static uint64_t get_u64(reader *in)
{
    const uint8_t *bytes = take(in, 8);
    return bytes ? load(bytes, 8) : 0;
}

/* A count of things that take at least `size` bytes each. */
static uint32_t get_count(reader *in, size_t size)
{
    const uint32_t count = get_u32(in);
    if (in->status == BB_OK && count > (in->length - in->position) / size)
        fail(in, "a count is larger than the rest of the file");
    return in->status == BB_OK ? count : 0;
}

static bool get_bool(reader *in)
{
    const uint32_t value = get_u32(in);
    if (value > 1)
        fail(in, "0 or 1 is expected");
    return value == 1;
}

static void *allocate(reader *in, size_t count, size_t size)
{
    void *block = in->status == BB_OK ? bb_allocate(in->graph->context, count, size) : NULL;
    if (!block && in->status == BB_OK)
        in->status = BB_MEMORY;
    return block;
}

static void copy_floats(const uint8_t *bytes, float *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)load(bytes + 4 * i, 4);
        memcpy(&to[i], &bits, sizeof(bits));
    }
}

static float *get_floats(reader *in, size_t count)
{
    if (in->status == BB_OK && count > (in->length - in->position) / 4)
        fail(in, "the packed model ends too early");
    const uint8_t *bytes = take(in, 4 * count);
    float *values = allocate(in, count, sizeof(*values));
    if (values)
        copy_floats(bytes, values, count);
    return values;
}

static float get_float(reader *in)
{
    float value = 0;
    const uint8_t *bytes = take(in, 4);
    if (bytes)
        copy_floats(bytes, &value, 1);
    return value;
}

static char *get_text(reader *in)
{
    const uint32_t length = get_count(in, 1);
    const uint8_t *bytes = take(in, length);
    char *text = allocate(in, (size_t)length + 1, 1);
    if (text)
        memcpy(text, bytes, length);
    if (text && strlen(text) != length)
        fail(in, "a text holds a zero byte");
    return text;
}

static void get_window(reader *in, bb_window *window)
{
    uint32_t *const numbers[] = {&window->kernel_h, &window->kernel_w,   &window->step_h,
                                 &window->step_w,   &window->dilation_h, &window->dilation_w,
                                 &window->pad_top,  &window->pad_left,   &window->pad_bottom,
                                 &window->pad_right};
    for (size_t i = 0; i < BB_COUNT_OF(numbers); i++)
        *numbers[i] = get_u32(in);
}

static int8_t *get_signs(reader *in, size_t count)
{
    const uint8_t *bytes = take(in, bb_divide_up(count, 8));
    int8_t *signs = allocate(in, count, sizeof(*signs));
    for (size_t i = 0; signs && i < count; i++)
        signs[i] = bytes[i / 8] >> (i % 8) & 1 ? 1 : -1;
    return signs;
}

static void get_linear(reader *in, bb_node *node)
{
    bb_linear *linear = &node->linear;
    get_window(in, &linear->window);
    linear->groups = get_u32(in);
    linear->mask_factor = get_float(in);
    const bool binary = get_bool(in);
    const size_t count = bb_linear_weight_count(
        linear, in->graph->nodes[node->input].shape.channels, node->shape.channels);
    if (binary) {
        linear->magnitude = get_floats(in, node->shape.channels);
        linear->signs = get_signs(in, count);
    } else {
        linear->weights = get_floats(in, count);
    }
}

static void get_step(reader *in, bb_node *node)
{
    bb_step *step = &node->step;
    step->kind = get_u32(in);
    step->site = get_u32(in);
    step->n_draws = get_u32(in);
    const bool second = get_bool(in);
    const size_t count = (size_t)step->n_draws * node->shape.channels;
    step->a = get_floats(in, count);
    if (second)
        step->b = get_floats(in, count);
}

static void get_part(reader *in, bb_node *node)
{
    switch (node->kind) {
    case BB_NODE_LINEAR:
        get_linear(in, node);
        break;
    case BB_NODE_STEP:
        get_step(in, node);
        break;
    case BB_NODE_SIGN:
        node->sign.zero_is_positive = get_bool(in);
        node->sign.onnx_sign = get_bool(in);
        break;
    case BB_NODE_MAX_POOL:
    case BB_NODE_AVERAGE_POOL:
        get_window(in, &node->pool);
        break;
    case BB_NODE_MASK:
        node->mask.site = get_u32(in);
        break;
    case BB_NODE_ADD:
    case BB_NODE_CONCAT:
        node->second = get_u32(in);
        if (node->second >= in->graph->n_nodes - 1)
            fail(in, "nodes out of order");
        break;
    case BB_NODE_INPUT:
        break;
    }
}

static void get_node(reader *in)
{
    const uint32_t index = in->graph->n_nodes;
    const uint32_t kind = get_u32(in), input = get_u32(in);
    const bb_shape shape = {get_u32(in), get_u32(in), get_u32(in)};
    if (kind > in->last_kind || (index && input >= index))
        fail(in, "unknown kind of node, or nodes out of order");
    char *name = get_text(in), *operator_name = get_text(in);
    bb_node *node = NULL;
    if (in->status == BB_OK) {
        node = bb_graph_add(in->graph, kind, name, operator_name);
        if (!node)
            in->status = BB_MEMORY;
    }
    bb_release(in->graph->context, name);
    bb_release(in->graph->context, operator_name);
    if (!node)
        return;
    node->input = index ? input : 0;
    node->shape = shape;
    get_part(in, node);
}

static void get_site(reader *in)
{
    const uint32_t kind = get_u32(in);
    const float p = get_float(in);
    const uint32_t n_draws = get_u32(in), n_elements = get_u32(in);
    char *name = get_text(in);
    if (kind > BB_SITE_MASK)
        fail(in, "unknown kind of site");
    bb_site *site = in->status == BB_OK ? bb_graph_add_site(in->graph, kind, name) : NULL;
    if (!site && in->status == BB_OK)
        in->status = BB_MEMORY;
    bb_release(in->graph->context, name);
    if (!site)
        return;
    site->p = p;
    site->n_draws = n_draws;
    site->n_elements = n_elements;
}

static void get_preprocess(reader *in)
{
    const float scale = get_float(in);
    const uint32_t n = get_count(in, 8);
    float *mean = get_floats(in, n), *std = get_floats(in, n);
    if (in->status == BB_OK)
        in->status = bb_graph_set_preprocess(in->graph, scale, n, mean, std);
    bb_release(in->graph->context, mean);
    bb_release(in->graph->context, std);
}

static void get_classes(reader *in)
{
    const uint32_t n = get_count(in, 4);
    if (n == 0)
        return;
    in->graph->classes = allocate(in, n, sizeof(*in->graph->classes));
    in->graph->n_classes = n;
    for (uint32_t i = 0; in->graph->classes && i < n; i++)
        in->graph->classes[i] = get_text(in);
}

static void get_graph(reader *in)
{
    bb_graph *graph = in->graph;
    graph->hash = get_u64(in);
    get_preprocess(in);
    get_classes(in);
    for (uint32_t i = 0, n = get_count(in, 20); i < n && in->status == BB_OK; i++)
        get_site(in);
    for (uint32_t i = 0, n = get_count(in, 28); i < n && in->status == BB_OK; i++)
        get_node(in);
    char *recognised = get_text(in);
    if (in->status == BB_OK && in->position != in->length)
        fail(in, "bytes after the end of the model");
    if (recognised) {
        bb_release(graph->context, graph->recognised);
        graph->recognised = recognised;
    }
}

bool bb_bbm_recognise(const void *bytes, size_t length)
{
    return length >= 8 && memcmp(bytes, BB_BBM_MAGIC, 8) == 0;
}

bb_status bb_bbm_read(bb_graph *graph, const void *bytes, size_t length)
{
    const uint8_t *header = bytes;
    if (length < BB_BBM_HEADER)
        return bb_fail(graph->context, BB_INPUT, "%s: a packed model of %zu bytes is truncated",
                       graph->path, length);
    const uint64_t version = load(header + 8, 4), stated = load(header + 16, 8);
    if (version != BB_BBM_VERSION && version != BB_BBM_VERSION_CHAIN)
        return bb_fail(graph->context, BB_UNSUPPORTED,
                       "%s: packed with format %u; this release reads %u and %u: import the ONNX "
                       "file again",
                       graph->path, (unsigned)version, BB_BBM_VERSION_CHAIN, BB_BBM_VERSION);
    if (stated != length - BB_BBM_HEADER)
        return bb_fail(graph->context, BB_INPUT,
                       "%s: %zu bytes, but the header says %llu; truncated or damaged", graph->path,
                       length, (unsigned long long)stated + BB_BBM_HEADER);
    reader in = {.graph = graph,
                 .bytes = header + BB_BBM_HEADER,
                 .length = (size_t)stated,
                 .last_kind = version == BB_BBM_VERSION ? BB_NODE_CONCAT : BB_NODE_MASK};
    if (bb_hash(in.bytes, in.length) != load(header + 24, 8))
        return bb_fail(graph->context, BB_INPUT, "%s: the checksum does not match; damaged",
                       graph->path);
    get_graph(&in);
    return in.status;
}
