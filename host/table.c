/* SPDX-License-Identifier: MIT */
/* Aligned tables. */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static bool reserve(table *cells)
{
    if (cells->n_cells < cells->capacity)
        return true;
    const size_t capacity = cells->capacity ? cells->capacity * 2 : 64;
    char **grown = realloc(cells->cells, capacity * sizeof(*grown));
    if (!grown)
        return false;
    cells->cells = grown;
    cells->capacity = capacity;
    return true;
}

void table_cell(table *cells, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    char *copy = cells->failed || !reserve(cells) ? NULL : strdup(text);
    if (copy)
        cells->cells[cells->n_cells++] = copy;
    else
        cells->failed = true;
}

static void print_cell(FILE *stream, const char *text, size_t width, bool right, bool last)
{
    const int pad = (int)(width - text_width(text));
    if (right)
        fprintf(stream, "%*s%s", pad, "", text);
    else
        fprintf(stream, "%s%*s", text, last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", stream);
}

static void print_rows(const table *cells, FILE *stream, int indent, size_t n_columns,
                       const size_t *widths)
{
    const bool colour = console_is_colour(stream);
    for (size_t i = 0; i < cells->n_cells; i++) {
        const size_t column = i % n_columns;
        if (column == 0)
            fprintf(stream, "%*s%s", indent, "", colour && i == 0 ? "\033[1m" : "");
        print_cell(stream, cells->cells[i], widths[column], cells->alignment[column] == 'r',
                   column + 1 == n_columns);
        if (colour && i + 1 == n_columns)
            fputs("\033[0m", stream);
    }
}

void table_print(table *cells, FILE *stream, int indent)
{
    const size_t n_columns = strlen(cells->alignment);
    size_t *widths = calloc(n_columns, sizeof(*widths));
    cells->failed |= !widths;
    for (size_t i = 0; widths && i < cells->n_cells; i++) {
        const size_t width = text_width(cells->cells[i]);
        if (width > widths[i % n_columns])
            widths[i % n_columns] = width;
    }
    if (!cells->failed)
        print_rows(cells, stream, indent, n_columns, widths);
    for (size_t i = 0; i < cells->n_cells; i++)
        free(cells->cells[i]);
    free(cells->cells);
    free(widths);
    *cells = (table){.alignment = cells->alignment, .failed = cells->failed};
}
