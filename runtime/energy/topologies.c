/* SPDX-License-Identifier: MIT */
/* Networks of the publications by name, so that they can be estimated without a model file. */
#include "energy/energy.h"

#include <string.h>

typedef struct builder {
    bb_energy_network *network;
    uint32_t last, channels, height, width; /* the tensor that the next layer reads */
    bool failed;
} builder;

/* A layer on the current tensor; "same" padding for odd kernels if pad is kernel / 2. */
static void convolve(builder *b, const char *name, uint32_t channels, uint32_t kernel,
                     uint32_t step, uint32_t pad)
{
    if (b->failed)
        return;
    bb_energy_layer *layer = bb_energy_network_add_layer(b->network, name);
    if (!layer) {
        b->failed = true;
        return;
    }
    layer->kind = BB_LAYER_CROSSBAR;
    layer->input = b->last;
    layer->in_channels = b->channels;
    layer->in_h = b->height;
    layer->in_w = b->width;
    layer->kernel_h = layer->kernel_w = kernel;
    layer->out_channels = channels;
    layer->out_h = (b->height + 2 * pad - kernel) / step + 1;
    layer->out_w = (b->width + 2 * pad - kernel) / step + 1;
    layer->window_taps = bb_energy_axis_taps(b->height, layer->out_h, kernel, step, 1, pad) *
                         bb_energy_axis_taps(b->width, layer->out_w, kernel, step, 1, pad);
    layer->input_bits = b->last == BB_NO_INDEX ? 8 : 1;
    b->last = b->network->n_layers - 1;
    b->channels = channels;
    b->height = layer->out_h;
    b->width = layer->out_w;
}

static void pool(builder *b)
{
    b->height /= 2;
    b->width /= 2;
}

/* A dense layer over the whole tensor. */
static void connect(builder *b, const char *name, uint32_t outputs)
{
    b->channels *= b->height * b->width;
    b->height = b->width = 1;
    convolve(b, name, outputs, 1, 1, 0);
}

static void build_lenet5(builder *b)
{
    b->channels = 1;
    b->height = b->width = 28;
    convolve(b, "conv1", 6, 5, 1, 2);
    pool(b);
    convolve(b, "conv2", 16, 5, 1, 0);
    pool(b);
    connect(b, "fc1", 120);
    connect(b, "fc2", 84);
    connect(b, "fc3", 10);
}

static void build_vgg_convolutions(builder *b)
{
    static const char *const names[] = {"conv1", "conv2", "conv3", "conv4", "conv5", "conv6"};
    b->channels = 3;
    b->height = b->width = 32;
    for (uint32_t i = 0; i < 6; i++) {
        convolve(b, names[i], 128u << (i / 2), 3, 1, 1);
        if (i % 2)
            pool(b);
    }
}

static void build_vgg_small(builder *b)
{
    build_vgg_convolutions(b);
    connect(b, "fc", 10);
}

static void build_vgg_small_3fc(builder *b)
{
    build_vgg_convolutions(b);
    connect(b, "fc1", 1024);
    connect(b, "fc2", 1024);
    connect(b, "fc3", 10);
}

/* Two 3x3 layers; the shortcut is the block's input, or its 1x1 projection. */
static void build_block(builder *b, uint32_t group, uint32_t block)
{
    char name[32];
    const uint32_t channels = 64u << group, step = group && !block ? 2 : 1;
    const builder entry = *b;
    uint32_t shortcut = b->last;
    if (step == 2) {
        snprintf(name, sizeof(name), "layer%u.%u.shortcut", group + 1, block);
        convolve(b, name, channels, 1, 2, 0);
        shortcut = b->last;
        b->last = entry.last;
        b->channels = entry.channels;
        b->height = entry.height;
        b->width = entry.width;
    }
    snprintf(name, sizeof(name), "layer%u.%u.conv1", group + 1, block);
    convolve(b, name, channels, 3, step, 1);
    snprintf(name, sizeof(name), "layer%u.%u.conv2", group + 1, block);
    convolve(b, name, channels, 3, 1, 1);
    if (!b->failed)
        b->network->layers[b->last].shortcut = shortcut;
}

static void build_resnet18_cifar(builder *b)
{
    b->channels = 3;
    b->height = b->width = 32;
    convolve(b, "conv1", 64, 3, 1, 1);
    for (uint32_t i = 0; i < 8; i++)
        build_block(b, i / 2, i % 2);
    b->height = b->width = 1; /* global average pool */
    connect(b, "fc", 10);
}

static const struct {
    const char *name;
    void (*build)(builder *);
} topologies[] = {
    {"lenet5", build_lenet5},
    {"vgg-small", build_vgg_small},
    {"vgg-small-3fc", build_vgg_small_3fc},
    {"resnet18-cifar", build_resnet18_cifar},
};

const char *bb_energy_network_name(uint32_t index)
{
    return index < BB_COUNT_OF(topologies) ? topologies[index].name : NULL;
}

bb_status bb_energy_network_builtin(bb_energy_network **out, bb_context *context, const char *name)
{
    *out = NULL;
    for (size_t i = 0; i < BB_COUNT_OF(topologies); i++) {
        if (strcmp(topologies[i].name, name) != 0)
            continue;
        builder b = {.last = BB_NO_INDEX};
        const bb_status status = bb_energy_network_new(&b.network, context, name);
        if (status != BB_OK)
            return status;
        topologies[i].build(&b);
        if (b.failed) {
            bb_energy_network_free(b.network);
            return BB_MEMORY;
        }
        bb_energy_network_finish(b.network);
        *out = b.network;
        return BB_OK;
    }
    return bb_fail(context, BB_ARGUMENT,
                   "network '%s' is unknown; built in are: lenet5, vgg-small, vgg-small-3fc, "
                   "resnet18-cifar",
                   name);
}
