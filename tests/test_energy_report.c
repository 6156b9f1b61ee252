/* SPDX-License-Identifier: MIT */
/* Properties of the estimate that hold for every network and method. */
#include "energy/energy.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bb_context *context;
static bb_energy_parameters *parameters;

static void open_all(void)
{
    cr_assert_eq(bb_context_create(&context, NULL), BB_OK);
    cr_assert_eq(bb_energy_parameters_create(&parameters, context, NULL), BB_OK);
}

static void close_all(void)
{
    bb_energy_parameters_free(parameters);
    bb_context_free(context);
}

TestSuite(energy_report, .init = open_all, .fini = close_all);

static void set(const char *assignment)
{
    cr_assert_eq(bb_energy_parameters_set(parameters, assignment), BB_OK, "%s",
                 bb_context_error(context));
}

static bb_energy_report *estimate(const char *name, const bb_energy_options *options)
{
    bb_energy_network *network;
    bb_energy_report *report;
    cr_assert_eq(bb_energy_network_builtin(&network, context, name), BB_OK);
    cr_assert_eq(bb_energy_estimate(&report, context, network, parameters, options), BB_OK, "%s",
                 bb_context_error(context));
    for (uint32_t i = 0; i < report->n_layers; i++)
        report->layers[i].name = "";
    report->network = "";
    bb_energy_network_free(network);
    return report;
}

static double image_J(const char *name, const bb_energy_options *options)
{
    bb_energy_report *report = estimate(name, options);
    const double joules = report->image_total_J.nominal;
    bb_energy_report_free(report);
    return joules;
}

static void expect_equal(double a, double b, const char *what)
{
    cr_expect(fabs(a - b) <= 1e-12 * fmax(fabs(a), fabs(b)), "%s: %.17g and %.17g", what, a, b);
}

static void expect_ordered(bb_range range, const char *what)
{
    cr_expect(range.low >= 0 && range.low <= range.nominal && range.nominal <= range.high,
              "%s: %g %g %g", what, range.low, range.nominal, range.high);
}

static void expect_conserved(const bb_energy_report *report)
{
    double layers = 0, components = 0, shared_layers = 0, pass = 0, seconds = 0, area = 0;
    uint64_t cells = 0, bits = 0, modules = 0;
    for (uint32_t i = 0; i < report->n_layers; i++) {
        const bb_energy_layer_report *layer = &report->layers[i];
        double sum = 0;
        for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++) {
            sum += layer->image_J[c].high;
            expect_ordered(layer->image_J[c], "component of a layer");
            expect_ordered(layer->shared_J[c], "shared component of a layer");
        }
        expect_equal(sum, layer->image_total_J.high, "components of a layer");
        layers += layer->image_total_J.high;
        shared_layers += layer->shared_total_J.high;
        pass += layer->pass_total_J.nominal;
        seconds += layer->pass_s.nominal;
        area += layer->area_m2.nominal;
        cells += layer->counts.cells_driven;
        bits += layer->counts.random_bits;
        modules += layer->counts.modules;
    }
    for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++)
        components += report->image_J[c].high;
    expect_equal(layers, report->image_total_J.high, "layers");
    expect_equal(components, report->image_total_J.high, "components");
    expect_equal(shared_layers, report->shared_total_J.high, "shared layers");
    expect_equal(pass, report->pass_total_J.nominal, "passes");
    expect_equal(seconds, report->pass_s.nominal, "seconds");
    expect_equal(area, report->area_m2.nominal, "area");
    cr_expect_eq(cells, report->counts.cells_driven);
    cr_expect_eq(bits, report->counts.random_bits);
    cr_expect_eq(modules, report->counts.modules);
}

static void expect_bounds(const bb_energy_report *report)
{
    expect_ordered(report->pass_total_J, "pass");
    expect_ordered(report->image_total_J, "image");
    expect_ordered(report->shared_total_J, "shared");
    expect_ordered(report->image_s, "latency");
    expect_ordered(report->pipelined_image_s, "pipelined");
    expect_ordered(report->shared_image_s, "shared latency");
    expect_ordered(report->area_m2, "area");
    expect_ordered(report->weight_write_J, "weight write");
    expect_ordered(report->risks.column_current_A, "current");
    expect_ordered(report->risks.read_disturbs_per_image, "disturbs");
    expect_ordered(report->risks.probability_shift, "shift");
    expect_ordered(report->risks.popcount_noise, "noise");
    cr_expect(report->shared_total_J.nominal <= report->image_total_J.nominal * (1 + 1e-12));
    cr_expect(report->pipelined_image_s.nominal <= report->image_s.nominal * (1 + 1e-12));
}

