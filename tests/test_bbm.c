/* SPDX-License-Identifier: MIT */
/* Packed model files: what is read back is what was saved, and damage is seen. */
#include "check/trial.h"
#include "model/bbm.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER BB_SOURCE_FOLDER "/tests/data/onnx/"

static bb_graph *load(trial *t, const char *path)
{
    bb_graph *graph;
    const bb_status status = bb_graph_load(&graph, t->context, path);
    cr_assert(status == BB_OK, "%s", bb_context_error(t->context));
    return graph;
}

static bool same_bytes(const void *a, const void *b, size_t size)
{
    return (a == NULL) == (b == NULL) && (a == NULL || memcmp(a, b, size) == 0);
}

static bool same_linear(const bb_graph *graph, const bb_node *a, const bb_node *b)
{
    const bb_linear *x = &a->linear, *y = &b->linear;
    const uint32_t outputs = a->shape.channels;
    const size_t n = bb_linear_weight_count(x, graph->nodes[a->input].shape.channels, outputs);
    return memcmp(&x->window, &y->window, sizeof(x->window)) == 0 && x->groups == y->groups &&
           x->mask_factor == y->mask_factor && same_bytes(x->signs, y->signs, n) &&
           same_bytes(x->magnitude, y->magnitude, outputs * sizeof(float)) &&
           same_bytes(x->weights, y->weights, n * sizeof(float));
}

static bool same_step(const bb_node *a, const bb_node *b)
{
    const bb_step *x = &a->step, *y = &b->step;
    const size_t size = (size_t)x->n_draws * a->shape.channels * sizeof(float);
    return x->kind == y->kind && x->site == y->site && x->n_draws == y->n_draws &&
           same_bytes(x->a, y->a, size) && same_bytes(x->b, y->b, size);
}

static bool same_node(const bb_graph *graph, const bb_node *a, const bb_node *b)
{
    if (a->kind != b->kind || a->input != b->input || a->second != b->second ||
        strcmp(a->name, b->name) || strcmp(a->operator_name, b->operator_name) ||
        memcmp(&a->shape, &b->shape, sizeof(a->shape)))
        return false;
    switch (a->kind) {
    case BB_NODE_LINEAR:
        return same_linear(graph, a, b);
    case BB_NODE_STEP:
        return same_step(a, b);
    case BB_NODE_SIGN:
        return a->sign.zero_is_positive == b->sign.zero_is_positive &&
               a->sign.onnx_sign == b->sign.onnx_sign;
    case BB_NODE_MASK:
        return a->mask.site == b->mask.site;
    case BB_NODE_MAX_POOL:
    case BB_NODE_AVERAGE_POOL:
        return memcmp(&a->pool, &b->pool, sizeof(a->pool)) == 0;
    case BB_NODE_INPUT:
    case BB_NODE_ADD:
    case BB_NODE_CONCAT:
        return true;
    }
    return false;
}

static void expect_same(const bb_graph *a, const bb_graph *b)
{
    cr_expect(eq(u64, a->hash, b->hash));
    cr_expect(eq(str, a->recognised, b->recognised));
    cr_assert(eq(u32, a->n_nodes, b->n_nodes));
    for (uint32_t i = 0; i < a->n_nodes; i++)
        cr_expect(same_node(a, &a->nodes[i], &b->nodes[i]), "%s: node %u", a->path, i);
    cr_assert(eq(u32, a->n_sites, b->n_sites));
    for (uint32_t i = 0; i < a->n_sites; i++) {
        const bb_site *x = &a->sites[i], *y = &b->sites[i];
        cr_expect(x->kind == y->kind && x->p == y->p && x->n_draws == y->n_draws &&
                  x->n_elements == y->n_elements && strcmp(x->name, y->name) == 0);
    }
    const bb_preprocess *p = &a->preprocess, *q = &b->preprocess;
    cr_expect(p->scale == q->scale && p->n == q->n);
    cr_expect(same_bytes(p->mean, q->mean, p->n * sizeof(float)));
    cr_expect(same_bytes(p->std, q->std, p->n * sizeof(float)));
    cr_assert(eq(u32, a->n_classes, b->n_classes));
    for (uint32_t i = 0; i < a->n_classes; i++)
        cr_expect(eq(str, a->classes[i], b->classes[i]));
}

Test(bbm, reads_what_was_saved)
{
    trial t;
    trial_begin(&t);
    DIR *folder = opendir(FOLDER);
    cr_assert(folder != NULL);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[512];
        const char *dot = strstr(entry->d_name, ".txt");
        if (!dot)
            continue;
        snprintf(path, sizeof(path), FOLDER "%.*s.onnx", (int)(dot - entry->d_name), entry->d_name);
        bb_graph *graph = load(&t, path);
        cr_assert(bb_graph_save(graph, t.context, trial_path(&t, "model.bbm")) == BB_OK);
        bb_graph *again = load(&t, trial_path(&t, "model.bbm"));
        expect_same(graph, again);
        bb_graph_free(again);
        bb_graph_free(graph);
        n++;
    }
    closedir(folder);
    cr_expect(n >= 96, "only %d models", n);
    trial_end(&t);
}

