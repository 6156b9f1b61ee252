/* SPDX-License-Identifier: MIT */
/* The report as text: totals, components, the tree of layers, what moves it, risks. */
#include "energy.h"
#include "results.h"

#include <inttypes.h>
#include <string.h>

#define SENSITIVITY_ROWS 12

static void add_range_row(table *cells, const char *name, bb_range range, const char *unit)
{
    char low[32], nominal[32], high[32];
    table_cell(cells, "%s", name);
    table_cell(cells, "%s", format_si(low, range.low, unit));
    table_cell(cells, "%s", format_si(nominal, range.nominal, unit));
    table_cell(cells, "%s", format_si(high, range.high, unit));
}

static bb_range times(bb_range range, double factor)
{
    return (bb_range){range.low * factor, range.nominal * factor, range.high * factor};
}

static void add_heads(table *cells, const char *const *heads, size_t n)
{
    for (size_t i = 0; i < n; i++)
        table_cell(cells, "%s", heads[i]);
}

static void print_head(FILE *stream, const bb_energy_report *report, uint32_t n_changed)
{
    const bb_energy_options *o = &report->options;
    fprintf(stream, "network  %s, %u layers, hash %016" PRIx64 "\n", report->network,
            report->n_layers, report->network_hash);
    fprintf(stream, "method   %s, T = %u, drop probability %.3g\n",
            bb_energy_method_word(o->method), o->passes, report->risks.drop_probability);
    fprintf(stream, "mapping  %s", bb_energy_mapping_word(o->mapping));
    if (o->mapping == BB_ENERGY_MAPPING_DUPLICATED)
        fprintf(stream, " x %u", o->copies);
    fprintf(stream, ", layers with byte input %s\n", bb_energy_first_layer_word(o->first_layer));
    fprintf(stream, "costs    preset %s, %u changed, hash %016" PRIx64 "\n", report->preset,
            n_changed, report->parameters_hash);
    if (report->calibration != 1.0)
        fprintf(stream, "CALIBRATION  every joule is multiplied by %.3g\n", report->calibration);
}

static void print_totals(FILE *stream, const bb_energy_report *report)
{
    static const char *const heads[] = {"", "low", "nominal", "high"};
    const double images = (double)report->options.images;
    table cells = {.alignment = "lrrr"};
    add_heads(&cells, heads, BB_COUNT_OF(heads));
    add_range_row(&cells, "energy per pass", report->pass_total_J, "J");
    add_range_row(&cells, "energy per image, every pass in full", report->image_total_J, "J");
    add_range_row(&cells,
                  report->counted ? "energy per image, prefixes shared (counted)"
                                  : "energy per image, prefixes shared (expected)",
                  report->shared_total_J, "J");
    if (report->options.images > 1) {
        char name[64], count[32];
        format_count(count, report->options.images);
        snprintf(name, sizeof(name), "energy of %s images, in full", count);
        add_range_row(&cells, name, times(report->image_total_J, images), "J");
        snprintf(name, sizeof(name), "energy of %s images, shared", count);
        add_range_row(&cells, name, times(report->shared_total_J, images), "J");
    }
    add_range_row(&cells, "time per image, passes in turn", report->image_s, "s");
    add_range_row(&cells, "time per image, layers pipelined", report->pipelined_image_s, "s");
    add_range_row(&cells, "time per image, prefixes shared", report->shared_image_s, "s");
    add_range_row(&cells, "writing the weights, once", report->weight_write_J, "J");
    table_cell(&cells, "area");
    table_cell(&cells, "%.3g mm2", report->area_m2.low * 1e6);
    table_cell(&cells, "%.3g mm2", report->area_m2.nominal * 1e6);
    table_cell(&cells, "%.3g mm2", report->area_m2.high * 1e6);
    fputc('\n', stream);
    table_print(&cells, stream, 0);
}

static void print_counts(FILE *stream, const bb_energy_report *report)
{
    const bb_energy_counts *c = &report->counts;
    char text[6][32];
    fprintf(stream,
            "\ncounts of one pass (exact): %s cells driven, %s conversions, %s accumulations, "
            "%s random bits\n",
            format_count(text[0], c->cells_driven), format_count(text[1], c->conversions),
            format_count(text[2], c->accumulations), format_count(text[3], c->random_bits));
    fprintf(stream, "stochastic modules %s, crossbars %s, distinct leaves of %u passes %.3g%s\n",
            format_count(text[4], c->modules), format_count(text[5], c->tiles),
            report->options.passes, report->leaves, report->counted ? "" : " expected");
}

