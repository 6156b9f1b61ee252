/* SPDX-License-Identifier: MIT */
/*
 * The importer on every spelling that it knows: what it makes of a file computes what the file
 * computes. The files and the expected logits come from tests/data/make_onnx.py.
 */
#include "check/random_graph.h"
#include "check/trial.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER BB_SOURCE_FOLDER "/tests/data/onnx/"
#define MOST_LOGITS 16
#define N_PASSES 3

static bb_graph *load(trial *t, const char *name)
{
    char path[512];
    bb_graph *graph;
    snprintf(path, sizeof(path), FOLDER "%s.onnx", name);
    const bb_status status = bb_graph_load(&graph, t->context, path);
    cr_assert(status == BB_OK, "%s", bb_context_error(t->context));
    return graph;
}

/* A row of draws: pass 0 keeps all, 1 drops all, 2 drops every third element. */
static void fill_row(const bb_graph *graph, int pass, uint8_t *row)
{
    for (uint32_t s = 0; s < graph->n_sites; s++) {
        const bb_site *site = &graph->sites[s];
        if (site->kind != BB_SITE_MASK) {
            *row++ = pass != 0;
            continue;
        }
        memset(row, 0, (site->n_elements + 7) / 8);
        for (uint32_t e = 0; e < site->n_elements; e++)
            if (pass == 0 || (pass == 2 && e % 3 != 0))
                row[e / 8] |= (uint8_t)(1 << e % 8);
        row += (site->n_elements + 7) / 8;
    }
}

/* The input of the file is in order c, y, x; ours is y, x, c. */
static void read_input(FILE *file, const bb_shape *shape, uint8_t *input)
{
    const uint32_t pixels = shape->height * shape->width;
    for (uint32_t c = 0; c < shape->channels; c++)
        for (uint32_t p = 0; p < pixels; p++) {
            int value = 0;
            cr_assert(fscanf(file, "%d", &value) == 1);
            input[p * shape->channels + c] = (uint8_t)value;
        }
}

static void compare(trial *t, const char *name)
{
    char path[512];
    uint8_t input[4096], row[4096];
    float logits[MOST_LOGITS];
    bb_graph *graph = load(t, name);
    snprintf(path, sizeof(path), FOLDER "%s.txt", name);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL && graph->n_classes <= MOST_LOGITS);
    read_input(file, &graph->nodes[0].shape, input);
    for (int pass = 0; pass < N_PASSES; pass++) {
        fill_row(graph, pass, row);
        check_evaluate(graph, input, row, logits);
        for (uint32_t i = 0; i < graph->n_classes; i++) {
            double expected = 0;
            cr_assert(fscanf(file, "%lf", &expected) == 1);
            const double error = fabs((double)logits[i] - expected);
            cr_expect(error <= 1e-4 * (1 + fabs(expected)), "%s: pass %d, logit %u: %g, not %g",
                      name, pass, i, (double)logits[i], expected);
        }
    }
    fclose(file);
    bb_graph_free(graph);
}

Test(import, computes_what_the_file_computes)
{
    trial t;
    trial_begin(&t);
    DIR *folder = opendir(FOLDER);
    cr_assert(folder != NULL);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[300];
        snprintf(name, sizeof(name), "%s", entry->d_name);
        char *dot = strstr(name, ".txt");
        if (!dot)
            continue;
        *dot = '\0';
        compare(&t, name);
        n++;
    }
    closedir(folder);
    cr_expect(n >= 96, "only %d models", n);
    trial_end(&t);
}

static uint32_t count(const bb_graph *graph, bb_node_kind kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < graph->n_nodes; i++)
        n += graph->nodes[i].kind == kind;
    return n;
}

static const bb_node *first(const bb_graph *graph, bb_node_kind kind)
{
    for (uint32_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].kind == kind)
            return &graph->nodes[i];
    cr_assert(0, "no node of kind %d", (int)kind);
    return NULL;
}

/* Kinds of the nodes, one letter each. */
static void expect_kinds(trial *t, const char *name, const char *kinds)
{
    bb_graph *graph = load(t, name);
    char found[64] = "";
    for (uint32_t i = 0; i < graph->n_nodes && i < sizeof(found) - 1; i++)
        found[i] = "iLs+mak"[graph->nodes[i].kind];
    cr_expect(eq(str, found, (char *)kinds), "%s", name);
    bb_graph_free(graph);
}

