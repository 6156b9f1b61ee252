/* SPDX-License-Identifier: MIT */
/* Showing what the energy model says, and the comparison block of score and bench. */
#ifndef BITBAYES_HOST_ENERGY_H
#define BITBAYES_HOST_ENERGY_H

#include "fields.h"
#include "table.h"

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

/* The block "chip | device | ratio" of score and bench. */
void energy_print_comparison(FILE *stream, const bb_energy_comparison *comparison);
void energy_add_comparison(bb_json *json, const char *key, const bb_energy_comparison *comparison);

/* A range with three significant digits as {"low", "nominal", "high"}. */
void field_range(bb_json *json, const char *key, bb_range range);

/* A number cut to three significant digits. */
double three_digits(double value);

#endif
