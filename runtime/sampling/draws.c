/* SPDX-License-Identifier: MIT */
/* Drawing rows with Philox, and finding equal ones. */
#include "sampling/draws.h"
#include "sampling/exact.h"
#include "sampling/philox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bb_sampling bb_sampling_default(void)
{
    return (bb_sampling){.mode = BB_SAMPLING_DRAWN,
                         .samples = BB_DEFAULT_SAMPLES,
                         .exact_limit = BB_DEFAULT_EXACT_LIMIT,
                         .drop_probability = -1};
}

static bb_status check_sampling(bb_context *context, const bb_plan *plan, const bb_sampling *s)
{
    const bool counted = s->mode == BB_SAMPLING_DRAWN || s->mode == BB_SAMPLING_REPLAYED;
    if (counted && (s->samples < 1 || s->samples > BB_MAX_SAMPLES))
        return bb_fail(context, BB_ARGUMENT, "%u samples: 1 to %u are possible", s->samples,
                       BB_MAX_SAMPLES);
    if (s->mode == BB_SAMPLING_REPLAYED && !s->rows && plan->n_sites)
        return bb_fail(context, BB_ARGUMENT, "replayed passes: no rows of draws were given");
    if (!(s->drop_probability <= 1))
        return bb_fail(context, BB_ARGUMENT,
                       "drop probability %g: a number from 0 to 1 is expected",
                       s->drop_probability);
    if (plan->n_sites >= BB_FIRST_RESERVED_SITE)
        return bb_fail(context, BB_UNSUPPORTED, "%u sites: below %u are possible", plan->n_sites,
                       BB_FIRST_RESERVED_SITE);
    return BB_OK;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Sites that a tensor depends on, counted in the order. */
static uint32_t depth_of(const bb_depths *depths, uint32_t stage)
{
    return stage == BB_NO_INDEX ? 0 : depths->emitted[stage];
}

/* A site that no stage reads comes last. */
static void order_sites(bb_depths *depths, const bb_plan *plan)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->n_sites; i++)
        depths->place[i] = BB_NO_INDEX;
    for (uint32_t s = 0; s < plan->n_stages; s++) {
        const bb_stage *stage = &plan->stages[s];
        uint32_t depth = depth_of(depths, stage->input);
        if (stage->descriptor.second)
            depth = larger(depth, depth_of(depths, stage->second));
        depths->masked[s] = depth;
        for (uint32_t i = 0; i < stage->n_sites; i++) {
            const uint32_t site = stage->sites[i];
            if (depths->place[site] == BB_NO_INDEX) {
                depths->place[site] = n;
                depths->order[n++] = site;
            }
            depth = larger(depth, depths->place[site] + 1);
            if (site == stage->mask_site)
                depths->masked[s] = depth;
        }
        depths->emitted[s] = depth;
    }
    for (uint32_t i = 0; i < plan->n_sites; i++)
        if (depths->place[i] == BB_NO_INDEX) {
            depths->place[i] = n;
            depths->order[n++] = i;
        }
}

bb_status bb_depths_find(bb_depths *out, const bb_plan *plan, bb_context *context)
{
    out->order = bb_allocate(context, plan->n_sites, sizeof(*out->order));
    out->place = bb_allocate(context, plan->n_sites, sizeof(*out->place));
    out->masked = bb_allocate(context, plan->n_stages, sizeof(*out->masked));
    out->emitted = bb_allocate(context, plan->n_stages, sizeof(*out->emitted));
    if (!out->order || !out->place || !out->masked || !out->emitted)
        return BB_MEMORY;
    order_sites(out, plan);
    return BB_OK;
}

void bb_depths_free(bb_depths *depths, bb_context *context)
{
    bb_release(context, depths->order);
    bb_release(context, depths->place);
    bb_release(context, depths->masked);
    bb_release(context, depths->emitted);
    *depths = (bb_depths){0};
}

