/* SPDX-License-Identifier: MIT */
/* The formulas in words. A test keeps the keys in step with parameters.inc. */
#include "energy/energy.h"

#include <string.h>

static const bb_energy_topic topics[] = {
    {"cell", "MTJ cells while read",
     "cells driven = valid taps x input bits (a padded tap drives nothing)\n"
     "E = cells driven x read_V^2 x read_pulse_s x (p G_P + (1 - p) G_AP)\n"
     "G_P = 1 / mtj_rp_ohm, G_AP = G_P / (1 + mtj_tmr_ratio), p = p_match_fraction\n"
     "digital cells: cells driven x (xnor_J + fa_J)\n"
     "row_gate_kind gated: times 1 - drop probability behind a mask",
     "cell_kind mtj_rp_ohm mtj_tmr_ratio read_V read_pulse_s p_match_fraction xnor_J fa_J "
     "row_gate_kind"},
    {"wordline", "word lines", "E = cells driven x wl_cell_J", "wl_cell_J node_nm row_gate_kind"},
    {"sense", "conversion of column currents",
     "conversions = positions x outputs x partial sums x input bits\n"
     "E = conversions x (adc_cap_linear_F b + adc_cap_exponential_F 4^b) x adc_vdd_V^2\n"
     "    x adc_J_ratio x (node / 28 nm)^1.88\n"
     "b = adc_bits, or ceil(log2 rows_on) + 1; sa_when_single: sa_J where one read gives the sum\n"
     "digital cells need none",
     "sense_kind adc_bits rows_on_count adc_cap_linear_F adc_cap_exponential_F adc_vdd_V "
     "adc_J_ratio sa_J node_nm"},
    {"accumulate", "sums of partial results, shifts of the bits of a byte",
     "E = positions x outputs x (partial sums x input bits - 1) x width x (fa_J + ff_J)",
     "acc_width_bits fa_J ff_J node_nm"},
    {"digital", "layers and pools outside crossbars",
     "real weights or real input: valid taps x float_mac_J\n"
     "byte input with --first-layer digital, average pools: valid taps x width x (fa_J + ff_J)",
     "float_mac_J acc_width_bits fa_J ff_J node_nm"},
    {"norm", "threshold or affine map per output",
     "E = (positions x outputs + additions of a shortcut) x width x (fa_J + ff_J)",
     "acc_width_bits fa_J ff_J node_nm"},
    {"scale", "scale memory and multiplication",
     "E = outputs x scale_bits x sram_scale_J_per_bit\n"
     "    + positions x outputs x scale_bits x (fa_J + ff_J)\n"
     "once per site; an ensemble reads its member's values and multiplies nothing",
     "scale_bits sram_scale_J_per_bit fa_J ff_J node_nm"},
    {"buffer", "activation buffers",
     "E = (bits read + bits written) x act_buf_J_per_bit\n"
     "bits read = positions x input channels x input bits (dense: fan-in), written = positions x "
     "outputs\n"
     "a shortcut is read and written with the accumulator's width",
     "act_buf_J_per_bit acc_width_bits node_nm"},
    {"rng", "stochastic units",
     "E = random bits x joules per bit\n"
     "stt: rng_set_J + rng_read_J + rng_reset_J (x p if conditional)\n"
     "bits per layer and pass: scale 1, spatial one per input channel (dense: per input),\n"
     "spindrop positions x fan-in, spindrop-held fan-in; ensemble ceil(log2 members) in all\n"
     "modules: scale and ensemble 1 for the model, spatial one per input channel, spindrop fan-in",
     "rng_kind rng_reset_kind rng_set_J rng_read_J rng_reset_J rng_smtj_J rng_sot_J rng_lfsr_J "
     "node_nm"},
    {"clock", "clock tree", "E = clk_fraction x (accumulate + digital + norm + scale)",
     "clk_fraction"},
    {"readout", "sum of the passes' outputs", "E = classes x width x (fa_J + ff_J) per pass",
     "acc_width_bits fa_J ff_J node_nm"},
    {"layout", "allowance for wires after layout", "E = (post_layout_ratio - 1) x everything above",
     "post_layout_ratio"},
    {"leakage", "leakage while the layer runs",
     "E = (tiles x leak_tile_W + memory bits x leak_sram_W_per_bit) x seconds\n"
     "the whole chip leaks while one layer runs",
     "leak_tile_W leak_sram_W_per_bit"},
    {"mapping", "how a layer lies on crossbars",
     "unrolled: fan-in rows x outputs columns; row tiles ceil(fan-in / xbar_rows)\n"
     "kernel-split: one array of input channels x outputs per kernel offset\n"
     "duplicated: unrolled, copies work on different positions: area x copies, time / copies\n"
     "partial sums = reads of rows_on rows over all row tiles; dense layers are always unrolled",
     "xbar_rows_count xbar_cols_count rows_on_count"},
    {"latency", "time of one pass",
     "read = read_pulse_s + col_mux x b x (adc_delay_row_s x rows_on + adc_delay_bit_s)\n"
     "layer = positions / copies x reads of the fullest row tile x input bits x read\n"
     "spindrop: read is at least one bit time (buffered) or grows by it (serial)\n"
     "others: the layer is at least one bit time, or grows by it\n"
     "layers follow each other; pipelined: first pass + (T - 1) x slowest layer\n"
     "layers outside crossbars take no time here",
     "read_pulse_s col_mux_count adc_bits adc_delay_row_s adc_delay_bit_s rows_on_count "
     "rng_overlap_kind rng_kind rng_stt_bit_s rng_smtj_bit_s rng_sot_bit_s rng_lfsr_bit_s"},
    {"area", "area of the chip without I/O and control",
     "tile = rows x 2 columns x cell_area + columns / col_mux x (ADC + digital_column_area)\n"
     "       + rows x wl_driver_area\n"
     "ADC = 10^(1.206 - 0.0369 b) x 2^b um2 x adc_area_ratio\n"
     "chip = tiles + modules x rng_area + (scale memory + two buffers of each layer's output) x "
     "sram_area",
     "xbar_rows_count xbar_cols_count cell_area_m2 col_mux_count adc_bits adc_area_ratio "
     "digital_column_area_m2 wl_driver_area_m2 rng_area_m2 rng_lfsr_area_m2 sram_area_m2_per_bit"},
    {"sharing", "passes that agree on their first draws share work",
     "distinct prefixes = sum over prefixes of 1 - (1 - P(prefix))^T\n"
     "sums of a layer: prefixes of the draws upstream and of its own mask\n"
     "outputs of a layer: those and its own scales\n"
     "random bits are drawn for every pass; more than 4e6 terms count as all distinct",
     ""},
    {"weight-write", "writing the weights once", "E = weights x weight_write_J", "weight_write_J"},
    {"lossless", "whether a conversion keeps every count",
     "bits needed = ceil(log2(rows_on + 1)); fewer: a warning", "adc_bits rows_on_count"},
    {"column-current", "current of one column while read",
     "I = rows_on x read_V x (p G_P + (1 - p) G_AP); above col_current_max_A: a warning",
     "rows_on_count read_V mtj_rp_ohm mtj_tmr_ratio p_match_fraction col_current_max_A"},
    {"read-disturb", "cells that a read may flip",
     "flips per image = cells driven x T x read_disturb_ratio", "read_disturb_ratio"},
    {"p-spread", "drift of a stochastic unit's probability",
     "p = 1 - exp(-t / tau), tau = tau0 exp(Delta (1 - V / Vc))\n"
     "|dp| = (1 - p) ln(1 / (1 - p)) x rng_delta_ratio x rng_mismatch_ratio",
     "rng_delta_ratio rng_mismatch_ratio"},
    {"popcount-noise", "noise of one read's count by the spread of R_P",
     "sigma = mtj_sigma_ratio x sqrt(rows_on / 2 x (1 + 1 / (1 + TMR)^2)) x (1 + TMR) / TMR",
     "mtj_sigma_ratio mtj_tmr_ratio rows_on_count"},
    {"calibration", "free factor", "every joule x calibration_ratio; 1 unless chosen, then printed",
     "calibration_ratio"},
};

uint32_t bb_energy_topic_count(void)
{
    return (uint32_t)BB_COUNT_OF(topics);
}

const bb_energy_topic *bb_energy_topic_get(uint32_t index)
{
    return &topics[index];
}

const bb_energy_topic *bb_energy_topic_find(const char *name)
{
    for (size_t i = 0; i < BB_COUNT_OF(topics); i++)
        if (!strcmp(topics[i].name, name))
            return &topics[i];
    return NULL;
}
