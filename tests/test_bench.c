/* SPDX-License-Identifier: MIT */
/*
 * `bitbayes bench`: medians and intervals; regressions found and not invented, in made-up samples
 * and in real runs; rows and their context; wrong kernels are not timed.
 */
#include "bench/samples.c"
#include "program.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

static char folder[64];

static void begin(void)
{
    folder_make(folder);
}

static void end(void)
{
    folder_remove(folder);
}

TestSuite(compare, .init = begin, .fini = end);
TestSuite(kernels, .init = begin, .fini = end, .timeout = 1200);
TestSuite(models, .init = begin, .fini = end, .timeout = 1200);
TestSuite(usage, .init = begin, .fini = end);

static bool has_opencl(void)
{
    outcome o = run_program(folder, NULL, "devices --json");
    const bool found = strstr(o.out, "\"0:0\"") != NULL;
    outcome_free(&o);
    return found;
}

#define NEEDS_OPENCL()                                                                             \
    if (!has_opencl())                                                                             \
    cr_skip_test("no OpenCL device")

static outcome expect_code(const char *setting, const char *words, int code)
{
    outcome o = run_program(folder, setting, words);
    cr_expect(o.code == code, "`%s`: exit code %d, expected %d: %s%s", words, o.code, code, o.err,
              o.out);
    return o;
}

static uint32_t count(const char *text, const char *part)
{
    uint32_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

/* ---- samples ---- */

static samples made(size_t n, double step)
{
    samples set = {0};
    for (size_t i = 0; i < n; i++) /* 7 is prime to n: an order that is not sorted */
        cr_assert(samples_add(&set, 1 + step * (double)(i * 7 % n)));
    return set;
}

Test(statistics, median_and_interval)
{
    samples odd = made(101, 1), even = made(100, 1), few = made(5, 1), none = {0};
    const interval a = samples_interval(&odd), b = samples_interval(&even);
    cr_expect(a.median == 51 && b.median == 50.5);
    /* the ranks of a binomial (n = 101, p = 1/2), 95 %: 41 and 61, rounded outwards */
    cr_expect(a.low >= 39 && a.low <= 41 && a.high >= 61 && a.high <= 63, "%g %g", a.low, a.high);
    const interval range = samples_interval(&few), nothing = samples_interval(&none);
    cr_expect(range.low == 1 && range.high == 5 && range.median == 3);
    cr_expect(nothing.median == 0 && interval_spread(&nothing) == 1);
    samples_free(&odd);
    samples_free(&even);
    samples_free(&few);
}

Test(statistics, interval_covers_the_median)
{
    uint64_t state = 7;
    int n_covered = 0;
    for (int trial_number = 0; trial_number < 400; trial_number++) {
        samples set = {0};
        for (int i = 0; i < 25; i++) { /* skewed, median 1 */
            const double u = (double)((next(&state) >> 11) + 1) * 0x1p-53;
            cr_assert(samples_add(&set, -log2(u)));
        }
        const interval i = samples_interval(&set);
        n_covered += i.low <= 1 && i.high >= 1;
        samples_free(&set);
    }
    cr_expect(n_covered >= 372 && n_covered < 400, "%d of 400", n_covered);
}

Test(statistics, ratios)
{
    samples a = made(40, 0.001), b = {0}, quotient, product;
    for (size_t i = 0; i < a.n; i++)
        cr_assert(samples_add(&b, a.values[i] * 1.5));
    interval ratio;
    cr_assert(samples_ratio(&ratio, &a, &b));
    cr_expect(fabs(ratio.median - 1.5) < 1e-12 && ratio.low <= 1.5 && ratio.high >= 1.5 &&
              ratio.low > 1.47 && ratio.high < 1.53);
    cr_assert(samples_divide(&quotient, &b, &a) && samples_multiply(&product, &a, &b));
    cr_expect(fabs(samples_interval(&quotient).median - 1.5) < 1e-12 && product.n == 40);
    samples_free(&a);
    samples_free(&b);
    samples_free(&quotient);
    samples_free(&product);
    cr_expect(!samples_ratio(&ratio, &a, &b), "nothing to compare");
}

/* ---- compare: made-up samples ---- */

/* 40 samples around `time` with a relative noise up to `noise`; `limit` 0: none beside them. */
static void write_result(const char *name, const char *status, double time, double noise,
                         double limit, uint64_t seed)
{
    FILE *file = fopen(in_folder(folder, name), "w");
    cr_assert(file);
    fprintf(file,
            "{\"schema_version\": 1, \"rows\": [{\"name\": \"conv3x3/8x8x64x64/b32\", \"device\": "
            "\"0:0\", \"status\": \"%s\", \"unit\": \"s\", \"samples\": [",
            status);
    double factors[40];
    for (int i = 0; i < 40; i++) {
        factors[i] = 1 + noise * ((double)(next(&seed) >> 11) * 0x1p-53 - 0.5);
        fprintf(file, "%s%.17g", i ? "," : "", time * factors[i]);
    }
    fputs("]", file);
    for (int i = 0; limit > 0 && i < 40; i++)
        fprintf(file, "%s%.17g%s", i ? "," : ", \"limit_samples\": [", limit / factors[i],
                i == 39 ? "]" : "");
    fputs("}]}\n", file);
    cr_assert(fclose(file) == 0);
}

static void expect_verdict(const char *words, int code, const char *verdict)
{
    outcome o = expect_code(NULL, words, code);
    cr_expect(strstr(o.out, verdict), "`%s`: expected '%s' in: %s", words, verdict, o.out);
    outcome_free(&o);
}

Test(compare, made_up)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        write_result("a", "ok", 1e-3, 0.1, 0, seed);
        write_result("equal", "ok", 1e-3, 0.1, 0, seed + 100);
        write_result("slower", "ok", 1.2e-3, 0.1, 0, seed + 200);
        write_result("little", "ok", 1.05e-3, 0.1, 0, seed + 300);
        expect_verdict("bench compare %/a %/equal", 0, "same");
        expect_verdict("bench compare %/a %/slower", 1, "regression");
        expect_verdict("bench compare %/slower %/a --format csv", 0, "faster");
        expect_verdict("bench compare %/a %/little --json", 0, "\"regressions\": 0");
    }
    /* so much noise that 20 % cannot be told from none */
    write_result("wide", "noisy", 1.2e-3, 1.9, 0, 5);
    expect_verdict("bench compare %/a %/wide", 0, "same");
    expect_verdict("bench compare %/a %/slower --threshold 1.3", 0, "same");
    expect_verdict("bench compare %/a %/little --threshold 1", 1, "regression");
}

