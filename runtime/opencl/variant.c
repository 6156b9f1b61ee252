/* SPDX-License-Identifier: MIT */
/* The variants of kernels/variants.inc: table, choice, launch sizes. Layouts are in layout.c. */
#include "opencl/variant.h"

#include "opencl/folded.h"
#include "opencl/layout.h"

#include <stdlib.h>
#include <string.h>

#define VARIANT(operation, variant, sum, needs, prefers, shapes, shape, files, defines, tunables)  \
    {#variant,                                                                                     \
     "bb_" #operation "__" #variant,                                                               \
     sum,                                                                                          \
     needs,                                                                                        \
     prefers,                                                                                      \
     shapes,                                                                                       \
     BB_KERNEL_##shape,                                                                            \
     files,                                                                                        \
     defines,                                                                                      \
     tunables},
const bb_variant bb_variants[] = {
#include "kernels/variants.inc"
};
#undef VARIANT
const size_t bb_n_variants = BB_COUNT_OF(bb_variants);

/* Work-groups in one dimension that every device takes. */
enum { MAX_GROUPS = 32768 };

/* Tiles that a work-group of a CPU goes through: a group of one costs more than a small tile. By
 * rule the first. */
static const uint32_t tiles_per_group[] = {8, 1, 32};

/* The same where a work-item takes several tiles. */
static const uint32_t tiles_per_item[] = {32, 8, 128};

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

bool bb_variant_takes(const bb_variant *variant, const bb_stage_descriptor *stage,
                      uint32_t capabilities, const char **why_not)
{
    const bool real = stage->emit != BB_EMIT_BITS;
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
    else if ((variant->shapes & BB_SHAPE_NARROW) && stage->out_channels > 32)
        *why_not = "more than 32 channels";
    else if ((variant->shapes & BB_SHAPE_SMALL_WINDOW) && !bb_dot_fits(stage))
        *why_not = "windows too large";
    else if ((variant->shapes & BB_SHAPE_ONE_GROUP) && stage->groups != 1)
        *why_not = "groups";
    else if ((variant->shapes & BB_SHAPE_NOT_BOTH) &&
             (stage->emit == BB_EMIT_BOTH || stage->second))
        *why_not = "both real values and bits, or a residual";
    else if ((variant->shapes & BB_SHAPE_TABLE_WINDOW) && !bb_table_fits(stage))
        *why_not = "windows too large";
    else
        return true;
    return false;
}

/* By the first set of tunables: the others have no larger words a step. */
static bool folded_fits(const bb_variant *variant, const bb_stage_descriptor *stage,
                        const char **why_not)
{
    const bb_folded_limits limits = bb_folded_limits_of(&(bb_choice){.variant = variant});
    return bb_folded_fits(&limits, stage, why_not);
}

bool bb_variant_serves(const bb_variant *variant, const bb_stage_descriptor *stage,
                       uint32_t capabilities, const char **why_not)
{
    return bb_variant_takes(variant, stage, capabilities, why_not) &&
           (variant->shape != BB_KERNEL_FOLDED || folded_fits(variant, stage, why_not));
}

/* One of a comma list: NAME[:SET[:LAUNCH]]. */
typedef struct named {
    const char *name;
    size_t length;
    unsigned long set, launch;
    bool has_set;
    bool malformed;
} named;

static const char *take_named(const char *at, named *out)
{
    char *end;
    *out = (named){.name = at, .length = strcspn(at, ":,")};
    at += out->length;
    if (*at == ':') {
        out->has_set = true;
        out->set = strtoul(at + 1, &end, 10);
        out->malformed = end == at + 1;
        at = end;
    }
    if (*at == ':') {
        out->launch = strtoul(at + 1, &end, 10);
        out->malformed = out->malformed || end == at + 1;
        at = end;
    }
    out->malformed = out->malformed || (*at && *at != ',');
    at += strcspn(at, ",");
    return at + (*at == ',');
}

static bool means(const named *name, const bb_variant *variant)
{
    return strlen(variant->name) == name->length &&
           memcmp(variant->name, name->name, name->length) == 0;
}

