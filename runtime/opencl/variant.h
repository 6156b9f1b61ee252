/* SPDX-License-Identifier: MIT */
/* The list of kernel variants as data, the choice among them, and what each shape of kernel needs
 * from the host: layouts of weights and bank, and the launch. */
#ifndef BITBAYES_OPENCL_VARIANT_H
#define BITBAYES_OPENCL_VARIANT_H

#include "opencl/devices.h"
#include "plan/plan.h"

/* What a device can do. */
enum {
    BB_CAP_GROUPS = 1,     /* work-groups of 256 with 16 KiB of local memory */
    BB_CAP_SCRATCHPAD = 2, /* local memory is memory of its own, not the global one */
    BB_CAP_VECTORS = 4,    /* vectors of 64-bit words are native */
    BB_CAP_IMAGE = 8,      /* kernels come from an image */
    /* of a processor as probed: */
    BB_CAP_DOT = 16,  /* dot products of bytes in one instruction */
    BB_CAP_TABLE = 32 /* 32 bytes looked up in one instruction, and no vector popcount */
};

/* What a variant assumes of a stage. */
enum {
    BB_SHAPE_ANY = 0,
    BB_SHAPE_ONE_CLASS = 1,    /* no border classes */
    BB_SHAPE_FEW_DRAWS = 2,    /* n_draws at most 8 */
    BB_SHAPE_BITS = 4,         /* emits bits, without a pool */
    BB_SHAPE_POOLED = 8,       /* emits bits behind a pool */
    BB_SHAPE_REAL = 16,        /* emits real values, alone or with bits */
    BB_SHAPE_NARROW = 32,      /* at most 32 output channels */
    BB_SHAPE_SMALL_WINDOW = 64, /* what a tile's windows cover fits a work-item (bb_dot_fits) */
    BB_SHAPE_ONE_GROUP = 128,  /* no groups */
    BB_SHAPE_NOT_BOTH = 256,    /* does not emit both, and adds no residual */
    BB_SHAPE_TABLE_WINDOW = 512 /* as SMALL_WINDOW, for `table` (bb_table_fits) */
};

/* Layouts and launch; the rows of shapes[] in variant.c. */
typedef enum bb_kernel_shape {
    BB_KERNEL_PLAIN,
    BB_KERNEL_LANES,
    BB_KERNEL_VECTOR,
    BB_KERNEL_DOT,
    BB_KERNEL_TABLE,
    BB_KERNEL_TILE32,
    BB_KERNEL_FOLDED
} bb_kernel_shape;

typedef struct bb_variant {
    const char *name;   /* "plain" */
    const char *kernel; /* "bb_bits__plain" */
    uint32_t sum, needs, prefers, shapes;
    bb_kernel_shape shape;
    const char *files, *defines, *tunables;
} bb_variant;

/* A variant as it is built and launched. */
typedef struct bb_choice {
    const bb_variant *variant;
    uint32_t set;    /* of its tunables */
    uint32_t launch; /* of the launches of its shape */
} bb_choice;

extern const bb_variant bb_variants[];
extern const size_t bb_n_variants;

uint32_t bb_variant_capabilities(cl_device_id device);

/* Whether a variant can run a stage on a device with these capabilities; in `why_not` a static
 * text. */
bool bb_variant_serves(const bb_variant *variant, const bb_stage_descriptor *stage,
                       uint32_t capabilities, const char **why_not);

/* The same, whatever the memories of its circuit hold. */
bool bb_variant_takes(const bb_variant *variant, const bb_stage_descriptor *stage,
                      uint32_t capabilities, const char **why_not);

/* Sets of tunables, at least 1, and launches that a variant can be tried with. */
uint32_t bb_variant_sets(const bb_variant *variant);
uint32_t bb_variant_launches(const bb_variant *variant);

/* True if the comma list `names` of NAME, NAME:SET or NAME:SET:LAUNCH holds the variant; the set
 * and launch that it asks for are written to `choice`, else 0. `all`: neither was given. */
bool bb_variant_named(const char *names, const bb_variant *variant, bb_choice *choice, bool *all);

/* BB_ARGUMENT if `names` holds anything but variants that exist. */
bb_status bb_variant_check_names(bb_context *context, const char *names);

/* Options of the build beside -D BB_KERNEL; released by the caller, NULL with the error set. */
char *bb_choice_options(bb_context *context, const bb_choice *choice);

/* Value of "-D NAME=value" in the tunables or defines of the choice; 1 where they do not have it. */
uint32_t bb_choice_tunable(const bb_choice *choice, const char *name);

/* Weights and bank as the variant reads them; both released by the caller. */
typedef struct bb_packed {
    void *weights; /* NULL: the stage has none */
    size_t weight_bytes;
    void *bank;
    size_t bank_bytes;
} bb_packed;

bb_status bb_choice_pack(bb_context *context, const bb_choice *choice, const bb_stage *stage,
                         bb_packed *out);

/* Launch sizes for n_entries entries of a stage. */
typedef struct bb_launch {
    cl_uint dimensions;
    size_t global[3], local[3];
} bb_launch;

/* What a launch may use of the device. */
typedef struct bb_room {
    uint32_t compute_units;
    size_t max_group; /* work-items of a group: the device's and the kernel's own limit */
} bb_room;

/* False if the kernel needs larger groups than there is room for; nothing is written then. */
bool bb_choice_launch(const bb_choice *choice, const bb_stage_descriptor *stage,
                      const bb_room *room, uint32_t n_entries, bb_launch *out);

/* Entries that one launch may take, so that no global size and no 32-bit index overflows. */
uint32_t bb_choice_launch_limit(const bb_choice *choice, const bb_stage_descriptor *stage);

#endif