double bb_site_probability(const bb_site *site, double drop_probability)
{
    return drop_probability >= 0 ? drop_probability : (double)site->p;
}

static bb_status set_passes(bb_sampler *sampler)
{
    const bb_sampling *s = &sampler->sampling;
    sampler->n_passes = s->mode == BB_SAMPLING_DETERMINISTIC ? 1 : s->samples;
    if (s->mode == BB_SAMPLING_EXACT)
        return bb_exact_enumerate(sampler);
    return BB_OK;
}

bb_status bb_sampler_create(bb_sampler **out, bb_context *context, const bb_plan *plan,
                            const bb_sampling *sampling)
{
    *out = NULL;
    bb_status status = check_sampling(context, plan, sampling);
    if (status != BB_OK)
        return status;
    bb_sampler *sampler = bb_allocate(context, 1, sizeof(*sampler));
    if (!sampler)
        return BB_MEMORY;
    *sampler = (bb_sampler){.context = context, .plan = plan, .sampling = *sampling};
    sampler->offset = bb_allocate(context, plan->n_sites, sizeof(*sampler->offset));
    sampler->threshold = bb_allocate(context, plan->n_sites, sizeof(*sampler->threshold));
    status = bb_depths_find(&sampler->depths, plan, context);
    if (!sampler->offset || !sampler->threshold)
        status = BB_MEMORY;
    if (status == BB_OK) {
        sampler->row_bytes = bb_plan_row_bytes(plan, sampler->offset);
        for (uint32_t i = 0; i < plan->n_sites; i++)
            sampler->threshold[i] =
                bb_drop_threshold(bb_site_probability(&plan->sites[i], sampling->drop_probability));
        status = set_passes(sampler);
    }
    if (status == BB_OK)
        *out = sampler;
    else
        bb_sampler_free(sampler);
    return status;
}

void bb_sampler_free(bb_sampler *sampler)
{
    if (!sampler)
        return;
    bb_context *context = sampler->context;
    bb_release(context, sampler->offset);
    bb_depths_free(&sampler->depths, context);
    bb_release(context, sampler->threshold);
    bb_release(context, sampler->exact_rows);
    bb_release(context, sampler->exact_weights);
    bb_release(context, sampler);
}

uint64_t bb_drop_threshold(double p)
{
    return (uint64_t)ceil(p * 0x1p32);
}

void bb_draw(const bb_site *site, const bb_draw_place *at, uint64_t threshold, uint8_t *draw)
{
    const uint32_t key[2] = {(uint32_t)at->seed, (uint32_t)(at->seed >> 32)};
    uint32_t counter[4] = {at->input, at->pass, at->site, 0}, words[4];
    if (site->kind != BB_SITE_MASK) {
        bb_philox(words, counter, key);
        draw[0] = site->kind == BB_SITE_DROP ? words[0] < threshold
                                             : (uint8_t)((uint64_t)words[0] * site->n_draws >> 32);
        return;
    }
    memset(draw, 0, bb_divide_up(site->n_elements, 8));
    for (uint32_t e = 0; e < site->n_elements; e++) {
        if (e % 4 == 0) {
            counter[3] = e / 4;
            bb_philox(words, counter, key);
        }
        if (words[e % 4] >= threshold)
            draw[e / 8] |= (uint8_t)(1u << (e % 8));
    }
}

static void draw_row(const bb_sampler *sampler, uint32_t input, uint32_t pass, uint8_t *row)
{
    bb_draw_place at = {.seed = sampler->sampling.seed, .input = input, .pass = pass};
    for (at.site = 0; at.site < sampler->plan->n_sites; at.site++)
        bb_draw(&sampler->plan->sites[at.site], &at, sampler->threshold[at.site],
                row + sampler->offset[at.site]);
}

