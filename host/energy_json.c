/* SPDX-License-Identifier: MIT */
/* The report and the comparison block as JSON; joules only where they are known. */
#include "energy.h"

#include <string.h>

static void add_components(bb_json *json, const char *key, const bb_range *ranges)
{
    field_object(json, key);
    for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++)
        if (ranges[c].high != 0.0)
            field_range(json, bb_energy_component_word((bb_energy_component)c), ranges[c]);
    bb_json_end(json);
}

static void add_counts(bb_json *json, const char *key, const bb_energy_counts *c)
{
    field_object(json, key);
    field_count(json, "evaluations", c->evaluations);
    field_count(json, "positions", c->positions);
    field_count(json, "fan_in", c->fan_in);
    field_count(json, "outputs", c->outputs);
    field_count(json, "valid_taps", c->valid_taps);
    field_count(json, "cells_driven", c->cells_driven);
    field_count(json, "read_steps", c->read_steps);
    field_count(json, "reads", c->reads);
    field_count(json, "conversions", c->conversions);
    field_count(json, "accumulations", c->accumulations);
    field_count(json, "digital_operations", c->digital_operations);
    field_count(json, "normalizations", c->normalizations);
    field_count(json, "shortcuts", c->shortcuts);
    field_count(json, "scale_operations", c->scale_operations);
    field_count(json, "scale_bits", c->scale_bits);
    field_count(json, "buffer_read_bits", c->buffer_read_bits);
    field_count(json, "buffer_write_bits", c->buffer_write_bits);
    field_count(json, "random_bits", c->random_bits);
    field_count(json, "modules", c->modules);
    field_count(json, "weights", c->weights);
    field_count(json, "tiles", c->tiles);
    bb_json_end(json);
}

static void add_layers(bb_json *json, const bb_energy_report *report)
{
    field_array(json, "layers");
    for (uint32_t i = 0; i < report->n_layers; i++) {
        const bb_energy_layer_report *layer = &report->layers[i];
        bb_json_begin_object(json);
        field_string(json, "name", layer->name);
        field_string(json, "kind", layer->kind);
        add_counts(json, "counts_per_pass", &layer->counts);
        field_number(json, "sum_evaluations_shared", three_digits(layer->sums));
        field_number(json, "output_evaluations_shared", three_digits(layer->outputs));
        field_range(json, "pass_J", layer->pass_total_J);
        field_range(json, "image_J", layer->image_total_J);
        field_range(json, "image_shared_J", layer->shared_total_J);
        add_components(json, "image_component_J", layer->image_J);
        add_components(json, "image_shared_component_J", layer->shared_J);
        field_range(json, "pass_s", layer->pass_s);
        field_range(json, "area_m2", layer->area_m2);
        bb_json_end(json);
    }
    bb_json_end(json);
}

static void add_parameters(bb_json *json, const bb_energy_parameters *parameters)
{
    field_array(json, "parameters");
    for (uint32_t i = 0; i < bb_energy_parameter_count(); i++) {
        bb_energy_parameter_info info;
        bb_energy_parameter_get(parameters, i, &info);
        bb_json_begin_object(json);
        field_string(json, "key", info.key);
        field_string(json, "kind", info.kind);
        if (info.word) {
            field_string(json, "value", info.word);
        } else {
            field_number(json, "low", info.value.low);
            field_number(json, "nominal", info.value.nominal);
            field_number(json, "high", info.value.high);
        }
        field_string(json, "source", info.source);
        field_string(json, "confidence", info.confidence);
        field_string(json, "origin", info.origin);
        field_count(json, "line", info.line);
        field_bool(json, "changed", info.changed);
        bb_json_end(json);
    }
    bb_json_end(json);
}

static void add_value(bb_json *json, const char *key, const char *word, double value)
{
    if (word)
        field_string(json, key, word);
    else
        field_number(json, key, value);
}

