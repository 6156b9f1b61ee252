/* SPDX-License-Identifier: MIT */
/* The estimate: three evaluations for low, nominal and high, and what is told beside them. */
#include "energy/energy.h"

#include <math.h>
#include <string.h>

bb_energy_options bb_energy_options_default(void)
{
    return (bb_energy_options){
        .passes = 20, .images = 1, .copies = 4, .members = 4, .drop_probability = -1.0};
}

static bb_status check_options(bb_context *context, const bb_energy_options *options)
{
    if (options->passes < 1 || options->passes > 65536)
        return bb_fail(context, BB_ARGUMENT, "energy: T is %u, expected 1 .. 65536",
                       options->passes);
    if (options->images < 1)
        return bb_fail(context, BB_ARGUMENT, "energy: 0 images, expected at least 1");
    if (options->copies < 1 || options->copies > 4096)
        return bb_fail(context, BB_ARGUMENT, "energy: %u copies, expected 1 .. 4096",
                       options->copies);
    if (options->members < 2 || options->members > 256)
        return bb_fail(context, BB_ARGUMENT, "energy: %u members, expected 2 .. 256",
                       options->members);
    if (isnan(options->drop_probability) || options->drop_probability > 1.0)
        return bb_fail(context, BB_ARGUMENT, "energy: drop probability %g, expected 0 .. 1",
                       options->drop_probability);
    if ((unsigned)options->method >= BB_N_ENERGY_METHODS ||
        (unsigned)options->mapping >= BB_N_ENERGY_MAPPINGS ||
        (unsigned)options->first_layer >= BB_N_ENERGY_FIRST_LAYERS)
        return bb_fail(context, BB_ARGUMENT, "energy: method, mapping or first layer out of range");
    return BB_OK;
}

static void put(bb_range *range, bb_corner corner, double value)
{
    if (corner == BB_CORNER_LOW)
        range->low = value;
    else if (corner == BB_CORNER_NOMINAL)
        range->nominal = value;
    else
        range->high = value;
}

static void put_layer(bb_energy_layer_report *out, const bb_energy_problem *problem, uint32_t index,
                      bb_corner corner)
{
    const bb_layer_cost *cost = &problem->costs[index];
    const double passes = (double)problem->options->passes;
    double pass_total = 0.0, shared_total = 0.0;
    for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++) {
        const double pass_J = cost->sum_J[c] + cost->output_J[c] + cost->pass_J[c];
        const double shared_J = problem->sums[index] * cost->sum_J[c] +
                                problem->outputs[index] * cost->output_J[c] +
                                passes * cost->pass_J[c];
        put(&out->pass_J[c], corner, pass_J);
        put(&out->image_J[c], corner, passes * pass_J);
        put(&out->shared_J[c], corner, shared_J);
        pass_total += pass_J;
        shared_total += shared_J;
    }
    put(&out->pass_total_J, corner, pass_total);
    put(&out->image_total_J, corner, passes * pass_total);
    put(&out->shared_total_J, corner, shared_total);
    put(&out->pass_s, corner, cost->s);
    put(&out->area_m2, corner, cost->m2);
}

static void put_totals(bb_energy_report *report, const bb_energy_totals *totals, bb_corner corner)
{
    const double passes = (double)report->options.passes;
    for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++) {
        put(&report->image_J[c], corner, totals->image_J[c]);
        put(&report->shared_J[c], corner, totals->shared_J[c]);
    }
    put(&report->pass_total_J, corner, totals->pass_total_J);
    put(&report->image_total_J, corner, totals->image_total_J);
    put(&report->shared_total_J, corner, totals->shared_total_J);
    put(&report->pass_s, corner, totals->pass_s);
    put(&report->image_s, corner, passes * totals->pass_s);
    put(&report->pipelined_image_s, corner, totals->pass_s + (passes - 1.0) * totals->slowest_s);
    put(&report->shared_image_s, corner, totals->shared_s);
    put(&report->area_m2, corner, totals->m2);
    put(&report->weight_write_J, corner, totals->weight_write_J);
}

static const char *kind_of_layer(const bb_energy_layer *layer, const bb_energy_counts *counts)
{
    if (layer->kind == BB_LAYER_POOL)
        return "pool";
    if (layer->kind == BB_LAYER_FLOAT)
        return "float";
    return counts->cells_driven ? "crossbar" : "digital";
}

static void fill_corners(bb_energy_report *report, const bb_energy_problem *problem,
                         const bb_energy_network *named, const bb_energy_parameters *parameters)
{
    static const bb_corner corners[] = {BB_CORNER_LOW, BB_CORNER_HIGH, BB_CORNER_NOMINAL};
    for (size_t k = 0; k < BB_COUNT_OF(corners); k++) {
        bb_energy_totals totals;
        const bb_values values = bb_values_at(parameters, corners[k]);
        bb_energy_evaluate(problem, &values, &totals);
        put_totals(report, &totals, corners[k]);
        report->counts = totals.counts;
        for (uint32_t i = 0; i < report->n_layers; i++)
            put_layer(&report->layers[i], problem, i, corners[k]);
    }
    for (uint32_t i = 0; i < report->n_layers; i++) {
        bb_energy_layer_report *layer = &report->layers[i];
        layer->name = named->layers[i].name;
        layer->counts = problem->counts[i];
        layer->kind = kind_of_layer(&named->layers[i], &layer->counts);
        layer->sums = problem->sums[i];
        layer->outputs = problem->outputs[i];
    }
}

