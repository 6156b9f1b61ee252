/* SPDX-License-Identifier: MIT */
/* The estimate of the chip beside the measurement of the device. */
#include "energy/meter.h"

static bb_range ratio_of(double joules, bb_range chip)
{
    if (chip.low <= 0.0)
        return (bb_range){0};
    return (bb_range){joules / chip.high, joules / chip.nominal, joules / chip.low};
}

void bb_energy_compare(bb_energy_comparison *out, const bb_energy_report *report,
                       const bb_measurement *device, uint64_t images)
{
    *out = (bb_energy_comparison){
        .chip_J = report->image_total_J,
        .chip_shared_J = report->shared_total_J,
        .device = *device,
        .caveat =
            "chip: an early-design estimate without I/O, DRAM and control; device: all that its "
            "counter covers, a whole board or package",
    };
    if (device->status != BB_METER_MEASURED || images == 0)
        return;
    const double net_J = device->net_J / (double)images;
    out->device_gross_J = device->gross_J / (double)images;
    out->device_net_J = net_J;
    out->ratio = ratio_of(net_J, out->chip_J);
    out->shared_ratio = ratio_of(net_J, out->chip_shared_J);
}

static bb_status estimate_run(bb_energy_report **out, bb_context *context,
                              const bb_energy_network *network,
                              const bb_energy_parameters *parameters, const bb_energy_run *run)
{
    const uint32_t n = bb_energy_network_layer_count(network);
    double *evaluations = bb_allocate(context, n, sizeof(*evaluations));
    if (!evaluations)
        return BB_MEMORY;
    for (uint32_t s = 0; s < n; s++)
        evaluations[s] = (double)run->stage_evaluations[s] / (double)run->inputs;
    bb_energy_options options = bb_energy_options_default();
    options.passes = run->passes;
    options.images = run->inputs;
    options.evaluations = evaluations;
    options.leaves = (double)run->leaves / (double)run->inputs;
    const bb_status status = bb_energy_estimate(out, context, network, parameters, &options);
    bb_release(context, evaluations);
    return status;
}

bb_status bb_energy_compare_run(bb_energy_comparison *out, bb_context *context, const bb_plan *plan,
                                const bb_energy_parameters *parameters, const bb_energy_run *run,
                                const bb_measurement *device)
{
    *out = (bb_energy_comparison){0};
    if (run->inputs == 0)
        return bb_fail(context, BB_ARGUMENT, "energy: no inputs were run");
    bb_energy_parameters *defaults = NULL;
    bb_energy_network *network = NULL;
    bb_energy_report *report = NULL;
    bb_status status = BB_OK;
    if (!parameters)
        status = bb_energy_parameters_create(&defaults, context, NULL);
    if (status == BB_OK)
        status = bb_energy_network_from_plan(&network, context, plan, "run");
    if (status == BB_OK)
        status = estimate_run(&report, context, network, parameters ? parameters : defaults, run);
    if (status == BB_OK)
        bb_energy_compare(out, report, device, run->measured_inputs);
    bb_energy_report_free(report);
    bb_energy_network_free(network);
    bb_energy_parameters_free(defaults);
    return status;
}
