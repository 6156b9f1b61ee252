/* SPDX-License-Identifier: MIT */
/* `bitbayes energy` from outside. */
#include "program.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char folder[64];

static void begin(void)
{
    folder_make(folder);
}

static void end(void)
{
    folder_remove(folder);
}

TestSuite(energy_command, .init = begin, .fini = end);

static void expect_out(const char *words, const char *const *texts)
{
    outcome o = run_program(folder, NULL, words);
    cr_expect_eq(o.code, 0, "`%s`: %d: %s", words, o.code, o.err);
    for (; *texts; texts++)
        cr_expect(strstr(o.out, *texts), "`%s`: expected '%s' in: %s", words, *texts, o.out);
    cr_expect_str_eq(o.err, "", "%s", words);
    outcome_free(&o);
}

#define EXPECT(words, ...) expect_out(words, (const char *const[]){__VA_ARGS__, NULL})

Test(energy_command, report)
{
    EXPECT("energy lenet5 --method spatial -T 20", "611 random bits", "stochastic modules 611",
           "energy per image, every pass in full", "energy per image, prefixes shared", "conv1",
           "one at a time", "column current", "lossless");
    EXPECT("energy " DIGITS_MODEL, "3 random bits", "stochastic modules 1", "method   own");
    EXPECT("energy lenet5 --set rows_on_count=256", "2.99 mA", "warning: column current",
           "command line");
    EXPECT("energy lenet5 --set calibration_ratio=2", "CALIBRATION");
    EXPECT("energy lenet5 -n 10000", "energy of 10,000 images");
}

Test(energy_command, machine_readable)
{
    EXPECT("energy lenet5 --json", "\"image_J\"", "\"parameters_hash\"", "\"changes\": []",
           "\"origin\": \"nominal28\"", "\"schema_version\"");
    EXPECT("energy lenet5 --csv", "layer,component,count_per_pass,J_low", "conv1,cell,861888,");
    EXPECT("energy lenet5 --format md", "| layer | component |", "| --- |");
    EXPECT("energy ratios lenet5 --json", "\"ratio\": 25", "\"baselines\"");
}

Test(energy_command, ratios_name_their_denominators)
{
    EXPECT("energy ratios vgg-small-3fc", "11,547    1,283      9", "1. stochastic modules",
           "2. dropout subsystem", "3. energy per image, same network", "4. declared baselines",
           "94.11x", ">100x", "not derivable");
}

Test(energy_command, table_covers_methods_and_passes)
{
    EXPECT("energy table lenet5 resnet18-cifar -T 1,20,100 --format md", "| T = 100, in full |",
           "| lenet5 | spindrop |", "| resnet18-cifar | ensemble |");
}

Test(energy_command, explanations)
{
    EXPECT("energy explain", "sense", "read-disturb");
    EXPECT("energy explain sense", "adc_J_ratio = 1    (low 0.15, high 1.7)", "ZigZag-IMC",
           "nominal28, line");
    EXPECT("energy explain read_V", "read voltage across a cell", "confidence  L");
}

Test(energy_command, a_line_of_ones_own_changes_a_default)
{
    static const char line[] = "adc_J_ratio = 0.3 ; low 0.2 high 0.5 ; src our macro ; conf M\n";
    write_file(in_folder(folder, "mine.txt"), line, sizeof(line) - 1);
    EXPECT("energy lenet5 -P %/mine.txt", "1 changed", "adc_J_ratio", "mine.txt:1");
    EXPECT("energy explain adc_J_ratio -P %/mine.txt", "our macro", "the preset has 1");
}

Test(energy_command, refusals)
{
    static const char line[] = "\nread = 1\n";
    write_file(in_folder(folder, "bad.txt"), line, sizeof(line) - 1);
    expect_refusal(folder, NULL, "energy", 2, "missing");
    expect_refusal(folder, NULL, "energy --bogus", 2, "--bogus");
    expect_refusal(folder, NULL, "energy lenet5 more", 2, "expected");
    expect_refusal(folder, NULL, "energy lenet5 --method magic", 2, "magic");
    expect_refusal(folder, NULL, "energy lenet5 --mapping magic", 2, "magic");
    expect_refusal(folder, NULL, "energy lenet5 --format xml", 2, "xml");
    expect_refusal(folder, NULL, "energy lenet5 --preset papers", 2, "nominal28, optimistic");
    expect_refusal(folder, NULL, "energy lenet5 -T 0", 2, "samples");
    expect_refusal(folder, NULL, "energy lenet5 -T 1,20", 2, "table");
    expect_refusal(folder, NULL, "energy lenet5 --set adc_J=1", 2, "adc_J");
    expect_refusal(folder, NULL, "energy explain banana", 2, "banana");
    expect_refusal(folder, NULL, "energy explain --json", 2, "text");
    expect_refusal(folder, NULL, "energy %/no.onnx", 3, "no.onnx");
    expect_refusal(folder, NULL, "energy lenet5 -P %/bad.txt", 3, "bad.txt:2");
    expect_refusal(folder, NULL, "energy lenet5 -o %/no/such/file", 6, "no/such/file");
}