/* Scratch of one estimate. */
typedef struct workspace {
    bb_energy_network *applied;
    double *sums, *outputs;
    bb_energy_counts *counts;
    bb_layer_cost *costs;
} workspace;

static bb_status make_workspace(workspace *space, bb_context *context,
                                const bb_energy_network *network, const bb_energy_options *options)
{
    const bb_status status = bb_energy_method_apply(&space->applied, network, options);
    if (status != BB_OK)
        return status;
    space->sums = bb_allocate(context, network->n_layers, sizeof(double));
    space->outputs = bb_allocate(context, network->n_layers, sizeof(double));
    space->counts = bb_allocate(context, network->n_layers, sizeof(*space->counts));
    space->costs = bb_allocate(context, network->n_layers, sizeof(*space->costs));
    return space->sums && space->outputs && space->counts && space->costs ? BB_OK : BB_MEMORY;
}

static void free_workspace(workspace *space, bb_context *context)
{
    bb_energy_network_free(space->applied);
    bb_release(context, space->sums);
    bb_release(context, space->outputs);
    bb_release(context, space->counts);
    bb_release(context, space->costs);
}

/* Expected, or what a run counted: there a stage's outputs are the sums of its readers. */
static bb_status count_evaluations(workspace *space, const bb_energy_options *options,
                                   double *leaves)
{
    const bb_energy_network *network = space->applied;
    const bb_status status =
        bb_energy_expect(network, options->passes, space->sums, space->outputs, leaves);
    if (status != BB_OK || !options->evaluations)
        return status;
    for (uint32_t i = 0; i < network->n_layers; i++)
        space->outputs[i] = space->sums[i] = options->evaluations[i];
    for (uint32_t i = 0; i < network->n_layers; i++) {
        const uint32_t input = network->layers[i].input;
        if (input != BB_NO_INDEX && network->layers[i].mask_site == BB_NO_INDEX)
            space->outputs[input] = fmax(space->outputs[input], space->sums[i]);
    }
    *leaves = options->leaves;
    space->outputs[network->n_layers - 1] = fmax(space->outputs[network->n_layers - 1], *leaves);
    return BB_OK;
}

static bb_status fill(bb_energy_report *report, workspace *space, const bb_energy_network *network,
                      const bb_energy_parameters *parameters, const bb_energy_options *options)
{
    bb_context *context = report->context;
    bb_status status = make_workspace(space, context, network, options);
    if (status == BB_OK)
        status = count_evaluations(space, options, &report->leaves);
    report->layers = bb_allocate(context, network->n_layers, sizeof(*report->layers));
    if (status != BB_OK || !report->layers)
        return status != BB_OK ? status : BB_MEMORY;
    report->n_layers = network->n_layers;
    const bb_energy_problem problem = {
        .context = context,
        .network = space->applied,
        .options = options,
        .sums = space->sums,
        .outputs = space->outputs,
        .leaves = report->leaves,
        .counts = space->counts,
        .costs = space->costs,
    };
    fill_corners(report, &problem, network, parameters);
    bb_energy_assess_risks(report, parameters, bb_energy_drop_probability(network, options));
    status = bb_energy_sensitivity_table(report, &problem, parameters);
    if (status == BB_OK)
        status = bb_energy_change_table(report, &problem, parameters);
    if (status == BB_OK)
        status = bb_energy_warn(report, parameters);
    return status;
}

bb_status bb_energy_estimate(bb_energy_report **out, bb_context *context,
                             const bb_energy_network *network,
                             const bb_energy_parameters *parameters,
                             const bb_energy_options *options)
{
    *out = NULL;
    const bb_energy_options used = options ? *options : bb_energy_options_default();
    bb_status status = check_options(context, &used);
    if (status != BB_OK)
        return status;
    if (network->n_layers == 0)
        return bb_fail(context, BB_ARGUMENT, "energy: network '%s' has no layers", network->name);
    bb_energy_report *report = bb_allocate(context, 1, sizeof(*report));
    if (!report)
        return BB_MEMORY;
    report->context = context;
    report->network = network->name;
    report->network_hash = network->hash;
    report->preset = parameters->preset;
    report->parameters_hash = bb_energy_parameters_hash(parameters);
    report->options = used;
    report->options.evaluations = NULL;
    report->counted = used.evaluations != NULL;
    report->calibration = parameters->entries[BB_KEY_CALIBRATION].value.nominal;
    workspace space = {0};
    status = fill(report, &space, network, parameters, &used);
    free_workspace(&space, context);
    if (status == BB_OK)
        *out = report;
    else
        bb_energy_report_free(report);
    return status;
}

void bb_energy_report_free(bb_energy_report *report)
{
    if (!report)
        return;
    for (uint32_t i = 0; i < report->n_warnings; i++)
        bb_release(report->context, report->warnings[i]);
    bb_release(report->context, report->warnings);
    bb_release(report->context, report->changes);
    bb_release(report->context, report->sensitivities);
    bb_release(report->context, report->layers);
    bb_release(report->context, report);
}
