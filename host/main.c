/* SPDX-License-Identifier: MIT */
/* The program `bitbayes`: finds the command and hands over. */
#include "commands.h"
#include "console.h"

#include <bitbayes/context.h>
#include <locale.h>
#include <string.h>

static const struct {
    const command_description *description;
    command_entry *entry;
} commands[] = {
#define COMMAND_ROW(name) {&name##_description, command_##name},
    COMMAND_LIST(COMMAND_ROW)
#undef COMMAND_ROW
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *stream)
{
    fputs("usage: bitbayes COMMAND [ARGUMENT...]\n\n"
          "Scores data with binarized Bayesian neural networks on OpenCL devices, with an\n"
          "uncertainty per input.\n\ncommands:\n",
          stream);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(stream, "  %-8s %s\n", commands[i].description->name,
                commands[i].description->summary);
    fputs(
        "\n`bitbayes COMMAND --help` tells its options. `bitbayes --version` prints the version.\n"
        "\nexample:\n"
        "  bitbayes score model.onnx --data images.npy --labels labels.npy --out scores/\n",
        stream);
}

static int run_program_option(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
        print_usage(stdout);
    else if (strcmp(word, "--version") == 0)
        printf("bitbayes %s\n", bb_version());
    else if (strcmp(word, "--manual") == 0)
        print_manual(stdout);
    else
        return -1;
    return fflush(stdout) == 0 ? 0 : bb_status_exit_code(BB_OUTPUT);
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, ""); /* numbers keep their point in every locale */
    if (argc < 2) {
        print_usage(stderr);
        return bb_status_exit_code(BB_ARGUMENT);
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(argv[1], commands[i].description->name) == 0)
            return commands[i].entry(argc - 1, argv + 1);
    const int code = run_program_option(argv[1]);
    if (code >= 0)
        return code;
    complain("unknown command '%s' (see `bitbayes --help`)", argv[1]);
    return bb_status_exit_code(BB_ARGUMENT);
}
