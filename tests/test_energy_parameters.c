/* SPDX-License-Identifier: MIT */
/* Reading parameters: what is shipped is complete, what is wrong is refused with file and line. */
#include "energy/energy.h"

#include <criterion/criterion.h>
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

TestSuite(energy_parameters, .init = open_all, .fini = close_all);

static bb_status parse(const char *text)
{
    return bb_energy_parameters_parse(parameters, text, strlen(text), "mine.txt");
}

static bb_energy_parameter_info get(const char *key)
{
    bb_energy_parameter_info info;
    const uint32_t index = bb_energy_parameter_find(key);
    cr_assert(index != UINT32_MAX, "%s", key);
    bb_energy_parameter_get(parameters, index, &info);
    return info;
}

Test(energy_parameters, every_default_has_a_source)
{
    for (uint32_t i = 0; i < bb_energy_parameter_count(); i++) {
        bb_energy_parameter_info info;
        bb_energy_parameter_get(parameters, i, &info);
        cr_expect(strlen(info.source) > 0, "%s", info.key);
        cr_expect(strlen(info.confidence) > 0, "%s", info.key);
        cr_expect_str_eq(info.origin, "nominal28");
        cr_expect_gt(info.line, 0);
        cr_expect(!info.words == !info.word, "%s", info.key);
        cr_expect_not(info.changed);
    }
    cr_expect_gt(parameters->n_baselines, 0);
}

/* A key without its unit could not be told from another one's. */
Test(energy_parameters, every_key_ends_with_its_unit)
{
    static const char *const units[] = {
        "_ohm", "_ratio", "_J", "_V",  "_s",    "_fraction",  "_m2",        "_count",     "_A",
        "_W",   "_bits",  "_F", "_nm", "_kind", "_J_per_bit", "_W_per_bit", "_m2_per_bit"};
    for (uint32_t i = 0; i < BB_N_KEYS; i++) {
        const char *key = bb_key_definitions[i].key;
        bool found = false;
        for (size_t u = 0; u < BB_COUNT_OF(units); u++) {
            const size_t a = strlen(key), b = strlen(units[u]);
            found =
                found || (a > b && !strcmp(key + a - b, units[u])) || !strcmp(key, units[u] + 1);
        }
        cr_expect(found, "%s", key);
    }
}

Test(energy_parameters, presets_differ_and_carry_names)
{
    cr_expect_str_eq(bb_energy_preset_name(0), "nominal28");
    cr_expect_str_eq(bb_energy_preset_name(1), "optimistic");
    cr_expect_null(bb_energy_preset_name(2));
    bb_energy_parameters *optimistic;
    cr_assert_eq(bb_energy_parameters_create(&optimistic, context, "optimistic"), BB_OK, "%s",
                 bb_context_error(context));
    cr_expect_neq(bb_energy_parameters_hash(optimistic), bb_energy_parameters_hash(parameters));
    cr_expect_str_eq(bb_energy_parameters_preset(optimistic), "optimistic");
    bb_energy_network *network;
    bb_energy_report *report[2];
    cr_assert_eq(bb_energy_network_builtin(&network, context, "vgg-small"), BB_OK);
    cr_assert_eq(bb_energy_estimate(&report[0], context, network, parameters, NULL), BB_OK);
    cr_assert_eq(bb_energy_estimate(&report[1], context, network, optimistic, NULL), BB_OK);
    cr_expect(report[1]->image_total_J.nominal < report[0]->image_total_J.nominal / 2);
    cr_expect_eq(report[1]->n_changes, 0);
    bb_energy_report_free(report[0]);
    bb_energy_report_free(report[1]);
    bb_energy_network_free(network);
    bb_energy_parameters_free(optimistic);
    cr_expect_eq(bb_energy_parameters_create(&optimistic, context, "papers"), BB_ARGUMENT);
    cr_expect_null(optimistic);
    cr_expect(strstr(bb_context_error(context), "nominal28, optimistic"), "%s",
              bb_context_error(context));
}

Test(energy_parameters, a_file_overrides_single_keys)
{
    cr_assert_eq(
        parse("# mine\r\n\n[sense]\nadc_J_ratio = 0.5 ; low 0.4 high 0.6 ; src data sheet ; "
              "conf H ; note page 3 # remark\nrng_kind=lfsr"),
        BB_INPUT);
    cr_expect_not(get("adc_J_ratio").changed, "a bad file changes nothing");
    cr_assert_eq(
        parse("# mine\r\n\n[sense]\nadc_J_ratio = 0.5 ; low 0.4 high 0.6 ; src data sheet ; "
              "conf H ; note page 3 # remark\n[rng]\nrng_kind=lfsr"),
        BB_OK, "%s", bb_context_error(context));
    const bb_energy_parameter_info ratio = get("adc_J_ratio");
    cr_expect(ratio.changed);
    cr_expect(ratio.value.low == 0.4 && ratio.value.nominal == 0.5 && ratio.value.high == 0.6);
    cr_expect(ratio.preset.nominal == 1.0);
    cr_expect_str_eq(ratio.source, "data sheet");
    cr_expect_str_eq(ratio.confidence, "H");
    cr_expect_str_eq(ratio.note, "page 3");
    cr_expect_str_eq(ratio.origin, "mine.txt");
    cr_expect_eq(ratio.line, 4);
    cr_expect_str_eq(get("rng_kind").word, "lfsr");
    cr_expect_not(get("sa_J").changed);
}

