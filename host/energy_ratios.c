/* SPDX-License-Identifier: MIT */
/* The publications' ratios in four blocks, each with its denominator, and what cannot be derived.
 */
#include "energy.h"
#include "results.h"

#include <inttypes.h>
#include <string.h>

static void print_title(FILE *stream, energy_format format, const char *title)
{
    fprintf(stream, format == ENERGY_MARKDOWN ? "\n**%s**\n\n" : "\n%s\n", title);
}

static void print_modules(FILE *stream, const bb_energy_ratios *ratios, energy_format format)
{
    table cells = {.alignment = "lrrr"};
    table_cell(&cells, "layer");
    table_cell(&cells, "SpinDrop");
    table_cell(&cells, "spatial");
    table_cell(&cells, "ratio");
    for (uint32_t i = 0; i < ratios->n_modules; i++) {
        const bb_energy_module_ratio *row = &ratios->modules[i];
        char text[32];
        table_cell(&cells, "%s",
                   row->layer         ? row->layer
                   : row->convolution ? "all convolutions"
                                      : "whole network");
        table_cell(&cells, "%s", format_count(text, row->spindrop));
        table_cell(&cells, "%s", format_count(text, row->spatial));
        table_cell(&cells, "%.3g", row->ratio);
    }
    print_title(stream, format, "1. stochastic modules, SpinDrop / MC-SpatialDropout (exact)");
    energy_print_cells(&cells, stream, format);
    fprintf(stream,
            "A k x k convolution has k x k word lines per channel: 9 for 3x3, 25 for 5x5. "
            "Scale-Dropout needs %" PRIu64 " for any depth.\n",
            ratios->methods[BB_ENERGY_METHOD_SCALE].modules);
}

static void print_methods(FILE *stream, const bb_energy_ratios *ratios, energy_format format)
{
    table cells = {.alignment = "lrrllr"};
    static const char *const heads[] = {"method",
                                        "modules",
                                        "random bits/pass",
                                        "random bits",
                                        "with scale memory and multipliers",
                                        "of the image's energy"};
    for (size_t i = 0; i < BB_COUNT_OF(heads); i++)
        table_cell(&cells, "%s", heads[i]);
    for (uint32_t m = BB_ENERGY_METHOD_NONE; m < BB_N_ENERGY_METHODS; m++) {
        const bb_energy_method_result *row = &ratios->methods[m];
        char text[64];
        table_cell(&cells, "%s", bb_energy_method_word((bb_energy_method)m));
        table_cell(&cells, "%s", format_count(text, row->modules));
        table_cell(&cells, "%s", format_count(text, row->random_bits));
        table_cell(&cells, "%s", format_range(text, row->random_J, "J"));
        table_cell(&cells, "%s", format_range(text, row->dropout_J, "J"));
        table_cell(&cells, "%.2g %%", 100.0 * row->dropout_J.nominal / row->image_J.nominal);
    }
    print_title(stream, format, "2. dropout subsystem, per image");
    energy_print_cells(&cells, stream, format);
}

typedef struct pair {
    bb_energy_method above, below;
} pair;

static const pair pairs[] = {{BB_ENERGY_METHOD_SPINDROP, BB_ENERGY_METHOD_SPATIAL},
                             {BB_ENERGY_METHOD_SPINDROP, BB_ENERGY_METHOD_SCALE},
                             {BB_ENERGY_METHOD_SPATIAL, BB_ENERGY_METHOD_SCALE},
                             {BB_ENERGY_METHOD_SPINDROP_HELD, BB_ENERGY_METHOD_SPATIAL},
                             {BB_ENERGY_METHOD_SCALE, BB_ENERGY_METHOD_NONE}};

static void add_ratio(table *cells, bb_range ratio)
{
    if (ratio.nominal == 0.0)
        table_cell(cells, "-");
    else
        table_cell(cells, "%.3g .. %.3g .. %.3g", ratio.low, ratio.nominal, ratio.high);
}

