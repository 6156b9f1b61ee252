/* SPDX-License-Identifier: MIT */
/* Networks as the energy model sees them: from a plan, or built layer by layer. */
#include "energy/energy.h"
#include "plan/plan.h"

#include <string.h>

bb_status bb_energy_network_new(bb_energy_network **out, bb_context *context, const char *name)
{
    *out = NULL;
    bb_energy_network *network = bb_allocate(context, 1, sizeof(*network));
    if (!network)
        return BB_MEMORY;
    network->context = context;
    network->name = bb_copy_text(context, name);
    if (!network->name) {
        bb_energy_network_free(network);
        return BB_MEMORY;
    }
    *out = network;
    return BB_OK;
}

void bb_energy_network_free(bb_energy_network *network)
{
    if (!network)
        return;
    for (uint32_t i = 0; i < network->n_layers; i++)
        bb_release(network->context, network->layers[i].name);
    bb_release(network->context, network->layers);
    bb_release(network->context, network->sites);
    bb_release(network->context, network->name);
    bb_release(network->context, network);
}

bb_energy_layer *bb_energy_network_add_layer(bb_energy_network *network, const char *name)
{
    bb_energy_layer *grown =
        bb_resize(network->context, network->layers, network->n_layers + 1u, sizeof(*grown));
    if (!grown)
        return NULL;
    network->layers = grown;
    bb_energy_layer *layer = &grown[network->n_layers];
    memset(layer, 0, sizeof(*layer));
    layer->name = bb_copy_text(network->context, name);
    if (!layer->name)
        return NULL;
    layer->input = layer->shortcut = layer->mask_site = BB_NO_INDEX;
    layer->groups = 1;
    network->n_layers++;
    return layer;
}

bb_energy_site *bb_energy_network_add_site(bb_energy_network *network)
{
    bb_energy_site *grown =
        bb_resize(network->context, network->sites, network->n_sites + 1u, sizeof(*grown));
    if (!grown)
        return NULL;
    network->sites = grown;
    grown[network->n_sites] = (bb_energy_site){0};
    return &grown[network->n_sites++];
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    const uint64_t pair[2] = {hash, value};
    return bb_hash(pair, sizeof(pair));
}

void bb_energy_network_finish(bb_energy_network *network)
{
    uint64_t hash = network->n_layers;
    for (uint32_t i = 0; i < network->n_layers; i++) {
        const bb_energy_layer *l = &network->layers[i];
        const uint64_t shape[] = {l->kind,      l->input,        l->shortcut,    l->in_channels,
                                  l->in_h,      l->in_w,         l->kernel_h,    l->kernel_w,
                                  l->out_h,     l->out_channels, l->out_w,       l->window_taps,
                                  l->mask_site, l->input_bits,   l->n_bank_sites, l->groups};
        hash = mix(hash, bb_hash(shape, sizeof(shape)));
        for (uint32_t k = 0; k < l->n_bank_sites; k++)
            hash = mix(hash, l->bank_sites[k]);
    }
    for (uint32_t i = 0; i < network->n_sites; i++) {
        const bb_energy_site *site = &network->sites[i];
        uint64_t p;
        memcpy(&p, &site->p, sizeof(p));
        hash = mix(hash, p);
        const uint64_t shape[] = {site->kind, site->n_draws, site->n_elements, site->modules};
        hash = mix(hash, bb_hash(shape, sizeof(shape)));
    }
    network->hash = hash;
}

uint32_t bb_energy_network_layer_count(const bb_energy_network *network)
{
    return network->n_layers;
}

uint64_t bb_energy_axis_taps(uint32_t in, uint32_t out, uint32_t kernel, uint32_t step,
                             uint32_t dilation, uint32_t pad)
{
    uint64_t taps = 0;
    for (uint32_t o = 0; o < out; o++) {
        for (uint32_t k = 0; k < kernel; k++) {
            const uint64_t at = (uint64_t)o * step + (uint64_t)k * dilation;
            taps += at >= pad && at - pad < in;
        }
    }
    return taps;
}

