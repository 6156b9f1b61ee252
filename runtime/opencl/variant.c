/* SPDX-License-Identifier: MIT */
/* The variants of kernels/variants.inc: table, choice, launch sizes. Layouts are in layout.c. */
#include "opencl/variant.h"

#include "opencl/layout.h"

#include <stdlib.h>
#include <string.h>

#define VARIANT(operation, variant, sum, needs, prefers, shapes, shape, files, defines)            \
    {#variant, "bb_" #operation "__" #variant, sum, needs, prefers, shapes, BB_KERNEL_##shape,     \
     files, defines},
const bb_variant bb_variants[] = {
#include "kernels/variants.inc"
};
#undef VARIANT
const size_t bb_n_variants = BB_COUNT_OF(bb_variants);

/* Work-groups in one dimension that every device takes. */
enum { MAX_GROUPS = 32768 };

/* Tiles that a work-group of a CPU goes through: a group of one costs more than a small tile. */
enum { TILES_PER_GROUP = 8 };

uint32_t bb_variant_capabilities(cl_device_id device)
{
    uint32_t capabilities = 0;
    if (bb_cl_device_number(device, CL_DEVICE_MAX_WORK_GROUP_SIZE) >= 256 &&
        bb_cl_device_number(device, CL_DEVICE_LOCAL_MEM_SIZE) >= 16384)
        capabilities |= BB_CAP_GROUPS;
    if (bb_cl_device_number(device, CL_DEVICE_LOCAL_MEM_TYPE) == CL_LOCAL)
        capabilities |= BB_CAP_SCRATCHPAD;
    if (bb_cl_device_number(device, CL_DEVICE_NATIVE_VECTOR_WIDTH_LONG) >= 2)
        capabilities |= BB_CAP_VECTORS;
    return capabilities;
}

bool bb_variant_serves(const bb_variant *variant, const bb_stage_descriptor *stage,
                       uint32_t capabilities, const char **why_not)
{
    const bool real = stage->emit == BB_EMIT_REAL;
    const bool pooled = (size_t)stage->pool_h * stage->pool_w != 1;
    if (variant->sum != stage->sum)
        *why_not = "another sum";
    else if (variant->needs & ~capabilities)
        *why_not = "the device lacks what it needs";
    else if ((variant->shapes & BB_SHAPE_ONE_CLASS) &&
             stage->n_row_classes * stage->n_column_classes != 1)
        *why_not = "border classes";
    else if ((variant->shapes & BB_SHAPE_FEW_DRAWS) && stage->n_draws > 8)
        *why_not = "more than 8 draws";
    else if ((variant->shapes & BB_SHAPE_BITS) && (real || pooled))
        *why_not = "real values or a pool";
    else if ((variant->shapes & BB_SHAPE_POOLED) && (real || !pooled))
        *why_not = "no pool";
    else if ((variant->shapes & BB_SHAPE_REAL) && !real)
        *why_not = "bits";
    else
        return true;
    return false;
}

bool bb_variant_named(const char *names, const char *name)
{
    const size_t length = strlen(name);
    while (*names) {
        const size_t n = strcspn(names, ",");
        if (n == length && memcmp(names, name, n) == 0)
            return true;
        names += n + (names[n] == ',');
    }
    return false;
}

uint32_t bb_variant_tunable(const bb_variant *variant, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = strstr(variant->defines, name); at; at = strstr(at + 1, name))
        if (at[length] == '=')
            return (uint32_t)strtoul(at + length + 1, NULL, 10);
    return 1;
}

static size_t round_up(size_t value, size_t step)
{
    return bb_divide_up(value, step) * step;
}

static uint32_t n_output_octets(const bb_stage_descriptor *stage)
{
    return stage->emit == BB_EMIT_BITS ? stage->out_words * 8 : (stage->out_channels + 7) / 8;
}

static void launch_plain(const bb_variant *variant, const bb_stage_descriptor *stage,
                         const bb_device_info *device, uint32_t n_entries, bb_launch *out)
{
    (void)variant;
    const size_t items = (size_t)stage->out_h * stage->out_w * n_output_octets(stage);
    const size_t local = device->max_work_group >= 64 ? 64 : 1;
    *out = (bb_launch){2, {round_up(items, local), n_entries, 1}, {local, 1, 1}};
}

static uint32_t limit_plain(const bb_stage_descriptor *stage)
{
    (void)stage;
    return MAX_GROUPS;
}

