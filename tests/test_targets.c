/* SPDX-License-Identifier: MIT */
/* `bitbayes bench targets`: the table from made-up results; `bench save`; models' energy as CSV. */
#include "program.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char folder[64];

static void begin(void)
{
    folder_make(folder);
}

static void end(void)
{
    folder_remove(folder);
}

TestSuite(targets, .init = begin, .fini = end, .timeout = 600);

#define BEGIN "{\"schema_version\": 1, \"rows\": ["
#define MODEL(name, figures) "{\"name\": \"model/" name "\", \"status\": \"noisy\", " figures "}"
#define END "]}"

static void put(const char *name, const char *text)
{
    write_file(in_folder(folder, name), text, strlen(text));
}

/* A row as kernels.json or peers.json have it; `figure` is the share of the limit or the ratio. */
typedef struct made_row {
    const char *name, *status, *figure, *peer;
} made_row;

static void put_rows(const char *name, const made_row *rows, size_t n)
{
    FILE *stream = fopen(in_folder(folder, name), "w");
    cr_assert(stream);
    fputs(BEGIN, stream);
    for (size_t i = 0; i < n; i++)
        fprintf(stream,
                "%s{\"name\": \"%s\", \"status\": \"%s\", \"reason\": \"a reason\", \"%s\": %s, "
                "\"peer\": \"%s\", \"version\": \"1.0\"}",
                i ? ", " : "", rows[i].name, rows[i].status,
                rows[i].peer ? "ratio" : "percent_of_limit", rows[i].figure,
                rows[i].peer ? rows[i].peer : "");
    fputs(END, stream);
    cr_assert(fclose(stream) == 0);
}

#define PUT_ROWS(name, rows) put_rows(name, rows, sizeof(rows) / sizeof((rows)[0]))

/* Line `number` (from 0) of the table as CSV has to hold both texts. */
static void expect_line(int number, const char *verdict, const char *text)
{
    outcome o = run_program(folder, NULL, "bench targets % --format csv");
    char *line = o.out;
    for (int i = 0; i <= number && line; i++)
        line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
    cr_assert(o.code == 0 && line, "exit code %d: %s%s", o.code, o.out, o.err);
    line[strcspn(line, "\n")] = '\0';
    cr_expect(strstr(line, verdict) && strstr(line, text), "expected '%s' and '%s' in: %s", verdict,
              text, line);
    outcome_free(&o);
}

Test(targets, nothing_has_run)
{
    for (int i = 0; i < 12; i++)
        expect_line(i, ",not measured,", "has not run");
    put("vgg-small.reason", "no device\nmore\n");
    expect_line(3, ",not measured,", "\"no device\"");
    put("vgg-small.json", "{}");
    expect_refusal(folder, NULL, "bench targets %", 3, "vgg-small.json");
    expect_refusal(folder, NULL, "bench targets", 2, "a folder");
}

Test(targets, a_class_is_as_good_as_its_worst_row)
{
    const made_row good[] = {{"conv3x3/32x32x128x128/b16", "ok", "80.5", NULL},
                             {"conv3x3/8x8x512x512/b64", "noisy", "95", NULL},
                             /* not of the class: batch, channels, map, pool, bank, step, kernel */
                             {"conv3x3/8x8x512x512/b8", "ok", "9", NULL},
                             {"conv3x3/8x8x512x64/b16", "ok", "9", NULL},
                             {"conv3x3/4x4x512x512/b16", "ok", "9", NULL},
                             {"conv3x3/8x8x512x512/pool2/b16", "ok", "9", NULL},
                             {"conv3x3/8x8x512x512/draws2/b16", "ok", "9", NULL},
                             {"conv3x3/16x16x128x256/step2/b16", "ok", "9", NULL},
                             {"conv5x5/8x8x512x512/b16", "ok", "9", NULL}};
    const made_row bad[] = {{"conv3x3/32x32x128x128/b16", "ok", "79.9", NULL},
                            {"conv3x3/8x8x512x512/b64", "ok", "95", NULL},
                            {"dense/4096x4096/b64", "wrong", "null", NULL}};
    PUT_ROWS("kernels.json", good);
    expect_line(0, ",met,", "least 80.5 % (conv3x3/32x32x128x128/b16); 0 of 2 rows below");
    expect_line(1, ",not measured,", "no row of this class");
    PUT_ROWS("kernels.json", bad);
    expect_line(0, ",missed,", "least 79.9 % (conv3x3/32x32x128x128/b16); 1 of 2 rows below");
    expect_line(2, ",not measured,", "dense/4096x4096/b64: wrong: a reason");
}

