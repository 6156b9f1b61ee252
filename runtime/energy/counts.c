/* SPDX-License-Identifier: MIT */
/*
 * How often, for one pass through one layer. A positions, n fan-in, m outputs, b input bits:
 *   valid taps    = m x (taps inside the map, over all positions) x input channels
 *   cells driven  = valid taps x b
 *   read steps    = A rho b / copies        reads = A P b       conversions = A m P b
 *   accumulations = A m (P b - 1)           partial sums, and shifted bits of a byte
 */
#include "energy/energy.h"

static bool on_crossbar(const bb_energy_layer *layer, const bb_energy_options *options)
{
    if (layer->kind != BB_LAYER_CROSSBAR)
        return false;
    return layer->input_bits == 1 || options->first_layer != BB_ENERGY_FIRST_LAYER_DIGITAL;
}

static uint64_t bits_of_index(uint64_t n)
{
    uint64_t bits = 0;
    while (bits < 63 && (UINT64_C(1) << bits) < n)
        bits++;
    return bits;
}

static uint64_t site_bits(const bb_energy_site *site)
{
    switch (site->kind) {
    case BB_DRAW_DROP:
        return 1;
    case BB_DRAW_MEMBER:
        return bits_of_index(site->n_draws);
    default:
        return site->n_elements;
    }
}

/* A site belongs to the first layer that reads it. */
static bool reads_site(const bb_energy_layer *layer, uint32_t site)
{
    bool reads = layer->mask_site == site;
    for (uint32_t k = 0; k < layer->n_bank_sites; k++)
        reads = reads || layer->bank_sites[k] == site;
    return reads;
}

static bool owns_site(const bb_energy_network *network, uint32_t index, uint32_t site)
{
    for (uint32_t i = 0; i < index; i++)
        if (reads_site(&network->layers[i], site))
            return false;
    return reads_site(&network->layers[index], site);
}

static void count_sites(bb_energy_counts *out, const bb_energy_network *network, uint32_t index,
                        const bb_values *values)
{
    const bb_energy_layer *layer = &network->layers[index];
    const uint64_t scale_bits = (uint64_t)values->at[BB_KEY_SCALE_BITS];
    bool first_of_shared_unit = true;
    for (uint32_t i = 0; i < network->n_sites; i++) {
        const bool shares_unit = network->sites[i].modules == 0;
        if (owns_site(network, index, i)) {
            out->random_bits += site_bits(&network->sites[i]);
            out->modules += shares_unit && first_of_shared_unit ? 1 : network->sites[i].modules;
        }
        first_of_shared_unit = first_of_shared_unit && !shares_unit;
    }
    for (uint32_t k = 0; k < layer->n_bank_sites; k++) {
        const bb_energy_site *site = &network->sites[layer->bank_sites[k]];
        const bool scale = site->kind == BB_DRAW_DROP;
        out->scale_bits += out->outputs * scale_bits;
        out->scale_operations += scale ? out->positions * out->outputs : 0;
        out->scale_memory_bits += out->outputs * scale_bits * (scale ? 1 : site->n_draws);
    }
}

static void count_crossbar(bb_energy_counts *out, const bb_energy_layer *layer,
                           const bb_values *values, const bb_energy_options *options)
{
    const bb_layout layout = bb_energy_layout(layer, values, options);
    const bool binary = options->first_layer == BB_ENERGY_FIRST_LAYER_BINARY;
    const uint64_t bits = binary || layer->input_bits != 8 ? 1 : 8;
    const bool digital_cells = (int)values->at[BB_KEY_CELL_KIND] == BB_CELL_DIGITAL;
    const uint64_t partials = digital_cells ? layout.row_tiles : layout.partials;
    out->cells_driven = out->valid_taps * bits;
    out->read_steps =
        bb_divide_up(out->positions, layout.copies) * (digital_cells ? 1 : layout.rho) * bits;
    out->reads = out->positions * partials * bits;
    out->conversions = digital_cells ? 0 : out->reads * out->outputs;
    out->accumulations = out->positions * out->outputs * (partials * bits - 1);
    out->weights = out->fan_in * out->outputs;
    out->tiles = layout.row_tiles * layout.column_tiles * layout.copies;
}

void bb_energy_count_layer(bb_energy_counts *out, const bb_energy_network *network, uint32_t index,
                           const bb_values *values, const bb_energy_options *options)
{
    const bb_energy_layer *layer = &network->layers[index];
    const bool pool = layer->kind == BB_LAYER_POOL,
               binary = layer->kind == BB_LAYER_CROSSBAR &&
                        options->first_layer == BB_ENERGY_FIRST_LAYER_BINARY;
    *out = (bb_energy_counts){
        .positions = (uint64_t)layer->out_h * layer->out_w,
        .outputs = layer->out_channels,
        .evaluations = 1,
    };
    const uint64_t window = (uint64_t)layer->kernel_h * layer->kernel_w;
    const uint64_t channels = pool ? 1 : layer->in_channels / layer->groups;
    out->fan_in = window * channels;
    out->valid_taps = layer->window_taps * channels * out->outputs;
    if (on_crossbar(layer, options))
        count_crossbar(out, layer, values, options);
    else
        out->digital_operations = out->valid_taps;
    out->normalizations = out->positions * out->outputs;
    out->shortcuts = layer->shortcut == BB_NO_INDEX ? 0 : out->normalizations;
    const uint64_t pixels = out->positions == 1 ? window : out->positions;
    out->buffer_read_bits = pixels * layer->in_channels * (binary ? 1 : layer->input_bits);
    out->buffer_write_bits = out->normalizations;
    const uint64_t real_bits = out->shortcuts * bb_energy_acc_width(values, out->fan_in);
    out->buffer_read_bits += real_bits;
    out->buffer_write_bits += real_bits;
    count_sites(out, network, index, values);
}
