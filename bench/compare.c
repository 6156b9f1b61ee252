/* SPDX-License-Identifier: MIT */
/*
 * `bench compare A B`: per row median(B) / median(A) with its 95 % interval. A row regressed if the
 * whole interval lies above the threshold. Both runs measured the register limit beside every
 * sample: with basis "limit" times are multiplied by it first, so that a machine that was busier or
 * clocked lower during one of the runs does not look like a slower kernel.
 */
#include "document.h"
#include "host/fields.h"
#include "markdown.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MIN_COMPARED 5 /* samples; with fewer an interval says nothing */

typedef enum verdict { SAME, REGRESSION, FASTER, LEFT_OUT } verdict;

static const char *const verdicts[] = {"same", "regression", "faster", "left out"};

typedef struct comparison {
    const char *name, *device; /* borrowed from a document */
    verdict verdict;
    const char *basis, *reason;
    interval ratio;
} comparison;

typedef struct comparing {
    bb_context *context;
    const bench_options *options;
    cJSON *documents[2];
    comparison *list;
    uint32_t n, n_regressions;
} comparing;

/* Positive numbers of an array; empty if it is absent or holds anything else. */
static void read_samples(samples *out, const cJSON *row, const char *key)
{
    const cJSON *value;
    *out = (samples){0};
    cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(row, key))
    {
        if (!cJSON_IsNumber(value) || !isfinite(value->valuedouble) || value->valuedouble <= 0 ||
            !samples_add(out, value->valuedouble)) {
            samples_free(out);
            return;
        }
    }
}

/* What is compared: times, or times in units of the limit. */
static bool read_basis(samples *out, const cJSON *row, bool by_limit)
{
    samples time, limit;
    read_samples(&time, row, "samples");
    if (!by_limit) {
        *out = time;
        return true;
    }
    read_samples(&limit, row, "limit_samples");
    const bool good = samples_multiply(out, &time, &limit);
    samples_free(&time);
    samples_free(&limit);
    return good;
}

static bool has_limits(const cJSON *row)
{
    const int n = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(row, "limit_samples"));
    return n >= MIN_COMPARED;
}

static const cJSON *find_row(const cJSON *document, const cJSON *wanted)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, document_rows(document))
    {
        if (strcmp(document_text(row, "name"), document_text(wanted, "name")) == 0 &&
            strcmp(document_text(row, "device"), document_text(wanted, "device")) == 0)
            return row;
    }
    return NULL;
}

static bool has_failed(const cJSON *row)
{
    const char *status = document_text(row, "status");
    return strcmp(status, "wrong") == 0 || strcmp(status, "broken") == 0 ||
           strcmp(status, "failed") == 0;
}

/* Why two rows cannot be compared by their times, or NULL. */
static const char *obstacle(const cJSON *a, const cJSON *b)
{
    if (!b)
        return "only in the first file";
    if (strcmp(document_text(a, "unit"), "s") != 0 || strcmp(document_text(b, "unit"), "s") != 0)
        return "not a time";
    if (!document_was_timed(a))
        return "not timed in the first file";
    return document_was_timed(b) ? NULL : "not timed in the second file";
}

static bool compare_times(comparing *c, comparison *out, const cJSON *a, const cJSON *b)
{
    const bool by_limit = strcmp(c->options->basis, "limit") == 0 && has_limits(a) && has_limits(b);
    const double threshold = c->options->threshold;
    samples first = {0}, second = {0};
    bool good = read_basis(&first, a, by_limit) && read_basis(&second, b, by_limit);
    out->basis = by_limit ? "limit" : "time";
    if (good && (first.n < MIN_COMPARED || second.n < MIN_COMPARED)) {
        out->verdict = LEFT_OUT;
        out->reason = "fewer than 5 samples";
    } else if (good && (good = samples_ratio(&out->ratio, &first, &second))) {
        out->verdict = out->ratio.low > threshold        ? REGRESSION
                       : out->ratio.high < 1 / threshold ? FASTER
                                                         : SAME;
    }
    samples_free(&first);
    samples_free(&second);
    return good;
}

