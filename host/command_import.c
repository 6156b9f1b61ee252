/* SPDX-License-Identifier: MIT */
/* `bitbayes import`: write a model in the packed form. */
#include "commands.h"
#include "invocation.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

typedef struct import_options {
    common_options common;
} import_options;

static const option_row rows[] = {
    {"output", 'o', OPTION_TEXT, "FILE", offsetof(import_options, common.output),
     "the file to write, NAME.bbm", 0, 0},
    {"quiet", 'q', OPTION_FLAG, NULL, offsetof(import_options, common.quiet),
     "say nothing on standard error but errors", 0, 0},
    {0},
};

const command_description import_description = {
    .name = "import",
    .operands = "MODEL",
    .summary = "write a model in the packed form, .bbm",
    .details = "Reads an ONNX file and writes our packed form: versioned, checksummed, one bit per "
               "binary weight. Every command takes either form and gives the same bits.",
    .example = "bitbayes import models/digits-mlp-scale.onnx -o digits.bbm",
    .options = rows,
    .min_operands = 1,
    .max_operands = 1,
};

static uint64_t file_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void say_lines(const char *text)
{
    while (*text) {
        const size_t length = strcspn(text, "\n");
        say("%.*s", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

/* A plan that cannot be folded is better known now than later. */
static bb_status import(bb_context *context, network *net, const char *path, const char *output)
{
    bb_status status = bb_graph_load(&net->graph, context, path);
    if (status == BB_OK)
        status = network_fold(net, context, NULL);
    if (status == BB_OK)
        status = bb_graph_save(net->graph, context, output);
    if (status != BB_OK)
        return status;
    char before[32], after[32];
    say_lines(bb_graph_recognised(net->graph));
    say("%s (%s) -> %s (%s)", path, format_bytes(before, file_size(path)), output,
        format_bytes(after, file_size(output)));
    return BB_OK;
}

int command_import(int argc, char **argv)
{
    import_options options = {0};
    invocation call;
    if (!invocation_begin(&call, &import_description, argc, argv, &options, &options.common))
        return call.exit_code;
    network net = {0};
    const bb_status status =
        options.common.output
            ? import(call.context, &net, call.operands[0], options.common.output)
            : bb_fail(call.context, BB_ARGUMENT, "import: -o FILE is missing: the file to write");
    network_free(&net);
    return invocation_end(&call, status);
}
