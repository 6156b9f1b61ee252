/* SPDX-License-Identifier: MIT */
/*
 * Every kernel variant against the reference, bit for bit, on every OpenCL device: sizes around the
 * word width, odd maps, strides, pads, pools, banks with flips and constants, masks, empty lists.
 * Several draws write to scattered slots; slots that a list does not name must stay as they were.
 */
#include "check/stages.h"
#include "opencl/opencl.h"
#include "opencl/variant.h"
#include "reference/reference.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { N_INPUTS = 3, GUARD_WORDS = 32, MAX_CASES = 256 };

static const uint32_t channel_counts[] = {1, 31, 32, 33, 63, 64, 65, 127, 128, 129};
static const uint32_t small_counts[] = {1, 33, 65};

static const check_shape shapes[] = {
    {"3x3 pad 1", 5, 7, 3, 3, 1, 1, 1, 1, 1, 0, false},
    {"1x1", 5, 3, 1, 1, 1, 1, 0, 1, 1, 0, false},
    {"5x5 pad 2", 7, 6, 5, 5, 1, 1, 2, 1, 1, 0, false},
    {"3x3 step 2 pad 1", 7, 9, 3, 3, 2, 1, 1, 1, 1, 0, false},
    {"3x3 no pad, pool 2", 7, 8, 3, 3, 1, 1, 0, 2, 2, 0, false},
    {"3x3 pad 1, pool 3 step 2 pad 1", 6, 9, 3, 3, 1, 1, 1, 3, 2, 1, false},
    {"3x3 pad 1, pool 3 step 1", 5, 6, 3, 3, 1, 1, 1, 3, 1, 0, false},
    {"2x2 step 2, pool 2", 9, 8, 2, 2, 2, 1, 0, 2, 2, 0, false},
    {"3x3 dilation 2 pad 2", 6, 7, 3, 3, 1, 2, 2, 1, 1, 0, false},
    {"5x1 pad 2", 4, 5, 5, 1, 1, 1, 2, 1, 1, 0, false},
    {"3x3 pad 1 on a wide map", 2, 37, 3, 3, 1, 1, 1, 1, 1, 0, false},
    {"dense vector", 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, true},
    {"dense map", 3, 2, 3, 2, 1, 1, 0, 1, 1, 0, true},
};
static const check_shape small_shapes[] = {
    {"3x3 pad 1", 3, 4, 3, 3, 1, 1, 1, 1, 1, 0, false},
    {"2x2, pool 2 pad 1", 4, 3, 2, 2, 1, 1, 0, 2, 2, 1, false},
    {"dense map", 2, 2, 2, 2, 1, 1, 0, 1, 1, 0, true},
    {"1x1", 2, 1, 1, 1, 1, 1, 0, 1, 1, 0, false},
};

/* All cases of one sum as the stages of one plan, so that a device is opened once. */
typedef struct suite {
    bb_stage stages[MAX_CASES];
    char labels[MAX_CASES][160];
    uint32_t n_stages;
    bb_plan plan;
} suite;

static suite cases;

/* Mostly 1; else each channel by itself, or two halves. */
static uint32_t choose_groups(check_random *random, uint32_t sum, uint32_t in_channels,
                              uint32_t out_channels)
{
    const uint32_t dice = check_below(random, 6);
    if (!bb_sum_has_weights(sum) || dice > 1)
        return 1;
    if (dice == 0 && out_channels % in_channels == 0)
        return in_channels;
    return in_channels % 2 == 0 && out_channels % 2 == 0 ? 2 : 1;
}

