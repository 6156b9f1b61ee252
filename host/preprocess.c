/* SPDX-License-Identifier: MIT */
/* --scale, --mean and --std over what the model asks for. */
#include "score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "0.5" or "0.5,0.4,0.3" as float32; `*n` counts them. */
static bb_status parse_list(float **out, uint32_t *n, bb_context *context, const char *name,
                            const char *text)
{
    *n = 1;
    for (const char *c = text; *c; c++)
        *n += *c == ',';
    *out = bb_allocate(context, *n, sizeof(**out));
    if (!*out)
        return BB_MEMORY;
    const char *next = text;
    for (uint32_t i = 0; i < *n; i++) {
        char *end;
        (*out)[i] = strtof(next, &end);
        if (end == next || *end != (i + 1 < *n ? ',' : '\0') || !isfinite((*out)[i]))
            return bb_fail(context, BB_ARGUMENT,
                           "score: --%s: expected numbers with commas between them, found '%s'",
                           name, text);
        next = end + 1;
    }
    return BB_OK;
}

static bb_status repeat(float **out, bb_context *context, const float *values, uint32_t n,
                        uint32_t wanted)
{
    float *copy = bb_allocate(context, wanted, sizeof(*copy));
    for (uint32_t i = 0; copy && i < wanted; i++)
        copy[i] = values[n == 1 ? 0 : i];
    *out = copy;
    return copy ? BB_OK : BB_MEMORY;
}

static bb_status merge(bb_preprocess *out, bb_context *context, const float *mean, uint32_t n_mean,
                       const float *std, uint32_t n_std)
{
    if (n_mean != n_std && n_mean != 1 && n_std != 1)
        return bb_fail(context, BB_ARGUMENT, "score: %u means and %u standard deviations", n_mean,
                       n_std);
    out->n = n_mean > n_std ? n_mean : n_std;
    float *means = NULL, *stds = NULL;
    bb_status status = repeat(&means, context, mean, n_mean, out->n);
    if (status == BB_OK)
        status = repeat(&stds, context, std, n_std, out->n);
    out->mean = means;
    out->std = stds;
    return status;
}

bb_status preprocess_override(bb_preprocess *out, bb_context *context, const bb_graph *graph,
                              double scale, const char *mean, const char *std)
{
    const bb_preprocess *const own = bb_graph_preprocess(graph);
    *out = (bb_preprocess){0};
    if (isnan(scale) && !mean && !std)
        return BB_OK;
    float *means = NULL, *stds = NULL;
    uint32_t n_mean = own->n, n_std = own->n;
    bb_status status = BB_OK;
    if (mean)
        status = parse_list(&means, &n_mean, context, "mean", mean);
    if (status == BB_OK && std)
        status = parse_list(&stds, &n_std, context, "std", std);
    out->scale = isnan(scale) ? own->scale : (float)scale;
    if (status == BB_OK)
        status =
            merge(out, context, means ? means : own->mean, n_mean, stds ? stds : own->std, n_std);
    bb_release(context, means);
    bb_release(context, stds);
    return status;
}

void preprocess_free(bb_preprocess *preprocess, bb_context *context)
{
    bb_release(context, (void *)(uintptr_t)preprocess->mean);
    bb_release(context, (void *)(uintptr_t)preprocess->std);
    *preprocess = (bb_preprocess){0};
}