/* A machine that was slower altogether is no regression, unless one asks for bare times. */
Test(compare, basis)
{
    write_result("a", "ok", 1e-3, 0.5, 4e12, 1);
    write_result("busy", "ok", 1.5e-3, 0.5, 4e12 / 1.5, 2);
    write_result("worse", "ok", 1.8e-3, 0.5, 4e12 / 1.5, 3);
    write_result("bare", "ok", 1.5e-3, 0.1, 0, 4);
    expect_verdict("bench compare %/a %/busy", 0, "limit");
    expect_verdict("bench compare %/a %/worse", 1, "limit");
    expect_verdict("bench compare %/a %/busy --basis time", 1, "time");
    expect_verdict("bench compare %/a %/bare", 1, "time");
}

Test(compare, status)
{
    write_result("a", "ok", 1e-3, 0.1, 0, 1);
    write_result("wrong", "wrong", 1e-3, 0.1, 0, 1);
    write_result("refused", "refused", 1e-3, 0.1, 0, 1);
    expect_verdict("bench compare %/a %/wrong", 1, "not timed in the second file");
    expect_verdict("bench compare %/wrong %/a", 0, "not timed in the first file");
    expect_verdict("bench compare %/a %/refused", 0, "left out");
}

Test(compare, refused)
{
    static const struct {
        const char *text, *complaint;
    } cases[] = {
        {"", "no JSON"},
        {"{\"rows\": 3}", "no JSON"},
        {"{\"rows\": [", "no JSON"},
        {"[[[[[[", "no JSON"},
        {"{\"rows\": []}", "schema version"},
        {"{\"rows\": [], \"schema_version\": 99}", "schema version"},
        {"{\"rows\": [], \"schema_version\": 1}", "no row in common"},
        {"{\"rows\": [null, 3, {}, {\"name\": 3, \"samples\": {}}], \"schema_version\": 1}",
         "no row in common"},
    };
    write_result("a", "ok", 1e-3, 0.1, 0, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(in_folder(folder, "b"), cases[i].text, strlen(cases[i].text));
        expect_refusal(folder, NULL, "bench compare %/a %/b", 3, cases[i].complaint);
    }
    expect_refusal(folder, NULL, "bench compare %/a %/none", 3, "none");
    expect_refusal(folder, NULL, "bench compare %/a", 2, "two JSON files");
    expect_refusal(folder, NULL, "bench compare %/a %/a --basis x", 2, "limit or time");
}

