/* SPDX-License-Identifier: MIT */
/* `bitbayes bench`: the command line. */
#include "bench.h"
#include "host/commands.h"
#include "models.h"

#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(bench_options, member)
static const option_row rows[] = {
    {"batch", 'b', OPTION_TEXT, "LIST", AT(batches),
     "inputs of a call; default 64 for kernels, 1,16,256 for models", 0, 0},
    {"samples", 'T', OPTION_TEXT, "LIST", AT(samples),
     "passes per input, numbers or 'exact'; default 1,20,100", 0, 0},
    {"device", 'd', OPTION_TEXT, "LIST", AT(devices),
     "ids, parts of names, or types; default: the first OpenCL device", 0, 0},
    {"time", 0, OPTION_NUMBER, "S", AT(seconds), "seconds per row at most; default 2", 0.001,
     86400},
    {"precision", 0, OPTION_NUMBER, "P", AT(precision),
     "stop earlier once half the 95 % interval is within P percent of the median; default 1", 0.001,
     100},
    {"format", 0, OPTION_TEXT, "md|csv|json", AT(format), "of the results; default md", 0, 0},
    {"seed", 0, OPTION_COUNT, "S", AT(seed), "of weights, inputs and draws; default 0", 0, 0},
    {"memory", 0, OPTION_BYTES, "BYTES", AT(memory),
     "device memory that models may use; default: a quarter of it, at most 256M", 0, 0},
    {"variants", 0, OPTION_TEXT, "LIST", AT(variants), "only these kernel variants", 0, 0},
    {"popcount", 0, OPTION_TEXT, "PATH", AT(popcount), "force a popcount path: portable, avx2, x86", 0,
     0},
    {"tune", 0, OPTION_TEXT, "MODE", AT(tune),
     "trial runs of kernels: off, cached, quick, full; default cached: what an earlier trial found",
     0, 0},
    {"cache", 0, OPTION_TEXT, "DIR", AT(cache), "folder of built kernels; '' for none", 0, 0},
    {"energy", 0, OPTION_TEXT, "auto|off|METER", AT(energy),
     "model: joules of the device beside those of the chip; METER: powercap, nvml, replay:FILE; "
     "default auto",
     0, 0},
    {"threshold", 0, OPTION_NUMBER, "X", AT(threshold),
     "compare: a ratio whose 95 % interval lies above X is a regression; default 1.1", 1, 1000},
    {"basis", 0, OPTION_TEXT, "limit|time", AT(basis),
     "compare: times in units of the register limit measured beside them, or bare times; default "
     "limit",
     0, 0},
    {"handicap", 0, OPTION_NUMBER, "F", AT(handicap),
     "kernels: do F times the work that is counted, to try out what bench detects; default 1", 0.01,
     100},
    COMMON_OPTION_ROWS(bench_options),
    {0},
};

const command_description bench_description = {
    .name = "bench",
    .operands = "kernels [SET|FILE...] | model NAME|FILE... | limits | compare A.json B.json | "
                "targets FOLDER | save NAME -o FILE",
    .summary = "measure kernels and models as a share of the device's own limits",
    .details =
        "kernels: stages by themselves, shapes from built-in sets (vgg-small, resnet18-cifar, "
        "lfc-1024, targets, peers, word-edges; default: all) or from files. model: whole networks, "
        "files "
        "or "
        "vgg-small and resnet18-cifar, which are made from the seed; -b, -T and -d are comma lists and span a matrix. "
        "limits: popcounts in registers, memory bandwidth, an empty launch. compare: two JSON "
        "results; "
        "exit code 1 if a row regressed. targets: what `./run bench` left in a folder, beside what "
        "was to be reached. save: a built-in model as a .bbm file. Everything is compared with the "
        "plain C reference before "
        "it is "
        "timed, and limits are measured in turns with the rows. Percent of the limit is the median "
        "of "
        "these ratios; an operation is one of 2 x taps x input channels x outputs, padding "
        "included.",
    .example = "bitbayes bench model vgg-small -b 1,16,256 -T 1,20,100 --format json -o bench.json",
    .options = rows,
    .min_operands = 1,
    .max_operands = 64,
};

