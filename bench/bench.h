/* SPDX-License-Identifier: MIT */
/*
 * `bitbayes bench`: rows of samples, taken on devices whose limits are measured in between (limit,
 * row, limit, row, ...), so that a share of the limit does not suffer from a clock that changes.
 */
#ifndef BITBAYES_BENCH_H
#define BITBAYES_BENCH_H

#include "execute/backend.h"
#include "host/energy.h"
#include "host/invocation.h"
#include "host/progress.h"
#include "samples.h"

#include <bitbayes/device.h>

typedef struct bench_options {
    common_options common;
    const char *devices, *batches, *samples; /* comma lists */
    const char *format, *variants, *popcount, *cache, *tune, *basis, *energy;
    double seconds, precision, threshold, handicap;
    uint64_t seed, memory;
} bench_options;

/* X(name, word, whether it fails the run) */
#define ROW_STATUS_LIST(X)                                                                         \
    X(OK, "ok", 0)                                                                                 \
    X(NOISY, "noisy", 0)     /* the interval is too wide to say more */                            \
    X(REFUSED, "refused", 0) /* cannot run here: the reason tells why */                           \
    X(WRONG, "wrong", 1)     /* differs from the reference; was not timed */                       \
    X(BROKEN, "broken", 1)   /* above the limit: the measurement cannot be right */                \
    X(FAILED, "failed", 1)   /* the device failed */

typedef enum row_status {
#define ROW_STATUS_ENUM(name, word, fails) ROW_##name,
    ROW_STATUS_LIST(ROW_STATUS_ENUM)
#undef ROW_STATUS_ENUM
} row_status;

const char *row_status_word(row_status status);

struct bb_roofline;

/* A device of the run. Borrowed texts belong to the run's device list. */
typedef struct bench_device {
    const bb_device_info *info;
    bb_backend *opened;            /* NULL: the reference, which has no limits */
    struct bb_roofline *roofline;  /* NULL as well */
    samples limit, stream, launch; /* operations/s, bytes/s, s: all that this run measured */
} bench_device;

/* What a row measures. */
typedef enum row_kind { ROW_KERNEL, ROW_MODEL, ROW_LIMIT } row_kind;

typedef struct bench_row {
    row_kind kind;
    char name[128];
    const bench_device *device;
    row_status status;
    char reason[512];
    char variant[160];
    const char *unit;    /* of `time`: "s", or a rate for limits */
    const char *stopped; /* "precision", "time-out", "interrupt"; "" if nothing was timed */
    samples time;        /* seconds per call; kernels by the device's clock, models by the host's */
    samples wall;        /* kernels: seconds per call by the host's clock */
    samples limit;       /* register limit beside each sample, operations per second */
    samples bound;       /* models: the tree's own bound beside each sample, seconds */
    samples transfer, list, compute; /* seconds of each sample: copies; draws and work lists;
                                        models: waiting for the device */
    double operations, valid_operations, bytes; /* of a call */
    bool binary;             /* operations are binary ones: bound by the register limit */
    double inputs;           /* of a call: network inputs, or work entries */
    double reference;        /* seconds that `ref` would take; 0: not known */
    double warm_up, compile; /* seconds of the first call, and of building kernels before it */
    uint32_t n_stages;
    bb_energy_comparison energy; /* models; `caveat` NULL: none */
} bench_row;

/* What rows say, derived in one place. Shares are 0..1; intervals all 0 where unknown. */
typedef struct bench_figures {
    interval time, wall;
    interval share, valid_share; /* of the register limit: median of the ratios */
    interval over_bound;         /* time / bound */
    double bound, rate, inputs_rate, bandwidth_share, ratio_to_reference;
    double transfer, list, compute; /* medians, seconds */
    double launches; /* 2 x stages x an empty launch: what small batches cannot avoid, seconds */
} bench_figures;

bool row_figures(bench_figures *out, const bench_row *row);

typedef struct bench_run {
    invocation *call;
    const bench_options *options;
    bb_context *context;
    const char *what; /* "kernels", "model", "limits" */
    bb_device_list *list;
    bench_device devices[MAX_DEVICES];
    uint32_t n_devices;
    bench_row **rows;
    uint32_t n_rows;
    progress line;
} bench_run;

bb_status run_open(bench_run *run, invocation *call, const bench_options *options,
                   const char *what);
void run_close(bench_run *run);

/* Print all rows, keep the limits for `bitbayes devices`, and judge: BB_CHECK if a row fails the
 * run. */
bb_status run_finish(bench_run *run);

/* A new row that prints with the run; NULL without memory. */
bench_row *run_add_row(bench_run *run, row_kind kind, bench_device *device, const char *format, ...)
    BB_PRINTF(4, 5);

/* Turn what a row's preparation returned into its status. Returns what is to be passed on: BB_OK
 * where the run can go on with other rows. */
bb_status row_settle(bench_run *run, bench_row *row, bb_status status);

/* Take samples until the precision or the time is reached; `take` gives the seconds (or rate) of
 * one and may add to the row's other samples. */
typedef bb_status take_sample(bench_row *row, void *payload, double *value);
bb_status run_sample(bench_run *run, bench_device *device, bench_row *row, take_sample *take,
                     void *payload);

/* The backend options that the command line asks for. */
bb_device_options bench_backend_options(const bench_options *options);

/* Comma list of whole numbers within low..high; BB_ARGUMENT. At most MAX_NUMBERS. */
#define MAX_NUMBERS 16
bb_status parse_numbers(bb_context *context, const char *option, const char *text, uint64_t low,
                        uint64_t high, uint64_t out[MAX_NUMBERS], uint32_t *n);

/* print.c */
bb_status bench_print(FILE *stream, const bench_run *run);
bb_status bench_check_format(bb_context *context, const char *format);

/* print_energy.c: the models' joules beside the chip's, as a second table. */
void bench_print_energy(FILE *stream, const bench_run *run);

/* The subcommands; operands without the subcommand's name. */
bb_status bench_kernels(bench_run *run, char **operands, int n_operands);
bb_status bench_model(bench_run *run, char **operands, int n_operands);
bb_status bench_limits(bench_run *run);
bb_status bench_compare(invocation *call, const bench_options *options, char **operands);
bb_status bench_targets(invocation *call, const bench_options *options, const char *folder);

#endif
