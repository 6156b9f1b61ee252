/* SPDX-License-Identifier: MIT */
/* Tables for people: cells are collected, then printed aligned. The first row is the heading. */
#ifndef BITBAYES_HOST_TABLE_H
#define BITBAYES_HOST_TABLE_H

#include "console.h"

#include <stddef.h>

typedef struct table {
    const char *alignment; /* one letter per column: 'l' or 'r' */
    char **cells;          /* row by row */
    size_t n_cells, capacity;
    bool failed; /* out of memory; later cells are dropped */
} table;

/* Append the next cell. */
void table_cell(table *cells, const char *format, ...) HOST_PRINTF(2, 3);

/* Print with an indent of `indent` blanks and free the cells. */
void table_print(table *cells, FILE *stream, int indent);

/* Columns that a UTF-8 text fills, counting one per character. */
size_t text_width(const char *text);

#endif
