/* SPDX-License-Identifier: MIT */
/* Cells of a CSV text, and the numbers in them. */
#include "data/csv.h"
#include "data/number.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_finished(const bb_csv *csv)
{
    for (const char *c = csv->next; c < csv->end; c++)
        if (!is_blank(*c) && *c != '\n')
            return false;
    return true;
}

bool bb_csv_next(bb_csv *csv, bb_csv_cell *out)
{
    if (csv->column == 1 && is_finished(csv))
        return false;
    const char *begin = csv->next, *end = begin;
    while (end < csv->end && *end != ',' && *end != '\n')
        end++;
    out->last = end == csv->end || *end == '\n';
    csv->next = end == csv->end ? end : end + 1;
    while (begin < end && is_blank(*begin))
        begin++;
    while (begin < end && is_blank(end[-1]))
        end--;
    out->text = begin;
    out->length = (size_t)(end - begin);
    out->row = csv->row;
    out->column = csv->column;
    csv->row += out->last;
    csv->column = out->last ? 1 : csv->column + 1;
    return true;
}

/* A header of 0, 1, 2, ... looks like data: only a remark can be made of it. */
static void note_numbered_row(const bb_csv *csv, bool numbered, uint64_t n_cells)
{
    if (numbered && n_cells > 2)
        bb_note(csv->context, "%s: row 1 reads 0, 1, 2, ... and is taken as data, not as a header",
                csv->name);
}

void bb_csv_begin(bb_csv *out, const bb_source *source)
{
    const char *text = (const char *)source->bytes;
    *out = (bb_csv){source->context, source->name, text, text + source->length, 1, 1};
    if (source->length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        out->next += 3;
    bb_csv ahead = *out;
    bb_csv_cell cell = {.last = false};
    bool any_number = false, numbered = true;
    while (!cell.last && bb_csv_next(&ahead, &cell)) {
        int64_t value;
        numbered = numbered && bb_number_parse_integer(&value, cell.text, cell.length) &&
                   (uint64_t)value == cell.column - 1;
        any_number = any_number || bb_number_is(cell.text, cell.length);
    }
    note_numbered_row(out, numbered, cell.column);
    if (!any_number)
        *out = ahead;
}

bb_status bb_csv_fail(const bb_csv *csv, const bb_csv_cell *cell, const char *expected)
{
    return bb_fail(csv->context, BB_INPUT,
                   "%s: row %" PRIu64 ", column %" PRIu64 ": '%.*s'%s, expected %s", csv->name,
                   cell->row, cell->column, (int)(cell->length < 32 ? cell->length : 32),
                   cell->text, cell->length > 32 ? "..." : "", expected);
}

typedef struct table {
    float *values;
    size_t n_values, capacity;
} table;

static bb_status append(table *t, const bb_csv *csv, float value)
{
    if (t->n_values == t->capacity) {
        const size_t capacity = t->capacity + t->capacity / 2 + 1024;
        float *values = bb_resize(csv->context, t->values, capacity, sizeof(*values));
        if (!values)
            return BB_MEMORY;
        t->values = values;
        t->capacity = capacity;
    }
    t->values[t->n_values++] = value;
    return BB_OK;
}

static bb_status fail_columns(const bb_csv *csv, uint64_t row, uint64_t found, bool more,
                              uint64_t expected)
{
    return bb_fail(csv->context, BB_INPUT,
                   "%s: row %" PRIu64 ": %s%" PRIu64 " columns, expected %" PRIu64
                   " (channels x height x width; no index and no label among them)",
                   csv->name, row, more ? "more than " : "", found, expected);
}

static bb_status parse_cell(table *t, const bb_csv *csv, const bb_csv_cell *cell,
                            uint64_t n_columns)
{
    float value;
    if (cell->column > n_columns)
        return fail_columns(csv, cell->row, n_columns, true, n_columns);
    if (!bb_number_parse(&value, cell->text, cell->length))
        return bb_csv_fail(csv, cell, "a number");
    if (!isfinite(value))
        return bb_csv_fail(csv, cell, "a finite number within float32");
    if (cell->last && cell->column != n_columns)
        return fail_columns(csv, cell->row, cell->column, false, n_columns);
    return append(t, csv, value);
}

bb_status bb_csv_floats(float **out, uint64_t *n_rows, const bb_source *source,
                        uint64_t n_columns)
{
    bb_csv csv;
    bb_csv_begin(&csv, source);
    table t = {NULL, 0, 0};
    bb_csv_cell cell;
    bb_status status = BB_OK;
    while (status == BB_OK && bb_csv_next(&csv, &cell))
        status = parse_cell(&t, &csv, &cell, n_columns);
    if (status == BB_OK && t.n_values == 0)
        status = bb_fail(csv.context, BB_INPUT, "%s: no row of numbers", csv.name);
    if (status != BB_OK) {
        bb_release(csv.context, t.values);
        return status;
    }
    *out = t.values;
    *n_rows = t.n_values / n_columns;
    return BB_OK;
}