Test(energy_report, sums_and_bounds_hold_everywhere)
{
    for (uint32_t n = 0; bb_energy_network_name(n); n++) {
        for (uint32_t method = 0; method < BB_N_ENERGY_METHODS; method++) {
            for (uint32_t mapping = 0; mapping < BB_N_ENERGY_MAPPINGS; mapping++) {
                bb_energy_options options = bb_energy_options_default();
                options.method = (bb_energy_method)method;
                options.mapping = (bb_energy_mapping)mapping;
                options.first_layer = (bb_energy_first_layer)((n + method) % 3);
                bb_energy_report *report = estimate(bb_energy_network_name(n), &options);
                expect_conserved(report);
                expect_bounds(report);
                bb_energy_report_free(report);
            }
        }
    }
}

Test(energy_report, linear_in_passes)
{
    bb_energy_options options = bb_energy_options_default();
    options.method = BB_ENERGY_METHOD_SPATIAL;
    options.passes = 1;
    const double one = image_J("lenet5", &options);
    options.passes = 100;
    expect_equal(image_J("lenet5", &options), 100 * one, "T = 100");
}

Test(energy_report, linear_in_calibration)
{
    const double before = image_J("vgg-small", NULL);
    set("calibration_ratio=3");
    expect_equal(image_J("vgg-small", NULL), 3 * before, "calibration");
}

/* Nothing falls when a cost rises, unless the table says that it does; and the other way round. */
Test(energy_report, monotone_in_every_cost)
{
    for (uint32_t key = 0; key < BB_N_KEYS; key++) {
        const bb_key_definition *definition = &bb_key_definitions[key];
        if (definition->kind != BB_KEY_COST)
            continue;
        const bb_range range = parameters->entries[key].value;
        double joules[2], seconds[2], area[2];
        for (int k = 0; k < 2; k++) {
            parameters->entries[key].value.nominal = k ? range.high : range.low;
            bb_energy_options options = bb_energy_options_default();
            options.method = BB_ENERGY_METHOD_SPINDROP;
            bb_energy_report *report = estimate("lenet5", &options);
            joules[k] = report->image_total_J.nominal + report->weight_write_J.nominal;
            seconds[k] = report->image_s.nominal;
            area[k] = report->area_m2.nominal;
            bb_energy_report_free(report);
        }
        parameters->entries[key].value = range;
        const int low = definition->falls ? 1 : 0, high = 1 - low;
        cr_expect(joules[low] <= joules[high], "%s", definition->key);
        cr_expect(seconds[low] <= seconds[high], "%s", definition->key);
        cr_expect(area[low] <= area[high], "%s", definition->key);
    }
}

static double with(const char *assignment)
{
    set(assignment);
    return image_J("vgg-small", NULL);
}

Test(energy_report, monotone_in_voltage_bits_and_passes)
{
    cr_expect(with("read_V=0.05") < with("read_V=0.1"));
    cr_expect(with("read_V=0.1") < with("read_V=0.2"));
    cr_expect(with("adc_bits=5") < with("adc_bits=6"));
    cr_expect(with("adc_bits=6") < with("adc_bits=7"));
    bb_energy_options options = bb_energy_options_default();
    double last = 0, last_shared = 0;
    for (uint32_t t = 1; t <= 64; t *= 2) {
        options.passes = t;
        options.method = BB_ENERGY_METHOD_SCALE;
        bb_energy_report *report = estimate("vgg-small", &options);
        cr_expect(report->image_total_J.nominal > last);
        cr_expect(report->shared_total_J.nominal > last_shared);
        last = report->image_total_J.nominal;
        last_shared = report->shared_total_J.nominal;
        bb_energy_report_free(report);
    }
}

Test(energy_report, nothing_costs_nothing)
{
    for (uint32_t key = 0; key < BB_N_KEYS; key++)
        if (bb_key_definitions[key].kind == BB_KEY_COST && bb_key_definitions[key].least == 0.0)
            parameters->entries[key].value = (bb_range){0, 0, 0};
    for (uint32_t method = 0; method < BB_N_ENERGY_METHODS; method++) {
        bb_energy_options options = bb_energy_options_default();
        options.method = (bb_energy_method)method;
        bb_energy_report *report = estimate("resnet18-cifar", &options);
        cr_expect(report->image_total_J.high == 0);
        cr_expect(report->shared_total_J.high == 0);
        cr_expect(report->image_s.high == 0);
        cr_expect_eq(report->n_sensitivities, 0);
        bb_energy_report_free(report);
    }
}