static void add_case(check_random *random, uint32_t sum, uint32_t emit, const check_shape *shape,
                     uint32_t in_channels, uint32_t out_channels)
{
    static const char *const emits[] = {"bits", "real", "both"};
    const bool may_mask = sum == BB_SUM_BITS || sum == BB_SUM_BITS_REAL;
    const bool first = sum == BB_SUM_BYTES || sum == BB_SUM_BYTES_SCALED;
    const uint32_t mask = may_mask && check_below(random, 3) == 0 ? 1 + check_below(random, 2) : 0;
    const bool classes = check_below(random, first ? 2 : 12) == 0;
    const uint32_t n_draws = check_below(random, 12) == 0 && !check_small()
                                 ? 9 + check_below(random, 9)
                                 : 1 + check_below(random, 4);
    if (check_small() && sum != BB_SUM_BITS)
        in_channels = in_channels / 16 + 1;
    const bool joins = sum == BB_SUM_JOIN_BITS || sum == BB_SUM_JOIN_REAL;
    if (joins)
        out_channels += in_channels;
    else if (!bb_sum_has_weights(sum))
        out_channels = in_channels;
    const check_parts parts = {.mask = mask,
                               .classes = classes,
                               .groups = choose_groups(random, sum, in_channels, out_channels),
                               .residual = !joins && emit != BB_EMIT_BITS && check_below(random, 2),
                               .in_offset = first ? 0 : check_below(random, 3) * 5};
    const uint32_t i = cases.n_stages++;
    cr_assert(i < MAX_CASES);
    check_stage_make(&cases.stages[i], random, sum, emit, shape, in_channels, out_channels, n_draws,
                     &parts, N_INPUTS);
    snprintf(cases.labels[i], sizeof(cases.labels[i]),
             "case %u: %s, %u -> %u channels, %s%s, %u groups, %u draws%s%s", i, shape->text,
             in_channels, out_channels, emits[emit], parts.residual ? " + residual" : "",
             parts.groups, n_draws, mask ? mask == 2 ? ", mask per element" : ", mask" : "",
             classes ? ", border classes" : "");
}

/* No window: what a join has. */
static bool is_point(const check_shape *shape)
{
    return shape->kernel_h * shape->kernel_w == 1 && shape->pool == 1 && !shape->pad;
}

static void make_cases(uint32_t sum)
{
    const bool joins = sum == BB_SUM_JOIN_BITS || sum == BB_SUM_JOIN_REAL;
    check_random random = {check_seed() + sum};
    const bool small = check_small();
    const uint32_t *counts = small ? small_counts : channel_counts;
    const uint32_t n_counts = small ? BB_COUNT_OF(small_counts) : BB_COUNT_OF(channel_counts);
    const check_shape *list = small ? small_shapes : shapes;
    const size_t n_shapes = small ? BB_COUNT_OF(small_shapes) : BB_COUNT_OF(shapes);
    for (uint32_t c = 0; c < n_counts; c++)
        for (uint32_t s = 0; s < n_shapes; s++)
            if (!joins || is_point(&list[s]))
                add_case(&random, sum,
                         (c + s) % 4 == 2   ? BB_EMIT_REAL
                         : (c + s) % 4 == 3 ? BB_EMIT_BOTH
                                            : BB_EMIT_BITS,
                         &list[s], counts[c], counts[(c * 7 + s * 3) % n_counts]);
    cases.plan = (bb_plan){.stages = cases.stages, .n_stages = cases.n_stages, .input_stride = 1};
}

static void free_cases(void)
{
    for (uint32_t i = 0; i < cases.n_stages; i++)
        check_stage_free(&cases.stages[i]);
    cases.n_stages = 0;
}

/* A backend of all cases that this variant serves on the device; the others become empty stages. */
static bb_backend *open_backend(bb_context *context, const bb_plan *plan, const char *device,
                                const char *variant, const char *popcount)
{
    bb_backend *backend = NULL;
    const bb_device_options options = {
        .variants = variant, .popcount = popcount, .image = getenv("BB_TEST_IMAGE")};
    const bb_status status = bb_opencl_backend_create(&backend, context, plan, device, &options);
    cr_assert(status == BB_OK, "%s on %s: %s", variant, device, bb_context_error(context));
    return backend;
}

static void reserve_for(bb_backend *backend, const bb_plan *plan, uint32_t s, uint32_t n_entries,
                        uint32_t n_slots, uint32_t n_masks)
{
    const bb_stage_descriptor *d = &plan->stages[s].descriptor;
    static uint32_t lane[MAX_CASES], entries[MAX_CASES], masks[MAX_CASES];
    static size_t lane_bytes[1];
    memset(entries, 0, sizeof(entries));
    memset(masks, 0, sizeof(masks));
    entries[s] = n_entries;
    masks[s] = n_masks;
    lane_bytes[0] = ((size_t)n_slots * d->out_stride + GUARD_WORDS) * 8;
    const uint32_t n_input = (uint32_t)check_input_words(d, N_INPUTS);
    const bb_limits limits = {n_input, 1, lane, lane_bytes, entries, masks};
    cr_assert(backend->operations->reserve(backend, &limits) == BB_OK, "%s",
              bb_context_error(backend->context));
}