Test(energy_parameters, a_value_without_range_has_no_spread)
{
    cr_assert_eq(parse("read_V = 0.2"), BB_OK);
    const bb_range value = get("read_V").value;
    cr_expect(value.low == 0.2 && value.nominal == 0.2 && value.high == 0.2);
}

Test(energy_parameters, an_empty_file_changes_nothing)
{
    const uint64_t hash = bb_energy_parameters_hash(parameters);
    cr_expect_eq(parse(""), BB_OK);
    cr_expect_eq(parse("\n\n# nothing\n"), BB_OK);
    cr_expect_eq(bb_energy_parameters_hash(parameters), hash);
}

Test(energy_parameters, baselines_are_declared_and_replaced)
{
    const uint32_t n = parameters->n_baselines;
    cr_assert_eq(parse("[baseline]\nmine_J = 2e-6 ; src bench ; note ours\n"
                       "VIBNN_FPGA_J = 1e-5 ; src again\n"),
                 BB_OK, "%s", bb_context_error(context));
    cr_expect_eq(parameters->n_baselines, n + 1);
    cr_expect_str_eq(parameters->baselines[n].name, "mine");
    cr_expect(parameters->baselines[0].entry.value.nominal == 1e-5);
    cr_expect_eq(parse("[baseline]\na_J = 1 ; src x\na_J = 2 ; src y\n"), BB_INPUT);
}

/* The text of a bad line; the line it stands in; part of the message. */
static const struct {
    const char *text;
    int line;
    const char *message;
} bad_files[] = {
    {"adc_joules_ratio = 1", 1, "unknown"},
    {"\nbanana = 1", 2, "unknown"},
    {"mtj_rp = 6000", 1, "lacks its unit"},
    {"read = 0.1", 1, "lacks its unit"},
    {"read_V = -0.1", 1, "outside"},
    {"mtj_rp_ohm = 0", 1, "outside"},
    {"mtj_rp_ohm = -6000", 1, "outside"},
    {"\n\nread_V = 0.1 V", 3, "not a number"},
    {"read_V = nan", 1, "not a number"},
    {"read_V = inf", 1, "not a number"},
    {"read_V = 0x1p-3", 1, "not a number"},
    {"read_V = 1e999", 1, "not a number"},
    {"read_V = ", 1, "not a number"},
    {"read_V = 0,1", 1, "not a number"},
    {"read_V 0.1", 1, "expected key = value"},
    {"= 0.1", 1, "unknown"},
    {"rows_on_count = 31.5", 1, "whole number"},
    {"rows_on_count = 0", 1, "outside"},
    {"rows_on_count = 1e9", 1, "outside"},
    {"rows_on_count = 32 ; low 7.5 high 64", 1, "whole numbers"},
    {"rng_kind = quantum", 1, "not one of"},
    {"rng_kind = 2", 1, "not one of"},
    {"rng_kind = stt ; low 0 high 1", 1, "no range"},
    {"read_V = 0.1 ; low 0.2 high 0.3", 1, "low <= value <= high"},
    {"read_V = 0.1 ; low 0.15 high 0.05", 1, "low <= value <= high"},
    {"read_V = 0.1 ; low -1 high 0.2", 1, "range leaves"},
    {"read_V = 0.1 ; low 0.05", 1, "low NUMBER high NUMBER"},
    {"read_V = 0.1 ; low 0.05 high 0.2 0.3", 1, "low NUMBER high NUMBER"},
    {"read_V = 0.1 ; low 0.05 high 0.2 ; low 0.05 high 0.2", 1, "two ranges"},
    {"read_V = 0.1 ; source me", 1, "expected low, src, conf or note"},
    {"read_V = 0.1 ;", 1, "expected low, src, conf or note"},
    {"read_V = 0.1 ; src", 1, "has no text"},
    {"read_V = 0.1 ; src a ; src b", 1, "stands twice"},
    {"read_V = 0.1 ; conf high", 1, "expected H, M, L"},
    {"read_V = 0.1\nread_V = 0.2", 2, "first in line 1"},
    {"[sense]\nread_V = 0.1", 2, "belongs to [cell]"},
    {"[nowhere]", 1, "section 'nowhere' is unknown"},
    {"[cell\nread_V = 0.1", 1, "expected [section]"},
    {"[", 1, "expected [section]"},
    {"clk_fraction = 1.5", 1, "outside"},
    {"[baseline]\nthing = 1 ; src x", 2, "expected NAME_J"},
    {"[baseline]\nthing_J = 0 ; src x", 2, "positive"},
    {"[baseline]\nthing_J = 1", 2, "needs '; src TEXT'"},
    {"[baseline]\n_J = 1 ; src x", 2, "expected NAME_J"},
};