/* A packed model in memory, to be damaged. */
static char *packed(trial *t, const char *name, size_t *length)
{
    char path[512];
    snprintf(path, sizeof(path), FOLDER "%s.onnx", name);
    bb_graph *graph = load(t, path);
    cr_assert(bb_graph_save(graph, t->context, trial_path(t, "model.bbm")) == BB_OK);
    bb_graph_free(graph);
    return trial_read(trial_path(t, "model.bbm"), length);
}

static bb_status parse(trial *t, const char *bytes, size_t length)
{
    bb_graph *graph;
    char *exact = malloc(length + !length); /* so that a sanitizer sees a read behind the end */
    memcpy(exact, bytes, length);
    const bb_status status = bb_graph_parse(&graph, t->context, exact, length, "model.bbm", NULL);
    cr_expect(eq(int, status == BB_OK, graph != NULL));
    cr_expect(status == BB_OK || strstr(bb_context_error(t->context), "model.bbm"));
    bb_graph_free(graph);
    free(exact);
    return status;
}

/* As a file that was damaged on purpose would have it. */
static void correct_header(char *bytes, size_t length)
{
    const uint64_t size = length - BB_BBM_HEADER;
    const uint64_t hash = bb_hash(bytes + BB_BBM_HEADER, (size_t)size);
    for (int i = 0; i < 8; i++) {
        bytes[16 + i] = (char)(size >> 8 * i);
        bytes[24 + i] = (char)(hash >> 8 * i);
    }
}

Test(bbm, one_bit_a_weight)
{
    trial t;
    trial_begin(&t);
    size_t length;
    free(packed(&t, "sign_sign", &length));
    /* 144 + 1,440 weights take 198 bytes; the rest is constants, names and text */
    cr_expect(lt(sz, length, 1400));
    trial_end(&t);
}

Test(bbm, truncated)
{
    trial t;
    trial_begin(&t);
    size_t length;
    char *bytes = packed(&t, "random_spatial", &length);
    for (size_t n = 8; n < length; n++) {
        cr_expect(parse(&t, bytes, n) == BB_INPUT, "%zu of %zu bytes", n, length);
        if (n < BB_BBM_HEADER)
            continue;
        char *shorter = malloc(n);
        memcpy(shorter, bytes, n);
        correct_header(shorter, n);
        cr_expect(parse(&t, shorter, n) == BB_INPUT, "%zu of %zu bytes, checksum right", n, length);
        free(shorter);
    }
    free(bytes);
    trial_end(&t);
}

Test(bbm, every_damaged_bit_is_seen)
{
    trial t;
    trial_begin(&t);
    size_t length;
    char *bytes = packed(&t, "dense", &length);
    for (size_t i = 0; i < 8 * length; i++) {
        bytes[i / 8] ^= (char)(1 << i % 8);
        cr_expect(i / 8 >= 12 && i / 8 < 16 /* unused */ ? 1 : parse(&t, bytes, length) != BB_OK,
                  "bit %zu", i);
        bytes[i / 8] ^= (char)(1 << i % 8);
    }
    free(bytes);
    trial_end(&t);
}

/* A file whose checksum fits may still hold nonsense: it is refused, or a graph that passed the
 * check. */
Test(bbm, nonsense_with_a_checksum)
{
    static const char *const names[] = {"dense", "random_spatial", "layer_averagepool"};
    trial t;
    trial_begin(&t);
    for (size_t k = 0; k < BB_COUNT_OF(names); k++) {
        size_t length;
        char *bytes = packed(&t, names[k], &length);
        for (size_t i = BB_BBM_HEADER; i < length; i++)
            for (int value = 0; value < 256; value += 85) {
                const char before = bytes[i];
                bytes[i] = (char)value;
                correct_header(bytes, length);
                const bb_status status = parse(&t, bytes, length);
                cr_expect(status == BB_OK || status == BB_INPUT || status == BB_UNSUPPORTED);
                bytes[i] = before;
            }
        free(bytes);
    }
    trial_end(&t);
}

Test(bbm, other_version)
{
    trial t;
    trial_begin(&t);
    size_t length;
    char *bytes = packed(&t, "dense", &length);
    bytes[8] = 99;
    cr_expect(eq(int, parse(&t, bytes, length), BB_UNSUPPORTED));
    cr_expect(strstr(bb_context_error(t.context), "format 99; this release reads 1") != NULL);
    free(bytes);
    trial_end(&t);
}

Test(bbm, cannot_be_written)
{
    trial t;
    trial_begin(&t);
    bb_graph *graph = load(&t, FOLDER "dense.onnx");
    cr_expect(eq(int, bb_graph_save(graph, t.context, "/nonexistent/model.bbm"), BB_OUTPUT));
    bb_graph_free(graph);
    trial_end(&t);
}

static bb_status save_and_load(trial *t, void *payload)
{
    bb_graph *again = NULL;
    bb_status status = bb_graph_save(payload, t->context, trial_path(t, "model.bbm"));
    if (status == BB_OK)
        status = bb_graph_load(&again, t->context, trial_path(t, "model.bbm"));
    bb_graph_free(again);
    return status;
}

Test(bbm, allocation_failures)
{
    trial t;
    trial_begin(&t);
    bb_graph *graph = load(&t, FOLDER "random_spatial.onnx");
    trial_exhaust(&t, save_and_load, graph);
    bb_graph_free(graph);
    trial_end(&t);
}
