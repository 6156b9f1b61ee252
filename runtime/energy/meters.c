/* SPDX-License-Identifier: MIT */
/*
 * Windows over energy counters. A counter moves in steps of its update period, so a window starts
 * and stops on a step; it may wrap once between two readings; and a window of few steps says
 * little.
 */
#include "energy/meter.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* What a domain cannot exceed: a wrap is ambiguous if it could have come round twice. */
#define MOST_WATTS 1000.0
#define SLOWEST_UPDATE_S 0.5
#define LEAST_UPDATES 10.0
#define LEAST_WINDOW_S 2.0

static const bb_meter_operations *const meters[] = {&bb_meter_powercap, &bb_meter_nvml,
                                                    &bb_meter_replay};

const char *bb_meter_name(uint32_t index)
{
    return index < BB_COUNT_OF(meters) ? meters[index]->name : NULL;
}

const char *bb_meter_what(uint32_t index)
{
    return index < BB_COUNT_OF(meters) ? meters[index]->what : NULL;
}

const char *bb_meter_status_word(bb_meter_status status)
{
    static const char *const words[] = {"not_measured", "unreliable", "measured"};
    return words[status];
}

void bb_meter_excuse(bb_meter *meter, const char *remedy, const char *format, ...)
{
    if (meter->reason[0])
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(meter->reason, sizeof(meter->reason), format, arguments);
    va_end(arguments);
    snprintf(meter->remedy, sizeof(meter->remedy), "%s", remedy);
}

static double now(bb_meter *meter)
{
    if (meter->operations->now)
        return meter->operations->now(meter);
    return bb_seconds();
}

static void wait_for(bb_meter *meter, double seconds)
{
    if (meter->operations->wait) {
        meter->operations->wait(meter, seconds);
        return;
    }
    struct timespec left = {(time_t)seconds, (long)(fmod(seconds, 1.0) * 1e9)};
    while (nanosleep(&left, &left) != 0) {
    }
}

/* One reading, added to the window: follows one wrap per domain. */
static bool take(bb_meter *meter)
{
    uint64_t uJ[BB_MAX_METER_DOMAINS];
    const double time = now(meter);
    if (!meter->operations->read(meter, uJ)) {
        meter->failed = true;
        return false;
    }
    for (uint32_t i = 0; i < meter->n_domains; i++) {
        const uint64_t last = meter->last_uJ[i], range = meter->domains[i].range_uJ;
        if (uJ[i] >= last)
            meter->joules += (double)(uJ[i] - last) * 1e-6;
        else if (range >= last)
            meter->joules += (double)(range - last + uJ[i]) * 1e-6;
        else
            meter->ambiguous = true;
        if (range && (time - meter->last_s) * MOST_WATTS * 1e6 >= (double)range)
            meter->ambiguous = true;
        meter->last_uJ[i] = uJ[i];
    }
    meter->last_s = time;
    return true;
}

/* Read until the counters move, at most `limit` seconds; false if they did not, or failed. */
static bool take_edge(bb_meter *meter, double limit)
{
    const double begin = now(meter), before = meter->joules;
    do {
        if (!take(meter))
            return false;
        if (meter->joules > before)
            return true;
        wait_for(meter, 1e-4);
    } while (now(meter) - begin < limit);
    return false;
}

static void reset(bb_meter *meter)
{
    meter->joules = 0.0;
    meter->failed = meter->ambiguous = false;
    meter->last_s = now(meter);
    if (!meter->operations->read(meter, meter->last_uJ))
        meter->failed = true;
}

/* The update period from some edges; SLOWEST_UPDATE_S if the counter rests. */
static void learn_update(bb_meter *meter)
{
    meter->update_s = SLOWEST_UPDATE_S;
    reset(meter);
    if (meter->failed || !take_edge(meter, SLOWEST_UPDATE_S))
        return;
    const double first = meter->last_s;
    int edges = 0;
    while (edges < 4 && take_edge(meter, SLOWEST_UPDATE_S))
        edges++;
    if (edges == 0)
        return;
    meter->update_s = (meter->last_s - first) / edges;
    meter->update_known = true;
}

static bb_status open_named(bb_meter *meter, const bb_meter_operations *operations,
                            const char *argument, const char *pci)
{
    meter->operations = operations;
    const bb_status status = operations->open(meter, argument, pci);
    if (status != BB_OK || meter->n_domains == 0)
        return status;
    learn_update(meter);
    if (meter->failed)
        meter->n_domains = 0;
    return BB_OK;
}

static bb_status open_auto(bb_meter *meter, const bb_meter_options *options)
{
    const char *type = options && options->device_type ? options->device_type : "cpu";
    for (size_t i = 0; i < BB_COUNT_OF(meters); i++)
        if (meters[i]->device_type && !strcmp(meters[i]->device_type, type))
            return open_named(meter, meters[i], NULL, options ? options->pci : NULL);
    bb_meter_excuse(meter, "name a meter that covers the board: --energy METER",
                    "there is no meter for devices of type '%s'", type);
    return BB_OK;
}

static bb_status fail_name(bb_context *context, const char *name)
{
    return bb_fail(context, BB_ARGUMENT,
                   "meter '%s' is unknown; there are: auto, off, powercap, nvml, replay:FILE",
                   name);
}

static bb_status open_meter(bb_meter *meter, const bb_meter_options *options)
{
    const char *name = options && options->name ? options->name : "auto";
    if (!strcmp(name, "auto"))
        return open_auto(meter, options);
    if (!strcmp(name, "off")) {
        bb_meter_excuse(meter, "--energy auto", "measuring is switched off");
        return BB_OK;
    }
    const size_t length = strcspn(name, ":");
    for (size_t i = 0; i < BB_COUNT_OF(meters); i++)
        if (strlen(meters[i]->name) == length && !strncmp(meters[i]->name, name, length))
            return open_named(meter, meters[i], name[length] ? name + length + 1 : NULL,
                              options->pci);
    return fail_name(meter->context, name);
}

