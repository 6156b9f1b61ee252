/* SPDX-License-Identifier: MIT */
/* Every combination of draws with its probability, and how many distinct prefixes to expect. */
#include "sampling/exact.h"

#include <math.h>
#include <string.h>

/* A mask of n elements is n bits, a drop site one; bits of a site are alike. */
static uint32_t site_bits(const bb_site *site)
{
    return site->kind == BB_SITE_MASK ? site->n_elements : 1;
}

static bool is_certain(double p)
{
    return p <= 0 || p >= 1;
}

static uint64_t multiply_saturating(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t site_choices(const bb_site *site, double drop_probability)
{
    if (site->kind == BB_SITE_MEMBER)
        return site->n_draws;
    if (is_certain(bb_site_probability(site, drop_probability)))
        return 1;
    return site_bits(site) >= 64 ? UINT64_MAX : (uint64_t)1 << site_bits(site);
}

uint64_t bb_exact_leaf_count(const bb_plan *plan, double drop_probability)
{
    uint64_t count = 1;
    for (uint32_t i = 0; i < plan->n_sites; i++)
        count = multiply_saturating(count, site_choices(&plan->sites[i], drop_probability));
    return count;
}

/* Write choice `choice` of a site into its place in a row and return its probability. */
static double write_choice(const bb_site *site, double p, uint64_t choice, uint8_t *draw)
{
    if (site->kind == BB_SITE_MEMBER) {
        draw[0] = (uint8_t)choice;
        return 1.0 / site->n_draws;
    }
    if (site->kind == BB_SITE_DROP) {
        draw[0] = is_certain(p) ? p >= 1 : choice == 1;
        return is_certain(p) ? 1 : choice == 1 ? p : 1 - p;
    }
    double probability = 1;
    for (uint32_t e = 0; e < site->n_elements; e++) {
        const bool dropped = is_certain(p) ? p >= 1 : choice >> e & 1;
        if (!dropped)
            draw[e / 8] |= (uint8_t)(1u << (e % 8));
        if (!is_certain(p))
            probability *= dropped ? p : 1 - p;
    }
    return probability;
}

bb_status bb_exact_enumerate(bb_sampler *sampler)
{
    const bb_plan *plan = sampler->plan;
    const double override = sampler->sampling.drop_probability;
    const uint64_t count = bb_exact_leaf_count(plan, override);
    const uint64_t limit = sampler->sampling.exact_limit < UINT32_MAX / 2
                               ? sampler->sampling.exact_limit
                               : UINT32_MAX / 2;
    if (count == UINT64_MAX)
        return bb_fail(
            sampler->context, BB_ARGUMENT,
            "exact: 2^64 or more leaves of non-zero probability, the limit is %llu; sample "
            "instead (-T N)",
            (unsigned long long)limit);
    if (count > limit)
        return bb_fail(sampler->context, BB_ARGUMENT,
                       "exact: %llu leaves of non-zero probability, the limit is %llu; raise "
                       "--exact-limit or sample instead (-T N)",
                       (unsigned long long)count, (unsigned long long)limit);
    sampler->n_passes = (uint32_t)count;
    sampler->exact_rows = bb_allocate(sampler->context, count, sampler->row_bytes);
    sampler->exact_weights = bb_allocate(sampler->context, count, sizeof(double));
    if (!sampler->exact_rows || !sampler->exact_weights)
        return BB_MEMORY;
    for (uint64_t leaf = 0; leaf < count; leaf++) {
        uint64_t rest = leaf;
        double weight = 1;
        for (uint32_t i = 0; i < plan->n_sites; i++) {
            const bb_site *site = &plan->sites[i];
            const uint64_t choices = site_choices(site, override);
            weight *=
                write_choice(site, bb_site_probability(site, override), rest % choices,
                             sampler->exact_rows + leaf * sampler->row_bytes + sampler->offset[i]);
            rest /= choices;
        }
        sampler->exact_weights[leaf] = weight;
    }
    return BB_OK;
}

/* Prefixes of equal probability: `count` of them. Two sites of equal p give three groups, not four.
 */
typedef struct group {
    double log_probability, count;
} group;

#define MAX_GROUPS 4096

static void add_group(group *groups, uint32_t *n, double log_probability, double count)
{
    for (uint32_t i = 0; i < *n; i++)
        if (fabs(groups[i].log_probability - log_probability) <=
            1e-9 * (1 + fabs(log_probability))) {
            groups[i].count += count;
            return;
        }
    if (*n < MAX_GROUPS)
        groups[(*n)++] = (group){log_probability, count};
}

/* One more bit that is dropped with probability p, or a member out of n. */
static void extend(group *groups, uint32_t *n, group *room, double p, uint32_t members)
{
    uint32_t n_new = 0;
    for (uint32_t i = 0; i < *n; i++) {
        if (members) {
            add_group(room, &n_new, groups[i].log_probability - log(members),
                      groups[i].count * members);
            continue;
        }
        add_group(room, &n_new, groups[i].log_probability + log1p(-p), groups[i].count);
        add_group(room, &n_new, groups[i].log_probability + log(p), groups[i].count);
    }
    memcpy(groups, room, n_new * sizeof(*groups));
    *n = n_new;
}

/* With more random bits than these two passes hardly ever agree, and counting would take long. */
#define MOST_BITS 256

/* Random bits of the first n sites; a member counts as one. */
static uint64_t bits_before(const bb_plan *plan, const uint32_t *order, uint32_t n,
                            double drop_probability)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; i < n; i++) {
        const bb_site *site = &plan->sites[order[i]];
        const bool certain =
            site->kind != BB_SITE_MEMBER && is_certain(bb_site_probability(site, drop_probability));
        if (!certain)
            bits += site_bits(site);
    }
    return bits;
}

