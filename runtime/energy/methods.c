/* SPDX-License-Identifier: MIT */
/* Methods of the family: the sites that each one puts into a network. */
#include "energy/energy.h"

#include <string.h>

typedef struct word_text {
    const char *word, *text;
} word_text;

#define BB_WORD_TEXT(name, word, text) {word, text},
static const word_text methods[] = {BB_ENERGY_METHOD_LIST(BB_WORD_TEXT)};
static const word_text mappings[] = {BB_ENERGY_MAPPING_LIST(BB_WORD_TEXT)};
static const word_text first_layers[] = {BB_ENERGY_FIRST_LAYER_LIST(BB_WORD_TEXT)};
static const word_text components[] = {BB_ENERGY_COMPONENT_LIST(BB_WORD_TEXT)};

const char *bb_energy_method_word(bb_energy_method method)
{
    return methods[method].word;
}

const char *bb_energy_mapping_word(bb_energy_mapping mapping)
{
    return mappings[mapping].word;
}

const char *bb_energy_first_layer_word(bb_energy_first_layer first_layer)
{
    return first_layers[first_layer].word;
}

const char *bb_energy_component_word(bb_energy_component component)
{
    return components[component].word;
}

const char *bb_energy_component_text(bb_energy_component component)
{
    return components[component].text;
}

static bool find(const word_text *list, size_t n, const char *word, unsigned *out)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].word, word) != 0)
            continue;
        *out = (unsigned)i;
        return true;
    }
    return false;
}

bool bb_energy_method_find(const char *word, bb_energy_method *out)
{
    unsigned index;
    if (!find(methods, BB_COUNT_OF(methods), word, &index))
        return false;
    *out = (bb_energy_method)index;
    return true;
}

bool bb_energy_mapping_find(const char *word, bb_energy_mapping *out)
{
    unsigned index;
    if (!find(mappings, BB_COUNT_OF(mappings), word, &index))
        return false;
    *out = (bb_energy_mapping)index;
    return true;
}

bool bb_energy_first_layer_find(const char *word, bb_energy_first_layer *out)
{
    unsigned index;
    if (!find(first_layers, BB_COUNT_OF(first_layers), word, &index))
        return false;
    *out = (bb_energy_first_layer)index;
    return true;
}

double bb_energy_drop_probability(const bb_energy_network *network,
                                  const bb_energy_options *options)
{
    if (options->drop_probability >= 0.0)
        return options->drop_probability;
    for (uint32_t i = 0; i < network->n_sites; i++)
        if (network->sites[i].kind != BB_DRAW_MEMBER)
            return network->sites[i].p;
    return 0.1;
}

static bb_status copy_layers(bb_energy_network *out, const bb_energy_network *network,
                             bool with_sites)
{
    for (uint32_t i = 0; i < network->n_layers; i++) {
        bb_energy_layer *layer = bb_energy_network_add_layer(out, network->layers[i].name);
        if (!layer)
            return BB_MEMORY;
        char *const name = layer->name;
        *layer = network->layers[i];
        layer->name = name;
        if (with_sites)
            continue;
        layer->mask_site = BB_NO_INDEX;
        layer->n_bank_sites = 0;
    }
    for (uint32_t i = 0; with_sites && i < network->n_sites; i++) {
        bb_energy_site *site = bb_energy_network_add_site(out);
        if (!site)
            return BB_MEMORY;
        *site = network->sites[i];
    }
    return BB_OK;
}

/* A mask at the input of a layer. Modules sit at word lines: one per channel may gate the rows of
 * all kernel offsets, a dense layer has one per input; SpinDrop has one per row. */
static bb_energy_site mask_site(const bb_energy_layer *layer, bb_energy_method method, double p)
{
    const uint64_t fan_in = (uint64_t)layer->kernel_h * layer->kernel_w * layer->in_channels;
    const uint64_t positions = (uint64_t)layer->out_h * layer->out_w;
    bb_energy_site site = {.kind = BB_DRAW_MASK, .p = p, .n_elements = fan_in, .modules = fan_in};
    if (method == BB_ENERGY_METHOD_SPATIAL)
        site.n_elements = site.modules = positions == 1 ? fan_in : layer->in_channels;
    if (method == BB_ENERGY_METHOD_SPINDROP) {
        site.kind = BB_DRAW_MASK_ALWAYS;
        site.n_elements = positions * fan_in;
    }
    return site;
}

static bb_status add_layer_site(bb_energy_network *network, bb_energy_layer *layer,
                                const bb_energy_options *options, double p)
{
    const bb_energy_method method = options->method;
    const bool shared =
        method == BB_ENERGY_METHOD_SCALE_SHARED || method == BB_ENERGY_METHOD_ENSEMBLE;
    const bool mask = method == BB_ENERGY_METHOD_SPATIAL || method == BB_ENERGY_METHOD_SPINDROP ||
                      method == BB_ENERGY_METHOD_SPINDROP_HELD;
    if (!shared || network->n_sites == 0) {
        bb_energy_site *site = bb_energy_network_add_site(network);
        if (!site)
            return BB_MEMORY;
        if (mask)
            *site = mask_site(layer, method, p);
        else if (method == BB_ENERGY_METHOD_ENSEMBLE)
            *site = (bb_energy_site){.kind = BB_DRAW_MEMBER, .n_draws = options->members};
        else
            *site = (bb_energy_site){.kind = BB_DRAW_DROP, .p = p, .n_draws = 2};
    }
    if (mask) {
        layer->mask_site = network->n_sites - 1;
    } else {
        layer->n_bank_sites = 1;
        layer->bank_sites[0] = network->n_sites - 1;
    }
    return BB_OK;
}

bb_status bb_energy_method_apply(bb_energy_network **out, const bb_energy_network *network,
                                 const bb_energy_options *options)
{
    *out = NULL;
    bb_energy_network *applied;
    bb_status status = bb_energy_network_new(&applied, network->context, network->name);
    if (status != BB_OK)
        return status;
    const bool own = options->method == BB_ENERGY_METHOD_OWN;
    status = copy_layers(applied, network, own);
    const double p = bb_energy_drop_probability(network, options);
    const bool adds = !own && options->method != BB_ENERGY_METHOD_NONE;
    for (uint32_t i = 0; status == BB_OK && adds && i < applied->n_layers; i++)
        if (applied->layers[i].kind != BB_LAYER_POOL)
            status = add_layer_site(applied, &applied->layers[i], options, p);
    if (status != BB_OK) {
        bb_energy_network_free(applied);
        return status;
    }
    bb_energy_network_finish(applied);
    *out = applied;
    return BB_OK;
}
