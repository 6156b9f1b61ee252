/* SPDX-License-Identifier: MIT */
/** @file meter.h  Measured energy of the device that really ran, and its comparison with the
 * estimate. */
#ifndef BITBAYES_METER_H
#define BITBAYES_METER_H

#include <bitbayes/energy.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An energy counter of the machine. Belongs to one thread at a time. */
typedef struct bb_meter bb_meter;

/** Which device is measured; decides which meter "auto" takes. */
typedef struct bb_meter_options {
    const char *name; /**< "auto" (default, also NULL), "off", or a meter of bb_meter_name(), with
                         its argument behind a colon: "replay:trace.txt", "powercap:/other/root" */
    const char *device_type; /**< "cpu", "gpu", ... as in bb_device_info; NULL: "cpu" */
    const char *pci;         /**< "0000:3b:00.0" of a GPU; NULL: unknown */
} bb_meter_options;

/** Names and one-line descriptions of the meters there are; NULL behind the last one. Static. */
const char *bb_meter_name(uint32_t index);
const char *bb_meter_what(uint32_t index);

/**
 * Open a meter. That a machine has none is no error: the meter then says not_measured and why.
 *
 * @return BB_OK; BB_ARGUMENT, unknown name (the text lists them); BB_INPUT, a malformed replay
 * trace; BB_MEMORY
 */
bb_status bb_meter_open(bb_meter **out, bb_context *context, const bb_meter_options *options);
void bb_meter_close(bb_meter *meter); /**< takes NULL */

/** True if the meter can be read now; else bb_meter_stop() will say not_measured. */
bool bb_meter_ready(const bb_meter *meter);

/** Watch the idle machine for `seconds` (at least 20 updates of the counter, if it moves) and
 * remember its watts. */
void bb_meter_idle(bb_meter *meter, double seconds);

/** Seconds that a window should last: max(2, 50 updates of the counter); 2 if the counter rested
 * while it was opened; 0 without a meter. */
double bb_meter_window(const bb_meter *meter);

/** Start a window, on an edge of the counter. A window that is still open is dropped. */
void bb_meter_start(bb_meter *meter);

/** Read in between, so that a counter that wraps is followed; at least once a minute in long
 * windows. */
void bb_meter_poll(bb_meter *meter);

/** Let time pass in a recorded trace, which has a clock of its own; other meters ignore it. */
void bb_meter_replay_advance(bb_meter *meter, double seconds);

typedef enum bb_meter_status {
    BB_METER_NOT_MEASURED,
    BB_METER_UNRELIABLE,
    BB_METER_MEASURED
} bb_meter_status;

/** "not_measured", "unreliable", "measured". */
const char *bb_meter_status_word(bb_meter_status status);

/** What a window gave. Joules are meaningless unless `status` is MEASURED; they are 0 when
 * NOT_MEASURED. */
typedef struct bb_measurement {
    bb_meter_status status;
    char meter[32];    /**< "powercap", ...; "" without one */
    char domains[160]; /**< what the counter covers: "package-0 + dram, package-1" */
    char reason[256];  /**< why not MEASURED; else "" */
    char remedy[256];  /**< what would help; else "" */
    double gross_J;    /**< counter difference */
    double
        net_J; /**< less idle watts x window; equal to gross_J where no idle baseline was taken */
    bool idle_subtracted;
    double idle_W;
    double window_s;
    double update_s; /**< period of the counter */
    uint32_t n_domains;
} bb_measurement;

/** Stop the window, on an edge of the counter. */
void bb_meter_stop(bb_meter *meter, bb_measurement *out);

/** The estimate beside the measurement, per image. */
typedef struct bb_energy_comparison {
    bb_range chip_J;        /**< every pass in full */
    bb_range chip_shared_J; /**< prefixes shared */
    bb_measurement device;
    double device_gross_J, device_net_J; /**< per image; 0 unless measured */
    bb_range ratio;        /**< device net / chip_J, low to high; 0 unless measured */
    bb_range shared_ratio; /**< device net / chip_shared_J, likewise */
    const char *caveat;                  /**< static text that belongs to the numbers */
} bb_energy_comparison;

/** `images` is how many images the window covered. */
void bb_energy_compare(bb_energy_comparison *out, const bb_energy_report *report,
                       const bb_measurement *device, uint64_t images);

/** What a run did, for the estimate beside it. */
typedef struct bb_energy_run {
    uint32_t passes;                   /**< T; leaves of an exact run */
    uint64_t inputs;                   /**< that were run */
    uint64_t leaves;                   /**< distinct leaves of all of them */
    const uint64_t *stage_evaluations; /**< [stages], as bb_engine_count() has them for this run */
    uint64_t measured_inputs;          /**< that the window of `device` covered */
} bb_energy_run;

/**
 * Estimate the chip for what a run really did, with the evaluations that it needed, and compare.
 *
 * @param parameters  NULL: the default preset.
 * @return BB_OK; BB_ARGUMENT, no inputs or passes out of range; BB_MEMORY
 */
bb_status bb_energy_compare_run(bb_energy_comparison *out, bb_context *context, const bb_plan *plan,
                                const bb_energy_parameters *parameters, const bb_energy_run *run,
                                const bb_measurement *device);

#ifdef __cplusplus
}
#endif
#endif
