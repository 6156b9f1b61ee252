/* SPDX-License-Identifier: MIT */
/* The ratios that publications quote, each with its own denominator. */
#include "energy/energy.h"

#include <string.h>

bb_range bb_range_ratio(bb_range a, bb_range b)
{
    if (b.low <= 0.0 || b.nominal <= 0.0 || b.high <= 0.0)
        return (bb_range){0, 0, 0};
    const double x = a.low / b.low, y = a.nominal / b.nominal, z = a.high / b.high;
    const double least = x < z ? x : z, most = x < z ? z : x;
    return (bb_range){least < y ? least : y, y, most > y ? most : y};
}

static bb_energy_module_ratio module_ratio(const char *layer, bool convolution, uint64_t spindrop,
                                           uint64_t spatial)
{
    return (bb_energy_module_ratio){layer, convolution, spindrop, spatial,
                                    spatial ? (double)spindrop / (double)spatial : 0.0};
}

static bb_status list_modules(bb_energy_ratios *ratios, const bb_energy_network *network,
                              const bb_energy_report *spindrop, const bb_energy_report *spatial)
{
    ratios->modules =
        bb_allocate(ratios->context, network->n_layers + 2u, sizeof(*ratios->modules));
    if (!ratios->modules)
        return BB_MEMORY;
    uint64_t sums[2][2] = {{0, 0}, {0, 0}};
    for (uint32_t i = 0; i < network->n_layers; i++) {
        const uint64_t a = spindrop->layers[i].counts.modules,
                       b = spatial->layers[i].counts.modules;
        const bool convolution = spindrop->layers[i].counts.positions > 1;
        if (network->layers[i].kind == BB_LAYER_POOL)
            continue;
        ratios->modules[ratios->n_modules++] =
            module_ratio(network->layers[i].name, convolution, a, b);
        sums[0][0] += convolution ? a : 0;
        sums[0][1] += convolution ? b : 0;
        sums[1][0] += a;
        sums[1][1] += b;
    }
    ratios->modules[ratios->n_modules++] = module_ratio(NULL, true, sums[0][0], sums[0][1]);
    ratios->modules[ratios->n_modules++] = module_ratio(NULL, false, sums[1][0], sums[1][1]);
    return BB_OK;
}

static bb_range add(bb_range a, bb_range b)
{
    return (bb_range){a.low + b.low, a.nominal + b.nominal, a.high + b.high};
}

static bb_energy_method_result result_of(bb_energy_method method, const bb_energy_report *report)
{
    return (bb_energy_method_result){
        .method = method,
        .modules = report->counts.modules,
        .random_bits = report->counts.random_bits,
        .random_J = report->image_J[BB_ENERGY_RNG],
        .dropout_J = add(report->image_J[BB_ENERGY_RNG], report->image_J[BB_ENERGY_SCALE]),
        .image_J = report->image_total_J,
    };
}

static bb_status compare_baselines(bb_energy_ratios *ratios, const bb_energy_parameters *parameters)
{
    ratios->baselines =
        bb_allocate(ratios->context, parameters->n_baselines, sizeof(*ratios->baselines));
    if (!ratios->baselines)
        return BB_MEMORY;
    ratios->n_baselines = parameters->n_baselines;
    for (uint32_t i = 0; i < parameters->n_baselines; i++) {
        const bb_baseline *baseline = &parameters->baselines[i];
        bb_energy_baseline_ratio *out = &ratios->baselines[i];
        const double joules = baseline->entry.value.nominal;
        *out = (bb_energy_baseline_ratio){
            .name = baseline->name,
            .source = baseline->entry.source,
            .confidence = baseline->entry.confidence ? baseline->entry.confidence : "",
            .note = baseline->entry.note ? baseline->entry.note : "",
            .baseline_J = joules,
        };
        for (uint32_t m = BB_ENERGY_METHOD_NONE; m < BB_N_ENERGY_METHODS; m++)
            out->ratio[m] =
                bb_range_ratio((bb_range){joules, joules, joules}, ratios->methods[m].image_J);
    }
    return BB_OK;
}

static bb_status fill(bb_energy_ratios *ratios, bb_energy_report *reports[BB_N_ENERGY_METHODS],
                      const bb_energy_network *network, const bb_energy_parameters *parameters)
{
    for (uint32_t m = BB_ENERGY_METHOD_NONE; m < BB_N_ENERGY_METHODS; m++) {
        bb_energy_options options = ratios->options;
        options.method = (bb_energy_method)m;
        const bb_status status =
            bb_energy_estimate(&reports[m], ratios->context, network, parameters, &options);
        if (status != BB_OK)
            return status;
        ratios->methods[m] = result_of((bb_energy_method)m, reports[m]);
    }
    const bb_status status = list_modules(ratios, network, reports[BB_ENERGY_METHOD_SPINDROP],
                                          reports[BB_ENERGY_METHOD_SPATIAL]);
    return status == BB_OK ? compare_baselines(ratios, parameters) : status;
}

bb_status bb_energy_ratios_create(bb_energy_ratios **out, bb_context *context,
                                  const bb_energy_network *network,
                                  const bb_energy_parameters *parameters,
                                  const bb_energy_options *options)
{
    *out = NULL;
    bb_energy_ratios *ratios = bb_allocate(context, 1, sizeof(*ratios));
    if (!ratios)
        return BB_MEMORY;
    ratios->context = context;
    ratios->options = options ? *options : bb_energy_options_default();
    ratios->options.evaluations = NULL;
    bb_energy_report *reports[BB_N_ENERGY_METHODS] = {0};
    const bb_status status = fill(ratios, reports, network, parameters);
    for (uint32_t m = 0; m < BB_N_ENERGY_METHODS; m++)
        bb_energy_report_free(reports[m]);
    if (status == BB_OK)
        *out = ratios;
    else
        bb_energy_ratios_free(ratios);
    return status;
}

void bb_energy_ratios_free(bb_energy_ratios *ratios)
{
    if (!ratios)
        return;
    bb_release(ratios->context, ratios->modules);
    bb_release(ratios->context, ratios->baselines);
    bb_release(ratios->context, ratios);
}