bb_status bb_meter_open(bb_meter **out, bb_context *context, const bb_meter_options *options)
{
    *out = NULL;
    bb_meter *meter = bb_allocate(context, 1, sizeof(*meter));
    if (!meter)
        return BB_MEMORY;
    meter->context = context;
    const bb_status status = open_meter(meter, options);
    if (status == BB_OK)
        *out = meter;
    else
        bb_meter_close(meter);
    return status;
}

void bb_meter_close(bb_meter *meter)
{
    if (!meter)
        return;
    if (meter->operations)
        meter->operations->close(meter);
    bb_release(meter->context, meter);
}

bool bb_meter_ready(const bb_meter *meter)
{
    return meter->n_domains > 0;
}

double bb_meter_window(const bb_meter *meter)
{
    if (!bb_meter_ready(meter))
        return 0.0;
    return meter->update_known ? fmax(LEAST_WINDOW_S, 50.0 * meter->update_s) : LEAST_WINDOW_S;
}

void bb_meter_start(bb_meter *meter)
{
    meter->open = true;
    if (!bb_meter_ready(meter))
        return;
    reset(meter);
    if (!meter->failed)
        take_edge(meter, 2.0 * meter->update_s);
    meter->joules = 0.0;
    meter->start_s = meter->last_s;
}

void bb_meter_poll(bb_meter *meter)
{
    if (meter->open && bb_meter_ready(meter) && !meter->failed)
        take(meter);
}

void bb_meter_idle(bb_meter *meter, double seconds)
{
    if (!bb_meter_ready(meter))
        return;
    bb_meter_start(meter);
    const double end =
        meter->start_s + (meter->update_known ? fmax(seconds, 20.0 * meter->update_s) : seconds);
    while (!meter->failed && now(meter) < end) {
        wait_for(meter, fmin(0.25, fmax(end - now(meter), 1e-4)));
        bb_meter_poll(meter);
    }
    if (!meter->failed)
        take_edge(meter, 2.0 * meter->update_s);
    const double window = meter->last_s - meter->start_s;
    meter->idle_known = !meter->failed && !meter->ambiguous && window > 0.0;
    meter->idle_W = meter->idle_known ? meter->joules / window : 0.0;
    meter->open = false;
}

static void judge(bb_measurement *out, bb_meter_status status, const char *remedy,
                  const char *format, ...) BB_PRINTF(4, 5);

static void judge(bb_measurement *out, bb_meter_status status, const char *remedy,
                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(out->reason, sizeof(out->reason), format, arguments);
    va_end(arguments);
    snprintf(out->remedy, sizeof(out->remedy), "%s", remedy);
    out->status = status;
}

static void judge_window(const bb_meter *meter, bb_measurement *out)
{
    if (meter->joules <= 0.0)
        judge(out, BB_METER_UNRELIABLE, "run longer; if it stays, the counter is stuck",
              "the counter did not move in %.3g s", out->window_s);
    else if (meter->ambiguous)
        judge(out, BB_METER_UNRELIABLE, "read the meter more often than it wraps",
              "the counter may have wrapped more than once between two readings");
    else if (out->window_s < LEAST_UPDATES * meter->update_s)
        judge(out, BB_METER_UNRELIABLE, "run longer, with more inputs or repetitions",
              "a window of %.3g s is shorter than %g updates of the counter (%.3g s each%s)",
              out->window_s, LEAST_UPDATES, meter->update_s,
              meter->update_known ? "" : ", assumed: it rested while watched");
    else if (out->net_J <= 0.0)
        judge(out, BB_METER_UNRELIABLE, "measure on a quiet machine, or run longer",
              "%.3g J gross is no more than the idle machine used (%.3g W)", out->gross_J,
              meter->idle_W);
    else
        out->status = BB_METER_MEASURED;
}

static void name_domains(const bb_meter *meter, bb_measurement *out)
{
    size_t length = 0;
    for (uint32_t i = 0; i < meter->n_domains && length + 32 < sizeof(out->domains); i++)
        length += (size_t)snprintf(out->domains + length, sizeof(out->domains) - length, "%s%s",
                                   i ? " + " : "", meter->domains[i].name);
    out->n_domains = meter->n_domains;
}

void bb_meter_stop(bb_meter *meter, bb_measurement *out)
{
    *out = (bb_measurement){.status = BB_METER_NOT_MEASURED};
    const bool open = meter->open;
    meter->open = false;
    if (meter->operations)
        snprintf(out->meter, sizeof(out->meter), "%s", meter->operations->name);
    if (bb_meter_ready(meter) && open && !meter->failed)
        take_edge(meter, 2.0 * meter->update_s);
    if (!bb_meter_ready(meter) || meter->failed) {
        judge(out, BB_METER_NOT_MEASURED, meter->remedy, "%s", meter->reason);
        return;
    }
    if (!open) {
        judge(out, BB_METER_NOT_MEASURED, "", "no window was started");
        return;
    }
    name_domains(meter, out);
    out->window_s = meter->last_s - meter->start_s;
    out->update_s = meter->update_s;
    out->gross_J = meter->joules;
    out->idle_subtracted = meter->idle_known;
    out->idle_W = meter->idle_W;
    out->net_J = meter->joules - meter->idle_W * out->window_s;
    judge_window(meter, out);
}