Test(targets, models)
{
#define VGG(name, share, ratio)                                                                    \
    MODEL("vgg-small/b64/" name, "\"percent_of_limit\": " share ", \"ratio_to_bound\": " ratio     \
                                 ", \"operations\": 1e9, \"bound_s\": 0.1, \"inputs_per_s\": 9")
    put("vgg-small.json",
        BEGIN VGG("T1", "66", "1") "," VGG("T20", "70", "1.1") "," VGG("T100", "70", "1.2") END);
    expect_line(3, ",met,", "66.0 %");
    expect_line(5, ",missed,", "T = 100: 1.200x of 100 ms");
    put("mnist-conv-scale.json",
        BEGIN MODEL("mnist-conv-scale.onnx/b1/T20",
                    "\"bound_s\": 4e-5, \"launches_s\": 1e-4, \"median\": 1.7e-4") END);
    expect_line(6, ",missed,", "170 us; allowed 160 us = 1.5 x 40 + 100");
    put("mnist-conv-scale.json",
        BEGIN MODEL("mnist-conv-scale.onnx/b1/T20",
                    "\"bound_s\": 4e-5, \"launches_s\": 1e-4, \"median\": 1.5e-4") END);
    expect_line(6, ",met,", "150 us");
    expect_line(11, ",not measured,", "step mnist has not run");
}

Test(targets, peers)
{
    const made_row some[] = {{"a", "ok", "2", "OpenVINO BinaryConvolution"},
                             {"b", "ok", "0.8", "OpenVINO BinaryConvolution"},
                             {"v", "wrong", "null", "onnxruntime float32"}};
    const made_row others[] = {{"v", "ok", "60", "onnxruntime float32"},
                               {"v", "ok", "50", "PyTorch float32"}};
    PUT_ROWS("peers.json", some);
    expect_line(7, ",missed,", "1.26x (geometric mean of 2), least 0.80x (b)");
    expect_line(8, ",not measured,", "onnxruntime: a reason");
    PUT_ROWS("peers.json", others);
    expect_line(7, ",not measured,", "OpenVINO: was not run");
    expect_line(8, ",met,", "onnxruntime 1.0: 60.0x; PyTorch 1.0: 50.0x");
}

static void put_run(const char *name, const char *summary, const char *scores)
{
    char path[96];
    snprintf(path, sizeof(path), "memory/%s", name);
    mkdir(in_folder(folder, "memory"), 0700);
    mkdir(in_folder(folder, path), 0700);
    snprintf(path, sizeof(path), "memory/%s/summary.json", name);
    put(path, summary);
    snprintf(path, sizeof(path), "memory/%s/scores.csv", name);
    put(path, scores);
}

Test(targets, memory)
{
    static const char small[] = "{\"schema_version\": 1, \"peak_resident_bytes\": 50000000}",
                      large[] = "{\"schema_version\": 1, \"peak_resident_bytes\": 371000000}";
    put_run("one", small, "a");
    put_run("free", large, "scores");
    put_run("cold", large, "scores");
    put_run("limited", small, "scores");
    expect_line(10, ",met,", "50 MB; allowed 370 MB = 256 + 50 + 64; the same bits; cold 371 MB");
    put_run("limited", small, "others");
    expect_line(10, ",missed,", "OTHER bits");
    put_run("limited", large, "scores");
    expect_line(10, ",missed,", "371 MB; allowed 370 MB");
}

Test(targets, formats)
{
    outcome o = run_program(folder, NULL, "bench targets %");
    cr_expect(strncmp(o.out, "| what ", 7) == 0 && strstr(o.out, "| not measured (step peers"));
    outcome_free(&o);
    o = run_program(folder, NULL, "bench targets % --json");
    cr_expect(strstr(o.out, "\"verdict\": \"not measured\"") && strstr(o.out, "\"reason\": "));
    outcome_free(&o);
}

/* ---- neighbours ---- */

Test(targets, built_in_model_as_a_file)
{
    outcome o = run_program(folder, NULL, "bench save vgg-small -o %/model.bbm");
    cr_expect(o.code == 0, "%s", o.err);
    outcome_free(&o);
    o = run_program(folder, NULL, "info %/model.bbm");
    cr_expect(o.code == 0 && strstr(o.out, "7 stages, 6 sites, input 3x32x32"), "%s%s", o.out,
              o.err);
    outcome_free(&o);
    expect_refusal(folder, NULL, "bench save vgg-small", 2, "-o FILE");
    expect_refusal(folder, NULL, "bench save nothing -o %/model.bbm", 2, "no built-in model");
}

Test(targets, score_tells_its_peak)
{
    outcome o =
        run_program(folder, NULL,
                    "score " DIGITS_MODEL " --data " DIGITS_IMAGES " -d ref --limit 4 -T 2 --json");
    const char *peak = strstr(o.out, "\"peak_resident_bytes\": ");
    cr_expect(peak && strtod(peak + 23, NULL) > 1e6, "%s", o.out);
    outcome_free(&o);
}

Test(targets, energy_of_models_as_csv)
{
    outcome o = run_program(folder, NULL,
                            "bench model " DIGITS_MODEL
                            " -b 4 -T 5 -d ref --time 0.01 --energy powercap:%/none --format csv");
    const char *row = strchr(o.out, '\n');
    cr_expect(o.code == 0 && strstr(o.out, ",chip_J_low,chip_J,") &&
                  strstr(o.out, ",device_gross_J,energy_status,energy_reason\n"),
              "%s%s", o.out, o.err);
    cr_expect(row && strstr(row, ",not_measured,\"no RAPL zone"), "%s", o.out);
    outcome_free(&o);
    o = run_program(folder, NULL, "bench kernels word-edges -b 2 -d ref --time 0.01 --format csv");
    cr_expect(!strstr(o.out, "chip_J"));
    outcome_free(&o);
}