static void print_components(FILE *stream, const bb_energy_report *report)
{
    static const char *const heads[] = {
        "per image, in full", "low", "nominal", "high", "share", "shared", ""};
    table cells = {.alignment = "lrrrrrl"};
    add_heads(&cells, heads, BB_COUNT_OF(heads));
    for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++) {
        const bb_range range = report->image_J[c];
        char shared[32];
        if (range.high == 0.0)
            continue;
        add_range_row(&cells, bb_energy_component_word((bb_energy_component)c), range, "J");
        table_cell(&cells, "%.2g %%", 100.0 * range.nominal / report->image_total_J.nominal);
        table_cell(&cells, "%s", format_si(shared, report->shared_J[c].nominal, "J"));
        table_cell(&cells, "%s", bb_energy_component_text((bb_energy_component)c));
    }
    fputc('\n', stream);
    table_print(&cells, stream, 0);
}

static void add_layer_rows(table *cells, const bb_energy_layer_report *layer, bool all)
{
    char text[32];
    add_range_row(cells, layer->name, layer->image_total_J, "J");
    table_cell(cells, "%s", format_si(text, layer->shared_total_J.nominal, "J"));
    table_cell(cells, "%.3g", layer->sums);
    table_cell(cells, "%s", format_si(text, layer->pass_s.nominal, "s"));
    table_cell(cells, "%s", format_count(text, layer->counts.tiles));
    table_cell(cells, "%s", layer->kind);
    for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++) {
        const bb_range range = layer->image_J[c];
        char name[32];
        if (range.high == 0.0 || (!all && range.nominal < 0.02 * layer->image_total_J.nominal))
            continue;
        snprintf(name, sizeof(name), "  %s", bb_energy_component_word((bb_energy_component)c));
        add_range_row(cells, name, range, "J");
        table_cell(cells, "%s", format_si(text, layer->shared_J[c].nominal, "J"));
        for (int blank = 0; blank < 4; blank++)
            table_cell(cells, "%s", "");
    }
}

static void print_tree(FILE *stream, const bb_energy_report *report, bool all)
{
    static const char *const heads[] = {"layer, in full", "low",       "nominal", "high", "shared",
                                        "evaluations",    "time/pass", "tiles",   ""};
    table cells = {.alignment = "lrrrrrrrl"};
    add_heads(&cells, heads, BB_COUNT_OF(heads));
    for (uint32_t i = 0; i < report->n_layers; i++)
        add_layer_rows(&cells, &report->layers[i], all);
    fputc('\n', stream);
    table_print(&cells, stream, 0);
    if (!all)
        fputs("components below 2 % of a layer are left out (--all shows them)\n", stream);
}

static void print_value(char text[32], const char *word, double value)
{
    if (word)
        snprintf(text, 32, "%s", word);
    else
        snprintf(text, 32, "%.3g", value);
}

static void print_sensitivity(FILE *stream, const bb_energy_report *report, bool all)
{
    static const char *const heads[] = {"one at a time", "from",  "to",  "energy from",
                                        "energy to",     "swing", "kind"};
    table cells = {.alignment = "lrrrrrl"};
    add_heads(&cells, heads, BB_COUNT_OF(heads));
    uint32_t n = report->n_sensitivities;
    if (!all && n > SENSITIVITY_ROWS)
        n = SENSITIVITY_ROWS;
    for (uint32_t i = 0; i < n; i++) {
        const bb_energy_sensitivity *row = &report->sensitivities[i];
        char text[32];
        table_cell(&cells, "%s", row->key);
        print_value(text, row->low_word, row->low_value);
        table_cell(&cells, "%s", text);
        print_value(text, row->high_word, row->high_value);
        table_cell(&cells, "%s", text);
        table_cell(&cells, "%s", format_si(text, row->low_J, "J"));
        table_cell(&cells, "%s", format_si(text, row->high_J, "J"));
        table_cell(&cells, "%.2g %%", 100.0 * row->swing_J / report->image_total_J.nominal);
        table_cell(&cells, "%s", row->kind);
    }
    fputc('\n', stream);
    table_print(&cells, stream, 0);
    if (n < report->n_sensitivities)
        fprintf(stream, "%u smaller ones are left out (--all shows them)\n",
                report->n_sensitivities - n);
}

