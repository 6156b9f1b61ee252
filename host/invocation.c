/* SPDX-License-Identifier: MIT */
/* Beginning and end of every command. */
#include "invocation.h"

#include <string.h>

bool invocation_begin(invocation *out, const command_description *command, int argc, char **argv,
                      void *values, const common_options *common)
{
    *out = (invocation){0};
    const options_outcome outcome =
        options_parse(command, argc, argv, values, &out->operands, &out->n_operands);
    if (outcome != OPTIONS_RUN) {
        out->exit_code = bb_status_exit_code(outcome == OPTIONS_STOP ? BB_OK : BB_ARGUMENT);
        return false;
    }
    console_quiet(common->quiet);
    out->context = open_context();
    out->exit_code = bb_status_exit_code(BB_MEMORY);
    return out->context != NULL;
}

int invocation_end(invocation *call, bb_status status)
{
    const int code = finish(call->context, status);
    bb_context_free(call->context);
    call->context = NULL;
    return code;
}

bb_status invocation_print(invocation *call, const common_options *common, print_results *print,
                           void *payload)
{
    results out;
    bb_status status = results_open(&out, call->context, common->output);
    if (status == BB_OK)
        status = print(out.stream, payload);
    return results_close(&out, status);
}

bb_status network_fold(network *out, bb_context *context, const bb_fold_options *options)
{
    bb_plan_free(out->plan);
    out->plan = NULL;
    return bb_plan_fold(&out->plan, context, out->graph, options);
}

void network_free(network *net)
{
    bb_plan_free(net->plan);
    bb_graph_free(net->graph);
    *net = (network){0};
}

uint64_t plan_passes(const bb_plan *plan, const bb_sampling *sampling)
{
    switch (sampling->mode) {
    case BB_SAMPLING_EXACT:
        return bb_exact_leaf_count(plan, sampling->drop_probability);
    case BB_SAMPLING_DETERMINISTIC:
        return 1;
    default:
        return sampling->samples;
    }
}

bb_status split_devices(char *out[MAX_DEVICES], uint32_t *n, bb_context *context, const char *text)
{
    *n = 1;
    out[0] = NULL;
    if (!text)
        return BB_OK;
    for (*n = 0; *n < MAX_DEVICES; text++) {
        const size_t length = strcspn(text, "+");
        if (length == 0)
            return bb_fail(context, BB_ARGUMENT, "--device: an empty name in '%s'", text);
        char *const name = bb_format(context, "%.*s", (int)length, text);
        if (!name)
            return BB_MEMORY;
        out[(*n)++] = name;
        text += length;
        if (!*text)
            return BB_OK;
    }
    return bb_fail(context, BB_ARGUMENT, "--device: more than %d devices", MAX_DEVICES);
}
