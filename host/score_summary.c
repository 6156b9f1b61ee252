/* SPDX-License-Identifier: MIT */
/* What `score` tells about a data set: the table for people and summary.json for machines. */
#include "fields.h"
#include "score.h"
#include "table.h"

#include <inttypes.h>
#include <math.h>
#include <sys/resource.h>

static const struct {
    bool labels, second;
} needs[] = {
#define NEEDS_ROW(name, text, labels, second, definition) {labels, second},
    BB_METRIC_LIST(NEEDS_ROW)
#undef NEEDS_ROW
};

static bool is_shown(const score_report *report, uint32_t m)
{
    return (!needs[m].labels || report->set->labels) && (!needs[m].second || report->ood);
}

bb_status score_measure(score_run *run, score_report *report)
{
    const double begun = bb_seconds();
    const score_set *const set = report->set, *const ood = report->ood;
    const bb_bootstrap bootstrap = {run->options->seed, (uint32_t)run->options->resamples};
    score_figures *const figures = &report->figures;
    const bb_status status =
        run->with_plain ? bb_summary_compare(figures->sampled, figures->plain, figures->difference,
                                             set->sampled, ood ? ood->sampled : NULL, set->plain,
                                             ood ? ood->plain : NULL, &bootstrap)
                        : bb_summary_metrics(figures->sampled, set->sampled,
                                             ood ? ood->sampled : NULL, &bootstrap);
    run->times.reduce += bb_seconds() - begun;
    return status;
}

/* ---- the table ---- */

static const char *sampling_text(char text[96], const score_run *run)
{
    switch (run->sampling.mode) {
    case BB_SAMPLING_EXACT:
        return "exact";
    case BB_SAMPLING_DETERMINISTIC:
        return "deterministic";
    default:
        snprintf(text, 96, "T = %u, seed %" PRIu64, run->sampling.samples, run->sampling.seed);
        return text;
    }
}

/* Four decimals, or two digits where those would show next to nothing. */
static const char *format_figure(char text[32], double value, bool sign)
{
    const bool small = value != 0 && fabs(value) < 0.001;
    if (sign)
        snprintf(text, 32, small ? "%+.1e" : "%+.4f", value);
    else
        snprintf(text, 32, small ? "%.1e" : "%.4f", value);
    return text;
}

static void interval_cell(table *cells, const bb_estimate *e, bool sign)
{
    char low[32], high[32];
    if (isnan(e->low))
        table_cell(cells, "%s", "");
    else
        table_cell(cells, "[%s, %s]", format_figure(low, e->low, sign),
                   format_figure(high, e->high, sign));
}

static void value_cell(table *cells, double value, bool sign)
{
    char text[32];
    table_cell(cells, "%s", isnan(value) ? "-" : format_figure(text, value, sign));
}

static void add_metric(table *cells, const score_report *report, uint32_t m)
{
    const score_figures *const figures = &report->figures;
    table_cell(cells, "%s", bb_metric_name((bb_metric)m));
    value_cell(cells, figures->sampled[m].value, false);
    interval_cell(cells, &figures->sampled[m], false);
    if (!report->run->with_plain)
        return;
    value_cell(cells, figures->plain[m].value, false);
    value_cell(cells, figures->difference[m].value, true);
    interval_cell(cells, &figures->difference[m], true);
}

static void print_metrics(FILE *stream, const score_report *report)
{
    const bool plain = report->run->with_plain;
    static const char *const heads[] = {
        "", "sampled", "95 % interval", "deterministic", "difference", "95 % interval, paired"};
    table cells = {.alignment = plain ? "lrrrrr" : "lrr"};
    for (size_t i = 0; i < (plain ? 6u : 3u); i++)
        table_cell(&cells, "%s", heads[i]);
    for (uint32_t m = 0; m < BB_METRIC_COUNT; m++)
        if (is_shown(report, m))
            add_metric(&cells, report, m);
    table_print(&cells, stream, 2);
}

