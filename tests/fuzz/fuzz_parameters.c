/* SPDX-License-Identifier: MIT */
/* Whatever stands in a parameter file: it is refused, or an estimate with it keeps its promises. */
#include <bitbayes/energy.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void estimate(bb_context *context, const bb_energy_parameters *parameters)
{
    static const char name[] = "lenet5";
    bb_energy_network *network = NULL;
    bb_energy_report *report = NULL;
    bb_energy_options options = bb_energy_options_default();
    options.method = BB_ENERGY_METHOD_SCALE;
    if (bb_energy_network_builtin(&network, context, name) != BB_OK ||
        bb_energy_estimate(&report, context, network, parameters, &options) != BB_OK)
        abort();
    const bb_range joules = report->image_total_J;
    if (!isfinite(joules.low) || !isfinite(joules.high) || isnan(joules.nominal))
        abort();
    bb_energy_report_free(report);
    bb_energy_network_free(network);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    bb_context *context;
    bb_energy_parameters *parameters;
    if (bb_context_create(&context, NULL) != BB_OK ||
        bb_energy_parameters_create(&parameters, context, NULL) != BB_OK)
        abort();
    const uint64_t before = bb_energy_parameters_hash(parameters);
    const bb_status status = bb_energy_parameters_parse(parameters, bytes, length, "fuzz");
    if (status == BB_OK)
        estimate(context, parameters);
    else if (status != BB_INPUT || bb_energy_parameters_hash(parameters) != before)
        abort();
    bb_energy_parameters_free(parameters);
    bb_context_free(context);
    return 0;
}