/* ---- compare: real samples ---- */

static int compare_runs(const char *second)
{
    static const char shape[] = "conv3x3 8x8x128x128\n";
    char words[256];
    write_file(in_folder(folder, "shape.txt"), shape, strlen(shape));
    /* one thread: whether a second one gets a core within a millisecond is not what is compared */
    const char *const one_thread = "POCL_MAX_PTHREAD_COUNT=1";
    outcome o = expect_code(
        one_thread, "bench kernels %/shape.txt -b 40 --time 1 --json -o %/first.json -q", 0);
    outcome_free(&o);
    snprintf(words, sizeof(words),
             "bench kernels %%/shape.txt -b 40 --time 1 --json -o %%/second.json -q %s", second);
    o = expect_code(one_thread, words, 0);
    outcome_free(&o);
    o = run_program(folder, NULL, "bench compare %/first.json %/second.json");
    const int code = o.code;
    printf("%s%s", o.out, o.err);
    outcome_free(&o);
    return code;
}

/* On a machine with other work a run now and then is off: one of three has to be right. */
static void expect_comparison(const char *second, int code)
{
    for (int i = 0; i < 3; i++)
        if (compare_runs(second) == code)
            return;
    cr_expect(false, "three times no exit code %d with '%s'", code, second);
}

Test(kernels, equal_runs_do_not_regress)
{
    NEEDS_OPENCL();
    expect_comparison("", 0);
}

Test(kernels, twenty_percent_are_caught)
{
    NEEDS_OPENCL();
    expect_comparison("--handicap 1.2", 1);
}

/* ---- rows ---- */

Test(kernels, rows)
{
    NEEDS_OPENCL();
    static const char *const members[] = {"\"schema_version\": 1",
                                          "\"context\"",
                                          "\"date\"",
                                          "\"compiler\"",
                                          "\"build_type\"",
                                          "\"driver\"",
                                          "\"seed\": 3",
                                          "\"limit_operations_per_s\"",
                                          "\"stream_bytes_per_s\"",
                                          "\"empty_launch_s\"",
                                          "\"rows\"",
                                          "\"name\": \"conv3x3/9x7x31x33/b5\"",
                                          "\"name\": \"conv3x3/9x7x65x65/pool2/draws2/b5\"",
                                          "\"name\": \"dense/63x65/real/b5\"",
                                          "\"device\": \"0:0\"",
                                          "\"device\": \"ref\"",
                                          "\"stopped_by\": \"",
                                          "\"median\"",
                                          "\"low\"",
                                          "\"high\"",
                                          "\"unit\": \"s\"",
                                          "\"percent_of_limit\"",
                                          "\"percent_of_bandwidth\"",
                                          "\"ratio_to_ref\"",
                                          "\"warm_up_s\"",
                                          "\"compile_s\"",
                                          "\"transfer_s\"",
                                          "\"samples\"",
                                          "\"limit_samples\""};
    outcome o = expect_code(
        NULL, "bench kernels word-edges -b 5,1 -d 0:0,ref --time 0.02 --seed 3 --json", 0);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        cr_expect(strstr(o.out, members[i]), "no %s", members[i]);
    cr_expect(count(o.out, "\"name\": \"conv") + count(o.out, "\"name\": \"dense") == 32);
    cr_expect(count(o.out, "\"status\": \"ok\"") + count(o.out, "\"status\": \"noisy\"") == 32,
              "%s", o.out);
    outcome_free(&o);
}

