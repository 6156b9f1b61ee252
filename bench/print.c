/* SPDX-License-Identifier: MIT */
/* Rows as a Markdown table for people, as CSV and as JSON for machines: one list of figures. */
#include "bench.h"
#include "context.h"
#include "host/fields.h"
#include "markdown.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bb_status bench_check_format(bb_context *context, const char *format)
{
    static const char *const known[] = {"md", "csv", "json"};
    for (size_t i = 0; i < BB_COUNT_OF(known); i++)
        if (strcmp(format, known[i]) == 0)
            return BB_OK;
    return bb_fail(context, BB_ARGUMENT, "bench: --format: expected md, csv or json, found '%s'",
                   format);
}

/* ---- figures for machines ---- */

typedef struct figure {
    const char *key;
    double value; /* not a number: unknown */
} figure;

#define MAX_FIGURES 32

static double known(double value)
{
    return value > 0 ? value : (double)NAN;
}

/* Times in `unit`, shares in percent; "_s" is seconds. */
static size_t list_figures(figure out[MAX_FIGURES], const bench_row *row, const bench_figures *f)
{
    const figure all[] = {
        {"n_samples", (double)row->time.n},
        {"median", known(f->time.median)},
        {"low", known(f->time.low)},
        {"high", known(f->time.high)},
        {"wall_median", known(f->wall.median)},
        {"percent_of_limit", known(100 * f->share.median)},
        {"percent_of_limit_low", known(100 * f->share.low)},
        {"percent_of_limit_high", known(100 * f->share.high)},
        {"percent_of_limit_valid_taps", known(100 * f->valid_share.median)},
        {"percent_of_bandwidth", known(100 * f->bandwidth_share)},
        {"operations_per_s", known(f->rate)},
        {"inputs_per_s", known(f->inputs_rate)},
        {"ratio_to_ref", known(f->ratio_to_reference)},
        {"bound_s", known(f->bound)},
        {"ratio_to_bound", known(f->over_bound.median)},
        {"ratio_to_bound_low", known(f->over_bound.low)},
        {"ratio_to_bound_high", known(f->over_bound.high)},
        {"operations", known(row->operations)},
        {"valid_operations", known(row->valid_operations)},
        {"bytes", known(row->bytes)},
        {"inputs", known(row->inputs)},
        {"stages", known(row->n_stages)},
        {"launches_s", known(f->launches)},
        {"empty_launch_s", known(samples_interval(&row->device->launch).median)},
        {"warm_up_s", known(row->warm_up)},
        {"compile_s", row->compile},
        {"transfer_s", f->transfer},
        {"compute_s", known(f->compute)},
        {"list_s", f->list},
    };
    memcpy(out, all, sizeof(all));
    return BB_COUNT_OF(all);
}

/* Joules per input, of models. */
static size_t list_energy(figure out[MAX_FIGURES], const bench_row *row)
{
    const bb_energy_comparison *e = &row->energy;
    const figure all[] = {
        {"chip_J_low", known(e->chip_J.low)},
        {"chip_J", known(e->chip_J.nominal)},
        {"chip_J_high", known(e->chip_J.high)},
        {"chip_shared_J_low", known(e->chip_shared_J.low)},
        {"chip_shared_J", known(e->chip_shared_J.nominal)},
        {"chip_shared_J_high", known(e->chip_shared_J.high)},
        {"device_net_J", known(e->device_net_J)},
        {"device_gross_J", known(e->device_gross_J)},
    };
    memcpy(out, all, sizeof(all));
    return BB_COUNT_OF(all);
}

static void csv_text(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (; *text; text++)
        fprintf(stream, *text == '"' ? "\"%c" : "%c", *text);
    fputc('"', stream);
}

static void csv_heading(FILE *stream, const figure *figures, size_t n, bool with_energy)
{
    fputs("name,device,status,reason,variant,stopped_by,unit", stream);
    for (size_t i = 0; i < n; i++)
        fprintf(stream, ",%s", figures[i].key);
    fputs(with_energy ? ",energy_status,energy_reason\n" : "\n", stream);
}

