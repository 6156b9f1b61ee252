/* SPDX-License-Identifier: MIT */
/* Measuring windows, driven by recorded traces and by a powercap tree made of files. */
#include "energy/meter.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bb_context *context;
static char folder[64];

static void open_all(void)
{
    cr_assert_eq(bb_context_create(&context, NULL), BB_OK);
    strcpy(folder, "/tmp/bb-meters-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -r %s", folder);
    cr_expect_eq(system(command), 0);
}

static void close_all(void)
{
    remove_folder();
    bb_context_free(context);
}

TestSuite(meters, .init = open_all, .fini = close_all);

static void write_file(const char *name, const char *text)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *stream = fopen(path, "w");
    cr_assert_not_null(stream);
    cr_assert_geq(fputs(text, stream), 0);
    fclose(stream);
}

static void make_folder(const char *name)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    cr_assert_eq(mkdir(path, 0755), 0);
}

static bb_meter *open_meter(const char *format)
{
    char name[160];
    snprintf(name, sizeof(name), format, folder);
    const bb_meter_options options = {.name = name};
    bb_meter *meter;
    cr_assert_eq(bb_meter_open(&meter, context, &options), BB_OK, "%s", bb_context_error(context));
    return meter;
}

/* n readings every `step` seconds; domain d gains watts[d] * step each, wrapping at the range. */
static void write_trace(uint32_t n_domains, const double *watts, uint64_t range, uint64_t first,
                        double step, uint32_t n)
{
    bb_text text = {.context = context};
    for (uint32_t d = 0; d < n_domains; d++)
        bb_text_append(&text, "domain package-%u %llu\n", d, (unsigned long long)range);
    for (uint32_t i = 0; i < n; i++) {
        bb_text_append(&text, "%.6f", step * i);
        for (uint32_t d = 0; d < n_domains; d++) {
            const uint64_t uJ = first + (uint64_t)llround(watts[d] * step * 1e6) * i;
            bb_text_append(&text, " %llu", (unsigned long long)(range ? uJ % (range + 1) : uJ));
        }
        bb_text_append(&text, "\n");
    }
    cr_assert_not(text.failed);
    write_file("trace", text.bytes);
    bb_text_free(&text);
}

static bb_measurement measure(bb_meter *meter, double seconds)
{
    bb_measurement out;
    bb_meter_start(meter);
    bb_meter_replay_advance(meter, seconds);
    bb_meter_stop(meter, &out);
    return out;
}

Test(meters, steady_power)
{
    write_trace(1, (double[]){40}, 0, 5000, 0.001, 10000);
    bb_meter *meter = open_meter("replay:%s/trace");
    cr_expect(bb_meter_ready(meter));
    cr_expect(bb_meter_window(meter) == 2.0);
    const bb_measurement m = measure(meter, 2.0);
    cr_expect_eq(m.status, BB_METER_MEASURED, "%s", m.reason);
    cr_expect(fabs(m.update_s - 0.001) < 2e-4, "%g", m.update_s);
    cr_expect(fabs(m.gross_J - 40 * m.window_s) < 0.05, "%g J in %g s", m.gross_J, m.window_s);
    cr_expect_not(m.idle_subtracted);
    cr_expect(m.net_J == m.gross_J);
    cr_expect_str_eq(m.meter, "replay");
    cr_expect_str_eq(m.domains, "package-0");
    bb_meter_close(meter);
}

Test(meters, idle_is_subtracted)
{
    bb_text text = {.context = context};
    bb_text_append(&text, "domain package-0 0\n");
    uint64_t uJ = 0;
    for (int i = 0; i < 1000; i++) {
        bb_text_append(&text, "%.3f %llu\n", 0.01 * i, (unsigned long long)uJ);
        uJ += i < 400 ? 100000 : 500000; /* 10 W, then 50 W */
    }
    write_file("trace", text.bytes);
    bb_text_free(&text);
    bb_meter *meter = open_meter("replay:%s/trace");
    bb_meter_idle(meter, 2.0);
    bb_meter_replay_advance(meter, 2.0);
    const bb_measurement m = measure(meter, 3.0);
    cr_expect_eq(m.status, BB_METER_MEASURED, "%s", m.reason);
    cr_expect(m.idle_subtracted);
    cr_expect(fabs(m.idle_W - 10) < 0.2, "%g", m.idle_W);
    cr_expect(fabs(m.net_J / m.window_s - 40) < 1, "%g", m.net_J / m.window_s);
    cr_expect(fabs(m.gross_J / m.window_s - 50) < 1);
    bb_meter_close(meter);
}

