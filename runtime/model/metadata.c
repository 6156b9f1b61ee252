/* SPDX-License-Identifier: MIT */
/* What the model says about its data: scale, mean, std and class names in metadata_props. */
#define _GNU_SOURCE /* strtof_l: the decimal point must not depend on the user's locale */
#include "model/import.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *find_entry(const bb_import *import, const char *key)
{
    for (size_t i = 0; i < import->model->n_metadata_props; i++) {
        const BbOnnx__Entry *entry = import->model->metadata_props[i];
        if (entry->key && entry->value && strcmp(entry->key, key) == 0)
            return entry->value;
    }
    return NULL;
}

static size_t count_items(const char *text)
{
    size_t n = 1;
    for (; *text; text++)
        n += *text == ',';
    return n;
}

static bb_status fail_entry(bb_import *import, const char *key, const char *expected)
{
    return bb_import_fail(import, NULL, BB_INPUT, "metadata '%s': '%.100s'; %s", key,
                          find_entry(import, key), expected);
}

/* Numbers between commas; `*out` stays NULL if the entry is missing. */
static bb_status read_floats(bb_import *import, const char *key, float **out, uint32_t *n)
{
    const char *text = find_entry(import, key);
    bb_status status;
    *out = NULL;
    if (!text)
        return BB_OK;
    const size_t count = count_items(text);
    float *values = bb_arena_allocate(&import->arena, count, sizeof(*values), &status);
    if (!values)
        return status;
    const locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!locale)
        return bb_fail_memory(import->context, 0);
    bool good = true;
    for (size_t i = 0; good && i < count; i++) {
        char *end;
        values[i] = strtof_l(text, &end, locale);
        good = end != text && isfinite(values[i]) && *end == (i + 1 < count ? ',' : '\0');
        text = end + 1;
    }
    freelocale(locale);
    if (!good)
        return fail_entry(import, key, "numbers between commas are expected");
    *out = values;
    *n = (uint32_t)count;
    return BB_OK;
}

static bb_status read_preprocess(bb_import *import, bb_graph *graph)
{
    static const float zero = 0, one = 1;
    float *scale, *mean, *std;
    uint32_t n_scale = 1, n_mean = 1, n_std = 1;
    bb_status status = read_floats(import, "bitbayes.scale", &scale, &n_scale);
    if (status == BB_OK)
        status = read_floats(import, "bitbayes.mean", &mean, &n_mean);
    if (status == BB_OK)
        status = read_floats(import, "bitbayes.std", &std, &n_std);
    if (status != BB_OK || !(scale || mean || std))
        return status;
    if (n_scale != 1)
        return fail_entry(import, "bitbayes.scale", "one number is expected");
    const uint32_t n = n_mean > n_std ? n_mean : n_std;
    const uint32_t channels = graph->nodes[0].shape.channels;
    if ((n != 1 && n != channels) || (n_mean != n && n_mean != 1) || (n_std != n && n_std != 1))
        return bb_import_fail(import, NULL, BB_INPUT,
                              "metadata: %u means and %u standard deviations; 1 or %u (the "
                              "channels of the input) are expected",
                              n_mean, n_std, channels);
    float *both = bb_arena_allocate(&import->arena, n, 2 * sizeof(*both), &status);
    if (!both)
        return status;
    for (uint32_t c = 0; c < n; c++) {
        both[c] = mean ? mean[n_mean == 1 ? 0 : c] : zero;
        both[n + c] = std ? std[n_std == 1 ? 0 : c] : one;
        if (!(both[n + c] > 0))
            return fail_entry(import, "bitbayes.std", "positive numbers are expected");
    }
    status = bb_graph_set_preprocess(graph, scale ? *scale : one, n, both, both + n);
    if (status == BB_OK)
        bb_import_recognise(import, NULL, "preprocessing: (x * %.9g - mean) / std, %u channel(s)",
                            (double)graph->preprocess.scale, n);
    return status;
}

static bb_status read_classes(bb_import *import, bb_graph *graph)
{
    const char *text = find_entry(import, "bitbayes.classes");
    const uint32_t n = graph->nodes[graph->n_nodes - 1].shape.channels;
    if (!text)
        return BB_OK;
    if (count_items(text) != n)
        return bb_import_fail(import, NULL, BB_INPUT,
                              "metadata 'bitbayes.classes' names %zu classes; the model has %u "
                              "outputs",
                              count_items(text), n);
    graph->classes = bb_allocate(import->context, n, sizeof(*graph->classes));
    if (!graph->classes)
        return BB_MEMORY;
    graph->n_classes = n;
    for (uint32_t i = 0; i < n; i++) {
        const size_t length = strcspn(text, ",");
        graph->classes[i] = bb_format(import->context, "%.*s", (int)length, text);
        if (!graph->classes[i])
            return BB_MEMORY;
        text += length + 1;
    }
    return BB_OK;
}

bb_status bb_import_metadata(bb_import *import, bb_graph *graph)
{
    const bb_status status = read_preprocess(import, graph);
    return status == BB_OK ? read_classes(import, graph) : status;
}