static void csv_row(FILE *stream, const bench_row *row, const figure *figures, size_t n)
{
    const char *const texts[] = {row->name,   row->device->info->id, row_status_word(row->status),
                                 row->reason, row->variant,          row->stopped};
    for (size_t i = 0; i < BB_COUNT_OF(texts); i++) {
        csv_text(stream, texts[i]);
        fputc(',', stream);
    }
    fputs(row->unit, stream);
    for (size_t i = 0; i < n; i++)
        fprintf(stream, isnan(figures[i].value) ? "," : ",%.9g", figures[i].value);
}

static bb_status print_csv(FILE *stream, const bench_run *run)
{
    const bool with_energy = strcmp(run->what, "model") == 0;
    for (uint32_t r = 0; r < run->n_rows; r++) {
        const bench_row *row = run->rows[r];
        bench_figures f;
        figure figures[2 * MAX_FIGURES];
        if (!row_figures(&f, row))
            return bb_fail(run->context, BB_MEMORY, "bench: out of memory");
        size_t n = list_figures(figures, row, &f);
        if (with_energy)
            n += list_energy(figures + n, row);
        if (r == 0)
            csv_heading(stream, figures, n, with_energy);
        csv_row(stream, row, figures, n);
        if (with_energy) {
            const bb_measurement *device = &row->energy.device;
            fprintf(stream, ",%s,", row->energy.caveat ? bb_meter_status_word(device->status) : "");
            csv_text(stream, device->reason);
        }
        fputc('\n', stream);
    }
    return BB_OK;
}

static void add_samples(bb_json *json, const char *key, const samples *set)
{
    if (!set->n)
        return;
    field_array(json, key);
    for (size_t i = 0; i < set->n; i++)
        bb_json_number(json, set->values[i]);
    bb_json_end(json);
}

static bool add_row(bb_json *json, const bench_row *row)
{
    bench_figures f;
    figure figures[MAX_FIGURES];
    if (!row_figures(&f, row))
        return false;
    const size_t n = list_figures(figures, row, &f);
    bb_json_begin_object(json);
    field_string(json, "name", row->name);
    field_string(json, "device", row->device->info->id);
    field_string(json, "status", row_status_word(row->status));
    field_string(json, "reason", *row->reason ? row->reason : NULL);
    field_string(json, "variant", *row->variant ? row->variant : NULL);
    field_string(json, "stopped_by", *row->stopped ? row->stopped : NULL);
    field_string(json, "unit", row->unit);
    for (size_t i = 0; i < n; i++)
        field_number(json, figures[i].key, figures[i].value);
    field_array(json, "samples"); /* always there: `bench compare` reads it */
    for (size_t i = 0; i < row->time.n; i++)
        bb_json_number(json, row->time.values[i]);
    bb_json_end(json);
    add_samples(json, "wall_samples", &row->wall);
    add_samples(json, "limit_samples", &row->limit);
    add_samples(json, "bound_samples", &row->bound);
    energy_add_comparison(json, "energy", &row->energy);
    bb_json_end(json);
    return true;
}

static bb_status print_json(FILE *stream, const bench_run *run)
{
    bb_text text;
    bb_json json;
    bool good = true;
    json_begin(&json, &text, run->context);
    context_write(&json, run);
    field_array(&json, "rows");
    for (uint32_t r = 0; r < run->n_rows && good; r++)
        good = add_row(&json, run->rows[r]);
    bb_json_end(&json);
    const bb_status status = json_finish(&json, stream);
    return good ? status : bb_fail(run->context, BB_MEMORY, "bench: out of memory");
}

/* ---- a table for people ---- */