/* i input, L linear, s step, + sign, m max pool, a average pool, k mask */
Test(import, signs_leave_nothing_behind)
{
    static const char *const names[] = {
        "sign_sign", "sign_greaterorequal", "sign_greater",     "sign_less_reversed",
        "sign_not",  "sign_cast",           "sign_bitorch",     "sign_detach",
        "sign_bireal", "sign_detach_twice", "sign_lessorequal_reversed"};
    trial t;
    trial_begin(&t);
    for (size_t i = 0; i < BB_COUNT_OF(names); i++)
        expect_kinds(&t, names[i], "iLs+Ls");
    expect_kinds(&t, "sign_less", "iLss+Ls");       /* negated */
    expect_kinds(&t, "sign_bound_left", "iLss+Ls"); /* the bound subtracted */
    expect_kinds(&t, "sign_hardtanh", "iLss+Ls");   /* the clip kept */
    expect_kinds(&t, "sign_bipolar", "iLs+Lss");    /* its scale behind the next sum */
    trial_end(&t);
}

Test(import, signs_keep_their_tie)
{
    static const struct {
        const char *name;
        bool zero_is_positive, onnx_sign;
    } rows[] = {
        {"sign_sign", true, true},          {"sign_greaterorequal", true, false},
        {"sign_greater", false, false},     {"sign_less_reversed", true, false},
        {"sign_less", false, false},        {"sign_lessorequal", true, false},
        {"sign_bitorch", true, false},      {"sign_bipolar", true, false},
        {"sign_bound_left", false, false},  {"sign_lessorequal_reversed", false, false},
        {"sign_greater_reversed", true, false},
    };
    trial t;
    trial_begin(&t);
    for (size_t i = 0; i < BB_COUNT_OF(rows); i++) {
        bb_graph *graph = load(&t, rows[i].name);
        const bb_node *sign = first(graph, BB_NODE_SIGN);
        cr_expect(sign->sign.zero_is_positive == rows[i].zero_is_positive, "%s", rows[i].name);
        cr_expect(sign->sign.onnx_sign == rows[i].onnx_sign, "%s", rows[i].name);
        bb_graph_free(graph);
    }
    trial_end(&t);
}

Test(import, weights_are_binary_where_they_are)
{
    static const char *const names[] = {"weight_sign",     "weight_where",  "weight_int8",
                                        "weight_castlike", "weight_half",   "weight_double",
                                        "weight_scaled",   "weight_turned", "weight_reactnet",
                                        "weight_bipolar",  "weight_identity", "weight_rounded"};
    trial t;
    trial_begin(&t);
    for (size_t i = 0; i < BB_COUNT_OF(names); i++) {
        bb_graph *graph = load(&t, names[i]);
        cr_expect(first(graph, BB_NODE_LINEAR)->linear.signs != NULL, "%s", names[i]);
        bb_graph_free(graph);
    }
    static const char *const real[] = {"weight_float", "weight_nearly"};
    for (size_t i = 0; i < BB_COUNT_OF(real); i++) {
        bb_graph *graph = load(&t, real[i]);
        cr_expect(first(graph, BB_NODE_LINEAR)->linear.signs == NULL, "%s", real[i]);
        cr_expect(first(graph, BB_NODE_LINEAR)->linear.weights != NULL, "%s", real[i]);
        bb_graph_free(graph);
    }
    bb_graph *graph = load(&t, "weight_scaled");
    cr_expect(eq(flt, first(graph, BB_NODE_LINEAR)->linear.magnitude[0], 0.1f));
    cr_expect(eq(flt, first(graph, BB_NODE_LINEAR)->linear.magnitude[7], 3.0f));
    bb_graph_free(graph);
    trial_end(&t);
}

static void expect_site(const bb_graph *graph, uint32_t index, bb_site_kind kind, float p,
                        uint32_t n_elements)
{
    cr_assert(index < graph->n_sites);
    const bb_site *site = &graph->sites[index];
    cr_expect(eq(int, site->kind, kind));
    cr_expect(eq(flt, site->p, p));
    cr_expect(eq(u32, site->n_elements, n_elements));
    cr_expect(eq(u32, site->n_draws, kind == BB_SITE_MASK ? 0 : 2));
}