static void print_evaluations(FILE *stream, const score_report *report)
{
    const score_run *const run = report->run;
    const bool drawn = run->sampling.mode == BB_SAMPLING_DRAWN;
    double sum = 0, expected = 0;
    fputs("stage evaluations per input", stream);
    for (uint32_t s = 0; s < bb_plan_stage_count(run->net.plan); s++) {
        fprintf(stream, "%s%.2f", s ? " + " : "  ", report->evaluations_per_input[s]);
        sum += report->evaluations_per_input[s];
        if (drawn)
            expected += bb_expected_evaluations(run->net.plan, s, run->sampling.samples,
                                                run->sampling.drop_probability);
    }
    fprintf(stream, " = %.2f", sum);
    if (drawn && !run->sampling.no_sharing)
        fprintf(stream, " (expected %.2f; %u without sharing)", expected,
                run->sampling.samples * bb_plan_stage_count(run->net.plan));
    fprintf(stream, "; leaves %.2f\n", report->leaves_per_input);
}

void score_print_table(FILE *stream, const score_report *report)
{
    const score_run *const run = report->run;
    const score_times *const t = &run->times;
    char text[96];
    fprintf(stream, "%s on %s: %" PRIu64 " inputs, %s\n", run->model_path, report->set->path,
            report->set->count, sampling_text(text, run));
    fprintf(stream, "device %s, %s\n", run->device_ids, run->device_names);
    if (report->ood)
        fprintf(stream, "out of distribution: %s, %" PRIu64 " inputs (the positive class)\n",
                report->ood->path, report->ood->count);
    fputc('\n', stream);
    print_metrics(stream, report);
    fputc('\n', stream);
    print_evaluations(stream, report);
    fprintf(
        stream,
        "seconds  load %.3f, compile %.3f, draw %.3f, transfer %.3f, compute %.3f, reduce %.3f, "
        "write %.3f; run %.3f (%.0f inputs/s), total %.3f\n",
        t->load, t->compile, t->draw, t->transfer, t->compute, t->reduce, t->write, t->run,
        (double)(report->set->count + (report->ood ? report->ood->count : 0)) / t->run, t->total);
    energy_print_comparison(stream, &report->energy);
}

/* ---- summary.json ---- */

static void add_estimate(bb_json *json, const char *key, const bb_estimate *e)
{
    field_array(json, key);
    bb_json_number(json, e->low);
    bb_json_number(json, e->high);
    bb_json_end(json);
}

/* The figures themselves, then their intervals, the deterministic ones and the paired difference,
 * each under the same keys. */
static void add_figures(bb_json *json, const score_report *report, bool second)
{
    const score_figures *const figures = &report->figures;
    const bb_estimate *const parts[] = {figures->sampled, figures->plain, figures->difference};
    static const char *const names[] = {NULL, "deterministic", "difference"};
    static const char *const intervals[] = {"interval_95", "deterministic_interval_95",
                                            "difference_interval_95"};
    for (size_t part = 0; part < (report->run->with_plain ? 3u : 1u); part++) {
        if (names[part])
            field_object(json, names[part]);
        for (uint32_t m = 0; m < BB_METRIC_COUNT; m++)
            if (is_shown(report, m) && needs[m].second == second)
                field_number(json, bb_metric_name((bb_metric)m), parts[part][m].value);
        if (names[part])
            bb_json_end(json);
        field_object(json, intervals[part]);
        for (uint32_t m = 0; m < BB_METRIC_COUNT; m++)
            if (is_shown(report, m) && needs[m].second == second)
                add_estimate(json, bb_metric_name((bb_metric)m), &parts[part][m]);
        bb_json_end(json);
    }
}

static void add_set(bb_json *json, const char *key, const score_set *set)
{
    field_object(json, key);
    field_string(json, "path", set->path);
    field_hash(json, "hash", set->hash);
    field_count(json, "inputs", set->count);
    field_bool(json, "labels", set->labels != NULL);
    bb_json_end(json);
}

static void add_provenance(bb_json *json, const score_report *report)
{
    const score_run *const run = report->run;
    field_count(json, "definitions_version", BB_DEFINITIONS_VERSION);
    field_object(json, "model");
    field_string(json, "path", run->model_path);
    field_hash(json, "hash", bb_graph_hash(run->net.graph));
    field_hash(json, "plan_hash", bb_plan_hash(run->net.plan));
    bb_json_end(json);
    add_set(json, "data", report->set);
    if (report->ood)
        add_set(json, "ood_data", report->ood);
    field_object(json, "device");
    field_string(json, "id", run->device_ids);
    field_string(json, "name", run->device_names);
    field_string(json, "driver", run->drivers);
    field_array(json, "variants");
    for (uint32_t s = 0; s < bb_plan_stage_count(run->net.plan); s++)
        bb_json_string(json, bb_engine_variant(run->lanes[0].engine, s));
    bb_json_end(json);
    bb_json_end(json);
}