static bb_layer_kind kind_of_sum(uint32_t sum)
{
    switch (sum) {
    case BB_SUM_BITS:
    case BB_SUM_BYTES:
    case BB_SUM_BYTES_SCALED:
        return BB_LAYER_CROSSBAR;
    case BB_SUM_POOL_BITS:
    case BB_SUM_POOL_REAL:
    case BB_SUM_MAX_REAL:
    case BB_SUM_JOIN_BITS:
    case BB_SUM_JOIN_REAL:
        return BB_LAYER_POOL;
    default:
        return BB_LAYER_FLOAT;
    }
}

static bb_status add_stage(bb_energy_network *network, const bb_stage *stage)
{
    bb_energy_layer *layer = bb_energy_network_add_layer(network, stage->name);
    if (!layer)
        return BB_MEMORY;
    const bb_stage_descriptor *d = &stage->descriptor;
    layer->kind = kind_of_sum(d->sum);
    layer->input = stage->input;
    layer->shortcut = d->second ? stage->second : BB_NO_INDEX;
    layer->groups = d->groups;
    layer->in_channels = d->in_channels;
    layer->in_h = d->in_h;
    layer->in_w = d->in_w;
    layer->kernel_h = d->kernel_h;
    layer->kernel_w = d->kernel_w;
    layer->out_channels = d->out_channels;
    layer->out_h = d->sum_h;
    layer->out_w = d->sum_w;
    layer->window_taps =
        bb_energy_axis_taps(d->in_h, d->sum_h, d->kernel_h, d->step_h, d->dilation_h, d->pad_top) *
        bb_energy_axis_taps(d->in_w, d->sum_w, d->kernel_w, d->step_w, d->dilation_w, d->pad_left);
    layer->input_bits = d->in_type == BB_TYPE_BITS ? 1 : d->in_type == BB_TYPE_BYTES ? 8 : 32;
    layer->mask_site = stage->mask_site;
    layer->n_bank_sites = stage->n_bank_sites;
    memcpy(layer->bank_sites, stage->bank_site, stage->n_bank_sites * sizeof(uint32_t));
    return BB_OK;
}

/* Word lines behind a mask: one stochastic unit per channel, or per row of the reading layer. */
static uint64_t mask_modules(const bb_plan *plan, uint32_t index)
{
    for (uint32_t s = 0; s < plan->n_stages; s++) {
        const bb_stage_descriptor *d = &plan->stages[s].descriptor;
        if (plan->stages[s].mask_site != index)
            continue;
        return d->mask_per_element ? (uint64_t)d->kernel_h * d->kernel_w * d->in_channels
                                   : d->in_channels;
    }
    return plan->sites[index].n_elements;
}

static bb_status add_plan_site(bb_energy_network *network, const bb_plan *plan, uint32_t index)
{
    const bb_site *site = &plan->sites[index];
    bb_energy_site *added = bb_energy_network_add_site(network);
    if (!added)
        return BB_MEMORY;
    added->p = (double)site->p;
    added->n_draws = site->n_draws;
    added->n_elements = site->n_elements;
    added->kind = site->kind == BB_SITE_DROP     ? BB_DRAW_DROP
                  : site->kind == BB_SITE_MEMBER ? BB_DRAW_MEMBER
                                                 : BB_DRAW_MASK;
    added->modules = site->kind == BB_SITE_MASK ? mask_modules(plan, index) : 0;
    return BB_OK;
}

bb_status bb_energy_network_from_plan(bb_energy_network **out, bb_context *context,
                                      const bb_plan *plan, const char *name)
{
    bb_energy_network *network;
    bb_status status = bb_energy_network_new(&network, context, name);
    *out = NULL;
    for (uint32_t s = 0; status == BB_OK && s < plan->n_stages; s++)
        status = add_stage(network, &plan->stages[s]);
    for (uint32_t i = 0; status == BB_OK && i < plan->n_sites; i++)
        status = add_plan_site(network, plan, i);
    if (status != BB_OK) {
        bb_energy_network_free(network);
        return status;
    }
    bb_energy_network_finish(network);
    *out = network;
    return BB_OK;
}
