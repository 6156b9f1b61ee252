/* SPDX-License-Identifier: MIT */
/*
 * One table of options per command. It drives getopt_long, the checks of numbers, `--help` and the
 * man page, so that none of them can disagree.
 */
#ifndef BITBAYES_HOST_OPTIONS_H
#define BITBAYES_HOST_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What an option takes, and the type of the member that receives it. */
typedef enum option_kind {
    OPTION_FLAG,  /* nothing; bool */
    OPTION_TEXT,  /* anything; const char *, borrowed from argv */
    OPTION_COUNT, /* whole number within low..high; uint64_t */
    OPTION_BYTES, /* whole number with an optional K, M, G, T (1024); uint64_t */
    OPTION_NUMBER /* decimal number within low..high; double */
} option_kind;

typedef struct option_row {
    const char *name; /* long form without dashes; NULL ends the table */
    char letter;      /* short form, or 0 */
    option_kind kind;
    const char *argument; /* its name in the help; NULL for flags */
    size_t offset;        /* of the receiving member in the command's values */
    const char *help;     /* one sentence without full stop; the default is part of it */
    double low, high;     /* of COUNT and NUMBER, both included; both 0: no limit */
} option_row;

/* A command as help and man page describe it. */
typedef struct command_description {
    const char *name;
    const char *operands; /* "MODEL", or "" */
    const char *summary;  /* what it does, half a line */
    const char *details;  /* one paragraph */
    const char *example;  /* one command line */
    const option_row *options;
    int min_operands, max_operands;
} command_description;

/* Options that every command has. */
typedef struct common_options {
    bool json;          /* results as JSON */
    bool quiet;         /* no talk on stderr */
    const char *output; /* results to this file instead of stdout */
} common_options;

/* Rows for a values struct with a member `common`. */
#define COMMON_OPTION_ROWS(type)                                                                   \
    {"json", 0, OPTION_FLAG, NULL, offsetof(type, common.json), "print results as JSON", 0, 0},    \
        {"output",                                                                                 \
         'o',                                                                                      \
         OPTION_TEXT,                                                                              \
         "FILE",                                                                                   \
         offsetof(type, common.output),                                                            \
         "write results to FILE instead of standard output",                                       \
         0,                                                                                        \
         0},                                                                                       \
    {                                                                                              \
        "quiet", 'q', OPTION_FLAG, NULL, offsetof(type, common.quiet),                             \
            "say nothing on standard error but errors", 0, 0                                       \
    }

typedef enum options_outcome {
    OPTIONS_RUN,  /* values and operands are set */
    OPTIONS_STOP, /* --help was asked for and answered: exit 0 */
    OPTIONS_WRONG /* said on stderr: exit 2 */
} options_outcome;

/* Parse argv (argv[0] is the command's name). `values` keeps what no option sets. `operands`
 * receives what is not an option, in order; `*operands` and `*n_operands` borrow from argv. */
options_outcome options_parse(const command_description *command, int argc, char **argv,
                              void *values, char ***operands, int *n_operands);

/* Numbers as options take them; false if the text is anything else. */
bool option_count(const char *text, uint64_t *out);
bool option_bytes(const char *text, uint64_t *out);
bool option_number(const char *text, double *out);

void options_help(const command_description *command, FILE *stream);

#endif