Test(import, scale_dropout_is_a_bank_of_two)
{
    static const char *const names[] = {"random_scale", "random_scale_one", "random_scale_kept",
                                        "random_scale_mixed"};
    trial t;
    trial_begin(&t);
    for (size_t i = 0; i < BB_COUNT_OF(names); i++) {
        bb_graph *graph = load(&t, names[i]);
        const bb_node *step = first(graph, BB_NODE_STEP);
        cr_expect(eq(u32, graph->n_sites, 1), "%s", names[i]);
        expect_site(graph, 0, BB_SITE_DROP, 0.25f, 0);
        cr_expect(eq(u32, step->step.n_draws, 2));
        cr_expect(eq(u32, step->step.site, 0));
        cr_expect(step->step.a[0] != 1 && step->step.a[8] == 1, "%s: kept is draw 0", names[i]);
        bb_graph_free(graph);
    }
    trial_end(&t);
}

Test(import, draw_of_one_is_drawn_per_input)
{
    trial t;
    trial_begin(&t);
    bb_graph_free(load(&t, "random_scale"));
    cr_expect(eq(str, t.note, ""));
    bb_graph_free(load(&t, "random_scale_one"));
    cr_expect(strstr(t.note, "every input draws for itself") != NULL, "%s", t.note);
    bb_graph_free(load(&t, "sign_sign"));
    cr_expect(strstr(t.note, "no stochastic node") != NULL, "%s", t.note);
    trial_end(&t);
}

Test(import, sites_stand_in_the_order_of_their_nodes)
{
    trial t;
    trial_begin(&t);
    bb_graph *graph = load(&t, "random_affine");
    cr_assert(eq(u32, graph->n_sites, 2));
    expect_site(graph, 0, BB_SITE_DROP, 0.25f, 0);
    expect_site(graph, 1, BB_SITE_DROP, 0.5f, 0);
    bb_graph_free(graph);
    graph = load(&t, "random_shared");
    cr_expect(eq(u32, graph->n_sites, 1));
    bb_graph_free(graph);
    trial_end(&t);
}

Test(import, masks_move_their_factor_behind_the_sum)
{
    static const struct {
        const char *name, *kinds;
        uint32_t n_elements;
        float p, factor;
    } rows[] = {
        {"random_spatial", "iLs+kLs+Ls", 8, 0.25f, 1 / 0.75f},
        {"random_spatial_factor", "iLs+kLs+Ls", 8, 0.25f, 1 / 0.75f},
        {"random_spatial_unsqueezed", "iLs+kLs+Ls", 8, 0.25f, 1 / 0.75f},
        {"random_spatial_bernoulli", "iLs+kLs+Ls", 8, 0.25f, 1},
        {"random_spatial_pooled", "iLs+mkLs+Ls", 8, 0.25f, 1},
        {"random_spatial_filled", "iLs+kLs+Ls", 8, 0.25f, 1 / 0.75f},
        {"random_elements_filled", "iLs+kLs+Ls", 288, 0.25f, 1},
        {"random_elements", "iLs+kLs+Ls", 288, 0.25f, 2},
        {"random_dropout", "iLs+kLs+Ls", 288, 0.25f, 1 / 0.75f},
        {"random_flat", "iLs+kLs", 288, 0.25f, 1.25f},
    };
    trial t;
    trial_begin(&t);
    for (size_t i = 0; i < BB_COUNT_OF(rows); i++) {
        expect_kinds(&t, rows[i].name, rows[i].kinds);
        bb_graph *graph = load(&t, rows[i].name);
        expect_site(graph, 0, BB_SITE_MASK, rows[i].p, rows[i].n_elements);
        for (uint32_t k = 1; k < graph->n_nodes; k++)
            if (graph->nodes[k - 1].kind == BB_NODE_MASK)
                cr_expect(eq(flt, graph->nodes[k].linear.mask_factor, rows[i].factor), "%s",
                          rows[i].name);
        cr_expect(eq(flt, first(graph, BB_NODE_LINEAR)->linear.mask_factor, 1.0f));
        bb_graph_free(graph);
    }
    trial_end(&t);
}