Test(energy_report, expected_prefixes)
{
    const bb_energy_site drop = {.kind = BB_DRAW_DROP, .p = 0.1, .n_draws = 2};
    const bb_energy_site *drops[8];
    double total20 = 0, total100 = 0;
    for (uint32_t d = 0; d < 8; d++) {
        drops[d] = &drop;
        /* Layer d reads what d sites shaped. */
        total20 += bb_energy_distinct(drops, d, 20);
        total100 += bb_energy_distinct(drops, d, 100);
    }
    cr_expect(fabs(total20 - 36.95) < 0.05, "%g", total20);
    cr_expect(fabs(total100 - 68.8) < 0.05, "%g", total100);
    const bb_energy_site member = {.kind = BB_DRAW_MEMBER, .n_draws = 4};
    const bb_energy_site *members[1] = {&member};
    cr_expect(fabs(bb_energy_distinct(members, 1, 3) - 4 * (1 - pow(0.75, 3))) < 1e-12);
    const bb_energy_site mask = {.kind = BB_DRAW_MASK, .p = 0.1, .n_elements = 32};
    const bb_energy_site *masks[2] = {&mask, &drop};
    const double distinct = bb_energy_distinct(masks, 1, 20);
    cr_expect(distinct > 17 && distinct < 20, "%g", distinct);
    cr_expect(bb_energy_distinct(masks, 2, 20) > distinct);
    const bb_energy_site certain = {.kind = BB_DRAW_DROP, .p = 1.0};
    const bb_energy_site *certains[1] = {&certain};
    cr_expect(bb_energy_distinct(certains, 1, 20) == 1);
    const bb_energy_site always = {.kind = BB_DRAW_MASK_ALWAYS, .p = 0.1, .n_elements = 9};
    const bb_energy_site *all[1] = {&always};
    cr_expect(bb_energy_distinct(all, 1, 20) == 20);
}

/* Groups of different p: against the enumeration of every prefix. */
Test(energy_report, expected_prefixes_of_mixed_sites)
{
    const bb_energy_site sites[] = {{.kind = BB_DRAW_DROP, .p = 0.1},
                                    {.kind = BB_DRAW_DROP, .p = 0.3},
                                    {.kind = BB_DRAW_MASK, .p = 0.3, .n_elements = 3},
                                    {.kind = BB_DRAW_MEMBER, .n_draws = 3},
                                    {.kind = BB_DRAW_DROP, .p = 0.1}};
    const bb_energy_site *list[5];
    for (uint32_t i = 0; i < 5; i++)
        list[i] = &sites[i];
    double sum = 0;
    for (uint32_t bits = 0; bits < 64; bits++) {
        double p = 1.0 / 3.0;
        for (uint32_t k = 0; k < 6; k++) {
            const double drop = k < 2 ? 0.1 : 0.3;
            p *= bits >> k & 1 ? drop : 1 - drop;
        }
        sum += 3 * (1 - pow(1 - p, 20));
    }
    cr_expect(fabs(bb_energy_distinct(list, 5, 20) - sum) < 1e-9);
}

Test(energy_report, shared_accounting_of_scale_dropout)
{
    bb_energy_options options = bb_energy_options_default();
    options.method = BB_ENERGY_METHOD_SCALE;
    options.drop_probability = 0.1;
    bb_energy_report *report = estimate("lenet5", &options);
    cr_expect(report->layers[0].sums == 1.0);
    expect_equal(report->layers[0].outputs, report->layers[1].sums, "outputs feed the next layer");
    for (uint32_t i = 1; i < report->n_layers; i++)
        cr_expect(report->layers[i].sums > report->layers[i - 1].sums);
    expect_equal(report->leaves, report->layers[4].outputs, "leaves");
    expect_equal(report->layers[1].shared_J[BB_ENERGY_CELL].nominal,
                 report->layers[1].sums * report->layers[1].pass_J[BB_ENERGY_CELL].nominal,
                 "cells");
    expect_equal(report->shared_J[BB_ENERGY_RNG].nominal, report->image_J[BB_ENERGY_RNG].nominal,
                 "random bits are drawn for every pass");
    bb_energy_report_free(report);
    const double counted[] = {1, 2, 3, 4, 5};
    options.evaluations = counted;
    options.leaves = 6;
    report = estimate("lenet5", &options);
    cr_expect(report->counted);
    cr_expect(report->leaves == 6);
    for (uint32_t i = 0; i < report->n_layers; i++) {
        cr_expect(report->layers[i].sums == counted[i]);
        cr_expect(report->layers[i].outputs == counted[i] + 1);
    }
    bb_energy_report_free(report);
}

