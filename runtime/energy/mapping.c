/* SPDX-License-Identifier: MIT */
/* How a layer lies on crossbars: tiles, and how many reads a sum needs. */
#include "energy/energy.h"

/* Reads of a column of `rows` cells, cut into tiles: all of them, and those of the fullest tile. */
static uint64_t reads_of_rows(uint64_t rows, uint64_t tile_rows, uint64_t rows_on)
{
    const uint64_t full = rows / tile_rows, rest = rows % tile_rows;
    return full * bb_divide_up(tile_rows, rows_on) + bb_divide_up(rest, rows_on);
}

bb_layout bb_energy_layout(const bb_energy_layer *layer, const bb_values *values,
                           const bb_energy_options *options)
{
    const uint64_t tile_rows = (uint64_t)values->at[BB_KEY_XBAR_ROWS];
    const uint64_t tile_columns = (uint64_t)values->at[BB_KEY_XBAR_COLS];
    const uint64_t rows_on = (uint64_t)values->at[BB_KEY_ROWS_ON];
    const uint64_t positions = (uint64_t)layer->out_h * layer->out_w;
    const bool dense = positions == 1;
    const uint32_t channels = layer->in_channels / layer->groups; /* groups on tiles of their own */
    uint64_t rows = (uint64_t)layer->kernel_h * layer->kernel_w * channels, arrays = 1;
    if (options->mapping == BB_ENERGY_MAPPING_KERNEL_SPLIT && !dense) {
        arrays = (uint64_t)layer->kernel_h * layer->kernel_w;
        rows = channels;
    }
    bb_layout layout = {
        .row_tiles = arrays * bb_divide_up(rows, tile_rows),
        .column_tiles =
            layer->groups * bb_divide_up(layer->out_channels / layer->groups, tile_columns),
        .rho = bb_divide_up(rows < tile_rows ? rows : tile_rows, rows_on),
        .partials = arrays * reads_of_rows(rows, tile_rows, rows_on),
        .copies = 1,
    };
    if (options->mapping == BB_ENERGY_MAPPING_DUPLICATED)
        layout.copies = options->copies < positions ? options->copies : positions;
    return layout;
}