/* A bank index beyond the bank or a set bit behind a mask would address what is not there. */
static bb_status check_row(const bb_sampler *sampler, uint64_t input, uint32_t pass,
                           const uint8_t *row)
{
    for (uint32_t i = 0; i < sampler->plan->n_sites; i++) {
        const bb_site *site = &sampler->plan->sites[i];
        const uint8_t *draw = row + sampler->offset[i];
        if (site->kind != BB_SITE_MASK && draw[0] >= site->n_draws)
            return bb_fail(
                sampler->context, BB_ARGUMENT,
                "draws of input %llu, pass %u, site %u: bank index %u, below %u is expected",
                (unsigned long long)input, pass, i, draw[0], site->n_draws);
        if (site->kind == BB_SITE_MASK && site->n_elements % 8 != 0 &&
            draw[site->n_elements / 8] >> (site->n_elements % 8) != 0)
            return bb_fail(sampler->context, BB_ARGUMENT,
                           "draws of input %llu, pass %u, site %u: bits are set behind element %u",
                           (unsigned long long)input, pass, i, site->n_elements - 1);
    }
    return BB_OK;
}

static bb_status grow(bb_context *context, bb_leaf_set *leaves, uint32_t n, size_t row_bytes)
{
    if (n <= leaves->capacity)
        return BB_OK;
    bb_leaf_set_free(context, leaves);
    leaves->row_store = bb_allocate(context, n, row_bytes);
    leaves->counts = bb_allocate(context, n, sizeof(uint32_t));
    leaves->leaf_of_pass = bb_allocate(context, n, sizeof(uint32_t));
    leaves->sorted = bb_allocate(context, n, sizeof(uint32_t));
    leaves->shared = bb_allocate(context, n, sizeof(uint32_t));
    if (!leaves->row_store || !leaves->counts || !leaves->leaf_of_pass || !leaves->sorted ||
        !leaves->shared)
        return BB_MEMORY;
    leaves->capacity = n;
    return BB_OK;
}

void bb_leaf_set_free(bb_context *context, bb_leaf_set *leaves)
{
    bb_release(context, leaves->row_store);
    bb_release(context, leaves->counts);
    bb_release(context, leaves->leaf_of_pass);
    bb_release(context, leaves->sorted);
    bb_release(context, leaves->shared);
    *leaves = (bb_leaf_set){0};
}

/* Number of sites, in consumption order, in which two rows agree before they first differ. */
static uint32_t shared_sites(const bb_sampler *sampler, const uint8_t *a, const uint8_t *b,
                             int *sign)
{
    for (uint32_t d = 0; d < sampler->plan->n_sites; d++) {
        const uint32_t i = sampler->depths.order[d];
        const bb_site *site = &sampler->plan->sites[i];
        const size_t bytes = site->kind == BB_SITE_MASK ? bb_divide_up(site->n_elements, 8) : 1;
        *sign = memcmp(a + sampler->offset[i], b + sampler->offset[i], bytes);
        if (*sign != 0)
            return d;
    }
    *sign = 0;
    return sampler->plan->n_sites;
}

/* Merge sort of leaf indices by row: the library's qsort has no argument for the sampler. */
static void sort_leaves(const bb_sampler *sampler, const uint8_t *rows, uint32_t *items,
                        uint32_t *room, uint32_t n)
{
    if (n < 2)
        return;
    const uint32_t half = n / 2;
    sort_leaves(sampler, rows, items, room, half);
    sort_leaves(sampler, rows, items + half, room, n - half);
    memcpy(room, items, half * sizeof(*items));
    uint32_t left = 0, right = half, out = 0;
    while (left < half && right < n) {
        int sign;
        shared_sites(sampler, rows + room[left] * sampler->row_bytes,
                     rows + items[right] * sampler->row_bytes, &sign);
        items[out++] = sign <= 0 ? room[left++] : items[right++];
    }
    while (left < half)
        items[out++] = room[left++];
}

static void set_shared(const bb_sampler *sampler, const uint8_t *rows, const uint32_t *sorted,
                       uint32_t *shared, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        int sign;
        shared[i] = i == 0 ? 0
                           : shared_sites(sampler, rows + sorted[i - 1] * sampler->row_bytes,
                                          rows + sorted[i] * sampler->row_bytes, &sign);
    }
}

