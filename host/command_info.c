/* SPDX-License-Identifier: MIT */
/* `bitbayes info`: the plan of a model as a table, and what was recognised in the file. */
#include "commands.h"
#include "fields.h"
#include "invocation.h"
#include "table.h"

#include <bitbayes/sampling.h>
#include <inttypes.h>
#include <string.h>

typedef struct info_options {
    common_options common;
    bool floats;
} info_options;

static const option_row rows[] = {
    {"floats", 0, OPTION_FLAG, NULL, offsetof(info_options, floats),
     "show the plan for float32 data; default: for bytes", 0, 0},
    COMMON_OPTION_ROWS(info_options),
    {0},
};

const command_description info_description = {
    .name = "info",
    .operands = "MODEL",
    .summary = "show the plan of a model and what was recognised in it",
    .details =
        "Reads an ONNX or .bbm file, folds it and prints the plan: per stage shapes, fan-in, "
        "sites with their drop probability, bank entries, operations and bytes; then what "
        "the reader recognised and rewrote. No device is needed.",
    .example = "bitbayes info models/digits-mlp-scale.onnx",
    .options = rows,
    .min_operands = 1,
    .max_operands = 1,
};

static const char *format_shape(char text[48], const uint32_t shape[3])
{
    if (shape[1] == 1 && shape[2] == 1)
        snprintf(text, 48, "%u", shape[0]);
    else
        snprintf(text, 48, "%ux%ux%u", shape[0], shape[1], shape[2]);
    return text;
}

static const char *format_sites(char text[160], const bb_plan *plan, const bb_stage_info *stage)
{
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < stage->n_sites && length < 120; i++) {
        bb_site_info site;
        bb_plan_site(plan, stage->sites[i], &site);
        const int n = strcmp(site.kind, "member") == 0
                          ? snprintf(text + length, 160 - length, "%s%u %s of %u", i ? ", " : "",
                                     stage->sites[i], site.kind, site.n_draws)
                          : snprintf(text + length, 160 - length, "%s%u %s p=%.4g", i ? ", " : "",
                                     stage->sites[i], site.kind, site.p);
        length += (size_t)n;
    }
    return length ? text : "-";
}

/* Whether some stage reads anything but the output of the one before it. */
static bool has_branches(const bb_plan *plan)
{
    bb_stage_info stage;
    for (uint32_t s = 0; s < bb_plan_stage_count(plan); s++) {
        bb_plan_stage(plan, s, &stage);
        if (stage.has_second || stage.input != s - 1)
            return true;
    }
    return false;
}

/* The stages whose outputs are read: "0", "2 + 0" with a residual, "2, 0" if joined; "x" the input.
 */
static void add_reads(table *cells, const bb_stage_info *stage)
{
    char names[2][16];
    const uint32_t reads[2] = {stage->input, stage->second};
    for (int i = 0; i < 2; i++)
        snprintf(names[i], sizeof(names[i]), reads[i] == UINT32_MAX ? "x" : "%u", reads[i]);
    const bool joins = strncmp(stage->sum, "join", 4) == 0;
    table_cell(cells, "%s%s%s", names[0],
               !stage->has_second ? ""
               : joins            ? ", "
                                  : " + ",
               stage->has_second ? names[1] : "");
}

static void add_kernel(table *cells, const bb_stage_info *stage)
{
    char groups[24] = "", dilation[32] = "";
    if (stage->groups != 1)
        snprintf(groups, sizeof(groups), " g%u", stage->groups);
    if (stage->dilation[0] != 1 || stage->dilation[1] != 1)
        snprintf(dilation, sizeof(dilation), " d%ux%u", stage->dilation[0], stage->dilation[1]);
    table_cell(cells, "%ux%u/%u%s%s", stage->kernel[0], stage->kernel[1], stage->step[0], dilation,
               groups);
}

static void add_stage(table *cells, const bb_plan *plan, uint32_t s, bool branches)
{
    bb_stage_info stage;
    char in[48], out[48], sites[160], operations[32], weights[32], bank[32], slot[32];
    bb_plan_stage(plan, s, &stage);
    table_cell(cells, "%u", s);
    table_cell(cells, "%s", stage.name);
    if (branches)
        add_reads(cells, &stage);
    table_cell(cells, "%s", stage.sum);
    table_cell(cells, "%s", format_shape(in, stage.in_shape));
    add_kernel(cells, &stage);
    if (stage.pool[0] * stage.pool[1] > 1)
        table_cell(cells, "%ux%u", stage.pool[0], stage.pool[1]);
    else
        table_cell(cells, "-");
    table_cell(cells, "%s %s", format_shape(out, stage.out_shape), stage.emit);
    table_cell(cells, "%u", stage.fan_in);
    table_cell(cells, "%s", format_sites(sites, plan, &stage));
    table_cell(cells, "%u", stage.n_draws * stage.n_border_classes);
    table_cell(cells, "%s", format_count(operations, stage.operations));
    table_cell(cells, "%s", format_bytes(weights, stage.weight_bytes));
    table_cell(cells, "%s", format_bytes(bank, stage.bank_bytes));
    table_cell(cells, "%s", format_bytes(slot, stage.slot_bytes));
}