Test(meters, no_more_than_idle_is_unreliable)
{
    write_trace(1, (double[]){10}, 0, 0, 0.01, 2000);
    bb_meter *meter = open_meter("replay:%s/trace");
    bb_meter_idle(meter, 2.0);
    meter->idle_W += 0.1;
    const bb_measurement m = measure(meter, 3.0);
    cr_expect_eq(m.status, BB_METER_UNRELIABLE);
    cr_expect(strstr(m.reason, "idle"), "%s", m.reason);
    bb_meter_close(meter);
}

Test(meters, wrap_is_followed)
{
    /* 50 J range at 20 W wraps 2.3 times in 5.8 s; polled every second it is followed. */
    write_trace(1, (double[]){20}, 50000000, 49000000, 0.01, 1000);
    bb_meter *meter = open_meter("replay:%s/trace");
    bb_meter_start(meter);
    for (int i = 0; i < 160; i++) {
        bb_meter_replay_advance(meter, 0.036);
        bb_meter_poll(meter);
    }
    bb_measurement m;
    bb_meter_stop(meter, &m);
    cr_expect_eq(m.status, BB_METER_MEASURED, "%s", m.reason);
    cr_expect(fabs(m.gross_J / m.window_s - 20) < 0.2, "%g", m.gross_J / m.window_s);
    bb_meter_close(meter);
}

Test(meters, ambiguous_wrap_is_unreliable)
{
    write_trace(1, (double[]){20}, 50000000, 0, 0.01, 1000);
    bb_meter *meter = open_meter("replay:%s/trace");
    const bb_measurement m = measure(meter, 5.0);
    cr_expect_eq(m.status, BB_METER_UNRELIABLE);
    cr_expect(strstr(m.reason, "wrapped"), "%s", m.reason);
    cr_expect_gt(strlen(m.remedy), 0);
    bb_meter_close(meter);
}

Test(meters, stuck_counter_is_unreliable)
{
    write_trace(1, (double[]){0}, 0, 777, 0.01, 1000);
    bb_meter *meter = open_meter("replay:%s/trace");
    const bb_measurement m = measure(meter, 5.0);
    cr_expect_eq(m.status, BB_METER_UNRELIABLE);
    cr_expect(strstr(m.reason, "did not move"), "%s", m.reason);
    cr_expect(m.gross_J == 0);
    bb_meter_close(meter);
}

Test(meters, short_window_is_unreliable)
{
    write_trace(1, (double[]){100}, 0, 0, 0.1, 1000);
    bb_meter *meter = open_meter("replay:%s/trace");
    cr_expect(fabs(bb_meter_window(meter) - 5.0) < 0.1, "%g", bb_meter_window(meter));
    const bb_measurement m = measure(meter, 0.5);
    cr_expect_eq(m.status, BB_METER_UNRELIABLE);
    cr_expect(strstr(m.reason, "shorter"), "%s", m.reason);
    cr_expect(strstr(m.remedy, "longer"), "%s", m.remedy);
    bb_meter_close(meter);
}

Test(meters, two_packages_are_added)
{
    write_trace(2, (double[]){30, 12}, 262143328850, 0, 0.001, 10000);
    bb_meter *meter = open_meter("replay:%s/trace");
    const bb_measurement m = measure(meter, 3.0);
    cr_expect_eq(m.status, BB_METER_MEASURED, "%s", m.reason);
    cr_expect(fabs(m.gross_J / m.window_s - 42) < 0.2, "%g", m.gross_J / m.window_s);
    cr_expect_str_eq(m.domains, "package-0 + package-1");
    cr_expect_eq(m.n_domains, 2);
    bb_meter_close(meter);
}

