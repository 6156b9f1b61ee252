/* SPDX-License-Identifier: MIT */
/*
 * Joules of the device beside the estimate of the chip, for `score` and `bench`. Counters move in
 * steps and other work would be counted too, so what is measured is the engine alone, running one
 * batch again and again for as long as the meter asks. Without a meter nothing is run.
 */
#include "energy.h"
#include "invocation.h"

#include <string.h>

#define IDLE_SECONDS 2.0
#define POLL_SECONDS 0.5

bool energy_is_off(const char *meter)
{
    return meter && strcmp(meter, "off") == 0;
}

bb_status energy_check_meter(bb_context *context, const char *name)
{
    if (!name || strcmp(name, "auto") == 0)
        return BB_OK;
    const bb_meter_options options = {.name = name};
    bb_meter *meter;
    const bb_status status = bb_meter_open(&meter, context, &options);
    bb_meter_close(meter);
    return status;
}

/* ---- the window ---- */

static bb_status open_meter(bb_meter **out, bb_context *context, const energy_subject *subject)
{
    const bb_device_info *const device = bb_engine_device(subject->engine);
    const bool reference = strcmp(device->type, "reference") == 0; /* runs on the processor */
    const bb_meter_options options = {.name = subject->meter,
                                      .device_type = reference ? "cpu" : device->type,
                                      .pci = device->pci[0] ? device->pci : NULL};
    return bb_meter_open(out, context, &options);
}

static bb_status run_batch(bb_context *context, const energy_subject *subject)
{
    const bb_status status = bb_engine_run(subject->engine, subject->inputs, subject->first_input,
                                           subject->n_inputs, subject->sampling);
    if (status != BB_OK && context != subject->engine_context)
        bb_fail(context, status, "%s", bb_context_error(subject->engine_context));
    return status;
}

static bb_status run_window(bb_meter *meter, bb_context *context, const energy_subject *subject,
                            uint64_t *n_inputs)
{
    const double window = bb_meter_window(meter), begun = bb_seconds();
    double last = begun, polled = begun;
    bb_status status = BB_OK;
    bb_meter_start(meter);
    while (status == BB_OK && last - begun < window) {
        status = interrupted() ? bb_fail(context, BB_INTERRUPTED, "interrupted while measuring")
                               : run_batch(context, subject);
        *n_inputs += subject->n_inputs;
        const double now = bb_seconds();
        bb_meter_replay_advance(meter, now - last); /* a trace follows this clock */
        if (now - polled >= POLL_SECONDS) {         /* seldom: the device rests meanwhile */
            bb_meter_poll(meter);
            polled = now;
        }
        last = now;
    }
    return status;
}

static bb_status measure(bb_measurement *out, bb_context *context, const energy_subject *subject,
                         uint64_t *n_inputs)
{
    bb_meter *meter;
    bb_status status = open_meter(&meter, context, subject);
    if (status != BB_OK)
        return status;
    if (bb_meter_ready(meter)) {
        say("measuring energy for %.2g s (--energy off leaves it out)",
            IDLE_SECONDS + bb_meter_window(meter));
        bb_meter_idle(meter, IDLE_SECONDS);
        status = run_window(meter, context, subject, n_inputs);
    }
    bb_meter_stop(meter, out);
    bb_meter_close(meter);
    return status;
}

/* ---- the comparison ---- */

bb_status energy_measure(bb_energy_comparison *out, bb_context *context,
                         const energy_subject *subject)
{
    *out = (bb_energy_comparison){0};
    const uint64_t passes = plan_passes(subject->plan, subject->sampling);
    if (energy_is_off(subject->meter))
        return BB_OK;
    if (passes > BB_MAX_SAMPLES) {
        say("note: energy is estimated up to %u passes", BB_MAX_SAMPLES);
        return BB_OK;
    }
    bb_energy_run run = {.passes = (uint32_t)passes,
                         .inputs = subject->run_inputs,
                         .leaves = subject->leaves,
                         .stage_evaluations = subject->stage_evaluations};
    bb_measurement device = {
        .reason = "several devices share the inputs, and no meter covers just these",
        .remedy = "run on one device",
    };
    bb_status status = BB_OK;
    if (subject->engine)
        status = measure(&device, context, subject, &run.measured_inputs);
    if (status == BB_OK)
        status = bb_energy_compare_run(out, context, subject->plan, NULL, &run, &device);
    return status;
}