static void print_subsystem_ratios(FILE *stream, const bb_energy_ratios *ratios,
                                   energy_format format)
{
    table cells = {.alignment = "lrll"};
    static const char *const heads[] = {"ratio", "random bits", "energy of random bits",
                                        "with scale memory and multipliers"};
    for (size_t i = 0; i < BB_COUNT_OF(heads); i++)
        table_cell(&cells, "%s", heads[i]);
    for (size_t i = 0; i + 1 < BB_COUNT_OF(pairs); i++) {
        const bb_energy_method_result *a = &ratios->methods[pairs[i].above];
        const bb_energy_method_result *b = &ratios->methods[pairs[i].below];
        table_cell(&cells, "%s / %s", bb_energy_method_word(pairs[i].above),
                   bb_energy_method_word(pairs[i].below));
        if (b->random_bits)
            table_cell(&cells, "%.3g", (double)a->random_bits / (double)b->random_bits);
        else
            table_cell(&cells, "-");
        add_ratio(&cells, bb_range_ratio(a->random_J, b->random_J));
        add_ratio(&cells, bb_range_ratio(a->dropout_J, b->dropout_J));
    }
    fputc('\n', stream);
    energy_print_cells(&cells, stream, format);
    fputs("The bits of one convolution differ by k x k x positions. 94.11x is not among these: it "
          "depends on\nthe paper's own accounting, which this model does not have.\n",
          stream);
}

static void print_images(FILE *stream, const bb_energy_ratios *ratios, energy_format format)
{
    table cells = {.alignment = "ll"};
    table_cell(&cells, "method");
    table_cell(&cells, "energy per image, every pass in full");
    for (uint32_t m = BB_ENERGY_METHOD_NONE; m < BB_N_ENERGY_METHODS; m++) {
        char text[64];
        table_cell(&cells, "%s", bb_energy_method_word((bb_energy_method)m));
        table_cell(&cells, "%s", format_range(text, ratios->methods[m].image_J, "J"));
    }
    print_title(stream, format, "3. energy per image, same network, same T");
    energy_print_cells(&cells, stream, format);
    fputc('\n', stream);
    cells = (table){.alignment = "ll"};
    table_cell(&cells, "ratio");
    table_cell(&cells, "low .. nominal .. high");
    for (size_t i = 0; i < BB_COUNT_OF(pairs); i++) {
        table_cell(&cells, "%s / %s", bb_energy_method_word(pairs[i].above),
                   bb_energy_method_word(pairs[i].below));
        add_ratio(&cells, bb_range_ratio(ratios->methods[pairs[i].above].image_J,
                                         ratios->methods[pairs[i].below].image_J));
    }
    energy_print_cells(&cells, stream, format);
    fputs("Spatial and scale need almost the same energy here: the stochastic units are no longer "
          "what costs.\nA larger published gap needs a different circuit, not fewer random bits.\n",
          stream);
}

static void print_baselines(FILE *stream, const bb_energy_ratios *ratios, energy_format format)
{
    table cells = {.alignment = "lrlll"};
    static const char *const heads[] = {"baseline", "per image", "/ spatial", "/ scale",
                                        "source and note"};
    for (size_t i = 0; i < BB_COUNT_OF(heads); i++)
        table_cell(&cells, "%s", heads[i]);
    for (uint32_t i = 0; i < ratios->n_baselines; i++) {
        const bb_energy_baseline_ratio *row = &ratios->baselines[i];
        char text[32];
        table_cell(&cells, "%s", row->name);
        table_cell(&cells, "%s", format_si(text, row->baseline_J, "J"));
        add_ratio(&cells, row->ratio[BB_ENERGY_METHOD_SPATIAL]);
        add_ratio(&cells, row->ratio[BB_ENERGY_METHOD_SCALE]);
        table_cell(&cells, "%s (%s)", row->source, row->note);
    }
    print_title(stream, format, "4. declared baselines / energy per image (other networks!)");
    energy_print_cells(&cells, stream, format);
}