bool bb_variant_named(const char *names, const bb_variant *variant, bb_choice *choice, bool *all)
{
    named one;
    while (*names) {
        names = take_named(names, &one);
        if (!means(&one, variant) || one.set >= bb_variant_sets(variant) ||
            one.launch >= bb_variant_launches(variant))
            continue;
        *choice = (bb_choice){variant, (uint32_t)one.set, (uint32_t)one.launch};
        *all = !one.has_set;
        return true;
    }
    return false;
}

bb_status bb_variant_check_names(bb_context *context, const char *names)
{
    named one;
    if (!*names)
        return bb_fail(context, BB_ARGUMENT, "kernel variants: the list is empty");
    while (*names) {
        names = take_named(names, &one);
        bool known = false, exists = false;
        for (size_t i = 0; i < bb_n_variants; i++)
            if (means(&one, &bb_variants[i])) {
                known = true;
                exists = exists || (one.set < bb_variant_sets(&bb_variants[i]) &&
                                    one.launch < bb_variant_launches(&bb_variants[i]));
            }
        if (!known || one.malformed)
            return bb_fail(context, BB_ARGUMENT, "kernel variant '%.*s': %s", (int)one.length,
                           one.name, known ? "expected NAME[:SET[:LAUNCH]]" : "unknown");
        if (!exists)
            return bb_fail(context, BB_ARGUMENT, "kernel variant '%.*s': no set %lu, launch %lu",
                           (int)one.length, one.name, one.set, one.launch);
    }
    return BB_OK;
}

uint32_t bb_variant_sets(const bb_variant *variant)
{
    uint32_t n = 1;
    for (const char *at = variant->tunables; (at = strchr(at, '|')); at++)
        n++;
    return n;
}

/* The text of a set, without the blanks around it. */
static const char *set_text(const bb_choice *choice, size_t *length)
{
    const char *at = choice->variant->tunables;
    for (uint32_t i = 0; i < choice->set; i++)
        at = strchr(at, '|') + 1;
    at += strspn(at, " ");
    *length = strcspn(at, "|");
    while (*length && at[*length - 1] == ' ')
        --*length;
    return at;
}

char *bb_choice_options(bb_context *context, const bb_choice *choice)
{
    size_t length;
    const char *set = set_text(choice, &length), *defines = choice->variant->defines;
    return bb_format(context, "%s%s%.*s", defines, *defines && length ? " " : "", (int)length, set);
}

/* The number behind "-D NAME=" in the first n characters of the options; 0 where it does not stand.
 */
static uint32_t option(const char *options, size_t n, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = options; (at = strstr(at, name)) && at < options + n; at++)
        if (at[-1] == ' ' && at[length] == '=')
            return (uint32_t)strtoul(at + length + 1, NULL, 10);
    return 0;
}

uint32_t bb_choice_tunable(const bb_choice *choice, const char *name)
{
    size_t n;
    const char *set = set_text(choice, &n), *defines = choice->variant->defines;
    const uint32_t value = option(set, n, name);
    const uint32_t fixed = value ? value : option(defines, strlen(defines), name);
    return fixed ? fixed : 1;
}

static size_t round_up(size_t value, size_t step)
{
    return bb_divide_up(value, step) * step;
}

static uint32_t n_output_octets(const bb_stage_descriptor *stage)
{
    return stage->out_words ? stage->out_words * 8 : (stage->out_channels + 7) / 8;
}

static uint32_t smaller(size_t a, size_t b)
{
    return (uint32_t)(a < b ? a : b);
}

static void launch_plain(const bb_choice *choice, const bb_stage_descriptor *stage,
                         const bb_room *room, uint32_t n_entries, bb_launch *out)
{
    (void)choice;
    const size_t items = (size_t)stage->out_h * stage->out_w * n_output_octets(stage);
    const size_t local = smaller(room->max_group, 64);
    *out = (bb_launch){2, {round_up(items, local), n_entries, 1}, {local, 1, 1}};
}

