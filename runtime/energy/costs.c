/* SPDX-License-Identifier: MIT */
/* What one event costs, and one layer: counts times costs. All functions are pure. */
#include "energy/energy.h"

#include <math.h>

static double at(const bb_values *values, bb_key key)
{
    return values->at[key];
}

static uint32_t log2_up(double n)
{
    uint32_t bits = 0;
    for (double power = 1.0; power < n; power *= 2.0)
        bits++;
    return bits;
}

/* A read of rows_on cells gives 0 .. rows_on: rows_on + 1 levels. */
uint32_t bb_energy_lossless_bits(const bb_values *values)
{
    return log2_up(at(values, BB_KEY_ROWS_ON) + 1.0);
}

uint32_t bb_energy_adc_bits(const bb_values *values)
{
    const double bits = at(values, BB_KEY_ADC_BITS);
    return bits > 0.0 ? (uint32_t)bits : log2_up(at(values, BB_KEY_ROWS_ON)) + 1;
}

uint32_t bb_energy_acc_width(const bb_values *values, uint64_t fan_in)
{
    const double width = at(values, BB_KEY_ACC_WIDTH);
    return width > 0.0 ? (uint32_t)width : log2_up((double)fan_in) + 2;
}

static double mean_conductance(const bb_values *values)
{
    const double g_p = 1.0 / at(values, BB_KEY_MTJ_RP), p = at(values, BB_KEY_P_MATCH);
    return g_p * (p + (1.0 - p) / (1.0 + at(values, BB_KEY_MTJ_TMR)));
}

double bb_energy_cell_J(const bb_values *values)
{
    const double volts = at(values, BB_KEY_READ_V);
    return volts * volts * at(values, BB_KEY_READ_PULSE) * mean_conductance(values);
}

double bb_energy_column_current_A(const bb_values *values)
{
    return at(values, BB_KEY_ROWS_ON) * at(values, BB_KEY_READ_V) * mean_conductance(values);
}

double bb_energy_adc_J(const bb_values *values, uint32_t bits)
{
    const double volts = at(values, BB_KEY_ADC_VDD), b = (double)bits;
    const double farads =
        at(values, BB_KEY_ADC_CAP_LINEAR) * b + at(values, BB_KEY_ADC_CAP_QUARTIC) * pow(4.0, b);
    return farads * volts * volts * at(values, BB_KEY_ADC_SPREAD) *
           pow(at(values, BB_KEY_NODE) / 28.0, 1.88);
}

double bb_energy_adc_s(const bb_values *values, uint32_t bits)
{
    return (double)bits * (at(values, BB_KEY_ADC_DELAY_ROW) * at(values, BB_KEY_ROWS_ON) +
                           at(values, BB_KEY_ADC_DELAY_BIT));
}

double bb_energy_adc_m2(const bb_values *values, uint32_t bits)
{
    const double b = (double)bits;
    return pow(10.0, 1.206 - 0.0369 * b) * pow(2.0, b) * 1e-12 * at(values, BB_KEY_ADC_AREA_SPREAD);
}

/* Energy of digital logic relative to 28 nm: Stillmaker's factors, straight lines in log-log
 * between. */
double bb_energy_digital_factor(double node_nm)
{
    static const double nodes[] = {22, 28, 32, 40, 45, 65};
    static const double factors[] = {0.29 / 0.51, 1, 1 / 0.78, 1 / 0.59, 1 / 0.51, 1 / 0.41};
    size_t k = 1;
    while (k + 1 < BB_COUNT_OF(nodes) && node_nm > nodes[k])
        k++;
    const double share = log(node_nm / nodes[k - 1]) / log(nodes[k] / nodes[k - 1]);
    return factors[k - 1] * pow(factors[k] / factors[k - 1], share);
}

double bb_energy_random_bit_J(const bb_values *values, double p)
{
    switch ((int)at(values, BB_KEY_RNG_KIND)) {
    case BB_RNG_SMTJ:
        return at(values, BB_KEY_RNG_SMTJ);
    case BB_RNG_SOT:
        return at(values, BB_KEY_RNG_SOT);
    case BB_RNG_LFSR:
        return at(values, BB_KEY_RNG_LFSR) * bb_energy_digital_factor(at(values, BB_KEY_NODE));
    default: {
        const bool always = (int)at(values, BB_KEY_RNG_RESET) == BB_RNG_RESET_ALWAYS;
        return at(values, BB_KEY_RNG_SET) + at(values, BB_KEY_RNG_READ) +
               at(values, BB_KEY_RNG_RESET_J) * (always ? 1.0 : p);
    }
    }
}

double bb_energy_random_bit_s(const bb_values *values)
{
    static const bb_key keys[] = {BB_KEY_RNG_STT_TIME, BB_KEY_RNG_SMTJ_TIME, BB_KEY_RNG_SOT_TIME,
                                  BB_KEY_RNG_LFSR_TIME};
    return at(values, keys[(int)at(values, BB_KEY_RNG_KIND)]);
}