Test(meters, permission_denied_at_once)
{
    write_file("trace", "domain package-0 0\n0 fail EACCES reading energy_uj (root only)\n");
    bb_meter *meter = open_meter("replay:%s/trace");
    cr_expect_not(bb_meter_ready(meter));
    cr_expect(bb_meter_window(meter) == 0);
    const bb_measurement m = measure(meter, 3.0);
    cr_expect_eq(m.status, BB_METER_NOT_MEASURED);
    cr_expect_str_eq(m.reason, "EACCES reading energy_uj (root only)");
    cr_expect(m.gross_J == 0 && m.net_J == 0);
    bb_meter_close(meter);
}

Test(meters, failure_within_the_window)
{
    write_file("trace", "domain package-0 0\n0 1\n0.1 2\n0.2 3\n0.3 4\n0.4 5\n0.5 6\n0.6 7\n"
                        "0.7 8\n0.8 9\n3 fail the driver went away\n");
    bb_meter *meter = open_meter("replay:%s/trace");
    const bb_measurement m = measure(meter, 5.0);
    cr_expect_eq(m.status, BB_METER_NOT_MEASURED);
    cr_expect_str_eq(m.reason, "the driver went away");
    bb_meter_close(meter);
}

Test(meters, malformed_traces_are_refused)
{
    static const char *const traces[] = {"",
                                         "0 1\n",
                                         "domain a 0\n",
                                         "domain a\n0 1\n",
                                         "domain a 0\n1 5\n0 6\n",
                                         "domain a 0\n0\n",
                                         "domain a 0\n0 1\ndomain b 0\n"};
    for (size_t i = 0; i < BB_COUNT_OF(traces); i++) {
        write_file("trace", traces[i]);
        char name[160];
        snprintf(name, sizeof(name), "replay:%s/trace", folder);
        const bb_meter_options options = {.name = name};
        bb_meter *meter;
        cr_expect_eq(bb_meter_open(&meter, context, &options), BB_INPUT, "%zu", i);
        cr_expect_null(meter);
    }
}

Test(meters, off_unknown_and_absent)
{
    bb_meter *meter;
    bb_meter_options options = {.name = "off"};
    cr_assert_eq(bb_meter_open(&meter, context, &options), BB_OK);
    bb_measurement m = measure(meter, 1);
    cr_expect_eq(m.status, BB_METER_NOT_MEASURED);
    cr_expect(strstr(m.reason, "switched off"));
    bb_meter_close(meter);
    options.name = "calorimeter";
    cr_expect_eq(bb_meter_open(&meter, context, &options), BB_ARGUMENT);
    cr_expect(strstr(bb_context_error(context), "powercap"));
    options = (bb_meter_options){.device_type = "accelerator"};
    cr_assert_eq(bb_meter_open(&meter, context, &options), BB_OK);
    m = measure(meter, 1);
    cr_expect_eq(m.status, BB_METER_NOT_MEASURED);
    cr_expect(strstr(m.reason, "accelerator"), "%s", m.reason);
    bb_meter_close(meter);
    meter = open_meter("nvml:%s/libnvidia-ml.so.1");
    m = measure(meter, 1);
    cr_expect_eq(m.status, BB_METER_NOT_MEASURED);
    cr_expect(strstr(m.reason, "not found"), "%s", m.reason);
    bb_meter_close(meter);
    for (uint32_t i = 0; bb_meter_name(i); i++)
        cr_expect_gt(strlen(bb_meter_what(i)), 0);
}

static void make_zone(const char *zone, const char *name, const char *uJ)
{
    char path[96];
    make_folder(zone);
    snprintf(path, sizeof(path), "%s/name", zone);
    write_file(path, name);
    snprintf(path, sizeof(path), "%s/max_energy_range_uj", zone);
    write_file(path, "262143328850\n");
    snprintf(path, sizeof(path), "%s/energy_uj", zone);
    if (uJ)
        write_file(path, uJ);
}

