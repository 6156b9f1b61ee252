/* SPDX-License-Identifier: MIT */
/* `bitbayes energy`: what the spintronic chip would spend on a network. */
#include "commands.h"
#include "energy.h"
#include "invocation.h"

#include <stdlib.h>
#include <string.h>

typedef struct energy_options {
    common_options common;
    const char *samples, *method, *mapping, *first_layer, *preset, *parameters, *set, *format;
    double drop_probability;
    uint64_t members, copies, images;
    bool csv, all;
} energy_options;

#define AT(member) offsetof(energy_options, member)

static const option_row rows[] = {
    {"samples", 'T', OPTION_TEXT, "N", AT(samples),
     "Monte-Carlo passes per image; `table` takes a list such as 1,20,100; default 20", 0, 0},
    {"method", 0, OPTION_TEXT, "METHOD", AT(method),
     "own, none, scale, scale-shared, spatial, spindrop, spindrop-held or ensemble; default own: "
     "the "
     "model's own sites",
     0, 0},
    {"drop-probability", 0, OPTION_NUMBER, "P", AT(drop_probability),
     "of the sites that --method adds; default: the model's, 0.1 if it has none", 0, 1},
    {"members", 0, OPTION_COUNT, "M", AT(members), "of --method ensemble; default 4", 2, 256},
    {"mapping", 0, OPTION_TEXT, "MAPPING", AT(mapping),
     "unrolled, kernel-split or duplicated; default unrolled", 0, 0},
    {"copies", 0, OPTION_COUNT, "D", AT(copies), "of --mapping duplicated; default 4", 1, 4096},
    {"first-layer", 0, OPTION_TEXT, "HOW", AT(first_layer),
     "how layers with byte input run: bit-serial, digital or binary; default bit-serial", 0, 0},
    {"images", 'n', OPTION_COUNT, "N", AT(images), "images of the data set; default 1", 1, 1e15},
    {"preset", 0, OPTION_TEXT, "NAME", AT(preset), "nominal28 or optimistic; default nominal28", 0,
     0},
    {"parameters", 'P', OPTION_TEXT, "FILE", AT(parameters),
     "override single keys of the preset by a file", 0, 0},
    {"set", 0, OPTION_TEXT, "KEY=VALUE[,...]", AT(set), "override single keys, after the file", 0,
     0},
    {"all", 'a', OPTION_FLAG, NULL, AT(all), "show small components and sensitivities too", 0, 0},
    {"csv", 0, OPTION_FLAG, NULL, AT(csv), "same as --format csv", 0, 0},
    {"format", 0, OPTION_TEXT, "text|md|csv|json", AT(format),
     "of the result: md and csv give one row per layer and component; default text", 0, 0},
    COMMON_OPTION_ROWS(energy_options),
    {0},
};

const command_description energy_description = {
    .name = "energy",
    .operands = "MODEL | ratios MODEL | table MODEL... | explain [TOPIC]",
    .summary = "estimate what a spintronic compute-in-memory chip would spend",
    .details =
        "Counts what a chip of MTJ crossbars would do for the model and prices it: joules, seconds "
        "and area with a low, a nominal and a high value, per layer and component, once with every "
        "pass in full and once with shared prefixes. MODEL is a file, or one of lenet5, vgg-small, "
        "vgg-small-3fc, resnet18-cifar. `ratios` prints the ratios that publications quote, each "
        "with its "
        "denominator; `table` compares methods and T over several models; `explain` tells "
        "formulas, "
        "values and sources. No device is needed.",
    .example = "bitbayes energy vgg-small --method scale -T 20",
    .options = rows,
    .min_operands = 1,
    .max_operands = 32,
};

/* Everything that one call works with. */
typedef struct task {
    bb_context *context;
    const energy_options *options;
    energy_format format;
    bb_energy_options model;
    bb_energy_parameters *parameters;
    char **operands;
    int n_operands;
    uint32_t samples[16];
    uint32_t n_samples;
} task;

static bb_status read_samples(task *self)
{
    const char *text = self->options->samples ? self->options->samples : "20";
    while (self->n_samples < BB_COUNT_OF(self->samples)) {
        char part[24];
        uint64_t value;
        const size_t length = strcspn(text, ",");
        snprintf(part, sizeof(part), "%.*s", (int)(length < 23 ? length : 23), text);
        if (!option_count(part, &value) || value < 1 || value > 65536)
            return bb_fail(self->context, BB_ARGUMENT,
                           "energy: --samples: expected whole numbers from 1 to 65536, found '%s'",
                           self->options->samples);
        self->samples[self->n_samples++] = (uint32_t)value;
        if (!text[length])
            return BB_OK;
        text += length + 1;
    }
    return bb_fail(self->context, BB_ARGUMENT, "energy: --samples: more than %zu values",
                   BB_COUNT_OF(self->samples));
}

