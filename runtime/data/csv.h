/* SPDX-License-Identifier: MIT */
/* Cells of a CSV text: commas, no quotes, LF or CRLF, optional UTF-8 mark and header row. */
#ifndef BITBAYES_DATA_CSV_H
#define BITBAYES_DATA_CSV_H

#include "data/source.h"

typedef struct bb_csv {
    bb_context *context;
    const char *name;
    const char *next, *end;
    uint64_t row;    /* of the next cell, from 1, the header counted */
    uint64_t column; /* of the next cell, from 1 */
} bb_csv;

typedef struct bb_csv_cell {
    const char *text; /* without blanks around; not terminated */
    size_t length;
    uint64_t row, column;
    bool last; /* of its row */
} bb_csv_cell;

/* `source` must be in memory. Skips the header: a first row without a single number. */
void bb_csv_begin(bb_csv *out, const bb_source *source);

/* False when nothing but blanks and empty rows is left. An empty row before that is one empty
 * cell. */
bool bb_csv_next(bb_csv *csv, bb_csv_cell *out);

/* BB_INPUT with place and cell. */
bb_status bb_csv_fail(const bb_csv *csv, const bb_csv_cell *cell, const char *expected);

/* All rows, each of `n_columns` finite numbers: [n_rows][n_columns] for bb_release(). */
bb_status bb_csv_floats(float **out, uint64_t *n_rows, const bb_source *source,
                        uint64_t n_columns);

#endif
