/* SPDX-License-Identifier: MIT */
/*
 * What `bench` stands on: limits measured on every popcount path, kept and shown by `devices`;
 * stage calls in trials, which equal the reference and have guard bands.
 */
#include "check/stages.h"
#include "check/trial.h"
#include "opencl/roofline.h"
#include "opencl/trial.h"
#include "program.h"
#include "reference/reference.h"

#include <bitbayes/limits.h>
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

TestSuite(limits, .init = begin, .fini = end, .timeout = 600);

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

/* ---- limits ---- */

Test(limits, measured_and_shown)
{
    NEEDS_OPENCL();
    const char *const setting = "BITBAYES_CACHE=%";
    outcome o = expect_code(setting, "devices", 0);
    cr_expect(strstr(o.out, "nothing yet"), "%s", o.out);
    outcome_free(&o);
    o = expect_code(setting, "bench limits --time 0.05 --format csv", 0);
    cr_expect(strstr(o.out, "limit/popcount-portable") && strstr(o.out, "limit/stream") &&
                  strstr(o.out, "limit/empty-launch"),
              "%s", o.out);
    outcome_free(&o);
    o = expect_code(setting, "devices --json", 0);
    cr_expect(strstr(o.out, "\"limit_operations_per_s\": "), "%s", o.out);
    outcome_free(&o);
    o = expect_code(setting, "devices", 0);
    cr_expect(strstr(o.out, "binary Top/s"), "%s", o.out);
    outcome_free(&o);
}

/* A stage with work for it, on an opened device. */
typedef struct stage_trial {
    bb_backend *opened;
    bb_stage stage;
    check_work work;
    uint64_t *inputs, *output, *expected;
} stage_trial;

enum { N_INPUTS = 3, N_ENTRIES = 4 };

static bb_status run_trial(trial *t, void *payload)
{
    stage_trial *s = payload;
    bb_trial *run;
    double kernel, wall, copied;
    (void)t;
    bb_status status =
        bb_trial_create(&run, s->opened, &s->stage, &s->work.work, s->inputs, NULL, N_INPUTS);
    if (status == BB_OK)
        status = bb_trial_run(run, 3, &kernel, &wall);
    if (status == BB_OK)
        status = bb_trial_read(run, s->output, &copied);
    if (status == BB_OK)
        cr_expect(kernel > 0 && wall > 0 && copied > 0 && *bb_trial_variant(run));
    bb_trial_free(run);
    return status;
}

static void begin_trial(stage_trial *s, trial *t)
{
    static const check_shape shape = {"3x3", 6, 5, 3, 3, 1, 1, 1, 1, 1, 0, false};
    check_random random = {check_seed()};
    check_stage_make(&s->stage, &random, BB_SUM_BITS, BB_EMIT_BITS, &shape, 65, 70, 2, NULL,
                     N_INPUTS);
    check_work_make(&s->work, &random, &s->stage, N_ENTRIES, N_INPUTS, 0);
    s->inputs = calloc(N_INPUTS, s->stage.descriptor.in_stride * sizeof(uint64_t));
    s->output = calloc(s->work.work.n_outputs, s->stage.descriptor.out_stride * sizeof(uint64_t));
    s->expected = calloc(s->work.work.n_outputs, s->stage.descriptor.out_stride * sizeof(uint64_t));
    check_inputs_fill(&random, &s->stage.descriptor, s->inputs, N_INPUTS);
    const bb_device_options options = {.tune = "off"}; /* a look into the cache that lacks memory
                                                          finds nothing, which is no failure */
    cr_assert(bb_opencl_open(&s->opened, t->context, NULL, &options) == BB_OK);
}

static void end_trial(stage_trial *s)
{
    s->opened->operations->free(s->opened);
    check_work_free(&s->work);
    check_stage_free(&s->stage);
    free(s->inputs);
    free(s->output);
    free(s->expected);
}

Test(limits, trial_equals_the_reference_and_guards)
{
    NEEDS_OPENCL();
    trial t;
    stage_trial s;
    trial_begin(&t);
    begin_trial(&s, &t);
    cr_assert(run_trial(&t, &s) == BB_OK, "%s",
              bb_context_error(t.context)); /* keeps its program */
    trial_exhaust(&t, run_trial, &s);
    const size_t bytes =
        (size_t)s.work.work.n_outputs * s.stage.descriptor.out_stride * sizeof(uint64_t);
    memset(s.expected, 0xA5, bytes); /* slots that no entry names keep what a trial puts there */
    bb_reference_stage(&s.stage, &s.work.work, s.inputs, NULL, s.expected);
    cr_expect(memcmp(s.output, s.expected, bytes) == 0);
    s.work.work.n_outputs = 1; /* this slot is behind them now */
    s.work.list[BB_ENTRY_OUTPUT] = 1;
    cr_expect(run_trial(&t, &s) == BB_CHECK, "a write behind the output was not seen");
    end_trial(&s);
    trial_end(&t);
}

Test(limits, every_path_and_no_leak)
{
    NEEDS_OPENCL();
    trial t;
    bb_backend *opened;
    bb_roofline *roofline;
    trial_begin(&t);
    cr_assert(bb_opencl_open(&opened, t.context, NULL, NULL) == BB_OK);
    cr_assert(bb_roofline_create(&roofline, opened) == BB_OK, "%s", bb_context_error(t.context));
    double rate = 0, seconds = 0;
    for (uint32_t path = 0; path < bb_roofline_path_count(roofline); path++) {
        cr_expect(bb_roofline_popcount(roofline, path, 1e-3, &rate) == BB_OK && rate > 1e8);
        cr_expect(*bb_roofline_path_choice(roofline, path));
    }
    cr_expect(bb_roofline_stream(roofline, &rate) == BB_OK && rate > 1e7);
    cr_expect(bb_roofline_launch(roofline, &seconds) == BB_OK && seconds > 0 && seconds < 10);
    bb_roofline_free(roofline);
    opened->operations->free(opened);
    trial_end(&t);
}

static const bb_device_info some_device = {
    .id = "0:0", .name = "some", .platform = "platform", .driver = "1.0"};

static bb_status store_and_load(trial *t, void *payload)
{
    const bb_device_limits stored = {"x86", 4.5e12, 1e10, 1e-5, "2026-01-02T03:04:05Z"};
    bb_device_limits loaded;
    bool found;
    (void)payload;
    trial_path(t, "");
    bb_status status = bb_device_limits_store(&stored, t->context, &some_device, t->folder);
    if (status == BB_OK)
        status = bb_device_limits_load(&loaded, &found, t->context, &some_device, t->folder);
    if (status != BB_OK)
        return status;
    cr_expect(!found ||
              (memcmp(&loaded.operations_rate, &stored.operations_rate, 8) == 0 &&
               strcmp(loaded.date, stored.date) == 0 && strcmp(loaded.popcount, "x86") == 0));
    return found ? BB_OK : BB_MEMORY; /* the file could not be read: for lack of memory only */
}

Test(limits, stored)
{
    trial t;
    trial_begin(&t);
    trial_exhaust(&t, store_and_load, NULL);
    bb_device_info other = some_device;
    bb_device_limits loaded;
    bool found = true;
    other.driver = "1.1";
    cr_expect(bb_device_limits_load(&loaded, &found, t.context, &other, t.folder) == BB_OK);
    cr_expect(!found, "limits belong to a driver");
    cr_expect(bb_device_limits_load(&loaded, &found, t.context, &some_device, "") == BB_OK &&
              !found);
    trial_end(&t);
}