static bb_status compare_rows(comparing *c)
{
    const cJSON *rows = document_rows(c->documents[0]), *a;
    c->list = bb_allocate(c->context, (size_t)cJSON_GetArraySize(rows), sizeof(*c->list));
    if (!c->list)
        return BB_MEMORY;
    uint32_t n_common = 0;
    cJSON_ArrayForEach(a, rows)
    {
        const cJSON *b = find_row(c->documents[1], a);
        comparison *out = &c->list[c->n++];
        *out = (comparison){.name = document_text(a, "name"),
                            .device = document_text(a, "device"),
                            .basis = "",
                            .reason = obstacle(a, b)};
        n_common += b != NULL;
        if (out->reason)
            out->verdict = b && document_was_timed(a) && has_failed(b) ? REGRESSION : LEFT_OUT;
        else if (!compare_times(c, out, a, b))
            return bb_fail(c->context, BB_MEMORY, "bench: out of memory");
        c->n_regressions += out->verdict == REGRESSION;
    }
    if (!n_common)
        return bb_fail(c->context, BB_INPUT, "bench: the files have no row in common");
    return BB_OK;
}

static bb_status print_json(FILE *stream, const comparing *c)
{
    bb_text text;
    bb_json json;
    json_begin(&json, &text, c->context);
    field_number(&json, "threshold", c->options->threshold);
    field_count(&json, "regressions", c->n_regressions);
    field_array(&json, "rows");
    for (uint32_t i = 0; i < c->n; i++) {
        const comparison *row = &c->list[i];
        const bool known = row->ratio.median > 0;
        bb_json_begin_object(&json);
        field_string(&json, "name", row->name);
        field_string(&json, "device", row->device);
        field_string(&json, "verdict", verdicts[row->verdict]);
        field_string(&json, "basis", row->basis);
        field_string(&json, "reason", row->reason);
        field_number(&json, "ratio", known ? row->ratio.median : (double)NAN);
        field_number(&json, "low", known ? row->ratio.low : (double)NAN);
        field_number(&json, "high", known ? row->ratio.high : (double)NAN);
        bb_json_end(&json);
    }
    bb_json_end(&json);
    return json_finish(&json, stream);
}

static void print_csv(FILE *stream, const comparing *c)
{
    fputs("name,device,verdict,basis,reason,ratio,low,high\n", stream);
    for (uint32_t i = 0; i < c->n; i++) {
        const comparison *row = &c->list[i];
        fprintf(stream, "%s,%s,%s,%s,%s,", row->name, row->device, verdicts[row->verdict],
                row->basis, row->reason ? row->reason : "");
        if (row->ratio.median > 0)
            fprintf(stream, "%.6g,%.6g,%.6g\n", row->ratio.median, row->ratio.low, row->ratio.high);
        else
            fputs(",,\n", stream);
    }
}

static void print_table(FILE *stream, const comparing *c)
{
    static const char *const headings[] = {"row",   "device",        "verdict",
                                           "ratio", "95 % interval", "basis"};
    table cells = {.alignment = "lllrrl"};
    for (size_t i = 0; i < BB_COUNT_OF(headings); i++)
        table_cell(&cells, "%s", headings[i]);
    for (uint32_t i = 0; i < c->n; i++) {
        const comparison *row = &c->list[i];
        const bool known = row->ratio.median > 0;
        table_cell(&cells, "%s", row->name);
        table_cell(&cells, "%s", row->device);
        table_cell(&cells, "%s", verdicts[row->verdict]);
        table_cell(&cells, known ? "%.3f" : "-", row->ratio.median);
        table_cell(&cells, known ? "%.3f .. %.3f" : "-", row->ratio.low, row->ratio.high);
        table_cell(&cells, "%s", row->reason ? row->reason : row->basis);
    }
    markdown_print(&cells, stream);
}

static bb_status print(FILE *stream, void *payload)
{
    const comparing *c = payload;
    if (c->options->common.json || strcmp(c->options->format, "json") == 0)
        return print_json(stream, c);
    if (strcmp(c->options->format, "csv") == 0)
        print_csv(stream, c);
    else
        print_table(stream, c);
    return BB_OK;
}

bb_status bench_compare(invocation *call, const bench_options *options, char **operands)
{
    comparing c = {.context = call->context, .options = options};
    bb_status status = BB_OK;
    if (strcmp(options->basis, "limit") != 0 && strcmp(options->basis, "time") != 0)
        status = bb_fail(c.context, BB_ARGUMENT,
                         "bench: --basis: expected limit or time, found '%s'", options->basis);
    for (int i = 0; i < 2 && status == BB_OK; i++)
        status = document_read_rows(&c.documents[i], c.context, operands[i]);
    if (status == BB_OK)
        status = compare_rows(&c);
    if (status == BB_OK)
        status = invocation_print(call, &options->common, print, &c);
    if (status == BB_OK && c.n_regressions)
        status =
            bb_fail(c.context, BB_CHECK, "bench: %u of %u rows regressed", c.n_regressions, c.n);
    bb_release(c.context, c.list);
    cJSON_Delete(c.documents[0]);
    cJSON_Delete(c.documents[1]);
    return status;
}