Test(kernels, formats)
{
    outcome o =
        expect_code(NULL, "bench kernels word-edges -b 2 -d ref --time 0.01 --format csv", 0);
    cr_expect(strncmp(o.out, "name,device,status,", 19) == 0 && count(o.out, "\n") == 9, "%s",
              o.out);
    outcome_free(&o);
    o = expect_code(NULL, "bench kernels word-edges -b 2 -d ref --time 0.01 -o %/table.md", 0);
    cr_expect(*o.out == '\0');
    size_t length;
    char *table = (char *)read_file(in_folder(folder, "table.md"), &length);
    cr_expect(strncmp(table, "| row ", 6) == 0);
    free(table);
    outcome_free(&o);
}

/* A sum that is off by 2 must not be timed, and fails the run. */
Test(kernels, wrong_kernel_is_not_timed)
{
    NEEDS_OPENCL();
    static const char *const files[] = {"shared.h", "bits.cl",  "binary.cl",
                                        "plain.cl", "first.cl", "popcount.cl",
                                        "dot.cl",   "probe.cl", "roofline.cl"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        size_t length;
        char *text = (char *)read_file(in_folder(BB_SOURCE_FOLDER "/kernels", files[i]), &length);
        text[length] = '\0';
        if (strcmp(files[i], "binary.cl") == 0) {
            char *result = strstr(text, "return kept - 2 * differing;");
            cr_assert(result, "binary.cl changed: adapt this test");
            memcpy(result, "return kept - 3 * differing;", 28);
        }
        write_file(in_folder(folder, files[i]), text, length);
        free(text);
    }
    outcome o = expect_code("BITBAYES_KERNELS=%",
                            "bench kernels word-edges -b 2 --time 0.01 "
                            "--variants plain --format csv --cache %",
                            1);
    cr_expect(count(o.out, "\"wrong\"") == 8, "%s", o.out);
    cr_expect(count(o.out, "the reference gives") == 8 && count(o.out, ",s,0,,") == 8, "%s", o.out);
    outcome_free(&o);
}

/* Work that is counted but not done shows as a rate above the limit, and fails the run. */
Test(kernels, above_the_limit_is_broken)
{
    NEEDS_OPENCL();
    static const char shape[] = "conv3x3 8x8x128x128\n";
    write_file(in_folder(folder, "shape.txt"), shape, strlen(shape));
    outcome o =
        expect_code("POCL_MAX_PTHREAD_COUNT=1",
                    "bench kernels %/shape.txt -b 100 --handicap 0.02 --time 0.3 --format csv", 1);
    cr_expect(strstr(o.out, "\"broken\",\"valid taps alone") && strstr(o.err, "1 of 1 rows failed"),
              "%s%s", o.out, o.err);
    outcome_free(&o);
}