Test(meters, powercap_counts_packages_and_memory)
{
    make_zone("intel-rapl:0", "package-0\n", "1000000\n");
    make_zone("intel-rapl:0:0", "core\n", "1\n");
    make_zone("intel-rapl:0:1", "dram\n", "2000000\n");
    make_zone("intel-rapl:1", "package-1\n", "262143328000\n");
    make_zone("intel-rapl:2", "psys\n", "5\n");
    make_zone("intel-rapl-mmio:0", "package-0\n", "7\n");
    bb_meter *meter = open_meter("powercap:%s");
    cr_assert(bb_meter_ready(meter), "%s", meter->reason);
    cr_assert_eq(meter->n_domains, 3);
    bb_meter_start(meter);
    usleep(20000);
    write_file("intel-rapl:0/energy_uj", "3000000\n");
    write_file("intel-rapl:0:1/energy_uj", "2500000\n");
    write_file("intel-rapl:1/energy_uj", "499150\n"); /* wrapped: 0.5 J */
    bb_measurement m;
    bb_meter_stop(meter, &m);
    cr_expect(fabs(m.gross_J - 3.0) < 1e-9, "%.9g", m.gross_J);
    cr_expect_eq(m.status, BB_METER_UNRELIABLE);
    cr_expect(strstr(m.reason, "assumed"), "%s", m.reason);
    cr_expect_str_eq(m.domains, "package-0 + dram + package-1");
    bb_meter_close(meter);
}

Test(meters, powercap_without_zones_or_permission)
{
    bb_meter *meter = open_meter("powercap:%s");
    bb_measurement m = measure(meter, 1);
    cr_expect_eq(m.status, BB_METER_NOT_MEASURED);
    cr_expect(strstr(m.reason, "no RAPL zone"), "%s", m.reason);
    bb_meter_close(meter);
    make_zone("intel-rapl:0", "package-0\n", NULL);
    meter = open_meter("powercap:%s");
    m = measure(meter, 1);
    cr_expect_eq(m.status, BB_METER_NOT_MEASURED);
    cr_expect(strstr(m.reason, "energy_uj"), "%s", m.reason);
    bb_meter_close(meter);
    if (geteuid() == 0)
        return; /* root may read everything */
    write_file("intel-rapl:0/energy_uj", "1\n");
    char path[160];
    snprintf(path, sizeof(path), "%s/intel-rapl:0/energy_uj", folder);
    cr_assert_eq(chmod(path, 0), 0);
    meter = open_meter("powercap:%s");
    m = measure(meter, 1);
    cr_expect_eq(m.status, BB_METER_NOT_MEASURED);
    cr_expect(strstr(m.reason, "permission denied"), "%s", m.reason);
    cr_expect(strstr(m.remedy, "udev"), "%s", m.remedy);
    bb_meter_close(meter);
}

Test(meters, comparison_is_a_range_or_nothing)
{
    const bb_energy_report report = {.image_total_J = {1e-6, 2e-6, 4e-6},
                                     .shared_total_J = {5e-7, 1e-6, 2e-6}};
    bb_measurement device = {.status = BB_METER_MEASURED, .gross_J = 12, .net_J = 8};
    bb_energy_comparison comparison;
    bb_energy_compare(&comparison, &report, &device, 1000);
    cr_expect(fabs(comparison.device_net_J - 8e-3) < 1e-15);
    cr_expect(fabs(comparison.device_gross_J - 12e-3) < 1e-15);
    cr_expect(fabs(comparison.ratio.low - 2000) < 1e-6);
    cr_expect(fabs(comparison.ratio.nominal - 4000) < 1e-6);
    cr_expect(fabs(comparison.ratio.high - 8000) < 1e-6);
    cr_expect(strstr(comparison.caveat, "I/O"));
    device.status = BB_METER_UNRELIABLE;
    bb_energy_compare(&comparison, &report, &device, 1000);
    cr_expect(comparison.ratio.high == 0 && comparison.device_net_J == 0);
}
