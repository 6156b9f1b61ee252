/* SPDX-License-Identifier: MIT */
/*
 * Expected evaluations when passes that agree on their first draws share work. The draws upstream
 * of a layer form its prefix; of T independent passes, sum over prefixes of 1 - (1 - P(prefix))^T
 * are distinct. Bits with the same p are grouped: d of them contribute C(d, k) prefixes of
 * probability p^k (1-p)^(d-k).
 */
#include "energy/energy.h"

#include <math.h>
#include <string.h>

/* Beyond this many terms, prefixes are taken to be all distinct: T. */
#define MOST_TERMS 4e6
#define MOST_GROUPS 32

typedef struct group {
    double p;   /* of a drop; < 0: a member index */
    uint64_t n; /* bits, or members */
} group;

typedef struct term_sum {
    group groups[MOST_GROUPS];
    uint32_t n_groups;
    double passes, sum;
} term_sum;

/* Adds the terms of groups from `at` on; `many` prefixes of log probability log_p each so far. */
static void add_terms(term_sum *self, uint32_t at, double log_many, double log_p)
{
    if (at == self->n_groups) {
        const double p = exp(log_p);
        const double met = p >= 1.0 ? 1.0 : -expm1(self->passes * log1p(-p));
        self->sum += exp(log_many) * met;
        return;
    }
    const group *g = &self->groups[at];
    const double n = (double)g->n;
    if (g->p < 0.0) {
        add_terms(self, at + 1, log_many + log(n), log_p - log(n));
        return;
    }
    for (uint64_t k = 0; k <= g->n; k++) {
        const double drops = (double)k;
        const double choose = lgamma(n + 1.0) - lgamma(drops + 1.0) - lgamma(n - drops + 1.0);
        const double here = drops * log(g->p) + (n - drops) * log1p(-g->p);
        add_terms(self, at + 1, log_many + choose, log_p + here);
    }
}

static bool add_group(term_sum *self, double p, uint64_t n)
{
    for (uint32_t i = 0; i < self->n_groups; i++) {
        if (p < 0.0 || self->groups[i].p != p)
            continue;
        self->groups[i].n += n;
        return true;
    }
    if (self->n_groups == MOST_GROUPS)
        return false;
    self->groups[self->n_groups++] = (group){p, n};
    return true;
}

/* False: too many to sum, or no two passes alike. */
static bool add_site(term_sum *self, const bb_energy_site *site)
{
    switch (site->kind) {
    case BB_DRAW_MASK_ALWAYS:
        return false;
    case BB_DRAW_MEMBER:
        return site->n_draws < 2 || add_group(self, -1.0, site->n_draws);
    default:
        if (site->p <= 0.0 || site->p >= 1.0)
            return true;
        return add_group(self, site->p, site->kind == BB_DRAW_DROP ? 1 : site->n_elements);
    }
}

double bb_energy_distinct(const bb_energy_site *const *sites, uint32_t n_sites, uint32_t passes)
{
    term_sum sum = {.passes = (double)passes};
    double terms = 1.0;
    for (uint32_t i = 0; i < n_sites; i++)
        if (!add_site(&sum, sites[i]))
            return (double)passes;
    for (uint32_t i = 0; i < sum.n_groups; i++)
        terms *= sum.groups[i].p < 0.0 ? 1.0 : (double)sum.groups[i].n + 1.0;
    if (terms > MOST_TERMS)
        return (double)passes;
    add_terms(&sum, 0, 0.0, 0.0);
    return fmin(fmax(sum.sum, 1.0), (double)passes);
}

/* upstream[layer][site]: whether the site's draw changes the layer's output. */
static void mark(const bb_energy_network *network, uint32_t index, bool *upstream)
{
    const bb_energy_layer *layer = &network->layers[index];
    bool *own = upstream + (size_t)index * network->n_sites;
    const uint32_t inputs[2] = {layer->input, layer->shortcut};
    for (uint32_t k = 0; k < 2; k++)
        for (uint32_t i = 0; inputs[k] != BB_NO_INDEX && i < network->n_sites; i++)
            own[i] = own[i] || upstream[(size_t)inputs[k] * network->n_sites + i];
    if (layer->mask_site != BB_NO_INDEX)
        own[layer->mask_site] = true;
    for (uint32_t k = 0; k < layer->n_bank_sites; k++)
        own[layer->bank_sites[k]] = true;
}

static double count_distinct(const bb_energy_network *network, const bool *marked,
                             const bb_energy_site **scratch, uint32_t passes)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < network->n_sites; i++)
        if (marked[i])
            scratch[n++] = &network->sites[i];
    return bb_energy_distinct(scratch, n, passes);
}

/* Sums see the sites of the tensor that they read and their own mask; a shortcut joins behind. */
static void mark_sum(const bb_energy_network *network, uint32_t index, const bool *upstream,
                     bool *marked)
{
    const bb_energy_layer *layer = &network->layers[index];
    memset(marked, 0, network->n_sites);
    if (layer->input != BB_NO_INDEX)
        memcpy(marked, upstream + (size_t)layer->input * network->n_sites, network->n_sites);
    if (layer->mask_site != BB_NO_INDEX)
        marked[layer->mask_site] = true;
}

bb_status bb_energy_expect(const bb_energy_network *network, uint32_t passes, double *sums,
                           double *outputs, double *leaves)
{
    bb_context *context = network->context;
    const uint32_t n = network->n_sites;
    bool *upstream = bb_allocate(context, network->n_layers + 1u, n + 1u);
    const bb_energy_site **scratch = bb_allocate(context, n + 1u, sizeof(*scratch));
    if (!upstream || !scratch) {
        bb_release(context, upstream);
        bb_release(context, scratch);
        return BB_MEMORY;
    }
    bool *const marked = upstream + (size_t)network->n_layers * n;
    *leaves = 1.0;
    for (uint32_t i = 0; i < network->n_layers; i++) {
        mark(network, i, upstream);
        mark_sum(network, i, upstream, marked);
        sums[i] = count_distinct(network, marked, scratch, passes);
        outputs[i] = count_distinct(network, upstream + (size_t)i * n, scratch, passes);
        *leaves = outputs[i];
    }
    bb_release(context, scratch);
    bb_release(context, upstream);
    return BB_OK;
}
