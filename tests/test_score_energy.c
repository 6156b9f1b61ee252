/* SPDX-License-Identifier: MIT */
/* The energy block of `bitbayes score`, with recorded traces in place of a counter. */
#include "program.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
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

TestSuite(score_energy, .init = begin, .fini = end, .timeout = 120);

#define SCORE "score " DIGITS_MODEL " -d ref --resamples 0 --limit 100 --data " DIGITS_IMAGES " "
#define REPLAY SCORE "--energy replay:%/trace "

/* The program watches the idle machine for the first two seconds and a bit of the trace, and then
 * lets the trace follow the clock for two seconds or longer. */
#define IDLE_S 2.4
#define STEP_S 0.01
#define TRACE_S 90

static void write_trace(double idle_W, double busy_W, const char *last)
{
    FILE *const stream = fopen(in_folder(folder, "trace"), "w");
    cr_assert(stream);
    double uJ = 0;
    fputs("domain package-0 0\n", stream);
    for (int i = 0; i * STEP_S < (last ? IDLE_S : TRACE_S); i++) {
        fprintf(stream, "%.2f %.0f\n", i * STEP_S, uJ);
        uJ += (i * STEP_S < IDLE_S ? idle_W : busy_W) * STEP_S * 1e6;
    }
    if (last)
        fprintf(stream, "%.2f %s\n", IDLE_S, last);
    cr_assert(fclose(stream) == 0);
}

static outcome score(const char *words)
{
    outcome o = run_program(folder, NULL, words);
    cr_assert(o.code == 0, "`%s`: exit code %d: %s", words, o.code, o.err);
    return o;
}

/* The number behind `key`, behind `section`. */
static double number(const char *text, const char *section, const char *key)
{
    const char *at = strstr(text, section);
    cr_assert(at, "no %s in: %s", section, text);
    at = strstr(at, key);
    cr_assert(at, "no %s behind %s in: %s", key, section, text);
    return strtod(at + strcspn(at, ":") + 1, NULL);
}

static bool near(double a, double b, double share)
{
    return fabs(a - b) <= share * fabs(b);
}

static void expect_block(const char *words, const char *status, const char *reason)
{
    outcome o = score(words);
    const char *const block = strstr(o.out, "\nenergy per image\n");
    cr_assert(block, "`%s`: no block in: %s", words, o.out);
    cr_expect(strstr(block, "low .. nominal .. high") && strstr(block, "every pass in full") &&
              strstr(block, "prefixes shared") && strstr(block, "early-design estimate"));
    cr_expect(strstr(block, status), "`%s`: expected '%s' in: %s", words, status, block);
    cr_expect(strstr(block, reason), "`%s`: expected '%s' in: %s", words, reason, block);
    int n_lines = 0;
    for (const char *c = block; *c; c++)
        n_lines += *c == '\n';
    cr_expect(n_lines <= 7, "%d lines: %s", n_lines, block); /* the empty line before it as well */
    outcome_free(&o);
}

Test(score_energy, measured)
{
    write_trace(10, 50, NULL);
    expect_block(REPLAY, "  device  measured: ", "above idle");
    outcome o = score(REPLAY "--json --out %/out");
    cr_expect(strstr(o.out, "\"status\": \"measured\""), "%s", o.out);
    cr_expect(strstr(o.out, "\"domains\": \"package-0\"") && strstr(o.out, "\"caveat\"") &&
              strstr(o.out, "\"preset\": \"nominal28\""));
    const double window_s = number(o.out, "\"device\": {\n      \"status\"", "\"window_s\"");
    cr_expect(window_s > 1.9 && window_s < 60, "%g", window_s);
    cr_expect(near(number(o.out, "\"chip_shared", "\"idle_W\""), 10, 0.05));
    cr_expect(near(number(o.out, "\"chip_shared", "\"gross_J\"") / window_s, 50, 0.15));
    const double net_J = number(o.out, "\"chip_shared", "\"net_J_per_image\"");
    const double gross_J = number(o.out, "\"chip_shared", "\"gross_J_per_image\"");
    cr_expect(net_J > 0 && net_J < gross_J);
    static const char *const parts[][2] = {
        {"\"chip_J_per_image\"", "\"device_over_chip\""},
        {"\"chip_shared_J_per_image\"", "\"device_over_chip_shared\""},
    };
    for (size_t i = 0; i < 2; i++) {
        const double low = number(o.out, parts[i][0], "\"low\""),
                     nominal = number(o.out, parts[i][0], "\"nominal\""),
                     high = number(o.out, parts[i][0], "\"high\"");
        cr_expect(low > 0 && low < nominal && nominal < high);
        cr_expect(near(number(o.out, parts[i][1], "\"nominal\""), net_J / nominal, 0.02));
        cr_expect(near(number(o.out, parts[i][1], "\"low\""), net_J / high, 0.02));
        cr_expect(near(number(o.out, parts[i][1], "\"high\""), net_J / low, 0.02));
    }
    outcome_free(&o);
    size_t length;
    uint8_t *const bytes = read_file(in_folder(folder, "out/summary.json"), &length);
    bytes[length] = 0;
    cr_expect(strstr((const char *)bytes, "\"net_J_per_image\""), "%s", (const char *)bytes);
    free(bytes);
}