static bb_status wrong_words(bb_context *context, const char *what, const char *expected)
{
    return bb_fail(context, BB_ARGUMENT, "bench %s: expected %s (see `bitbayes bench --help`)",
                   what, expected);
}

/* Open devices, measure, print also what an interruption left. */
static bb_status measure(invocation *call, const bench_options *options)
{
    const char *what = call->operands[0];
    bench_run run;
    bb_status status = run_open(&run, call, options, what);
    if (status == BB_OK) {
        char **operands = call->operands + 1;
        const int n = call->n_operands - 1;
        status = strcmp(what, "kernels") == 0 ? bench_kernels(&run, operands, n)
                 : strcmp(what, "model") == 0 ? bench_model(&run, operands, n)
                                              : bench_limits(&run);
        if (status == BB_OK || status == BB_INTERRUPTED) {
            const bb_status finished = run_finish(&run);
            status = status == BB_OK ? finished : status;
        }
        progress_end(&run.line);
    }
    if (status == BB_INTERRUPTED)
        bb_fail(call->context, status, "bench: interrupted; the results are incomplete");
    run_close(&run);
    return status;
}

/* A built-in model as a file, for the other commands. */
static bb_status save(invocation *call, const bench_options *options)
{
    bb_context *context = call->context;
    const char *name = call->operands[1], *path = options->common.output;
    bb_graph *graph = NULL;
    bb_status status = model_build(&graph, context, name, options->seed);
    if (status == BB_OK && !graph)
        status = bb_fail(context, BB_ARGUMENT, "bench save: %s is no built-in model", name);
    if (status == BB_OK)
        status = bb_graph_save(graph, context, path);
    bb_graph_free(graph);
    return status;
}

static bb_status dispatch(invocation *call, const bench_options *options)
{
    bb_context *context = call->context;
    const char *what = call->operands[0];
    bb_status status = bench_check_format(context, options->format);
    if (status == BB_OK)
        status = energy_check_meter(context, options->energy);
    if (status != BB_OK)
        return status;
    if (strcmp(what, "compare") == 0)
        return call->n_operands == 3 ? bench_compare(call, options, call->operands + 1)
                                     : wrong_words(context, what, "two JSON files");
    if (strcmp(what, "targets") == 0)
        return call->n_operands == 2 ? bench_targets(call, options, call->operands[1])
                                     : wrong_words(context, what, "a folder");
    if (strcmp(what, "save") == 0)
        return call->n_operands == 2 && options->common.output
                   ? save(call, options)
                   : wrong_words(context, what, "the name of a built-in model and -o FILE");
    if (strcmp(what, "model") == 0 && call->n_operands < 2)
        return wrong_words(context, what, "a model file or the name of a built-in model");
    if (strcmp(what, "limits") == 0 && call->n_operands > 1)
        return wrong_words(context, what, "no further words");
    if (strcmp(what, "kernels") != 0 && strcmp(what, "model") != 0 && strcmp(what, "limits") != 0)
        return wrong_words(context, what, "one of kernels, model, limits, compare, targets, save");
    return measure(call, options);
}

int command_bench(int argc, char **argv)
{
    bench_options options = {.format = "md",
                             .basis = "limit",
                             .seconds = 2,
                             .precision = 1,
                             .threshold = 1.1,
                             .handicap = 1};
    invocation call;
    if (!invocation_begin(&call, &bench_description, argc, argv, &options, &options.common))
        return call.exit_code;
    catch_signals();
    setenv("POCL_AFFINITY", "1",
           0); /* else both of two threads may stay on one core for a whole run */
    return invocation_end(&call, dispatch(&call, &options));
}