static const char *seconds_text(char text[24], double seconds)
{
    static const char *const units[] = {"s", "ms", "us", "ns"};
    int unit = 0;
    for (; unit < 3 && seconds < 1; unit++)
        seconds *= 1000;
    snprintf(text, 24, seconds > 0 ? "%.3g %s" : "-", seconds, units[unit]);
    return text;
}

static const char *rate_text(char text[24], double rate, const char *unit)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P"};
    int prefix = 0;
    for (; prefix < 5 && rate >= 999.5; prefix++)
        rate /= 1000;
    snprintf(text, 24, rate > 0 ? "%.3g %s%s" : "-", rate, prefixes[prefix], unit);
    return text;
}

/* A value of the row in the row's unit. */
static const char *value_text(char text[24], const bench_row *row, double value)
{
    return strcmp(row->unit, "s") == 0 ? seconds_text(text, value)
                                       : rate_text(text, value, row->unit);
}

static const char *percent_text(char text[24], double share)
{
    snprintf(text, 24, share > 0 ? "%.3g" : "-", 100 * share);
    return text;
}

static const char *times_text(char text[24], double ratio)
{
    snprintf(text, 24, ratio > 0 ? "%.3gx" : "-", ratio);
    return text;
}

#define MAX_COLUMNS 24

/* One column: heading ('>' before it: to the right) and its cell. */
typedef struct column {
    const char *heading;
    void (*cell)(char text[160], const bench_row *row, const bench_figures *f);
} column;

#define CELL(name) static void name(char text[160], const bench_row *row, const bench_figures *f)
#define UNUSED_FIGURES (void)f

CELL(name_cell)
{
    UNUSED_FIGURES;
    snprintf(text, 160, "%s", row->name);
}

CELL(device_cell)
{
    UNUSED_FIGURES;
    snprintf(text, 160, "%s", row->device->info->id);
}

CELL(status_cell)
{
    UNUSED_FIGURES;
    snprintf(text, 160, "%s", row_status_word(row->status));
}

CELL(median_cell)
{
    value_text(text, row, f->time.median);
}

CELL(interval_cell)
{
    char low[24], high[24];
    snprintf(text, 160, row->time.n ? "%s .. %s" : "-", value_text(low, row, f->time.low),
             value_text(high, row, f->time.high));
}

CELL(samples_cell)
{
    UNUSED_FIGURES;
    snprintf(text, 160, "%zu%s", row->time.n, strcmp(row->stopped, "time-out") == 0 ? " t" : "");
}

CELL(rate_cell)
{
    (void)row;
    rate_text(text, f->rate, "op/s");
}

CELL(inputs_cell)
{
    (void)row;
    rate_text(text, f->inputs_rate, "/s");
}

CELL(limit_cell)
{
    (void)row;
    percent_text(text, f->share.median);
}

CELL(bandwidth_cell)
{
    (void)row;
    percent_text(text, f->bandwidth_share);
}

CELL(reference_cell)
{
    (void)row;
    times_text(text, f->ratio_to_reference);
}

CELL(bound_cell)
{
    (void)row;
    seconds_text(text, f->bound);
}

CELL(over_bound_cell)
{
    (void)row;
    times_text(text, f->over_bound.median);
}

CELL(compile_cell)
{
    UNUSED_FIGURES;
    seconds_text(text, row->compile);
}

CELL(first_cell)
{
    UNUSED_FIGURES;
    seconds_text(text, row->warm_up);
}

CELL(transfer_cell)
{
    (void)row;
    seconds_text(text, f->transfer);
}

CELL(compute_cell)
{
    (void)row;
    seconds_text(text, f->compute);
}

CELL(list_cell)
{
    (void)row;
    seconds_text(text, f->list);
}

CELL(launches_cell)
{
    (void)row;
    seconds_text(text, f->launches);
}

CELL(variant_cell)
{
    UNUSED_FIGURES;
    snprintf(text, 160, "%.*s", (int)strcspn(row->variant, "("), row->variant);
}