static void print_what_is_not_ours(FILE *stream, const bb_energy_ratios *ratios,
                                   energy_format format)
{
    char spatial[64], scale[32], spatial_94[32], scale_100[32];
    const double spatial_J = ratios->methods[BB_ENERGY_METHOD_SPATIAL].image_J.nominal;
    const double scale_J = ratios->methods[BB_ENERGY_METHOD_SCALE].image_J.nominal;
    print_title(stream, format, "not derivable here");
    fprintf(stream,
            "94.11x (MC-SpatialDropout): at %s per image the comparator would have to need %s per "
            "image.\n>100x (Scale-Dropout): at %s per image the comparator would have to need more "
            "than %s.\nBoth depend on the accelerator, network and T that the papers compare with; "
            "declare it as a\nbaseline (section [baseline] of a parameter file) to see the ratio. "
            "Nothing here is tuned to hit them.\n",
            format_si(spatial, spatial_J, "J"), format_si(spatial_94, 94.11 * spatial_J, "J"),
            format_si(scale, scale_J, "J"), format_si(scale_100, 100.0 * scale_J, "J"));
}

void energy_print_ratios(FILE *stream, const bb_energy_ratios *ratios, energy_format format)
{
    fprintf(stream, "T = %u, mapping %s, layers with byte input %s\n", ratios->options.passes,
            bb_energy_mapping_word(ratios->options.mapping),
            bb_energy_first_layer_word(ratios->options.first_layer));
    print_modules(stream, ratios, format);
    print_methods(stream, ratios, format);
    print_subsystem_ratios(stream, ratios, format);
    print_images(stream, ratios, format);
    print_baselines(stream, ratios, format);
    print_what_is_not_ours(stream, ratios, format);
}

static void add_methods(bb_json *json, const bb_energy_ratios *ratios)
{
    field_array(json, "methods");
    for (uint32_t m = BB_ENERGY_METHOD_NONE; m < BB_N_ENERGY_METHODS; m++) {
        const bb_energy_method_result *row = &ratios->methods[m];
        bb_json_begin_object(json);
        field_string(json, "method", bb_energy_method_word((bb_energy_method)m));
        field_count(json, "modules", row->modules);
        field_count(json, "random_bits_per_pass", row->random_bits);
        field_range(json, "random_bits_J", row->random_J);
        field_range(json, "dropout_subsystem_J", row->dropout_J);
        field_range(json, "image_J", row->image_J);
        bb_json_end(json);
    }
    bb_json_end(json);
}

static void add_baselines(bb_json *json, const bb_energy_ratios *ratios)
{
    field_array(json, "baselines");
    for (uint32_t i = 0; i < ratios->n_baselines; i++) {
        const bb_energy_baseline_ratio *row = &ratios->baselines[i];
        bb_json_begin_object(json);
        field_string(json, "name", row->name);
        field_number(json, "baseline_J", row->baseline_J);
        field_string(json, "source", row->source);
        field_string(json, "confidence", row->confidence);
        field_string(json, "note", row->note);
        field_object(json, "baseline_over_image");
        for (uint32_t m = BB_ENERGY_METHOD_NONE; m < BB_N_ENERGY_METHODS; m++)
            field_range(json, bb_energy_method_word((bb_energy_method)m), row->ratio[m]);
        bb_json_end(json);
        bb_json_end(json);
    }
    bb_json_end(json);
}

bb_status energy_print_ratios_json(FILE *stream, bb_context *context,
                                   const bb_energy_ratios *ratios)
{
    bb_text text;
    bb_json json;
    json_begin(&json, &text, context);
    field_count(&json, "samples", ratios->options.passes);
    field_array(&json, "modules");
    for (uint32_t i = 0; i < ratios->n_modules; i++) {
        const bb_energy_module_ratio *row = &ratios->modules[i];
        bb_json_begin_object(&json);
        field_string(&json, "layer", row->layer);
        if (!row->layer)
            field_string(&json, "scope", row->convolution ? "convolutions" : "network");
        field_count(&json, "spindrop", row->spindrop);
        field_count(&json, "spatial", row->spatial);
        field_number(&json, "ratio", row->ratio);
        bb_json_end(&json);
    }
    bb_json_end(&json);
    add_methods(&json, ratios);
    add_baselines(&json, ratios);
    return json_finish(&json, stream);
}
