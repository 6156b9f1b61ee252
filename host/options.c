/* SPDX-License-Identifier: MIT */
/* Tables of options: parsing and help. */
#include "options.h"

#include "console.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OPTIONS 40
#define HELP_CODE 1000

bool option_count(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    *out = value;
    return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0;
}

bool option_bytes(const char *text, uint64_t *out)
{
    static const char suffixes[] = "KMGT";
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || errno != 0)
        return false;
    unsigned shift = 0;
    const char *suffix = *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
    if (suffix) {
        shift = 10u * (unsigned)(suffix - suffixes + 1);
        end++;
    }
    *out = (uint64_t)value << shift;
    return *end == '\0' && *out >> shift == value;
}

bool option_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && !isspace((unsigned char)text[0]) && isfinite(*out);
}

static bool within(const option_row *row, double value)
{
    return (row->low == 0 && row->high == 0) || (value >= row->low && value <= row->high);
}

/* Why `text` does not fit, NULL if it was stored. */
static const char *store(const option_row *row, void *values, const char *text)
{
    unsigned char *const member = (unsigned char *)values + row->offset;
    const bool flag = true;
    uint64_t count;
    double number;
    switch (row->kind) {
    case OPTION_FLAG:
        memcpy(member, &flag, sizeof(flag));
        return NULL;
    case OPTION_TEXT:
        memcpy(member, &text, sizeof(text));
        return NULL;
    case OPTION_COUNT:
        if (!option_count(text, &count) || !within(row, (double)count))
            return "expected a whole number";
        memcpy(member, &count, sizeof(count));
        return NULL;
    case OPTION_BYTES:
        if (!option_bytes(text, &count) || count == 0)
            return "expected bytes above 0, such as 65536, 512M or 2G";
        memcpy(member, &count, sizeof(count));
        return NULL;
    case OPTION_NUMBER:
        if (!option_number(text, &number) || !within(row, number))
            return "expected a number";
        memcpy(member, &number, sizeof(number));
        return NULL;
    }
    return "unknown kind of option";
}

static bool store_or_say(const command_description *command, const option_row *row, void *values,
                         const char *text)
{
    const char *const reason = store(row, values, text);
    if (!reason)
        return true;
    char range[80] = "";
    if (row->low != 0 || row->high != 0)
        snprintf(range, sizeof(range), " from %.10g to %.10g", row->low, row->high);
    complain("%s: --%s: %s%s, found '%s'", command->name, row->name, reason, range, text);
    return false;
}

static void fill_getopt(const option_row *rows, struct option *longs, char *shorts)
{
    size_t n = 0;
    *shorts++ = ':';
    for (; rows[n].name && n < MAX_OPTIONS; n++) {
        const int argument = rows[n].kind == OPTION_FLAG ? no_argument : required_argument;
        longs[n] = (struct option){rows[n].name, argument, NULL, (int)(HELP_CODE + 1 + n)};
        if (!rows[n].letter)
            continue;
        *shorts++ = rows[n].letter;
        if (argument == required_argument)
            *shorts++ = ':';
    }
    longs[n] = (struct option){"help", no_argument, NULL, HELP_CODE};
    longs[n + 1] = (struct option){0};
    *shorts++ = 'h';
    *shorts = '\0';
}

static const option_row *find_row(const option_row *rows, int code)
{
    if (code > HELP_CODE)
        return &rows[code - HELP_CODE - 1];
    for (; rows->name; rows++)
        if (rows->letter == code)
            return rows;
    return NULL;
}

static options_outcome unknown(const command_description *command, int code, char **argv)
{
    const char *const word = argv[optind - 1];
    const char *const what = code == ':' ? "needs an argument" : "unknown or ambiguous option";
    complain("%s: %s: %s (see `bitbayes %s --help`)", command->name, word, what, command->name);
    return OPTIONS_WRONG;
}

static options_outcome check_operands(const command_description *command, int n, char **operands)
{
    if (n >= command->min_operands && n <= command->max_operands)
        return OPTIONS_RUN;
    if (n > command->max_operands)
        complain("%s: '%s' is one word too many (see `bitbayes %s --help`)", command->name,
                 operands[command->max_operands], command->name);
    else
        complain("%s: %s is missing (see `bitbayes %s --help`)", command->name, command->operands,
                 command->name);
    return OPTIONS_WRONG;
}

options_outcome options_parse(const command_description *command, int argc, char **argv,
                              void *values, char ***operands, int *n_operands)
{
    struct option longs[MAX_OPTIONS + 2];
    char shorts[2 * MAX_OPTIONS + 4];
    fill_getopt(command->options, longs, shorts);
    opterr = 0;
    optind = 1;
    for (int code; (code = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        if (code == HELP_CODE || code == 'h') {
            options_help(command, stdout);
            return OPTIONS_STOP;
        }
        const option_row *const row =
            code == '?' || code == ':' ? NULL : find_row(command->options, code);
        if (!row)
            return unknown(command, code, argv);
        if (!store_or_say(command, row, values, optarg))
            return OPTIONS_WRONG;
    }
    *operands = argv + optind;
    *n_operands = argc - optind;
    return check_operands(command, *n_operands, *operands);
}

/* Print `text` between columns `left` and 88, starting at `column`. */
static void print_wrapped(FILE *stream, const char *text, int column, int left)
{
    while (*text) {
        const int word = (int)strcspn(text, " ");
        if (column > left && column + 1 + word > 88) {
            fprintf(stream, "\n%*s", left, "");
            column = left;
        } else if (column > left) {
            fputc(' ', stream);
            column++;
        }
        fprintf(stream, "%.*s", word, text);
        column += word;
        text += word;
        while (*text == ' ')
            text++;
    }
    fputc('\n', stream);
}

static void print_option(FILE *stream, char letter, const char *name, const char *argument,
                         const char *help)
{
    const int left = 28;
    char short_form[8] = "    ";
    if (letter)
        snprintf(short_form, sizeof(short_form), "-%c, ", letter);
    int column = fprintf(stream, "  %s--%s%s%s", short_form, name, argument ? " " : "",
                         argument ? argument : "");
    if (column > left - 2) {
        fputc('\n', stream);
        column = 0;
    }
    fprintf(stream, "%*s", left - column, "");
    print_wrapped(stream, help, left, left);
}

void options_help(const command_description *command, FILE *stream)
{
    fprintf(stream, "usage: bitbayes %s%s%s [OPTION...]\n\n", command->name,
            *command->operands ? " " : "", command->operands);
    print_wrapped(stream, command->details, 0, 0);
    fputs("\noptions:\n", stream);
    for (const option_row *row = command->options; row->name; row++)
        print_option(stream, row->letter, row->name, row->argument, row->help);
    print_option(stream, 'h', "help", NULL, "print this");
    fprintf(stream, "\nexample:\n  %s\n", command->example);
}