static const column kernel_columns[] = {{"row", name_cell},
                                        {"device", device_cell},
                                        {"status", status_cell},
                                        {">kernel time", median_cell},
                                        {">95 % interval", interval_cell},
                                        {">samples", samples_cell},
                                        {">rate", rate_cell},
                                        {">% of limit", limit_cell},
                                        {">% of bandwidth", bandwidth_cell},
                                        {">to ref", reference_cell},
                                        {">compile", compile_cell},
                                        {">transfer", transfer_cell},
                                        {"kernel", variant_cell},
                                        {NULL, NULL}};

static const column model_columns[] = {{"row", name_cell},
                                       {"device", device_cell},
                                       {"status", status_cell},
                                       {">time", median_cell},
                                       {">95 % interval", interval_cell},
                                       {">samples", samples_cell},
                                       {">inputs", inputs_cell},
                                       {">bound", bound_cell},
                                       {">to bound", over_bound_cell},
                                       {">launches", launches_cell},
                                       {">% of limit", limit_cell},
                                       {">to ref", reference_cell},
                                       {">compile", compile_cell},
                                       {">first run", first_cell},
                                       {">transfer", transfer_cell},
                                       {">compute", compute_cell},
                                       {">lists", list_cell},
                                       {NULL, NULL}};

static const column limit_columns[] = {{"row", name_cell},
                                       {"device", device_cell},
                                       {"status", status_cell},
                                       {">median", median_cell},
                                       {">95 % interval", interval_cell},
                                       {">samples", samples_cell},
                                       {"best of", variant_cell},
                                       {NULL, NULL}};

static void print_notes(FILE *stream, const bench_run *run)
{
    for (uint32_t r = 0; r < run->n_rows; r++) {
        const bench_row *row = run->rows[r];
        if (*row->reason && row->status != ROW_NOISY)
            fprintf(stream, "\n%s on %s: %s: %s\n", row->name, row->device->info->id,
                    row_status_word(row->status), row->reason);
    }
    for (uint32_t d = 0; d < run->n_devices; d++) {
        const bench_device *device = &run->devices[d];
        char limit[24], stream_rate[24], launch[24];
        if (device->roofline)
            fprintf(stream, "\n%s: %s; limit %s, bandwidth %s, empty launch %s (medians of %zu)\n",
                    device->info->id, device->info->name,
                    rate_text(limit, samples_interval(&device->limit).median, "op/s"),
                    rate_text(stream_rate, samples_interval(&device->stream).median, "B/s"),
                    seconds_text(launch, samples_interval(&device->launch).median),
                    device->limit.n);
    }
}

static bb_status print_table(FILE *stream, const bench_run *run)
{
    const column *columns = strcmp(run->what, "kernels") == 0 ? kernel_columns
                            : strcmp(run->what, "model") == 0 ? model_columns
                                                              : limit_columns;
    char alignment[MAX_COLUMNS + 1] = "";
    table cells = {.alignment = alignment};
    for (size_t c = 0; columns[c].heading; c++) {
        const bool right = *columns[c].heading == '>';
        alignment[c] = right ? 'r' : 'l';
        alignment[c + 1] = '\0';
        table_cell(&cells, "%s", columns[c].heading + right);
    }
    for (uint32_t r = 0; r < run->n_rows; r++) {
        bench_figures f = {0};
        char text[160];
        row_figures(&f, run->rows[r]);
        for (size_t c = 0; columns[c].heading; c++) {
            columns[c].cell(text, run->rows[r], &f);
            table_cell(&cells, "%s", text);
        }
    }
    markdown_print(&cells, stream);
    bench_print_energy(stream, run);
    print_notes(stream, run);
    return BB_OK;
}

bb_status bench_print(FILE *stream, const bench_run *run)
{
    const bench_options *o = run->options;
    if (o->common.json || strcmp(o->format, "json") == 0)
        return print_json(stream, run);
    return strcmp(o->format, "csv") == 0 ? print_csv(stream, run) : print_table(stream, run);
}