static void add_stages(bb_json *json, const score_report *report)
{
    const score_run *const run = report->run;
    field_array(json, "stages");
    for (uint32_t s = 0; s < bb_plan_stage_count(run->net.plan); s++) {
        bb_stage_info stage;
        bb_plan_stage(run->net.plan, s, &stage);
        bb_json_begin_object(json);
        field_string(json, "name", stage.name);
        field_number(json, "evaluations_per_input", report->evaluations_per_input[s]);
        if (run->sampling.mode == BB_SAMPLING_DRAWN)
            field_number(json, "expected_evaluations_per_input",
                         bb_expected_evaluations(run->net.plan, s, run->sampling.samples,
                                                 run->sampling.drop_probability));
        bb_json_end(json);
    }
    bb_json_end(json);
}

static void add_sampling(bb_json *json, const score_report *report)
{
    const score_run *const run = report->run;
    double sum = 0;
    for (uint32_t s = 0; s < bb_plan_stage_count(run->net.plan); s++)
        sum += report->evaluations_per_input[s];
    field_object(json, "sampling");
    bb_json_key(json, "samples");
    if (run->sampling.mode == BB_SAMPLING_DRAWN)
        bb_json_u64(json, run->sampling.samples);
    else
        bb_json_string(json, run->sampling.mode == BB_SAMPLING_EXACT ? "exact" : "deterministic");
    field_count(json, "seed", run->sampling.seed);
    field_bool(json, "sharing", !run->sampling.no_sharing);
    bb_json_key(json, "drop_probability");
    if (run->sampling.drop_probability >= 0)
        bb_json_number(json, run->sampling.drop_probability);
    else
        bb_json_null(json); /* the model's own */
    field_number(json, "stage_evaluations_per_input", sum);
    field_number(json, "leaves_per_input", report->leaves_per_input);
    add_stages(json, report);
    bb_json_end(json);
}

static void add_times(bb_json *json, const score_times *t)
{
    field_object(json, "time_seconds");
    field_number(json, "load", t->load);
    field_number(json, "compile", t->compile);
    field_number(json, "draw", t->draw);
    field_number(json, "transfer", t->transfer);
    field_number(json, "compute", t->compute);
    field_number(json, "reduce", t->reduce);
    field_number(json, "write", t->write);
    field_number(json, "run", t->run);
    field_number(json, "energy", t->energy);
    field_number(json, "total", t->total);
    bb_json_end(json);
}

/* The most memory that the process had at any time, with the driver's and its compiler's. */
static void add_peak(bb_json *json)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        field_count(json, "peak_resident_bytes", (uint64_t)usage.ru_maxrss * 1024);
}

static void add_shown(bb_json *json, const score_set *set)
{
    if (!set->n_shown)
        return;
    field_array(json, "most_uncertain");
    for (uint32_t i = 0; i < set->n_shown; i++) {
        const bb_prediction *const p = &set->shown[i].prediction;
        bb_json_begin_object(json);
        field_count(json, "index", set->shown[i].index);
        field_count(json, "class", p->top_class);
        if (p->label != BB_NO_LABEL)
            field_count(json, "label", p->label);
        field_number(json, "probability", p->probability);
        field_number(json, "predictive_entropy_nats", p->predictive_entropy);
        field_number(json, "mutual_information_nats", p->mutual_information);
        bb_json_end(json);
    }
    bb_json_end(json);
}

bb_status score_print_json(FILE *stream, const score_report *report)
{
    bb_text text;
    bb_json json;
    json_begin(&json, &text, report->run->context);
    add_provenance(&json, report);
    field_count(&json, "bootstrap_resamples", report->run->options->resamples);
    field_object(&json, "metrics");
    add_figures(&json, report, false);
    bb_json_end(&json);
    if (report->ood) {
        field_object(&json, "ood");
        add_figures(&json, report, true);
        bb_json_end(&json);
    }
    add_sampling(&json, report);
    add_times(&json, &report->run->times);
    add_peak(&json);
    energy_add_comparison(&json, "energy", &report->energy);
    add_shown(&json, report->set);
    return json_finish(&json, stream);
}
