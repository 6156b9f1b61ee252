/* SPDX-License-Identifier: MIT */
/* The context block of a document of rows. */
#include "context.h"

#include "host/fields.h"
#if BB_WITH_OPENCL
#include "opencl/roofline.h"
#endif

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifndef BB_BUILD_TYPE
#define BB_BUILD_TYPE "unknown"
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED false
#endif

/* The first line of a file, or what follows `key` and a colon in it; "" if there is none. */
static void read_line(char *out, size_t size, const char *path, const char *key)
{
    char line[512];
    FILE *file = fopen(path, "r");
    *out = '\0';
    while (file && !*out && fgets(line, sizeof(line), file)) {
        const char *value = line;
        if (key && strncmp(line, key, strlen(key)) != 0)
            continue;
        if (key && (value = strchr(line, ':')))
            value += 1 + strspn(value + 1, " ");
        snprintf(out, size, "%.*s", (int)strcspn(value ? value : "", "\n"), value ? value : "");
    }
    if (file)
        fclose(file);
}

static void add_known(bb_json *json, const char *key, const char *text)
{
    field_string(json, key, *text ? text : NULL);
}

static void add_machine(bb_json *json)
{
    char text[128];
    struct utsname name;
    double load[1];
    if (uname(&name) == 0) {
        field_string(json, "system", name.sysname);
        field_string(json, "system_release", name.release);
        field_string(json, "machine", name.machine);
    }
    read_line(text, sizeof(text), "/proc/cpuinfo", "model name");
    add_known(json, "processor", text);
    field_number(json, "processors", (double)sysconf(_SC_NPROCESSORS_ONLN));
    read_line(text, sizeof(text), "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", NULL);
    add_known(json, "clock_governor", text);
    if (getloadavg(load, 1) == 1)
        field_number(json, "load_average", load[0]);
}

static void add_build(bb_json *json)
{
    field_string(json, "version", bb_version());
    field_string(json, "build_type", BB_BUILD_TYPE);
#ifdef __VERSION__
    field_string(json, "compiler",
#ifdef __clang__
                 __VERSION__
#else
                 "gcc " __VERSION__
#endif
    );
#endif
    field_bool(json, "sanitizer", SANITIZED);
}

#if BB_WITH_OPENCL
static void add_interval(bb_json *json, const char *key, const samples *set)
{
    const interval i = samples_interval(set);
    field_object(json, key);
    field_count(json, "n_samples", set->n);
    field_number(json, "median", i.median);
    field_number(json, "low", i.low);
    field_number(json, "high", i.high);
    bb_json_end(json);
}

static void add_limits(bb_json *json, const bench_device *device)
{
    if (!device->roofline)
        return;
    const uint32_t path = bb_roofline_path_count(device->roofline) - 1;
    field_string(json, "popcount", bb_roofline_path_name(device->roofline, path));
    field_string(json, "popcount_limit_from", bb_roofline_path_choice(device->roofline, path));
    field_string(json, "stream_limit_from", bb_roofline_stream_choice(device->roofline));
    add_interval(json, "limit_operations_per_s", &device->limit);
    add_interval(json, "stream_bytes_per_s", &device->stream);
    add_interval(json, "empty_launch_s", &device->launch);
}
#endif

static void add_device(bb_json *json, const bench_device *device)
{
    const bb_device_info *info = device->info;
    bb_json_begin_object(json);
    field_string(json, "id", info->id);
    field_string(json, "name", info->name);
    field_string(json, "platform", info->platform);
    field_string(json, "driver", info->driver);
    field_string(json, "type", info->type);
    field_count(json, "compute_units", info->compute_units);
#if BB_WITH_OPENCL
    add_limits(json, device);
#endif
    bb_json_end(json);
}

void context_write(bb_json *json, const bench_run *run)
{
    const bench_options *o = run->options;
    char date[32];
    struct tm utc;
    const time_t now = time(NULL);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    field_object(json, "context");
    field_count(json, "schema_version", SCHEMA_VERSION);
    field_string(json, "date", date);
    field_string(json, "bench", run->what);
    add_build(json);
    add_machine(json);
    field_count(json, "seed", o->seed);
    field_number(json, "seconds_per_row", o->seconds);
    field_number(json, "precision_percent", o->precision);
    field_number(json, "handicap", o->handicap);
    field_bool(json, "complete", !interrupted());
    field_array(json, "devices");
    for (uint32_t d = 0; d < run->n_devices; d++)
        add_device(json, &run->devices[d]);
    bb_json_end(json);
    bb_json_end(json);
}
