/* SPDX-License-Identifier: MIT */
/* Markdown tables. */
#include "markdown.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS 32
#define NARROWEST 3 /* of a column: the rule needs "---" */

static void print_cell(FILE *stream, const char *text, size_t width, bool right)
{
    const int pad = (int)(width - text_width(text));
    if (right)
        fprintf(stream, "| %*s%s ", pad, "", text);
    else
        fprintf(stream, "| %s%*s ", text, pad, "");
}

static void print_rule(FILE *stream, const char *alignment, const size_t *widths)
{
    for (size_t c = 0; alignment[c]; c++) {
        fputs("| ", stream);
        for (size_t i = 1; i < widths[c]; i++)
            fputc('-', stream);
        fputs(alignment[c] == 'r' ? ": " : "- ", stream);
    }
    fputs("|\n", stream);
}

void markdown_print(table *cells, FILE *stream)
{
    const size_t n_columns = strlen(cells->alignment);
    size_t widths[MAX_COLUMNS];
    assert(n_columns <= MAX_COLUMNS);
    for (size_t c = 0; c < n_columns; c++)
        widths[c] = NARROWEST;
    for (size_t i = 0; i < cells->n_cells; i++) {
        const size_t width = text_width(cells->cells[i]);
        if (width > widths[i % n_columns])
            widths[i % n_columns] = width;
    }
    for (size_t i = 0; i < cells->n_cells; i++) {
        const size_t column = i % n_columns;
        print_cell(stream, cells->cells[i], widths[column], cells->alignment[column] == 'r');
        if (column + 1 == n_columns)
            fputs("|\n", stream);
        if (i + 1 == n_columns)
            print_rule(stream, cells->alignment, widths);
        free(cells->cells[i]);
    }
    free(cells->cells);
    *cells = (table){.alignment = cells->alignment, .failed = cells->failed};
}