/* |dp| for p = 1 - exp(-t / tau), tau = tau0 exp(Delta (1 - V / Vc)). */
double bb_energy_probability_shift(const bb_values *values, double p)
{
    if (p <= 0.0 || p >= 1.0)
        return 0.0;
    return -(1.0 - p) * log1p(-p) * at(values, BB_KEY_RNG_DELTA) * at(values, BB_KEY_RNG_MISMATCH);
}

double bb_energy_popcount_noise(const bb_values *values)
{
    const double tmr = at(values, BB_KEY_MTJ_TMR);
    const double rest = 1.0 / ((1.0 + tmr) * (1.0 + tmr));
    return at(values, BB_KEY_MTJ_SIGMA) * sqrt(at(values, BB_KEY_ROWS_ON) / 2.0 * (1.0 + rest)) *
           (1.0 + tmr) / tmr;
}

/* One bit added and stored. */
static double add_bit_J(const bb_values *values)
{
    return (at(values, BB_KEY_FA) + at(values, BB_KEY_FF)) *
           bb_energy_digital_factor(at(values, BB_KEY_NODE));
}

static bool single_sense(const bb_energy_counts *counts, const bb_values *values)
{
    return (int)at(values, BB_KEY_SENSE_KIND) == BB_SENSE_SA_WHEN_SINGLE &&
           counts->conversions == counts->positions * counts->outputs;
}

static void cost_crossbar(bb_layer_cost *out, const bb_energy_counts *counts,
                          const bb_values *values, double driven)
{
    const double factor = bb_energy_digital_factor(at(values, BB_KEY_NODE));
    const double cells = (double)counts->cells_driven * driven;
    const bool digital = (int)at(values, BB_KEY_CELL_KIND) == BB_CELL_DIGITAL;
    const double cell_J = digital ? (at(values, BB_KEY_XNOR) + at(values, BB_KEY_FA)) * factor
                                  : bb_energy_cell_J(values);
    const double sense_J = single_sense(counts, values)
                               ? at(values, BB_KEY_SA)
                               : bb_energy_adc_J(values, bb_energy_adc_bits(values));
    out->sum_J[BB_ENERGY_CELL] = cells * cell_J;
    out->sum_J[BB_ENERGY_WORDLINE] = cells * at(values, BB_KEY_WL_CELL) * factor;
    out->sum_J[BB_ENERGY_SENSE] = (double)counts->conversions * sense_J;
}

static void cost_digital(bb_layer_cost *out, const bb_energy_layer *layer,
                         const bb_energy_counts *counts, const bb_values *values)
{
    const double factor = bb_energy_digital_factor(at(values, BB_KEY_NODE));
    const double width = (double)bb_energy_acc_width(values, counts->fan_in);
    const double add_J = width * add_bit_J(values);
    const double per_operation =
        layer->kind == BB_LAYER_FLOAT ? at(values, BB_KEY_FLOAT_MAC) * factor : add_J;
    out->sum_J[BB_ENERGY_ACCUMULATE] = (double)counts->accumulations * add_J;
    out->sum_J[BB_ENERGY_DIGITAL] = (double)counts->digital_operations * per_operation;
    out->output_J[BB_ENERGY_NORM] = (double)(counts->normalizations + counts->shortcuts) * add_J;
    out->output_J[BB_ENERGY_SCALE] =
        (double)counts->scale_bits * at(values, BB_KEY_SRAM_SCALE) * factor +
        (double)counts->scale_operations * at(values, BB_KEY_SCALE_BITS) * add_bit_J(values);
    const double bit_J = at(values, BB_KEY_ACT_BUF) * factor;
    out->sum_J[BB_ENERGY_BUFFER] = (double)counts->buffer_read_bits * bit_J;
    out->output_J[BB_ENERGY_BUFFER] = (double)counts->buffer_write_bits * bit_J;
}

/* Joules of this layer's own random bits; every site once, at its first reader. */
static double random_J(const bb_energy_network *network, uint32_t index,
                       const bb_energy_counts *counts, const bb_values *values)
{
    const bb_energy_layer *layer = &network->layers[index];
    const uint32_t site = layer->mask_site != BB_NO_INDEX ? layer->mask_site
                          : layer->n_bank_sites           ? layer->bank_sites[0]
                                                          : BB_NO_INDEX;
    if (site == BB_NO_INDEX)
        return 0.0;
    const bool member = network->sites[site].kind == BB_DRAW_MEMBER;
    const double p = member ? 0.5 : network->sites[site].p;
    return (double)counts->random_bits * bb_energy_random_bit_J(values, p);
}

