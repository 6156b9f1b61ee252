/* SPDX-License-Identifier: MIT */
/* What every command begins and ends with: options, a context, the model as a plan. */
#ifndef BITBAYES_HOST_INVOCATION_H
#define BITBAYES_HOST_INVOCATION_H

#include "console.h"
#include "options.h"
#include "results.h"

#include <bitbayes/plan.h>
#include <bitbayes/sampling.h>

typedef struct invocation {
    bb_context *context;
    char **operands;
    int n_operands;
    int exit_code; /* where invocation_begin() is false */
} invocation;

/* Parse options and make a context. False: return `exit_code` at once. */
bool invocation_begin(invocation *out, const command_description *command, int argc, char **argv,
                      void *values, const common_options *common);

/* Say what went wrong, free the context, return the exit code. */
int invocation_end(invocation *call, bb_status status);

/* Print with `print` to where the results go. */
typedef bb_status print_results(FILE *stream, void *payload);
bb_status invocation_print(invocation *call, const common_options *common, print_results *print,
                           void *payload);

/* A model file, read and folded. Zero-initialised; free with network_free(). */
typedef struct network {
    bb_graph *graph;
    bb_plan *plan;
} network;

bb_status network_fold(network *out, bb_context *context, const bb_fold_options *options);
void network_free(network *net);

/* Passes per input; leaves for EXACT. */
uint64_t plan_passes(const bb_plan *plan, const bb_sampling *sampling);

#define MAX_DEVICES 16

/* "a+b" in parts that the caller releases, set one by one also on failure; NULL text: one part,
 * NULL, the default device. */
bb_status split_devices(char *out[MAX_DEVICES], uint32_t *n, bb_context *context, const char *text);

#endif
