/* SPDX-License-Identifier: MIT */
/* Showing what the energy model says, and the comparison block of score and bench. */
#ifndef BITBAYES_HOST_ENERGY_H
#define BITBAYES_HOST_ENERGY_H

#include "fields.h"
#include "table.h"

#include <bitbayes/engine.h>
#include <bitbayes/meter.h>

typedef enum energy_format { ENERGY_TEXT, ENERGY_MARKDOWN, ENERGY_CSV, ENERGY_JSON } energy_format;

/* Three significant digits with a prefix of the unit, "0.219 uJ" as "219 nJ"; returns `text`. */
const char *format_si(char text[32], double value, const char *unit);

/* "low .. nominal .. high" in one unit; returns `text`. */
const char *format_range(char text[64], bb_range range, const char *unit);

/* Print the cells aligned, as Markdown, or as CSV (the first row is the heading), and free them. */
void energy_print_cells(table *cells, FILE *stream, energy_format format);

/* The report: a tree, or one row per layer and component. `all`: small parts too. */
void energy_print_report(FILE *stream, const bb_energy_report *report, bool all);
void energy_print_layers(FILE *stream, const bb_energy_report *report, energy_format format);
bb_status energy_print_report_json(FILE *stream, bb_context *context,
                                   const bb_energy_report *report,
                                   const bb_energy_parameters *parameters);

/* What is known about a topic, a component or a key; NULL: the list of topics. */
bb_status energy_print_explanation(FILE *stream, bb_context *context,
                                   const bb_energy_parameters *parameters, const char *name);

void energy_print_ratios(FILE *stream, const bb_energy_ratios *ratios, energy_format format);
bb_status energy_print_ratios_json(FILE *stream, bb_context *context,
                                   const bb_energy_ratios *ratios);

/* ---- the comparison of score and bench ---- */

/* What is measured: a batch of inputs that an engine runs again and again; and the run that the
 * chip is estimated for. */
typedef struct energy_subject {
    const char *meter; /* as --energy takes it; NULL: "auto" */
    const bb_plan *plan;
    bb_engine *engine;          /* NULL: several; nothing is measured */
    bb_context *engine_context; /* of the engine */
    const bb_sampling *sampling;
    const void *inputs;
    uint64_t first_input; /* index of inputs[0] in its set */
    uint32_t n_inputs;
    uint64_t run_inputs, leaves;       /* of the run, counted ... */
    const uint64_t *stage_evaluations; /* ... and [stages] */
} energy_subject;

/* Measure and compare. Empty (`caveat` NULL) with meter "off". BB_OK also where nothing can be
 * measured; BB_INTERRUPTED, BB_DEVICE, BB_MEMORY, and what bb_meter_open() returns. */
bb_status energy_measure(bb_energy_comparison *out, bb_context *context,
                         const energy_subject *subject);

/* True for "off". */
bool energy_is_off(const char *meter);

/* Early, before a long run: BB_ARGUMENT for an unknown meter, BB_INPUT for a bad trace. */
bb_status energy_check_meter(bb_context *context, const char *name);

/* Nothing is printed or added for an empty comparison. */
void energy_print_comparison(FILE *stream, const bb_energy_comparison *comparison);
void energy_add_comparison(bb_json *json, const char *key, const bb_energy_comparison *comparison);

/* A range with three significant digits as {"low", "nominal", "high"}. */
void field_range(bb_json *json, const char *key, bb_range range);

/* A number cut to three significant digits. */
double three_digits(double value);

#endif