static void add_sensitivities(bb_json *json, const bb_energy_report *report)
{
    field_array(json, "sensitivity");
    for (uint32_t i = 0; i < report->n_sensitivities; i++) {
        const bb_energy_sensitivity *row = &report->sensitivities[i];
        bb_json_begin_object(json);
        field_string(json, "key", row->key);
        field_string(json, "kind", row->kind);
        add_value(json, "from", row->low_word, row->low_value);
        add_value(json, "to", row->high_word, row->high_value);
        field_number(json, "from_image_J", three_digits(row->low_J));
        field_number(json, "to_image_J", three_digits(row->high_J));
        bb_json_end(json);
    }
    bb_json_end(json);
    field_array(json, "changes");
    for (uint32_t i = 0; i < report->n_changes; i++) {
        const bb_energy_change *row = &report->changes[i];
        bb_json_begin_object(json);
        field_string(json, "key", row->key);
        add_value(json, "from", row->from_word, row->from);
        add_value(json, "to", row->to_word, row->to);
        field_string(json, "origin", row->origin);
        field_count(json, "line", row->line);
        field_number(json, "preset_image_J", three_digits(row->before_J));
        field_number(json, "changed_image_J", three_digits(row->after_J));
        bb_json_end(json);
    }
    bb_json_end(json);
}

static void add_risks(bb_json *json, const bb_energy_risks *risks)
{
    field_object(json, "risks");
    field_count(json, "adc_bits", risks->adc_bits);
    field_count(json, "lossless_bits", risks->lossless_bits);
    field_bool(json, "lossless", risks->lossless);
    field_range(json, "column_current_A", risks->column_current_A);
    field_number(json, "column_current_max_A", risks->column_current_max_A);
    field_range(json, "read_disturbs_per_image", risks->read_disturbs_per_image);
    field_range(json, "probability_shift", risks->probability_shift);
    field_number(json, "drop_probability", risks->drop_probability);
    field_range(json, "popcount_noise_counts", risks->popcount_noise);
    bb_json_end(json);
}

static void add_options(bb_json *json, const bb_energy_report *report)
{
    const bb_energy_options *o = &report->options;
    field_string(json, "network", report->network);
    field_hash(json, "network_hash", report->network_hash);
    field_string(json, "preset", report->preset);
    field_hash(json, "parameters_hash", report->parameters_hash);
    field_number(json, "calibration", report->calibration);
    field_string(json, "method", bb_energy_method_word(o->method));
    field_string(json, "mapping", bb_energy_mapping_word(o->mapping));
    field_string(json, "first_layer", bb_energy_first_layer_word(o->first_layer));
    field_count(json, "samples", o->passes);
    field_count(json, "images", o->images);
    field_string(json, "shared_accounting", report->counted ? "counted" : "expected");
}

static bb_range times(bb_range range, double factor)
{
    return (bb_range){range.low * factor, range.nominal * factor, range.high * factor};
}

bb_status energy_print_report_json(FILE *stream, bb_context *context,
                                   const bb_energy_report *report,
                                   const bb_energy_parameters *parameters)
{
    bb_text text;
    bb_json json;
    const double images = (double)report->options.images;
    json_begin(&json, &text, context);
    add_options(&json, report);
    field_range(&json, "pass_J", report->pass_total_J);
    field_range(&json, "image_J", report->image_total_J);
    field_range(&json, "image_shared_J", report->shared_total_J);
    field_range(&json, "data_set_J", times(report->image_total_J, images));
    field_range(&json, "data_set_shared_J", times(report->shared_total_J, images));
    field_range(&json, "image_s", report->image_s);
    field_range(&json, "image_pipelined_s", report->pipelined_image_s);
    field_range(&json, "image_shared_s", report->shared_image_s);
    field_range(&json, "area_m2", report->area_m2);
    field_range(&json, "weight_write_J", report->weight_write_J);
    field_number(&json, "distinct_leaves", three_digits(report->leaves));
    add_counts(&json, "counts_per_pass", &report->counts);
    add_components(&json, "image_component_J", report->image_J);
    add_components(&json, "image_shared_component_J", report->shared_J);
    add_layers(&json, report);
    add_sensitivities(&json, report);
    add_risks(&json, &report->risks);
    field_array(&json, "warnings");
    for (uint32_t i = 0; i < report->n_warnings; i++)
        bb_json_string(&json, report->warnings[i]);
    bb_json_end(&json);
    add_parameters(&json, parameters);
    return json_finish(&json, stream);
}