static void run_on_device(bb_backend *backend, uint32_t s, const bb_stage_work *work,
                          const uint64_t *inputs, size_t n_input_words, uint64_t *output,
                          size_t n_output_words)
{
    static bb_stage_work works[MAX_CASES];
    memset(works, 0, sizeof(works));
    works[s] = *work;
    const bb_chunk chunk = {inputs, (uint32_t)n_input_words, works, s + 1};
    bb_status status = backend->operations->submit(backend, &chunk);
    if (status == BB_OK)
        status = backend->operations->finish(backend, output, n_output_words * 8);
    cr_assert(status == BB_OK, "%s", bb_context_error(backend->context));
}

static bool tails_are_clear(const bb_stage_descriptor *d, const bb_stage_work *work,
                            const uint64_t *output)
{
    if (d->emit == BB_EMIT_REAL || d->out_channels % 64 == 0)
        return true;
    const uint64_t tail = ~(((uint64_t)1 << d->out_channels % 64) - 1);
    for (uint32_t slot = 0; slot < work->n_outputs; slot++)
        for (uint32_t pixel = 0; pixel < d->out_h * d->out_w; pixel++)
            if (output[(size_t)slot * d->out_stride + d->bits_offset + (pixel + 1) * d->out_words -
                       1] &
                tail)
                return false;
    return true;
}

/* Write all slots, then some of them again: the others and the guard behind them must not change.
 */
static bool check_case(bb_backend *backend, uint32_t s, const char *label)
{
    const bb_stage *stage = &backend->plan->stages[s];
    const bb_stage_descriptor *d = &stage->descriptor;
    check_random random = {check_seed() + 1000 + s};
    const uint32_t n_entries = check_small() ? 1 : 5, n_slots = (n_entries + 2) * d->n_draws;
    const size_t n_input = check_input_words(d, N_INPUTS);
    const size_t n_output = (size_t)n_slots * d->out_stride, n_all = n_output + GUARD_WORDS;
    uint64_t *inputs = calloc(n_input, 8), *expected = calloc(n_all, 8), *actual = calloc(n_all, 8);
    check_work all, some, none = {0};
    check_work_make(&all, &random, stage, n_entries + 2, N_INPUTS, n_slots);
    for (uint32_t i = 0; i < n_entries + 2; i++) /* here every draw of every entry names a slot */
        for (uint32_t draw = 0; draw < d->n_draws; draw++)
            all.list[i * BB_ENTRY_WORDS(d) + BB_ENTRY_OUTPUT + draw] = i * d->n_draws + draw;
    check_work_make(&some, &random, stage, n_entries, N_INPUTS, n_slots);
    reserve_for(backend, backend->plan, s, n_entries + 2, n_slots, all.work.n_masks);

    check_inputs_fill(&random, d, inputs, N_INPUTS);
    run_on_device(backend, s, &all.work, inputs, n_input, actual, n_all);
    memcpy(expected + n_output, actual + n_output, GUARD_WORDS * 8);
    bb_reference_stage(stage, &all.work, inputs, inputs, expected);
    bool good = check_words_equal(expected, actual, n_all, label);
    check_inputs_fill(&random, d, inputs, N_INPUTS);
    run_on_device(backend, s, &none.work, inputs, n_input, actual, n_all);
    good = good && check_words_equal(expected, actual, n_all, label);
    run_on_device(backend, s, &some.work, inputs, n_input, actual, n_all);
    bb_reference_stage(stage, &some.work, inputs, inputs, expected);
    good = good && check_words_equal(expected, actual, n_all, label);
    good = good && tails_are_clear(d, &some.work, actual);
    check_work_free(&all);
    check_work_free(&some);
    free(inputs);
    free(expected);
    free(actual);
    return good;
}

