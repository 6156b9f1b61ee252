/* SPDX-License-Identifier: MIT */
/* The man page, made from the same tables as the help; the build writes it to bitbayes.1. */
#include "commands.h"

#include <bitbayes/context.h>

static void print_escaped(FILE *stream, const char *text)
{
    for (; *text; text++)
        if (*text == '-' || *text == '\\')
            fprintf(stream, "\\%c", *text == '-' ? '-' : 'e');
        else
            fputc(*text, stream);
}

static void print_option(FILE *stream, const option_row *row)
{
    fputs(".TP\n.BR ", stream);
    if (row->letter)
        fprintf(stream, "\\-%c \", \" ", row->letter);
    print_escaped(stream, "--");
    print_escaped(stream, row->name);
    if (row->argument)
        fprintf(stream, " \" \" \\fI%s\\fP", row->argument);
    fputc('\n', stream);
    print_escaped(stream, row->help);
    fputs(".\n", stream);
}

static void print_command(FILE *stream, const command_description *command)
{
    fprintf(stream, ".SS bitbayes %s %s\n", command->name, command->operands);
    print_escaped(stream, command->details);
    fputc('\n', stream);
    for (const option_row *row = command->options; row->name; row++)
        print_option(stream, row);
    fputs(".PP\nExample:\n.PP\n.EX\n", stream);
    print_escaped(stream, command->example);
    fputs("\n.EE\n", stream);
}

static void print_exit_codes(FILE *stream)
{
    fputs(".SH EXIT STATUS\n", stream);
#define PRINT_CODE(name, code, text) fprintf(stream, ".TP\n%d\n%s\n", code, text);
    BB_STATUS_LIST(PRINT_CODE)
#undef PRINT_CODE
}

void print_manual(FILE *stream)
{
    fprintf(stream,
            ".TH BITBAYES 1 \"\" \"bitbayes %s\" \"User Commands\"\n"
            ".SH NAME\nbitbayes \\- run binarized Bayesian neural networks on OpenCL devices\n"
            ".SH SYNOPSIS\n.B bitbayes\n.I COMMAND\n.RI [ ARGUMENT... ]\n"
            ".SH DESCRIPTION\n"
            "Scores data sets with binarized Bayesian networks: a class and an uncertainty per\n"
            "input from Monte Carlo passes that share what they have in common, and a table about\n"
            "the set. Results go to standard output, talk and progress to standard error.\n"
            ".SH COMMANDS\n",
            bb_version());
#define PRINT_COMMAND(name) print_command(stream, &name##_description);
    COMMAND_LIST(PRINT_COMMAND)
#undef PRINT_COMMAND
    print_exit_codes(stream);
    fputs(".SH ENVIRONMENT\n"
          ".TP\nBITBAYES_CACHE\nFolder of built kernels; default $XDG_CACHE_HOME/bitbayes or "
          "~/.cache/bitbayes.\n"
          ".TP\nNO_COLOR\nNo colours on a terminal.\n"
          ".TP\nOCL_ICD_VENDORS, POCL_CACHE_DIR\nRead by the OpenCL loader and by PoCL.\n",
          stream);
}