static uint32_t limit_plain(const bb_choice *choice, const bb_stage_descriptor *stage)
{
    (void)choice;
    (void)stage;
    return MAX_GROUPS;
}

/* Dimension 0: tiles of `pixels` output pixels of all entries; dimension 1: shares of the channel
 * groups, 1 unless there are too few tiles to occupy the device. */
static void launch_tiles(const bb_choice *choice, const bb_stage_descriptor *stage,
                         const bb_room *room, uint32_t n_entries, uint32_t pixels,
                         uint32_t n_groups, bb_launch *out)
{
    const size_t rows = (size_t)stage->out_h * stage->out_w * n_entries;
    const size_t tiles = bb_divide_up(rows, pixels);
    const size_t local = smaller(room->max_group, tiles_per_group[choice->launch]);
    const size_t wanted = (size_t)room->compute_units * 4 * tiles_per_group[0];
    size_t shares = tiles >= wanted ? 1 : bb_divide_up(wanted, tiles);
    if (shares > n_groups)
        shares = n_groups;
    *out = (bb_launch){2, {round_up(tiles, local), shares, 1}, {local, 1, 1}};
}

uint32_t bb_lanes_group(const bb_choice *choice)
{
    return 16 * bb_choice_tunable(choice, "BB_VECTORS");
}

/* Dimension 0: work-items with several tiles each; dimension 1: shares of the channel groups, so
 * that the device is occupied and the weights of a share stay in a cache. Each item is a group of
 * its own, which costs: a short launch has no more of them than balance its end. */
static void launch_lanes(const bb_choice *choice, const bb_stage_descriptor *stage,
                         const bb_room *room, uint32_t n_entries, bb_launch *out)
{
    enum { CACHED_BYTES = 1 << 19 };
    const size_t rows = (size_t)stage->out_h * stage->out_w * n_entries;
    const size_t tiles = bb_divide_up(rows, bb_choice_tunable(choice, "BB_PIXELS"));
    const size_t wanted = (size_t)room->compute_units * 8;
    const size_t n_groups = bb_divide_up(stage->out_channels, bb_lanes_group(choice));
    const size_t bytes =
        (size_t)stage->kernel_h * stage->kernel_w * stage->in_words * stage->out_channels * 8;
    size_t items = bb_divide_up(tiles, tiles_per_item[choice->launch]);
    items = items >= wanted ? items : smaller(tiles, wanted);
    size_t shares = bb_divide_up(wanted, items), least = bb_divide_up(bytes, CACHED_BYTES);
    shares = smaller(shares > least ? shares : least, n_groups);
    *out = (bb_launch){2, {items, shares, 1}, {1, 1, 1}};
}

static void launch_vector(const bb_choice *choice, const bb_stage_descriptor *stage,
                          const bb_room *room, uint32_t n_entries, bb_launch *out)
{
    launch_tiles(choice, stage, room, n_entries, bb_choice_tunable(choice, "BB_PIXELS"),
                 (stage->out_channels + 15) / 16, out);
}

static void launch_dot(const bb_choice *choice, const bb_stage_descriptor *stage,
                       const bb_room *room, uint32_t n_entries, bb_launch *out)
{
    launch_tiles(choice, stage, room, n_entries, BB_DOT_PIXELS,
                 (uint32_t)bb_divide_up(stage->out_channels, BB_DOT_GROUP), out);
}

static void launch_table(const bb_choice *choice, const bb_stage_descriptor *stage,
                         const bb_room *room, uint32_t n_entries, bb_launch *out)
{
    const bool pooled = choice->variant->shapes & BB_SHAPE_POOLED;
    launch_tiles(choice, stage, room, n_entries,
                 pooled ? 1 : bb_choice_tunable(choice, "BB_PIXELS"),
                 (uint32_t)bb_divide_up(stage->out_channels, BB_TABLE_GROUP), out);
}

static uint32_t limit_tiles(const bb_choice *choice, const bb_stage_descriptor *stage)
{
    (void)choice;
    const size_t limit = ((size_t)1 << 30) / ((size_t)stage->out_h * stage->out_w);
    return limit ? (uint32_t)limit : 1;
}