/* One choice on one device: the cases that it serves, compacted into a plan of their own. */
static void check_choice(bb_context *context, const bb_cl_device *device, const bb_choice *choice,
                         const char *popcount)
{
    const bb_variant *variant = choice->variant;
    char name[64];
    snprintf(name, sizeof(name), "%s:%u:%u", variant->name, choice->set, choice->launch);
    static bb_stage served[MAX_CASES];
    static uint32_t case_of[MAX_CASES];
    const uint32_t capabilities = bb_variant_capabilities(device->device);
    const char *id = device->info.id, *why_not = "";
    uint32_t n = 0, n_bad = 0;
    for (uint32_t i = 0; i < cases.n_stages; i++)
        if (bb_variant_serves(variant, &cases.stages[i].descriptor, capabilities, &why_not)) {
            case_of[n] = i;
            served[n++] = cases.stages[i];
        }
    if (n == 0) {
        fprintf(stderr, "%s on %s: not run: %s\n", variant->kernel, id, why_not);
        return;
    }
    const bb_plan plan = {.stages = served, .n_stages = n, .input_stride = 1};
    bb_backend *backend = open_backend(context, &plan, id, name, popcount);
    for (uint32_t s = 0; s < n && n_bad < 5; s++) {
        char label[256];
        snprintf(label, sizeof(label), "%s, %s (%s) on %s, %s", variant->kernel, name, popcount, id,
                 cases.labels[case_of[s]]);
        n_bad += !check_case(backend, s, label);
    }
    backend->operations->free(backend);
    cr_expect(n_bad == 0, "%s, %s on %s: wrong results, BB_TEST_SEED=%llu", variant->kernel, name,
              id, (unsigned long long)check_seed());
}

/* Every set of tunables and every launch, whether or not a trial run would choose it. */
static void check_variant(bb_context *context, const bb_cl_device *device,
                          const bb_variant *variant, const char *popcount)
{
    const char *only = getenv("BB_TEST_VARIANT"), *without = getenv("BB_TEST_WITHOUT");
    bb_choice choice;
    bool all = true;
    if ((without && bb_variant_named(without, variant, &choice, &all)) ||
        (only && !bb_variant_named(only, variant, &choice, &all)))
        return;
    if (!all) {
        check_choice(context, device, &choice, popcount);
        return;
    }
    const uint32_t n_sets = bb_variant_sets(variant), n_launches = bb_variant_launches(variant);
    for (uint32_t i = 0; i < n_sets || i < n_launches; i++)
        check_choice(context, device, &(bb_choice){variant, i % n_sets, i % n_launches}, popcount);
}

/* Whose assembly a variant holds. */
static bb_path path_of(const bb_variant *variant)
{
    switch (variant->shape) {
    case BB_KERNEL_LANES:
    case BB_KERNEL_DOT:
        return BB_PATH_AVX512;
    case BB_KERNEL_TABLE:
        return BB_PATH_AVX2;
    default:
        return BB_PATH_PORTABLE;
    }
}

static void check_sum(uint32_t sum)
{
    bb_context *context = NULL;
    bb_device_list *list = NULL;
    const char *device = getenv("BB_TEST_DEVICE");
    cr_assert(bb_context_create(&context, NULL) == BB_OK);
    cr_assert(bb_device_list_create(&list, context) == BB_OK);
    if (bb_device_list_count(list) == 1) /* "ref" alone */
        cr_skip("no OpenCL device");
    make_cases(sum);
    for (uint32_t i = 0; i < bb_device_list_count(list); i++) {
        const bb_device_info *info = bb_device_list_get(list, i);
        if (device && strcmp(device, info->id) != 0)
            continue;
        for (size_t v = 0; v < bb_n_variants && list->devices[i].platform; v++) {
            if (bb_variants[v].sum != sum)
                continue;
            check_variant(context, &list->devices[i], &bb_variants[v], "portable");
            const bb_path path = path_of(&bb_variants[v]);
            const char *why;
            if (path && bb_cl_path_works(context, &list->devices[i], path, &why))
                check_variant(context, &list->devices[i], &bb_variants[v], bb_paths[path].name);
        }
    }
    free_cases();
    bb_device_list_free(list);
    bb_context_free(context);
}

Test(kernels, bits)
{
    check_sum(BB_SUM_BITS);
}

Test(kernels, bytes)
{
    check_sum(BB_SUM_BYTES);
}

Test(kernels, bytes_scaled)
{
    check_sum(BB_SUM_BYTES_SCALED);
}

Test(kernels, bits_real)
{
    check_sum(BB_SUM_BITS_REAL);
}

Test(kernels, real)
{
    check_sum(BB_SUM_REAL);
}

Test(kernels, pool_bits)
{
    check_sum(BB_SUM_POOL_BITS);
}

Test(kernels, pool_real)
{
    check_sum(BB_SUM_POOL_REAL);
}

Test(kernels, max_real)
{
    check_sum(BB_SUM_MAX_REAL);
}

Test(kernels, join_bits)
{
    check_sum(BB_SUM_JOIN_BITS);
}

Test(kernels, join_real)
{
    check_sum(BB_SUM_JOIN_REAL);
}