Test(score_energy, unreliable)
{
    write_trace(50, 10, NULL);
    expect_block(REPLAY, "  device  unreliable: ", "no more than the idle machine used");
    write_trace(0, 0, NULL);
    expect_block(REPLAY, "  device  unreliable: ", "did not move");
    outcome o = score(REPLAY "--json");
    cr_expect(strstr(o.out, "\"status\": \"unreliable\"") && strstr(o.out, "\"reason\"") &&
                  strstr(o.out, "\"remedy\""),
              "%s", o.out);
    cr_expect(!strstr(o.out, "net_J") && !strstr(o.out, "device_over_chip"), "%s", o.out);
    outcome_free(&o);
}

Test(score_energy, not_measured)
{
    write_trace(10, 0, "fail the driver went away");
    expect_block(REPLAY, "  device  not measured: ", "the driver went away; as the trace has it");
    static const char denied[] = "domain package-0 0\n0 fail permission denied\n";
    write_file(in_folder(folder, "trace"), denied, sizeof(denied) - 1);
    expect_block(REPLAY, "  device  not measured: ", "permission denied");
    expect_block(REPLAY "--deterministic", "not measured", "permission denied");
    expect_block(REPLAY "-T exact", "not measured", "permission denied");
    expect_block(REPLAY "-d ref+ref", "not measured", "several devices");
    expect_block(SCORE "--energy powercap:%/none", "not measured", "no RAPL zone under");
    outcome o = score(REPLAY "--json");
    cr_expect(strstr(o.out, "\"status\": \"not_measured\"") && strstr(o.out, "\"reason\"") &&
                  strstr(o.out, "\"remedy\""),
              "%s", o.out);
    cr_expect(!strstr(o.out, "device_over_chip"), "%s", o.out);
    outcome_free(&o);
}

/* The second accounting takes what the run really evaluated. */
Test(score_energy, accountings)
{
    static const char denied[] = "domain package-0 0\n0 fail permission denied\n";
    write_file(in_folder(folder, "trace"), denied, sizeof(denied) - 1);
    static const struct {
        const char *words;
        bool equal;
    } cases[] = {
        {REPLAY "--json", false},
        {REPLAY "--json --no-sharing", true},
        {REPLAY "--json -T 1", true},
        {REPLAY "--json --deterministic", true},
    };
    double full_J[4], shared_J[4];
    for (size_t i = 0; i < 4; i++) {
        outcome o = score(cases[i].words);
        full_J[i] = number(o.out, "\"chip_J_per_image\"", "\"nominal\"");
        shared_J[i] = number(o.out, "\"chip_shared_J_per_image\"", "\"nominal\"");
        cr_expect(cases[i].equal ? near(shared_J[i], full_J[i], 0.001)
                                 : shared_J[i] < 0.5 * full_J[i],
                  "`%s`: %g and %g", cases[i].words, shared_J[i], full_J[i]);
        outcome_free(&o);
    }
    cr_expect(full_J[0] == full_J[1] && near(full_J[0], 20 * full_J[2], 0.01));
}

Test(score_energy, off)
{
    outcome o = score(SCORE "--energy off");
    cr_expect(strstr(o.out, "distinct_leaves") && !strstr(o.out, "energy per image") &&
                  !strstr(o.out, "chip"),
              "%s", o.out);
    outcome_free(&o);
    o = score(SCORE "--energy off --json");
    cr_expect(strstr(o.out, "\"metrics\"") && !strstr(o.out, "chip"), "%s", o.out);
    outcome_free(&o);
}

Test(score_energy, refused_before_the_run)
{
    static const char bad[] = "domain package-0\n";
    write_file(in_folder(folder, "trace"), bad, sizeof(bad) - 1);
    expect_refusal(folder, NULL, SCORE "--energy magic", 2, "powercap, nvml, replay:FILE");
    expect_refusal(folder, NULL, SCORE "--energy replay", 2, "replay:FILE");
    expect_refusal(folder, NULL, SCORE "--energy replay:%/no-trace", 3, "no-trace");
    expect_refusal(folder, NULL, REPLAY "--out %/out", 3, "line 1");
    cr_expect(!file_exists(in_folder(folder, "out")));
}