Test(energy_report, changes_tell_what_moved)
{
    set("adc_J_ratio=0.5");
    set("rng_kind=smtj");
    bb_energy_report *report = estimate("lenet5", NULL);
    cr_assert_eq(report->n_changes, 2);
    cr_expect_str_eq(report->changes[0].key, "adc_J_ratio");
    cr_expect(report->changes[0].after_J < report->changes[0].before_J);
    cr_expect_str_eq(report->changes[1].to_word, "smtj");
    cr_expect(report->changes[1].after_J == report->changes[1].before_J);
    bb_energy_report_free(report);
}

Test(energy_report, options_out_of_range_are_refused)
{
    bb_energy_network *network;
    bb_energy_report *report;
    cr_assert_eq(bb_energy_network_builtin(&network, context, "lenet5"), BB_OK);
    for (int i = 0; i < 7; i++) {
        bb_energy_options options = bb_energy_options_default();
        switch (i) {
        case 0:
            options.passes = 0;
            break;
        case 1:
            options.passes = 65537;
            break;
        case 2:
            options.images = 0;
            break;
        case 3:
            options.copies = 0;
            break;
        case 4:
            options.members = 1;
            break;
        case 5:
            options.drop_probability = 1.5;
            break;
        default:
            options.drop_probability = (double)NAN;
            break;
        }
        cr_expect_eq(bb_energy_estimate(&report, context, network, parameters, &options),
                     BB_ARGUMENT);
        cr_expect_null(report);
    }
    bb_energy_network_free(network);
    cr_expect_eq(bb_energy_network_builtin(&network, context, "vgg"), BB_ARGUMENT);
    cr_expect_null(network);
    cr_expect(strstr(bb_context_error(context), "vgg-small-3fc"));
}

/* Every topic of `explain` names parameters that exist, and every cost is explained somewhere. */
Test(energy_report, topics_and_keys_fit)
{
    bool explained[BB_N_KEYS] = {false};
    for (uint32_t i = 0; i < bb_energy_topic_count(); i++) {
        const bb_energy_topic *topic = bb_energy_topic_get(i);
        cr_expect_eq(bb_energy_topic_find(topic->name), topic);
        char keys[512], *rest = NULL;
        cr_assert(strlen(topic->keys) < sizeof(keys));
        strcpy(keys, topic->keys);
        for (char *key = strtok_r(keys, " ", &rest); key; key = strtok_r(NULL, " ", &rest)) {
            const uint32_t index = bb_energy_parameter_find(key);
            cr_expect(index != UINT32_MAX, "%s: %s", topic->name, key);
            if (index != UINT32_MAX)
                explained[index] = true;
        }
    }
    for (uint32_t key = 0; key < BB_N_KEYS; key++)
        cr_expect(explained[key], "%s", bb_key_definitions[key].key);
    for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++)
        cr_expect(bb_energy_topic_find(bb_energy_component_word((bb_energy_component)c)));
}

/* A row of the table equals an estimate with that value set. */
Test(energy_report, sensitivities_are_estimates)
{
    bb_energy_report *report = estimate("lenet5", NULL);
    uint32_t found = 0;
    for (uint32_t i = 0; i < report->n_sensitivities; i++) {
        const bb_energy_sensitivity *row = &report->sensitivities[i];
        cr_expect(i == 0 || row->swing_J <= row[-1].swing_J);
        if (strcmp(row->key, "adc_J_ratio") != 0)
            continue;
        found++;
        const double low_J = row->low_J, high_J = row->high_J;
        set("adc_J_ratio=0.15");
        expect_equal(image_J("lenet5", NULL), low_J, "low");
        set("adc_J_ratio=1.7");
        expect_equal(image_J("lenet5", NULL), high_J, "high");
    }
    cr_expect_eq(found, 1);
    bb_energy_report_free(report);
}

Test(energy_report, ratios_go_corner_by_corner)
{
    const bb_range ratio = bb_range_ratio((bb_range){2, 6, 30}, (bb_range){1, 2, 5});
    cr_expect(ratio.low == 2 && ratio.nominal == 3 && ratio.high == 6);
    const bb_range falling = bb_range_ratio((bb_range){9, 9, 9}, (bb_range){1, 3, 9});
    cr_expect(falling.low == 1 && falling.nominal == 3 && falling.high == 9);
    const bb_range none = bb_range_ratio((bb_range){1, 2, 3}, (bb_range){0, 1, 2});
    cr_expect(none.low == 0 && none.nominal == 0 && none.high == 0);
}