static void print_stages(FILE *stream, const bb_plan *plan)
{
    static const char *const heads[] = {"#",          "stage",   "sum",    "in",   "kernel",
                                        "pool",       "out",     "fan-in", "site", "bank",
                                        "operations", "weights", "banks",  "slot"};
    const bool branches = has_branches(plan);
    table cells = {.alignment = branches ? "rlllllllrlrrrrr" : "rllllllrlrrrrr"};
    for (size_t i = 0; i < BB_COUNT_OF(heads); i++) {
        if (i == 2 && branches)
            table_cell(&cells, "reads");
        table_cell(&cells, "%s", heads[i]);
    }
    for (uint32_t s = 0; s < bb_plan_stage_count(plan); s++)
        add_stage(&cells, plan, s, branches);
    table_print(&cells, stream, 2);
}

static void print_preprocess(FILE *stream, const bb_preprocess *preprocess)
{
    fprintf(stream, "input    (x * %.9g - mean) / std with", (double)preprocess->scale);
    for (uint32_t i = 0; i < preprocess->n && i < 4; i++)
        fprintf(stream, "%s mean %.6g std %.6g", i ? "," : "", (double)preprocess->mean[i],
                (double)preprocess->std[i]);
    fprintf(stream, "%s\n", preprocess->n > 4 ? ", ..." : "");
}

static void print_sharing(FILE *stream, const bb_plan *plan)
{
    double expected = 0, full = 0;
    for (uint32_t s = 0; s < bb_plan_stage_count(plan); s++) {
        expected += bb_expected_evaluations(plan, s, BB_DEFAULT_SAMPLES, -1);
        full += BB_DEFAULT_SAMPLES;
    }
    fprintf(stream,
            "sharing  T = %u: %.1f stage evaluations per input expected instead of %.0f (%.1fx)\n",
            BB_DEFAULT_SAMPLES, expected, full, full / expected);
    const uint64_t leaves = bb_exact_leaf_count(plan, -1);
    if (leaves == UINT64_MAX)
        fputs("exact    not enumerable\n", stream);
    else
        fprintf(stream, "exact    %" PRIu64 " leaves%s\n", leaves,
                leaves > BB_DEFAULT_EXACT_LIMIT ? ", above the default --exact-limit" : "");
}

static void print_info(FILE *stream, const char *path, const bb_graph *graph, const bb_plan *plan)
{
    uint32_t shape[3];
    char text[48];
    bb_graph_input_shape(graph, shape);
    fprintf(stream, "model    %s, hash %016" PRIx64 "\n", path, bb_graph_hash(graph));
    fprintf(stream,
            "plan     %u stages, %u sites, input %s as %s, %u classes, hash %016" PRIx64 "\n",
            bb_plan_stage_count(plan), bb_plan_site_count(plan), format_shape(text, shape),
            bb_plan_input_type(plan) == BB_INPUT_BYTES ? "bytes" : "float32",
            bb_plan_class_count(plan), bb_plan_hash(plan));
    print_preprocess(stream, bb_graph_preprocess(graph));
    if (bb_plan_site_count(plan) == 0)
        fputs("note     no stochastic node: every pass is the same\n", stream);
    print_sharing(stream, plan);
    fputc('\n', stream);
    print_stages(stream, plan);
    fprintf(stream, "\nrecognised\n%s", bb_graph_recognised(graph));
    const size_t length = strlen(bb_graph_recognised(graph));
    if (length && bb_graph_recognised(graph)[length - 1] != '\n')
        fputc('\n', stream);
}

