/* SPDX-License-Identifier: MIT */
/* Numbers with their honest number of digits, and tables in three forms. */
#include "energy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Index of the prefix that leaves 1 .. 999.5 in front of it. */
static const char *const prefixes[] = {"a", "f", "p", "n", "u", "m", "", "k", "M", "G"};

static size_t prefix_of(double value, double *scale)
{
    size_t k = 0;
    *scale = 1e-18;
    while (k + 1 < BB_COUNT_OF(prefixes) && fabs(value) / *scale >= 999.5) {
        *scale *= 1e3;
        k++;
    }
    return k;
}

double three_digits(double value)
{
    char text[32];
    snprintf(text, sizeof(text), "%.3g", value);
    return strtod(text, NULL);
}

/* At most three significant digits, never an exponent. */
static void print_digits(char text[24], double value)
{
    const double size = fabs(value);
    const int decimals = size >= 99.95 || size == 0 ? 0
                         : size >= 9.995            ? 1
                         : size >= 0.9995           ? 2
                                                    : 3;
    snprintf(text, 24, "%.*f", decimals, three_digits(value));
}

const char *format_si(char text[32], double value, const char *unit)
{
    double scale;
    char digits[24];
    const size_t k = prefix_of(value, &scale);
    print_digits(digits, value / scale);
    snprintf(text, 32, "%s %s%s", digits, value == 0.0 ? "" : prefixes[k], unit);
    return text;
}

const char *format_range(char text[64], bb_range range, const char *unit)
{
    double scale;
    char low[24], nominal[24], high[24];
    const size_t k = prefix_of(range.nominal, &scale);
    print_digits(low, range.low / scale);
    print_digits(nominal, range.nominal / scale);
    print_digits(high, range.high / scale);
    snprintf(text, 64, "%.16s .. %.16s .. %.16s %s%s", low, nominal, high,
             range.nominal == 0.0 ? "" : prefixes[k], unit);
    return text;
}

void field_range(bb_json *json, const char *key, bb_range range)
{
    field_object(json, key);
    field_number(json, "low", three_digits(range.low));
    field_number(json, "nominal", three_digits(range.nominal));
    field_number(json, "high", three_digits(range.high));
    bb_json_end(json);
}

static void print_quoted(FILE *stream, const char *text)
{
    if (!strpbrk(text, ",\"\n")) {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (; *text; text++)
        fprintf(stream, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', stream);
}

static void print_cell(FILE *stream, const char *text, bool csv, bool first, bool last)
{
    if (csv) {
        print_quoted(stream, text);
        fputs(last ? "\n" : ",", stream);
        return;
    }
    fprintf(stream, "%s%s%s", first ? "| " : "", text, last ? " |\n" : " | ");
}

static void print_rule(FILE *stream, const char *alignment)
{
    for (; *alignment; alignment++)
        fprintf(stream, "| %s ", *alignment == 'r' ? "---:" : "---");
    fputs("|\n", stream);
}

void energy_print_cells(table *cells, FILE *stream, energy_format format)
{
    if (format == ENERGY_TEXT) {
        table_print(cells, stream, 0);
        return;
    }
    const size_t n = strlen(cells->alignment);
    for (size_t i = 0; i < cells->n_cells; i++) {
        const bool last = i % n + 1 == n;
        print_cell(stream, cells->cells[i], format == ENERGY_CSV, i % n == 0, last);
        if (format == ENERGY_MARKDOWN && i + 1 == n)
            print_rule(stream, cells->alignment);
        free(cells->cells[i]);
    }
    free(cells->cells);
    *cells = (table){.alignment = cells->alignment, .failed = cells->failed};
}