static bb_status fail_word(const task *self, const char *option, const char *word)
{
    return bb_fail(self->context, BB_ARGUMENT,
                   "energy: --%s: '%s' is unknown (see `bitbayes energy --help`)", option, word);
}

static bb_status read_words(task *self)
{
    const energy_options *o = self->options;
    if (o->method && !bb_energy_method_find(o->method, &self->model.method))
        return fail_word(self, "method", o->method);
    if (o->mapping && !bb_energy_mapping_find(o->mapping, &self->model.mapping))
        return fail_word(self, "mapping", o->mapping);
    if (o->first_layer && !bb_energy_first_layer_find(o->first_layer, &self->model.first_layer))
        return fail_word(self, "first-layer", o->first_layer);
    static const char *const formats[] = {"text", "md", "csv", "json"};
    self->format = o->common.json ? ENERGY_JSON : o->csv ? ENERGY_CSV : ENERGY_TEXT;
    for (unsigned i = 0; o->format && i < BB_COUNT_OF(formats); i++) {
        if (strcmp(o->format, formats[i]) != 0)
            continue;
        self->format = (energy_format)i;
        return BB_OK;
    }
    return o->format ? fail_word(self, "format", o->format) : BB_OK;
}

static bb_status set_all(task *self, const char *list)
{
    bb_status status = BB_OK;
    while (status == BB_OK && list && *list) {
        char one[128];
        const size_t length = strcspn(list, ",");
        if (length >= sizeof(one))
            return bb_fail(self->context, BB_ARGUMENT, "energy: --set: '%.40s...' is too long",
                           list);
        snprintf(one, sizeof(one), "%.*s", (int)length, list);
        status = bb_energy_parameters_set(self->parameters, one);
        list += length + (list[length] == ',');
    }
    return status;
}

static bb_status prepare(task *self)
{
    const energy_options *o = self->options;
    self->model = bb_energy_options_default();
    self->model.drop_probability = o->drop_probability;
    self->model.members = (uint32_t)o->members;
    self->model.copies = (uint32_t)o->copies;
    self->model.images = o->images;
    bb_status status = read_samples(self);
    self->model.passes = self->samples[0];
    if (status == BB_OK)
        status = read_words(self);
    if (status == BB_OK)
        status = bb_energy_parameters_create(&self->parameters, self->context, o->preset);
    if (status == BB_OK && o->parameters)
        status = bb_energy_parameters_read(self->parameters, o->parameters);
    if (status == BB_OK)
        status = set_all(self, o->set);
    return status;
}

static bool is_builtin(const char *name)
{
    for (uint32_t i = 0; bb_energy_network_name(i); i++)
        if (strcmp(bb_energy_network_name(i), name) == 0)
            return true;
    return false;
}

static bb_status open_network(bb_energy_network **out, bb_context *context, const char *name)
{
    if (is_builtin(name))
        return bb_energy_network_builtin(out, context, name);
    *out = NULL;
    network net = {0};
    bb_status status = bb_graph_load(&net.graph, context, name);
    if (status == BB_OK)
        status = network_fold(&net, context, NULL);
    if (status == BB_OK)
        status = bb_energy_network_from_plan(out, context, net.plan, name);
    network_free(&net);
    return status;
}

static bb_status show_report(task *self, FILE *stream, const bb_energy_network *net)
{
    bb_energy_report *report;
    bb_status status =
        bb_energy_estimate(&report, self->context, net, self->parameters, &self->model);
    if (status != BB_OK)
        return status;
    if (self->format == ENERGY_JSON)
        status = energy_print_report_json(stream, self->context, report, self->parameters);
    else if (self->format == ENERGY_TEXT)
        energy_print_report(stream, report, self->options->all);
    else
        energy_print_layers(stream, report, self->format);
    bb_energy_report_free(report);
    return status;
}

static bb_status show_ratios(task *self, FILE *stream, const bb_energy_network *net)
{
    bb_energy_ratios *ratios;
    bb_status status =
        bb_energy_ratios_create(&ratios, self->context, net, self->parameters, &self->model);
    if (status != BB_OK)
        return status;
    if (self->format == ENERGY_JSON)
        status = energy_print_ratios_json(stream, self->context, ratios);
    else
        energy_print_ratios(stream, ratios, self->format);
    bb_energy_ratios_free(ratios);
    return status;
}

