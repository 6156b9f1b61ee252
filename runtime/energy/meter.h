/* SPDX-License-Identifier: MIT */
/*
 * Inside the meters. A meter is a row of operations over energy counters in microjoules; edges,
 * wraps, windows and verdicts are common to all of them (meters.c). To add one: write its
 * operations and name them in the table there.
 */
#ifndef BITBAYES_METER_INTERNAL_H
#define BITBAYES_METER_INTERNAL_H

#include "base/base.h"
#include <bitbayes/meter.h>

#define BB_MAX_METER_DOMAINS 32

typedef struct bb_meter_domain {
    char name[24];
    uint64_t range_uJ; /* the counter starts again at 0 behind this; 0: it never does */
} bb_meter_domain;

typedef struct bb_meter_operations {
    const char *name;
    const char *what;
    const char *device_type; /* "auto" takes this meter for such devices; NULL: never */
    /* Fill domains and n_domains. Not to be had: leave n_domains 0 and call bb_meter_excuse().
     * Fails on bad arguments and lack of memory only. `argument` may be NULL. */
    bb_status (*open)(bb_meter *meter, const char *argument, const char *pci);
    /* Read all domains at once; false after bb_meter_excuse(). */
    bool (*read)(bb_meter *meter, uint64_t *uJ);
    double (*now)(bb_meter *meter);                /* seconds; NULL: the steady clock */
    void (*wait)(bb_meter *meter, double seconds); /* NULL: sleep */
    void (*close)(bb_meter *meter);                /* takes half-opened meters; releases `state` */
} bb_meter_operations;

struct bb_meter {
    bb_context *context;
    const bb_meter_operations *operations; /* NULL: there is no meter */
    void *state;                           /* of the operations */
    bb_meter_domain domains[BB_MAX_METER_DOMAINS];
    uint32_t n_domains;
    char reason[256], remedy[256];
    double update_s;
    bool update_known;
    bool idle_known;
    double idle_W;
    bool open;              /* a window is */
    bool failed, ambiguous; /* in this window */
    uint64_t last_uJ[BB_MAX_METER_DOMAINS];
    double last_s, start_s;
    double joules;
};

/* Why there is no measurement, and what would help. The first excuse stays. */
void bb_meter_excuse(bb_meter *meter, const char *remedy, const char *format, ...) BB_PRINTF(3, 4);

extern const bb_meter_operations bb_meter_powercap, bb_meter_nvml, bb_meter_replay;

#endif
