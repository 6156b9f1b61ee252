/* SPDX-License-Identifier: MIT */
/* The whole network under one set of values. */
#include "energy/energy.h"

#include <math.h>

static void add_counts(bb_energy_counts *sum, const bb_energy_counts *counts)
{
    sum->positions += counts->positions;
    sum->fan_in += counts->fan_in;
    sum->outputs += counts->outputs;
    sum->evaluations += counts->evaluations;
    sum->valid_taps += counts->valid_taps;
    sum->cells_driven += counts->cells_driven;
    sum->read_steps += counts->read_steps;
    sum->reads += counts->reads;
    sum->conversions += counts->conversions;
    sum->accumulations += counts->accumulations;
    sum->digital_operations += counts->digital_operations;
    sum->normalizations += counts->normalizations;
    sum->shortcuts += counts->shortcuts;
    sum->scale_operations += counts->scale_operations;
    sum->scale_bits += counts->scale_bits;
    sum->buffer_read_bits += counts->buffer_read_bits;
    sum->buffer_write_bits += counts->buffer_write_bits;
    sum->random_bits += counts->random_bits;
    sum->modules += counts->modules;
    sum->weights += counts->weights;
    sum->tiles += counts->tiles;
    sum->scale_memory_bits += counts->scale_memory_bits;
}

static void add_layer(const bb_energy_problem *problem, uint32_t index, bb_energy_totals *out)
{
    const bb_layer_cost *cost = &problem->costs[index];
    const double passes = (double)problem->options->passes;
    for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++) {
        const double pass_J = cost->sum_J[c] + cost->output_J[c] + cost->pass_J[c];
        out->pass_J[c] += pass_J;
        out->image_J[c] += passes * pass_J;
        out->shared_J[c] += problem->sums[index] * cost->sum_J[c] +
                            problem->outputs[index] * cost->output_J[c] + passes * cost->pass_J[c];
    }
    out->pass_s += cost->s;
    out->slowest_s = fmax(out->slowest_s, cost->s);
    out->shared_s += problem->sums[index] * cost->s;
    out->m2 += cost->m2;
}

void bb_energy_evaluate(const bb_energy_problem *problem, const bb_values *values,
                        bb_energy_totals *out)
{
    *out = (bb_energy_totals){0};
    const bb_energy_network *network = problem->network;
    for (uint32_t i = 0; i < network->n_layers; i++) {
        bb_energy_count_layer(&problem->counts[i], network, i, values, problem->options);
        bb_energy_cost_layer(&problem->costs[i], network, i, &problem->counts[i], values);
        add_counts(&out->counts, &problem->counts[i]);
    }
    const double leak_W = bb_energy_leak_W(&out->counts, values) * values->at[BB_KEY_CALIBRATION];
    for (uint32_t i = 0; i < network->n_layers; i++) {
        problem->costs[i].sum_J[BB_ENERGY_LEAKAGE] = leak_W * problem->costs[i].s;
        add_layer(problem, i, out);
    }
    for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++) {
        out->pass_total_J += out->pass_J[c];
        out->image_total_J += out->image_J[c];
        out->shared_total_J += out->shared_J[c];
    }
    out->weight_write_J = (double)out->counts.weights * values->at[BB_KEY_WEIGHT_WRITE] *
                          values->at[BB_KEY_CALIBRATION];
}