/* Dimension 0: tiles of `pixels` output pixels of all entries; dimension 1: shares of the channel
 * groups, 1 unless there are too few tiles to occupy the device. */
static void launch_tiles(const bb_stage_descriptor *stage, const bb_device_info *device,
                         uint32_t n_entries, uint32_t pixels, uint32_t n_groups, bb_launch *out)
{
    const size_t rows = (size_t)stage->out_h * stage->out_w * n_entries;
    const size_t tiles = bb_divide_up(rows, pixels);
    const size_t wanted = (size_t)device->compute_units * 4 * TILES_PER_GROUP;
    size_t shares = tiles >= wanted ? 1 : bb_divide_up(wanted, tiles);
    if (shares > n_groups)
        shares = n_groups;
    const size_t local = device->max_work_group >= TILES_PER_GROUP ? TILES_PER_GROUP : 1;
    *out = (bb_launch){2, {round_up(tiles, local), shares, 1}, {local, 1, 1}};
}

static void launch_lanes(const bb_variant *variant, const bb_stage_descriptor *stage,
                         const bb_device_info *device, uint32_t n_entries, bb_launch *out)
{
    const bool pooled = variant->shapes & BB_SHAPE_POOLED;
    launch_tiles(stage, device, n_entries, pooled ? 1 : bb_variant_tunable(variant, "BB_PIXELS"),
                 (uint32_t)bb_divide_up(stage->out_channels, BB_LANES_GROUP), out);
}

static void launch_vector(const bb_variant *variant, const bb_stage_descriptor *stage,
                          const bb_device_info *device, uint32_t n_entries, bb_launch *out)
{
    launch_tiles(stage, device, n_entries, bb_variant_tunable(variant, "BB_PIXELS"),
                 (stage->out_channels + 15) / 16, out);
}

static uint32_t limit_tiles(const bb_stage_descriptor *stage)
{
    const size_t limit = ((size_t)1 << 30) / ((size_t)stage->out_h * stage->out_w);
    return limit ? (uint32_t)limit : 1;
}

/* Dimension 0: 32 channels a group; dimension 1: BB_ROWS output pixels of all entries a group. */
static void launch_tile32(const bb_variant *variant, const bb_stage_descriptor *stage,
                          const bb_device_info *device, uint32_t n_entries, bb_launch *out)
{
    (void)device;
    const size_t rows = (size_t)stage->out_h * stage->out_w * n_entries;
    const size_t tile = bb_variant_tunable(variant, "BB_ROWS");
    *out = (bb_launch){2, {bb_tile32_channels(stage), round_up(rows, tile), 1}, {32, tile, 1}};
}

static uint32_t limit_tile32(const bb_stage_descriptor *stage)
{
    const size_t limit = (size_t)MAX_GROUPS * 8 / ((size_t)stage->out_h * stage->out_w);
    return limit ? (uint32_t)limit : 1;
}

/* By bb_kernel_shape. */
static const struct {
    bb_pack_function *pack;
    void (*launch)(const bb_variant *variant, const bb_stage_descriptor *stage,
                   const bb_device_info *device, uint32_t n_entries, bb_launch *out);
    uint32_t (*limit)(const bb_stage_descriptor *stage);
} shapes[] = {
    [BB_KERNEL_PLAIN] = {bb_pack_plain, launch_plain, limit_plain},
    [BB_KERNEL_LANES] = {bb_pack_lanes, launch_lanes, limit_tiles},
    [BB_KERNEL_VECTOR] = {bb_pack_vector, launch_vector, limit_tiles},
    [BB_KERNEL_TILE32] = {bb_pack_tile32, launch_tile32, limit_tile32},
};

bb_status bb_variant_pack(bb_context *context, const bb_variant *variant, const bb_stage *stage,
                          bb_packed *out)
{
    *out = (bb_packed){0};
    const bb_status status = shapes[variant->shape].pack(context, variant, stage, out);
    if (status != BB_OK) {
        bb_release(context, out->weights);
        bb_release(context, out->bank);
        *out = (bb_packed){0};
    }
    return status;
}

void bb_variant_launch(const bb_variant *variant, const bb_stage_descriptor *stage,
                       const bb_device_info *device, uint32_t n_entries, bb_launch *out)
{
    shapes[variant->shape].launch(variant, stage, device, n_entries, out);
}

uint32_t bb_variant_launch_limit(const bb_variant *variant, const bb_stage_descriptor *stage)
{
    return shapes[variant->shape].limit(stage);
}