/* One row: a network under one method, with a column per T. */
static bb_status add_row(task *self, table *cells, const bb_energy_network *net, const char *name,
                         bb_energy_method method)
{
    bb_energy_options options = self->model;
    options.method = method;
    for (uint32_t t = 0; t < self->n_samples; t++) {
        bb_energy_report *report;
        char text[64];
        options.passes = self->samples[t];
        const bb_status status =
            bb_energy_estimate(&report, self->context, net, self->parameters, &options);
        if (status != BB_OK)
            return status;
        if (t == 0) {
            table_cell(cells, "%s", name);
            table_cell(cells, "%s", bb_energy_method_word(method));
            table_cell(cells, "%llu", (unsigned long long)report->counts.modules);
            table_cell(cells, "%llu", (unsigned long long)report->counts.random_bits);
            table_cell(cells, "%.3g", report->area_m2.nominal * 1e6);
        }
        table_cell(cells, "%s", format_range(text, report->image_total_J, "J"));
        table_cell(cells, "%s", format_si(text, report->shared_total_J.nominal, "J"));
        bb_energy_report_free(report);
    }
    return BB_OK;
}

static bb_status show_table(task *self, FILE *stream)
{
    char alignment[8 + 2 * BB_COUNT_OF(self->samples)] = "llrrr";
    table cells = {.alignment = alignment};
    static const char *const heads[] = {"network", "method", "modules", "random bits/pass", "mm2"};
    for (size_t i = 0; i < BB_COUNT_OF(heads); i++)
        table_cell(&cells, "%s", heads[i]);
    for (uint32_t t = 0; t < self->n_samples; t++) {
        strcat(alignment, "rr");
        table_cell(&cells, "T = %u, in full", self->samples[t]);
        table_cell(&cells, "shared");
    }
    bb_status status = BB_OK;
    for (int i = 1; status == BB_OK && i < self->n_operands; i++) {
        bb_energy_network *net;
        status = open_network(&net, self->context, self->operands[i]);
        const bool builtin = is_builtin(self->operands[i]);
        const char *slash = strrchr(self->operands[i], '/');
        const char *name = slash ? slash + 1 : self->operands[i];
        for (uint32_t m = builtin ? 1 : 0; status == BB_OK && m < BB_N_ENERGY_METHODS; m++)
            if (!self->options->method || m == (uint32_t)self->model.method)
                status = add_row(self, &cells, net, name, (bb_energy_method)m);
        bb_energy_network_free(net);
    }
    energy_print_cells(&cells, stream, self->format);
    return status;
}

static bb_status check_format(const task *self, const char *what, bool markdown, bool csv,
                              bool json)
{
    const bool fits = self->format == ENERGY_TEXT ||
                      (self->format == ENERGY_MARKDOWN && markdown) ||
                      (self->format == ENERGY_CSV && csv) || (self->format == ENERGY_JSON && json);
    if (fits)
        return BB_OK;
    return bb_fail(self->context, BB_ARGUMENT, "energy %s: comes as text%s%s%s only", what,
                   markdown ? ", md" : "", csv ? ", csv" : "", json ? ", json" : "");
}

/* `ratios MODEL`, `table MODEL...` and `explain [TOPIC]`; a lone operand is a model. */
static bb_status print(FILE *stream, void *payload)
{
    task *self = payload;
    const char *first = self->operands[0];
    bb_status status = BB_OK;
    if (!strcmp(first, "explain"))
        status = check_format(self, first, false, false, false);
    else if (!strcmp(first, "table"))
        status = check_format(self, first, true, true, false);
    else if (!strcmp(first, "ratios"))
        status = check_format(self, first, true, false, true);
    if (status != BB_OK)
        return status;
    if (!strcmp(first, "explain") && self->n_operands <= 2)
        return energy_print_explanation(stream, self->context, self->parameters,
                                        self->n_operands == 2 ? self->operands[1] : NULL);
    if (!strcmp(first, "table") && self->n_operands >= 2)
        return show_table(self, stream);
    const bool ratios = !strcmp(first, "ratios");
    if (self->n_operands != (ratios ? 2 : 1))
        return bb_fail(self->context, BB_ARGUMENT, "energy: expected %s",
                       energy_description.operands);
    if (self->n_samples != 1)
        return bb_fail(self->context, BB_ARGUMENT, "energy: a list of --samples needs `table`");
    bb_energy_network *net;
    status = open_network(&net, self->context, self->operands[ratios ? 1 : 0]);
    if (status == BB_OK)
        status = ratios ? show_ratios(self, stream, net) : show_report(self, stream, net);
    bb_energy_network_free(net);
    return status;
}

int command_energy(int argc, char **argv)
{
    energy_options options = {.drop_probability = -1.0, .members = 4, .copies = 4, .images = 1};
    invocation call;
    if (!invocation_begin(&call, &energy_description, argc, argv, &options, &options.common))
        return call.exit_code;
    task self = {.context = call.context,
                 .options = &options,
                 .operands = call.operands,
                 .n_operands = call.n_operands};
    bb_status status = prepare(&self);
    if (status == BB_OK)
        status = invocation_print(&call, &options.common, print, &self);
    bb_energy_parameters_free(self.parameters);
    return invocation_end(&call, status);
}