/* Passes sorted by row stand in groups of equal rows; the lowest pass of a group is its first,
 * since the sort is stable. Leaves are then numbered by first pass. */
static void find_leaves(const bb_sampler *sampler, bb_leaf_set *leaves)
{
    const uint32_t n = leaves->n_passes;
    const size_t row_bytes = sampler->row_bytes;
    uint32_t *sorted = leaves->sorted, *first = leaves->leaf_of_pass;
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = i;
    sort_leaves(sampler, leaves->row_store, sorted, leaves->shared, n);
    for (uint32_t i = 0; i < n; i++) {
        int sign = 1;
        if (i > 0)
            shared_sites(sampler, leaves->row_store + sorted[i - 1] * row_bytes,
                         leaves->row_store + sorted[i] * row_bytes, &sign);
        first[sorted[i]] = sign == 0 ? first[sorted[i - 1]] : sorted[i];
    }
    leaves->n_leaves = 0;
    for (uint32_t pass = 0; pass < n; pass++) {
        const bool is_first = first[pass] == pass;
        const uint32_t leaf = is_first ? leaves->n_leaves++ : first[first[pass]];
        if (is_first) {
            leaves->counts[leaf] = 0;
            memmove(leaves->row_store + leaf * row_bytes, leaves->row_store + pass * row_bytes,
                    row_bytes);
        }
        leaves->counts[leaf]++;
        first[pass] = leaf;
    }
}

static void take_exact(const bb_sampler *sampler, bb_leaf_set *leaves)
{
    leaves->n_leaves = sampler->n_passes;
    leaves->rows = sampler->exact_rows;
    for (uint32_t i = 0; i < leaves->n_leaves; i++) {
        leaves->counts[i] = 1;
        leaves->leaf_of_pass[i] = i;
    }
}

static bb_status take_drawn(const bb_sampler *sampler, uint64_t input, const uint8_t *replayed,
                            bb_leaf_set *leaves)
{
    const size_t row_bytes = sampler->row_bytes;
    leaves->rows = leaves->row_store;
    for (uint32_t pass = 0; pass < leaves->n_passes; pass++) {
        uint8_t *row = leaves->row_store + pass * row_bytes;
        if (sampler->sampling.mode == BB_SAMPLING_REPLAYED) {
            memcpy(row, replayed + pass * row_bytes, row_bytes);
            const bb_status status = check_row(sampler, input, pass, row);
            if (status != BB_OK)
                return status;
        } else if (sampler->sampling.mode == BB_SAMPLING_DETERMINISTIC) {
            memset(row, 0, row_bytes);
        } else {
            draw_row(sampler, (uint32_t)input, pass, row);
        }
    }
    find_leaves(sampler, leaves);
    return BB_OK;
}

bb_status bb_sampler_draw(const bb_sampler *sampler, uint64_t input, const uint8_t *replayed,
                          bb_leaf_set *leaves)
{
    leaves->n_passes = sampler->n_passes;
    bb_status status = grow(sampler->context, leaves, sampler->n_passes, sampler->row_bytes);
    if (status != BB_OK)
        return status;
    leaves->n_passes = sampler->n_passes;
    if (sampler->sampling.mode == BB_SAMPLING_EXACT)
        take_exact(sampler, leaves);
    else
        status = take_drawn(sampler, input, replayed, leaves);
    if (status != BB_OK)
        return status;
    for (uint32_t i = 0; i < leaves->n_leaves; i++)
        leaves->sorted[i] = i;
    sort_leaves(sampler, leaves->rows, leaves->sorted, leaves->shared, leaves->n_leaves);
    set_shared(sampler, leaves->rows, leaves->sorted, leaves->shared, leaves->n_leaves);
    return BB_OK;
}

size_t bb_plan_row_size(const bb_plan *plan)
{
    return bb_plan_row_bytes(plan, NULL);
}