Test(usage, refused)
{
    static const struct {
        const char *words, *text;
        int code;
    } cases[] = {
        {"bench", "missing", 2},
        {"bench dance", "kernels, model, limits, compare", 2},
        {"bench model", "built-in model", 2},
        {"bench limits x", "no further words", 2},
        {"bench kernels --format xml -d ref", "md, csv or json", 2},
        {"bench kernels -b 0 -d ref", "--batch", 2},
        {"bench kernels -b 1,x -d ref", "--batch", 2},
        {"bench model " DIGITS_MODEL " -T 0 -d ref", "--samples", 2},
        {"bench kernels nothing-there.txt -d ref", "nothing-there.txt", 3},
        {"bench kernels -d no-such-device", "no-such-device", 4},
        {"bench model nothing.onnx -d ref", "nothing.onnx", 3},
    };
    static const char *const shapes[] = {"# fine\nconv3x3 8x8\n",
                                         "conv3 8x8x1x1",
                                         "dense 8x8x8x8",
                                         "dense 0x8",
                                         "conv3x3 8x8x1x1 poll=2",
                                         "conv3x3 8x8x1x1 step=0",
                                         "conv3x3 8x8x2x2 groups=0",
                                         "conv3x3 8x8x1x1 draws=3",
                                         "conv3x3",
                                         "conv3x3 8x8x1x1 real",
                                         "conv3x3 8x8x1x99999999999"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_refusal(folder, NULL, cases[i].words, cases[i].code, cases[i].text);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        write_file(in_folder(folder, "shape.txt"), shapes[i], strlen(shapes[i]));
        expect_refusal(folder, NULL, "bench kernels %/shape.txt -d ref", 3,
                       i == 0 ? "shape.txt: line 2" : "shape.txt: line 1");
    }
}

/* ---- models ---- */

Test(models, matrix)
{
    NEEDS_OPENCL();
    outcome o = expect_code(NULL,
                            "bench model " DIGITS_MODEL " -b 1,3 -T 2,exact -d 0:0,ref --time 0.02 "
                            "--energy off --json",
                            0);
    cr_expect(count(o.out, "\"name\": \"model/digits-mlp-scale.onnx/") == 8, "%s", o.out);
    cr_expect(strstr(o.out, "/b3/exact\"") && strstr(o.out, "/b1/T2\""));
    cr_expect(count(o.out, "\"status\": \"ok\"") + count(o.out, "\"status\": \"noisy\"") == 8, "%s",
              o.out);
    cr_expect(count(o.out, "\"bound_samples\"") == 4,
              "devices have a bound, the reference has none");
    cr_expect(count(o.out, "chip_J_per_image") == 0);
    cr_expect(count(o.out, "\"compute_s\": null") == 0 && count(o.out, "\"compute_s\": ") == 8,
              "%s", o.out);
    outcome_free(&o);
}

#define ENERGY "bench model " DIGITS_MODEL " -b 4 -T 5 -d ref --time 0.01 --energy "

Test(models, energy)
{
    FILE *const stream = fopen(in_folder(folder, "trace"), "w");
    cr_assert(stream);
    fputs("domain package-0 0\n", stream);
    for (int i = 0; i < 6000; i++) /* 10 W while the program watches, then 50 W */
        fprintf(stream, "%.2f %.0f\n", i * 0.01, 1e5 * i + (i < 240 ? 0 : 4e5 * (i - 240)));
    cr_assert(fclose(stream) == 0);
    outcome o = expect_code(NULL, ENERGY "replay:%/trace --json", 0);
    cr_expect(strstr(o.out, "\"status\": \"measured\"") && strstr(o.out, "\"device_over_chip\"") &&
                  strstr(o.out, "\"chip_shared_J_per_image\""),
              "%s", o.out);
    outcome_free(&o);
    o = expect_code(NULL, ENERGY "powercap:%/none", 0);
    cr_expect(strstr(o.out, "energy per input") && strstr(o.out, "not measured: no RAPL zone"),
              "%s", o.out);
    outcome_free(&o);
    expect_refusal(folder, NULL, ENERGY "magic", 2, "powercap");
}

Test(models, exact_may_be_refused)
{
    outcome o =
        expect_code(NULL,
                    "bench model " BB_SOURCE_FOLDER "/models/mnist-conv-spatial.onnx -b 1 -T "
                    "exact -d ref --time 0.01 --format csv",
                    0);
    cr_expect(strstr(o.out, "\"refused\",\"exact: "), "%s", o.out);
    outcome_free(&o);
}

Test(models, vgg_small)
{
    NEEDS_OPENCL();
    outcome o = expect_code(NULL, "bench model vgg-small -b 1 -T 1,5 --time 0.01 --json", 0);
    cr_expect(count(o.out, "\"stages\": 7") == 2, "%s", o.out);
    cr_expect(count(o.out, "\"wrong\"") == 0);
    outcome_free(&o);
}