Test(energy_parameters, bad_files_are_refused_with_file_and_line)
{
    cr_assert(BB_COUNT_OF(bad_files) >= 30);
    const uint64_t hash = bb_energy_parameters_hash(parameters);
    for (size_t i = 0; i < BB_COUNT_OF(bad_files); i++) {
        char where[32];
        snprintf(where, sizeof(where), "mine.txt:%d: ", bad_files[i].line);
        cr_expect_eq(parse(bad_files[i].text), BB_INPUT, "%s", bad_files[i].text);
        const char *error = bb_context_error(context);
        cr_expect(strstr(error, where) == error, "%s: %s", bad_files[i].text, error);
        cr_expect(strstr(error, bad_files[i].message), "%s: %s", bad_files[i].text, error);
        cr_expect_eq(bb_energy_parameters_hash(parameters), hash, "%s", bad_files[i].text);
    }
}

Test(energy_parameters, bytes_that_are_no_text)
{
    cr_expect_eq(bb_energy_parameters_parse(parameters, "read_V\0= 1", 10, "mine.txt"), BB_INPUT);
    cr_expect_eq(bb_energy_parameters_parse(parameters, "\xff\xfe", 2, "mine.txt"), BB_INPUT);
    char *large = malloc(((size_t)1 << 20) + 2);
    memset(large, '\n', ((size_t)1 << 20) + 2);
    cr_expect_eq(bb_energy_parameters_parse(parameters, large, ((size_t)1 << 20) + 1, "mine.txt"),
                 BB_INPUT);
    free(large);
    cr_expect_eq(bb_energy_parameters_read(parameters, "/nonexistent/mine.txt"), BB_INPUT);
    cr_expect(strstr(bb_context_error(context), "/nonexistent/mine.txt"));
}

Test(energy_parameters, assignments)
{
    cr_expect_eq(bb_energy_parameters_set(parameters, "read_V=0.3"), BB_OK);
    cr_expect(get("read_V").value.nominal == 0.3);
    cr_expect_str_eq(get("read_V").origin, "command line");
    static const char *const bad[] = {
        "read_V", "read=0.1", "=1", "read_V=", "read_V=-1", "rng_kind=x", "rows_on_count=1.5"};
    for (size_t i = 0; i < BB_COUNT_OF(bad); i++)
        cr_expect_eq(bb_energy_parameters_set(parameters, bad[i]), BB_ARGUMENT, "%s", bad[i]);
    cr_expect(get("read_V").value.nominal == 0.3);
}

/* The n-th allocation fails, for every n: no crash, no leak, a clean status. */
typedef struct failing {
    size_t left;
} failing;

static void *fail_allocate(void *payload, size_t bytes)
{
    failing *self = payload;
    return self->left-- == 0 ? (self->left = 0, NULL) : malloc(bytes);
}

static void *fail_resize(void *payload, void *block, size_t bytes)
{
    failing *self = payload;
    return self->left-- == 0 ? (self->left = 0, NULL) : realloc(block, bytes);
}

static void fail_release(void *payload, void *block)
{
    (void)payload;
    free(block);
}

static bb_status run_all(bb_context *failing_context)
{
    bb_energy_parameters *values = NULL;
    bb_energy_network *network = NULL;
    bb_energy_ratios *ratios = NULL;
    bb_status status = bb_energy_parameters_create(&values, failing_context, "optimistic");
    if (status == BB_OK)
        status = bb_energy_parameters_parse(values, "rows_on_count = 256", 19, "mine.txt");
    if (status == BB_OK)
        status = bb_energy_network_builtin(&network, failing_context, "lenet5");
    if (status == BB_OK)
        status = bb_energy_ratios_create(&ratios, failing_context, network, values, NULL);
    bb_energy_ratios_free(ratios);
    bb_energy_network_free(network);
    bb_energy_parameters_free(values);
    return status;
}

Test(energy_parameters, every_allocation_may_fail)
{
    for (size_t n = 0;; n++) {
        failing self = {.left = n};
        const bb_allocator allocator = {fail_allocate, fail_resize, fail_release, &self};
        const bb_context_options options = {.allocator = &allocator};
        bb_context *small;
        bb_status status = bb_context_create(&small, &options);
        if (status == BB_OK)
            status = run_all(small);
        bb_context_free(small);
        if (status == BB_OK) {
            cr_expect_gt(n, 100);
            break;
        }
        cr_assert_eq(status, BB_MEMORY, "allocation %zu", n);
    }
}