static void add_stage_fields(bb_json *json, const bb_plan *plan, uint32_t s)
{
    bb_stage_info stage;
    bb_plan_stage(plan, s, &stage);
    bb_json_begin_object(json);
    field_string(json, "name", stage.name);
    field_string(json, "sum", stage.sum);
    field_string(json, "emit", stage.emit);
    field_counts(json, "in_shape", stage.in_shape, 3);
    field_counts(json, "kernel", stage.kernel, 2);
    field_counts(json, "step", stage.step, 2);
    field_counts(json, "pool", stage.pool, 2);
    field_counts(json, "out_shape", stage.out_shape, 3);
    field_count(json, "fan_in", stage.fan_in);
    field_count(json, "n_draws", stage.n_draws);
    field_count(json, "n_border_classes", stage.n_border_classes);
    field_counts(json, "sites", stage.sites, stage.n_sites);
    field_bool(json, "masked", stage.masked);
    field_count(json, "operations", stage.operations);
    field_count(json, "valid_operations", stage.valid_operations);
    field_count(json, "weight_bytes", stage.weight_bytes);
    field_count(json, "bank_bytes", stage.bank_bytes);
    field_count(json, "slot_bytes", stage.slot_bytes);
    field_number(json, "expected_evaluations_at_default_samples",
                 bb_expected_evaluations(plan, s, BB_DEFAULT_SAMPLES, -1));
    bb_json_end(json);
}

static void add_site_fields(bb_json *json, const bb_plan *plan, uint32_t index)
{
    bb_site_info site;
    bb_plan_site(plan, index, &site);
    bb_json_begin_object(json);
    field_string(json, "name", site.name);
    field_string(json, "kind", site.kind);
    field_number(json, "p", site.p);
    field_count(json, "n_draws", site.n_draws);
    field_count(json, "n_elements", site.n_elements);
    field_count(json, "first_stage", site.first_stage);
    bb_json_end(json);
}

static void add_preprocess_fields(bb_json *json, const bb_preprocess *preprocess)
{
    field_object(json, "preprocess");
    field_number(json, "scale", (double)preprocess->scale);
    field_array(json, "mean");
    for (uint32_t i = 0; i < preprocess->n; i++)
        bb_json_number(json, (double)preprocess->mean[i]);
    bb_json_end(json);
    field_array(json, "std");
    for (uint32_t i = 0; i < preprocess->n; i++)
        bb_json_number(json, (double)preprocess->std[i]);
    bb_json_end(json);
    bb_json_end(json);
}

static bb_status print_info_json(FILE *stream, bb_context *context, const char *path,
                                 const bb_graph *graph, const bb_plan *plan)
{
    bb_text text;
    bb_json json;
    uint32_t shape[3];
    bb_graph_input_shape(graph, shape);
    json_begin(&json, &text, context);
    field_string(&json, "model", path);
    field_hash(&json, "model_hash", bb_graph_hash(graph));
    field_hash(&json, "plan_hash", bb_plan_hash(plan));
    field_counts(&json, "input_shape", shape, 3);
    field_string(&json, "input_type",
                 bb_plan_input_type(plan) == BB_INPUT_BYTES ? "bytes" : "float32");
    field_count(&json, "classes", bb_plan_class_count(plan));
    add_preprocess_fields(&json, bb_graph_preprocess(graph));
    field_array(&json, "stages");
    for (uint32_t s = 0; s < bb_plan_stage_count(plan); s++)
        add_stage_fields(&json, plan, s);
    bb_json_end(&json);
    field_array(&json, "sites");
    for (uint32_t s = 0; s < bb_plan_site_count(plan); s++)
        add_site_fields(&json, plan, s);
    bb_json_end(&json);
    field_string(&json, "recognised", bb_graph_recognised(graph));
    return json_finish(&json, stream);
}

typedef struct printing {
    bb_context *context;
    const char *path;
    const network *net;
    bool json;
} printing;

static bb_status print(FILE *stream, void *payload)
{
    const printing *const p = payload;
    if (p->json)
        return print_info_json(stream, p->context, p->path, p->net->graph, p->net->plan);
    print_info(stream, p->path, p->net->graph, p->net->plan);
    return BB_OK;
}

int command_info(int argc, char **argv)
{
    info_options options = {0};
    invocation call;
    if (!invocation_begin(&call, &info_description, argc, argv, &options, &options.common))
        return call.exit_code;
    network net = {0};
    const bb_fold_options fold = {.input_type = options.floats ? BB_INPUT_FLOATS : BB_INPUT_BYTES};
    bb_status status = bb_graph_load(&net.graph, call.context, call.operands[0]);
    if (status == BB_OK)
        status = network_fold(&net, call.context, &fold);
    if (status == BB_OK) {
        printing p = {call.context, call.operands[0], &net, options.common.json};
        status = invocation_print(&call, &options.common, print, &p);
    }
    network_free(&net);
    return invocation_end(&call, status);
}