static void extend_by_site(group *groups, uint32_t *n, const bb_site *site, double p)
{
    if (site->kind == BB_SITE_MEMBER)
        extend(groups, n, groups + MAX_GROUPS, 0, site->n_draws);
    else if (!is_certain(p))
        for (uint32_t bit = 0; bit < site_bits(site) && *n <= MAX_GROUPS / 2; bit++)
            extend(groups, n, groups + MAX_GROUPS, p, 0);
}

/* Distinct prefixes of the first n_sites sites among `samples` rows. */
static double expected_prefixes(const bb_plan *plan, const uint32_t *order, uint32_t n_sites,
                                uint32_t samples, double drop_probability)
{
    if (bits_before(plan, order, n_sites, drop_probability) > MOST_BITS)
        return samples;
    group *groups = bb_allocate(plan->context, 2 * MAX_GROUPS, sizeof(*groups));
    if (!groups)
        return samples;
    uint32_t n = 1;
    groups[0] = (group){0, 1};
    for (uint32_t i = 0; i < n_sites && n <= MAX_GROUPS / 2; i++) {
        const bb_site *site = &plan->sites[order[i]];
        extend_by_site(groups, &n, site, bb_site_probability(site, drop_probability));
    }
    double expected = 0;
    for (uint32_t i = 0; i < n; i++) {
        const double probability = exp(groups[i].log_probability);
        expected += probability >= 1 ? groups[i].count
                                     : groups[i].count * -expm1(samples * log1p(-probability));
    }
    bb_release(plan->context, groups);
    return n <= MAX_GROUPS / 2 ? expected : samples; /* too many different probabilities */
}

double bb_expected_evaluations(const bb_plan *plan, uint32_t stage, uint32_t samples,
                               double drop_probability)
{
    bb_depths depths = {0};
    const bb_status status = bb_depths_find(&depths, plan, plan->context);
    const double expected =
        status == BB_OK
            ? expected_prefixes(plan, depths.order, depths.masked[stage], samples, drop_probability)
            : samples;
    bb_depths_free(&depths, plan->context);
    return expected;
}