static void add_measurement(bb_json *json, const bb_energy_comparison *comparison)
{
    const bb_measurement *m = &comparison->device;
    field_object(json, "device");
    field_string(json, "status", bb_meter_status_word(m->status));
    if (m->meter[0])
        field_string(json, "meter", m->meter);
    if (m->domains[0])
        field_string(json, "domains", m->domains);
    if (m->reason[0])
        field_string(json, "reason", m->reason);
    if (m->remedy[0])
        field_string(json, "remedy", m->remedy);
    if (m->status == BB_METER_MEASURED) {
        field_number(json, "window_s", three_digits(m->window_s));
        field_number(json, "counter_update_s", three_digits(m->update_s));
        field_number(json, "gross_J", three_digits(m->gross_J));
        field_number(json, "net_J", three_digits(m->net_J));
        field_bool(json, "idle_subtracted", m->idle_subtracted);
        if (m->idle_subtracted)
            field_number(json, "idle_W", three_digits(m->idle_W));
        field_number(json, "gross_J_per_image", three_digits(comparison->device_gross_J));
        field_number(json, "net_J_per_image", three_digits(comparison->device_net_J));
    }
    bb_json_end(json);
}

void energy_add_comparison(bb_json *json, const char *key, const bb_energy_comparison *comparison)
{
    if (!comparison->caveat)
        return;
    field_object(json, key);
    field_string(json, "preset", bb_energy_preset_name(0));
    field_range(json, "chip_J_per_image", comparison->chip_J);
    field_range(json, "chip_shared_J_per_image", comparison->chip_shared_J);
    add_measurement(json, comparison);
    if (comparison->ratio.high > 0.0) {
        field_range(json, "device_over_chip", comparison->ratio);
        field_range(json, "device_over_chip_shared", comparison->shared_ratio);
    }
    field_string(json, "caveat", comparison->caveat);
    bb_json_end(json);
}

void energy_print_comparison(FILE *stream, const bb_energy_comparison *comparison)
{
    const bb_measurement *m = &comparison->device;
    const bb_range *r = &comparison->ratio, *s = &comparison->shared_ratio;
    char full[64], shared[64], gross[32], net[32];
    if (!comparison->caveat)
        return;
    fprintf(stream,
            "\nenergy per image\n  chip    %s (low .. nominal .. high) every pass in full; %s "
            "prefixes shared\n",
            format_range(full, comparison->chip_J, "J"),
            format_range(shared, comparison->chip_shared_J, "J"));
    if (m->status == BB_METER_MEASURED)
        fprintf(stream,
                "  device  measured: %s %s, %s gross (%s: %s, %.3g s)\n"
                "  ratio   device / chip  %.3g .. %.3g .. %.3g in full; %.3g .. %.3g .. %.3g "
                "shared\n",
                format_si(net, comparison->device_net_J, "J"),
                m->idle_subtracted ? "above idle" : "with idle power included",
                format_si(gross, comparison->device_gross_J, "J"), m->meter, m->domains,
                m->window_s, r->low, r->nominal, r->high, s->low, s->nominal, s->high);
    else
        fprintf(stream, "  device  %s: %s%s%s\n",
                m->status == BB_METER_UNRELIABLE ? "unreliable" : "not measured", m->reason,
                m->remedy[0] ? "; " : "", m->remedy);
    fprintf(stream, "  note    %s\n", comparison->caveat);
}