Test(import, scale_before_a_sum_moves_behind_it)
{
    trial t;
    trial_begin(&t);
    expect_kinds(&t, "random_scale_bits", "iLs+mLss+Ls");
    bb_graph *graph = load(&t, "random_scale_bits");
    cr_expect(eq(u32, graph->nodes[6].step.n_draws, 2));
    cr_expect(eq(u32, graph->nodes[6].step.site, 0));
    cr_expect(eq(flt, graph->nodes[6].step.a[0], 2.0f));
    cr_expect(eq(flt, graph->nodes[6].step.a[15], 0.5f));
    bb_graph_free(graph);
    expect_kinds(&t, "sign_scaled", "iLss+Lss");
    trial_end(&t);
}

Test(import, no_operations_are_left_out)
{
    trial t;
    trial_begin(&t);
    expect_kinds(&t, "layer_dropout", "iLs+Ls");
    expect_kinds(&t, "layer_dropout9", "iLs+Ls");
    expect_kinds(&t, "layer_reshape_shape", "iLs+Ls");
    expect_kinds(&t, "layer_dead_branch", "iLs+Ls");
    expect_kinds(&t, "layer_pad", "iLs+Ls+Ls");
    expect_kinds(&t, "dense", "iLss+Lsss");
    bb_graph *graph = load(&t, "dense");
    const char *recognised = bb_graph_recognised(graph);
    cr_expect(strstr(recognised, "left out: the runtime works on the logits") != NULL);
    cr_expect(strstr(recognised, "no stochastic node") != NULL);
    cr_expect(eq(flt, first(graph, BB_NODE_LINEAR)->linear.magnitude[0], 0.5f), "alpha is folded");
    bb_graph_free(graph);
    trial_end(&t);
}

Test(import, metadata)
{
    trial t;
    trial_begin(&t);
    bb_graph *graph = load(&t, "input_vector");
    uint32_t shape[3];
    bb_graph_input_shape(graph, shape);
    cr_expect(eq(u32, shape[0], 2));
    cr_expect(eq(u32, shape[1], 6));
    cr_expect(eq(u32, shape[2], 6));
    const bb_preprocess *p = bb_graph_preprocess(graph);
    cr_assert(eq(u32, p->n, 2));
    cr_expect(p->scale == 0.5f && p->mean[0] == 1 && p->mean[1] == 2 && p->std[1] == 0.25f);
    cr_expect(eq(u32, bb_graph_class_count(graph), 5));
    cr_expect(eq(str, (char *)bb_graph_class_name(graph, 4), "e"));
    bb_graph_free(graph);
    graph = load(&t, "sign_sign");
    cr_expect(eq(str, (char *)bb_graph_class_name(graph, 4), "4"));
    cr_expect(eq(str, (char *)bb_graph_class_name(graph, 5), ""));
    bb_graph_free(graph);
    trial_end(&t);
}

Test(import, shipped_models)
{
    static const struct {
        const char *name;
        uint32_t n_sites, n_linears;
        bb_site_kind kind;
    } rows[] = {{"digits-mlp-scale", 3, 4, BB_SITE_DROP},
                {"mnist-conv-scale", 4, 5, BB_SITE_DROP},
                {"mnist-conv-spatial", 3, 5, BB_SITE_MASK}};
    trial t;
    trial_begin(&t);
    for (size_t i = 0; i < BB_COUNT_OF(rows); i++) {
        char path[512];
        bb_graph *graph;
        snprintf(path, sizeof(path), BB_SOURCE_FOLDER "/models/%s.onnx", rows[i].name);
        if (i > 0 && !trial_exists(path))
            continue; /* the larger ones may be left out of a source tree */
        const bb_status status = bb_graph_load(&graph, t.context, path);
        cr_assert(status == BB_OK, "%s", bb_context_error(t.context));
        cr_expect(eq(u32, graph->n_sites, rows[i].n_sites));
        cr_expect(eq(u32, count(graph, BB_NODE_LINEAR), rows[i].n_linears));
        for (uint32_t k = 0; k < graph->n_nodes; k++)
            if (graph->nodes[k].kind == BB_NODE_LINEAR)
                cr_expect(graph->nodes[k].linear.signs != NULL);
        for (uint32_t k = 0; k < graph->n_sites; k++)
            cr_expect(eq(int, graph->sites[k].kind, rows[i].kind));
        cr_expect(eq(u32, graph->n_classes, 10));
        bb_graph_free(graph);
    }
    trial_end(&t);
}