/* Shares of the parts before: clock, wires, then the free factor. */
static void add_overheads(double joules[BB_N_ENERGY_COMPONENTS], const bb_values *values)
{
    joules[BB_ENERGY_CLOCK] =
        at(values, BB_KEY_CLK) * (joules[BB_ENERGY_ACCUMULATE] + joules[BB_ENERGY_DIGITAL] +
                                  joules[BB_ENERGY_NORM] + joules[BB_ENERGY_SCALE]);
    double sum = 0.0;
    for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++)
        sum += joules[c];
    joules[BB_ENERGY_LAYOUT] = (at(values, BB_KEY_LAYOUT) - 1.0) * sum;
    for (uint32_t c = 0; c < BB_N_ENERGY_COMPONENTS; c++)
        joules[c] *= at(values, BB_KEY_CALIBRATION);
}

static double layer_seconds(const bb_energy_network *network, uint32_t index,
                            const bb_energy_counts *counts, const bb_values *values)
{
    const bb_energy_layer *layer = &network->layers[index];
    const bool digital = (int)at(values, BB_KEY_CELL_KIND) == BB_CELL_DIGITAL;
    const uint32_t bits = single_sense(counts, values) ? 1 : bb_energy_adc_bits(values);
    const bool serial = (int)at(values, BB_KEY_RNG_OVERLAP) == BB_RNG_SERIAL;
    const double bit_s = counts->random_bits ? bb_energy_random_bit_s(values) : 0.0;
    double read_s = at(values, BB_KEY_READ_PULSE);
    if (!digital)
        read_s += at(values, BB_KEY_COL_MUX) * bb_energy_adc_s(values, bits);
    const bool always = layer->mask_site != BB_NO_INDEX &&
                        network->sites[layer->mask_site].kind == BB_DRAW_MASK_ALWAYS;
    if (always)
        read_s = serial ? read_s + bit_s : fmax(read_s, bit_s);
    const double seconds = (double)counts->read_steps * read_s;
    if (always)
        return seconds;
    return serial ? seconds + bit_s : fmax(seconds, bit_s);
}

static double memory_bits(const bb_energy_counts *counts)
{
    /* Activations are double-buffered. */
    return (double)counts->scale_memory_bits + 2.0 * (double)counts->normalizations;
}

static double layer_area(const bb_energy_counts *counts, const bb_values *values)
{
    const double rows = at(values, BB_KEY_XBAR_ROWS), columns = at(values, BB_KEY_XBAR_COLS);
    const bool digital = (int)at(values, BB_KEY_CELL_KIND) == BB_CELL_DIGITAL;
    const double adc_m2 = digital ? 0.0 : bb_energy_adc_m2(values, bb_energy_adc_bits(values));
    const double tile_m2 =
        rows * 2.0 * columns * at(values, BB_KEY_CELL_AREA) +
        columns / at(values, BB_KEY_COL_MUX) * (adc_m2 + at(values, BB_KEY_DIGITAL_COLUMN_AREA)) +
        rows * at(values, BB_KEY_WL_DRIVER_AREA);
    const bool lfsr = (int)at(values, BB_KEY_RNG_KIND) == BB_RNG_LFSR;
    const double module_m2 = at(values, lfsr ? BB_KEY_RNG_LFSR_AREA : BB_KEY_RNG_AREA);
    return (double)counts->tiles * tile_m2 + (double)counts->modules * module_m2 +
           memory_bits(counts) * at(values, BB_KEY_SRAM_AREA);
}

double bb_energy_leak_W(const bb_energy_counts *total, const bb_values *values)
{
    return (double)total->tiles * at(values, BB_KEY_LEAK_TILE) +
           memory_bits(total) * at(values, BB_KEY_LEAK_SRAM);
}

void bb_energy_cost_layer(bb_layer_cost *out, const bb_energy_network *network, uint32_t index,
                          const bb_energy_counts *counts, const bb_values *values)
{
    const bb_energy_layer *layer = &network->layers[index];
    const bool gated = (int)at(values, BB_KEY_RNG_GATE) == BB_GATE_ROWS;
    const bool masked = layer->mask_site != BB_NO_INDEX;
    const double driven = gated && masked ? 1.0 - network->sites[layer->mask_site].p : 1.0;
    *out = (bb_layer_cost){0};
    cost_crossbar(out, counts, values, driven);
    cost_digital(out, layer, counts, values);
    out->pass_J[BB_ENERGY_RNG] = random_J(network, index, counts, values);
    if (index + 1 == network->n_layers)
        out->output_J[BB_ENERGY_READOUT] = (double)counts->outputs * add_bit_J(values) *
                                           (double)bb_energy_acc_width(values, counts->fan_in);
    add_overheads(out->sum_J, values);
    add_overheads(out->output_J, values);
    add_overheads(out->pass_J, values);
    out->s = layer_seconds(network, index, counts, values);
    out->m2 = layer_area(counts, values);
}