/* Dimension 0: 32 channels a group; dimension 1: BB_ROWS output pixels of all entries a group. */
static void launch_tile32(const bb_choice *choice, const bb_stage_descriptor *stage,
                          const bb_room *room, uint32_t n_entries, bb_launch *out)
{
    (void)room;
    const size_t rows = (size_t)stage->out_h * stage->out_w * n_entries;
    const size_t tile = bb_choice_tunable(choice, "BB_ROWS");
    *out = (bb_launch){2, {bb_tile32_channels(stage), round_up(rows, tile), 1}, {32, tile, 1}};
}

static uint32_t limit_tile32(const bb_choice *choice, const bb_stage_descriptor *stage)
{
    const size_t limit = (size_t)MAX_GROUPS * bb_choice_tunable(choice, "BB_ROWS") /
                         ((size_t)stage->out_h * stage->out_w);
    return limit ? (uint32_t)limit : 1;
}

static void launch_folded(const bb_choice *choice, const bb_stage_descriptor *stage,
                          const bb_room *room, uint32_t n_entries, bb_launch *out)
{
    (void)choice;
    (void)stage;
    (void)room;
    (void)n_entries;
    *out = (bb_launch){1, {1, 1, 1}, {1, 1, 1}};
}

static uint32_t limit_folded(const bb_choice *choice, const bb_stage_descriptor *stage)
{
    (void)choice;
    (void)stage;
    return UINT32_MAX;
}

/* By bb_kernel_shape. */
static const struct {
    bb_pack_function *pack;
    void (*launch)(const bb_choice *choice, const bb_stage_descriptor *stage, const bb_room *room,
                   uint32_t n_entries, bb_launch *out);
    uint32_t (*limit)(const bb_choice *choice, const bb_stage_descriptor *stage);
    uint32_t n_launches;
} shapes[] = {
    [BB_KERNEL_PLAIN] = {bb_pack_plain, launch_plain, limit_plain, 1},
    [BB_KERNEL_LANES] = {bb_pack_lanes, launch_lanes, limit_tiles, BB_COUNT_OF(tiles_per_item)},
    [BB_KERNEL_VECTOR] = {bb_pack_vector, launch_vector, limit_tiles, BB_COUNT_OF(tiles_per_group)},
    [BB_KERNEL_DOT] = {bb_pack_dot, launch_dot, limit_tiles, BB_COUNT_OF(tiles_per_group)},
    [BB_KERNEL_TABLE] = {bb_pack_table, launch_table, limit_tiles, BB_COUNT_OF(tiles_per_group)},
    [BB_KERNEL_TILE32] = {bb_pack_tile32, launch_tile32, limit_tile32, 1},
    [BB_KERNEL_FOLDED] = {bb_pack_folded, launch_folded, limit_folded, 1},
};

uint32_t bb_variant_launches(const bb_variant *variant)
{
    return shapes[variant->shape].n_launches;
}

bb_status bb_choice_pack(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                         bb_packed *out)
{
    *out = (bb_packed){0};
    const bb_status status = shapes[choice->variant->shape].pack(context, choice, stage, out);
    if (status != BB_OK) {
        bb_release(context, out->weights);
        bb_release(context, out->bank);
        *out = (bb_packed){0};
    }
    return status;
}

bool bb_choice_launch(const bb_choice *choice, const bb_stage_descriptor *stage,
                      const bb_room *room, uint32_t n_entries, bb_launch *out)
{
    bb_launch launch;
    shapes[choice->variant->shape].launch(choice, stage, room, n_entries, &launch);
    const bool fits = launch.local[0] * launch.local[1] * launch.local[2] <= room->max_group;
    if (fits)
        *out = launch;
    return fits;
}

uint32_t bb_choice_launch_limit(const bb_choice *choice, const bb_stage_descriptor *stage)
{
    return shapes[choice->variant->shape].limit(choice, stage);
}