static void print_changes(FILE *stream, const bb_energy_report *report)
{
    static const char *const heads[] = {"changed",         "from",  "to",    "energy of the preset",
                                        "with this alone", "moved", "set by"};
    table cells = {.alignment = "lrrrrrl"};
    if (!report->n_changes)
        return;
    add_heads(&cells, heads, BB_COUNT_OF(heads));
    for (uint32_t i = 0; i < report->n_changes; i++) {
        const bb_energy_change *row = &report->changes[i];
        char text[32];
        table_cell(&cells, "%s", row->key);
        print_value(text, row->from_word, row->from);
        table_cell(&cells, "%s", text);
        print_value(text, row->to_word, row->to);
        table_cell(&cells, "%s", text);
        table_cell(&cells, "%s", format_si(text, row->before_J, "J"));
        table_cell(&cells, "%s", format_si(text, row->after_J, "J"));
        table_cell(&cells, "%+.2g %%", 100.0 * (row->after_J / row->before_J - 1.0));
        if (row->line)
            table_cell(&cells, "%s:%u", row->origin, row->line);
        else
            table_cell(&cells, "%s", row->origin);
    }
    fputc('\n', stream);
    table_print(&cells, stream, 0);
}

static void print_risks(FILE *stream, const bb_energy_report *report)
{
    const bb_energy_risks *r = &report->risks;
    char text[64];
    fputs("\nrisks, as counts (no accuracy follows from them yet)\n", stream);
    fprintf(stream, "  conversion      %u bits, %u keep every count: %s\n", r->adc_bits,
            r->lossless_bits, r->lossless ? "lossless" : "LOSSY");
    fprintf(stream, "  column current  %s, limit %.3g mA\n",
            format_range(text, r->column_current_A, "A"), r->column_current_max_A * 1e3);
    fprintf(stream, "  read disturb    %.3g .. %.3g .. %.3g flips expected per image\n",
            r->read_disturbs_per_image.low, r->read_disturbs_per_image.nominal,
            r->read_disturbs_per_image.high);
    fprintf(stream, "  p of a unit     off by %.2g .. %.2g .. %.2g at p = %.3g\n",
            r->probability_shift.low, r->probability_shift.nominal, r->probability_shift.high,
            r->drop_probability);
    fprintf(stream, "  noise of a read %.2g .. %.2g .. %.2g counts, one sigma\n",
            r->popcount_noise.low, r->popcount_noise.nominal, r->popcount_noise.high);
}

void energy_print_report(FILE *stream, const bb_energy_report *report, bool all)
{
    print_head(stream, report, report->n_changes);
    print_totals(stream, report);
    print_counts(stream, report);
    print_components(stream, report);
    print_tree(stream, report, all);
    print_sensitivity(stream, report, all);
    print_changes(stream, report);
    print_risks(stream, report);
    for (uint32_t i = 0; i < report->n_warnings; i++)
        fprintf(stream, "%swarning: %s\n", i ? "" : "\n", report->warnings[i]);
    fputs(
        "\nAn early-design estimate without I/O, DRAM and control. `bitbayes energy explain` tells "
        "formulas and sources.\n",
        stream);
}

static uint64_t count_of(const bb_energy_counts *c, bb_energy_component component)
{
    switch (component) {
    case BB_ENERGY_CELL:
    case BB_ENERGY_WORDLINE:
        return c->cells_driven;
    case BB_ENERGY_SENSE:
        return c->conversions;
    case BB_ENERGY_ACCUMULATE:
        return c->accumulations;
    case BB_ENERGY_DIGITAL:
        return c->digital_operations;
    case BB_ENERGY_NORM:
        return c->normalizations + c->shortcuts;
    case BB_ENERGY_SCALE:
        return c->scale_operations;
    case BB_ENERGY_BUFFER:
        return c->buffer_read_bits + c->buffer_write_bits;
    case BB_ENERGY_RNG:
        return c->random_bits;
    default:
        return 0;
    }
}

static void add_number(table *cells, double value)
{
    table_cell(cells, "%.3g", value);
}

void energy_print_layers(FILE *stream, const bb_energy_report *report, energy_format format)
{
    static const char *const heads[] = {"layer",     "component", "count_per_pass",   "J_low",
                                        "J_nominal", "J_high",    "shared_J_nominal", "s_per_pass",
                                        "m2"};
    table cells = {.alignment = "llrrrrrrr"};
    add_heads(&cells, heads, BB_COUNT_OF(heads));
    for (uint32_t i = 0; i < report->n_layers; i++) {
        const bb_energy_layer_report *layer = &report->layers[i];
        for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++) {
            table_cell(&cells, "%s", layer->name);
            table_cell(&cells, "%s", bb_energy_component_word((bb_energy_component)c));
            table_cell(&cells, "%" PRIu64, count_of(&layer->counts, (bb_energy_component)c));
            add_number(&cells, layer->image_J[c].low);
            add_number(&cells, layer->image_J[c].nominal);
            add_number(&cells, layer->image_J[c].high);
            add_number(&cells, layer->shared_J[c].nominal);
            add_number(&cells, layer->pass_s.nominal);
            add_number(&cells, layer->area_m2.nominal);
        }
    }
    energy_print_cells(&cells, stream, format);
}
