/* SPDX-License-Identifier: MIT */
/* Listing devices, naming one, and what a backend says when it cannot be made. */
#include "check/stages.h"
#include "opencl/devices.h"
#include "opencl/opencl.h"
#include "opencl/variant.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static bb_context *context;
static bb_device_list *list;

static void open_list(void)
{
    cr_assert(bb_context_create(&context, NULL) == BB_OK);
    cr_assert(bb_device_list_create(&list, context) == BB_OK, "%s", bb_context_error(context));
}

static void close_list(void)
{
    bb_device_list_free(list);
    bb_context_free(context);
}

static bool has_opencl(void)
{
    return bb_device_list_count(list) > 1;
}

static bool error_holds(const char *part)
{
    return strstr(bb_context_error(context), part) != NULL;
}

Test(devices, ref_comes_last, .init = open_list, .fini = close_list)
{
    const uint32_t n = bb_device_list_count(list);
    cr_assert(n >= 1);
    for (uint32_t i = 0; i < n; i++) {
        const bb_device_info *info = bb_device_list_get(list, i);
        cr_expect((strcmp(info->id, "ref") == 0) == (i == n - 1));
        cr_expect(info->name && info->platform && info->driver && info->type && info->version);
        cr_expect(info->popcount && info->popcount_why && *info->popcount_why);
    }
}

Test(devices, every_id_finds_its_device, .init = open_list, .fini = close_list)
{
    for (uint32_t i = 0; i < bb_device_list_count(list); i++) {
        uint32_t found = 99;
        cr_expect(bb_device_find(list, context, bb_device_list_get(list, i)->id, &found) == BB_OK);
        cr_expect(found == i);
        for (uint32_t k = 0; k < i; k++)
            cr_expect(list->devices[i].device != list->devices[k].device, "listed twice");
    }
}

Test(devices, platforms_are_sorted, .init = open_list, .fini = close_list)
{
    for (uint32_t i = 1; i < bb_device_list_platform_count(list); i++)
        cr_expect(strcmp(bb_device_list_platform(list, i - 1), bb_device_list_platform(list, i)) <=
                  0);
}

Test(devices, unknown_text_lists_what_there_is, .init = open_list, .fini = close_list)
{
    uint32_t index;
    cr_expect(bb_device_find(list, context, "no such thing", &index) == BB_NO_DEVICE);
    cr_expect(error_holds("no such thing") && error_holds("ref"), "%s", bb_context_error(context));
    cr_expect(bb_device_find(list, context, "", &index) == BB_ARGUMENT);
    cr_expect(bb_device_find(list, context, "  ", &index) == BB_ARGUMENT);
    cr_expect(bb_device_find(list, context, "99:0", &index) == BB_NO_DEVICE);
}

Test(devices, name_part_and_type, .init = open_list, .fini = close_list)
{
    if (!has_opencl())
        cr_skip("no OpenCL device");
    uint32_t index = 99;
    const bb_device_info *first = bb_device_list_get(list, 0);
    cr_expect(bb_device_find(list, context, first->type, &index) == BB_OK && index == 0);
    char upper[256] = "";
    snprintf(upper, sizeof(upper), "%s", first->name);
    for (char *c = upper; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    uint32_t n_same = 0;
    for (uint32_t i = 0; i + 1 < bb_device_list_count(list); i++)
        n_same += strstr(bb_device_list_get(list, i)->name, first->name) != NULL;
    const bb_status status = bb_device_find(list, context, upper, &index);
    if (n_same == 1)
        cr_expect(status == BB_OK && index == 0);
    else
        cr_expect(status == BB_ARGUMENT && error_holds("several"), "%s", bb_context_error(context));
}

/* setenv() before the first OpenCL call of this process: no vendor files, hence no platform. */
Test(devices, no_platform_is_no_error)
{
    setenv("OCL_ICD_VENDORS", "/nowhere", 1);
    setenv("OCL_ICD_FILENAMES", "", 1);
    open_list();
    uint32_t index;
    cr_expect(bb_device_list_count(list) == 1 && bb_device_list_platform_count(list) == 0);
    cr_expect(bb_device_find(list, context, NULL, &index) == BB_NO_DEVICE);
    cr_expect(error_holds("no OpenCL device"), "%s", bb_context_error(context));
    cr_expect(bb_device_find(list, context, "ref", &index) == BB_OK && index == 0);
    close_list();
}

/* ---- making a backend ------------------------------------------------------------------------ */

static const check_shape small_shape = {"3x3", 4, 4, 3, 3, 1, 1, 1, 1, 1, 0, false};

static bb_status try_backend(const char *device, const bb_device_options *options, bb_backend **out)
{
    static bb_stage stage;
    static bb_plan plan;
    check_stage_free(&stage); /* of the call before */
    check_random random = {1};
    check_stage_make(&stage, &random, BB_SUM_BITS, BB_EMIT_BITS, &small_shape, 64, 64, 1, NULL, 1);
    plan = (bb_plan){.stages = &stage, .n_stages = 1, .input_stride = stage.descriptor.in_stride};
    return bb_opencl_backend_create(out, context, &plan, device, options);
}

Test(devices, backend_refuses_bad_options, .init = open_list, .fini = close_list)
{
    if (!has_opencl())
        cr_skip("no OpenCL device");
    bb_backend *backend = NULL;
    const bb_device_options unknown_variant = {.variants = "plain,fancy"};
    cr_expect(try_backend(NULL, &unknown_variant, &backend) == BB_ARGUMENT && !backend);
    cr_expect(error_holds("fancy"), "%s", bb_context_error(context));
    const bb_device_options unknown_path = {.popcount = "abacus"};
    cr_expect(try_backend(NULL, &unknown_path, &backend) == BB_ARGUMENT && !backend);
    const bb_device_options none_serves = {.variants = "vector"};
    cr_expect(try_backend(NULL, &none_serves, &backend) == BB_UNSUPPORTED && !backend);
    cr_expect(error_holds("stage 0"), "%s", bb_context_error(context));
    const bb_device_options no_image = {.image = "/nowhere/image"};
    cr_expect(try_backend(NULL, &no_image, &backend) == BB_INPUT && !backend);
    cr_expect(try_backend("ref", NULL, &backend) == BB_NO_DEVICE && !backend);
    cr_expect(try_backend("7:7", NULL, &backend) == BB_NO_DEVICE && !backend);
}

Test(devices, too_large_a_buffer_is_named, .init = open_list, .fini = close_list)
{
    if (!has_opencl())
        cr_skip("no OpenCL device");
    bb_backend *backend = NULL;
    cr_assert(try_backend(NULL, NULL, &backend) == BB_OK, "%s", bb_context_error(context));
    const uint32_t lane = 0, one = 1;
    const size_t huge = (size_t)1 << 50;
    const bb_limits limits = {1, 1, &lane, &huge, &one, &one};
    cr_expect(backend->operations->reserve(backend, &limits) == BB_MEMORY);
    cr_expect(error_holds("1125899906842624 bytes") && error_holds("largest"), "%s",
              bb_context_error(context));
    cr_expect(strstr(backend->operations->variant(backend, 0), "(") != NULL);
    backend->operations->free(backend);
}

/* A file of kernels/ that does not compile: the log names the file and the line. */
Test(devices, build_failure_carries_the_log)
{
    char folder[] = "/tmp/bitbayes-kernels-XXXXXX";
    cr_assert(mkdtemp(folder));
    static const char *const files[] = {"shared.h", "bits.cl", "binary.cl", "plain.cl"};
    char path[128];
    for (size_t i = 0; i < BB_COUNT_OF(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        FILE *file = fopen(path, "wb");
        cr_assert(file);
        fputs(i == 1 ? "\n\nthis is no kernel;\n" : "\n", file);
        fclose(file);
    }
    setenv("BITBAYES_KERNELS", folder, 1);
    open_list();
    bb_backend *backend = NULL;
    const bb_device_options options = {
        .variants = "plain", .popcount = "portable", .cache_folder = ""};
    const bb_status status = has_opencl() ? try_backend(NULL, &options, &backend) : BB_DEVICE;
    cr_expect(status == BB_DEVICE && !backend);
    if (has_opencl())
        cr_expect(error_holds("CL_BUILD_PROGRAM_FAILURE") && error_holds("kernels/bits.cl:3"), "%s",
                  bb_context_error(context));
    for (size_t i = 0; i < BB_COUNT_OF(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        remove(path);
    }
    remove(folder);
    close_list();
}

/* ---- choosing among the variants ------------------------------------------------------------- */

Test(devices, every_sum_has_a_plain_variant)
{
    const char *why_not;
    for (uint32_t sum = BB_SUM_BITS; sum <= BB_SUM_POOL_REAL; sum++) {
        const bb_stage_descriptor stage = {.sum = sum, .n_row_classes = 3, .n_column_classes = 3,
                                           .n_draws = BB_MAX_STAGE_DRAWS, .dilation_h = 2};
        bool served = false;
        for (size_t v = 0; v < bb_n_variants; v++)
            served = served || (strcmp(bb_variants[v].name, "plain") == 0 &&
                                bb_variant_serves(&bb_variants[v], &stage, 0, &why_not));
        cr_expect(served, "sum %u", sum);
    }
}

Test(devices, kernel_names_are_unique_for_a_sum)
{
    for (size_t i = 0; i < bb_n_variants; i++)
        for (size_t k = 0; k < i; k++)
            cr_expect(strcmp(bb_variants[i].kernel, bb_variants[k].kernel) != 0 ||
                      bb_variants[i].sum != bb_variants[k].sum);
}

static const bb_variant *find_variant(const char *kernel)
{
    for (size_t i = 0; i < bb_n_variants; i++)
        if (strcmp(bb_variants[i].kernel, kernel) == 0)
            return &bb_variants[i];
    cr_assert(false, "%s", kernel);
    return NULL;
}

Test(devices, names_of_variants_may_carry_set_and_launch)
{
    static const char *const good[] = {"lanes", "plain,lanes:1", "lanes:0:1", "tile32:1:0,plain"};
    static const char *const bad[] = {"lanez", "lanes:", "lanes:x", "lanes:1:", "lanes:1:1:1",
                                      "plain:1", "tile32:0:1", "lanes:999", ""};
    cr_assert(bb_context_create(&context, NULL) == BB_OK);
    for (size_t i = 0; i < BB_COUNT_OF(good); i++)
        cr_expect(bb_variant_check_names(context, good[i]) == BB_OK, "%s", good[i]);
    for (size_t i = 0; i < BB_COUNT_OF(bad); i++)
        cr_expect(bb_variant_check_names(context, bad[i]) == BB_ARGUMENT, "%s", bad[i]);
    bb_choice choice;
    bool all;
    const bb_variant *lanes = find_variant("bb_bits__lanes");
    cr_expect(bb_variant_named("plain,lanes:1:2", lanes, &choice, &all));
    cr_expect(choice.variant == lanes && choice.set == 1 && choice.launch == 2 && !all);
    cr_expect(bb_variant_named("lanes", lanes, &choice, &all) && choice.set == 0 && all);
    cr_expect(!bb_variant_named("lane,plain", lanes, &choice, &all));
    char *options = bb_choice_options(context, &(bb_choice){lanes, 1, 0});
    cr_expect_str_eq(options, "-D BB_PIXELS=2 -D BB_VECTORS=4");
    bb_release(context, options);
    cr_expect(bb_choice_tunable(&(bb_choice){lanes, 1, 0}, "BB_PIXELS") == 2);
    cr_expect(bb_choice_tunable(&(bb_choice){lanes, 1, 0}, "PIXELS") == 1);
    bb_context_free(context);
}

/* A device whose registers allow only small groups gets another set, or no such kernel. */
Test(devices, groups_fit_the_kernel)
{
    const bb_stage_descriptor stage = {.sum = BB_SUM_BITS, .emit = BB_EMIT_BITS, .out_words = 1,
                                       .out_channels = 64, .out_h = 3, .out_w = 3};
    const bb_variant *tile32 = find_variant("bb_bits__tile32");
    const bb_variant *lanes = find_variant("bb_bits__lanes");
    bb_launch launch;
    const bb_room large = {2, 256}, middle = {2, 128}, one = {2, 1};
    cr_expect(bb_choice_launch(&(bb_choice){tile32, 0, 0}, &stage, &large, 1, &launch));
    cr_expect(!bb_choice_launch(&(bb_choice){tile32, 0, 0}, &stage, &middle, 1, &launch));
    cr_expect(bb_choice_launch(&(bb_choice){tile32, 1, 0}, &stage, &middle, 1, &launch));
    cr_expect(!bb_choice_launch(&(bb_choice){tile32, 1, 0}, &stage, &one, 1, &launch));
    cr_expect(bb_choice_launch(&(bb_choice){lanes, 0, 0}, &stage, &one, 1, &launch));
    cr_expect(launch.local[0] == 1);
}

/* Counts allocations down; fails the n-th. */
typedef struct failing {
    long left;
    long live;
} failing;

static void *failing_allocate(void *payload, size_t bytes)
{
    failing *state = payload;
    if (state->left-- <= 0)
        return NULL;
    state->live++;
    return malloc(bytes);
}

static void *failing_resize(void *payload, void *block, size_t bytes)
{
    failing *state = payload;
    return state->left-- <= 0 ? NULL : realloc(block, bytes);
}

static void failing_release(void *payload, void *block)
{
    ((failing *)payload)->live--;
    free(block);
}

/* Every allocation fails once: a clean BB_MEMORY, nothing left behind. */
Test(devices, every_allocation_may_fail)
{
    failing state = {0};
    const bb_allocator allocator = {failing_allocate, failing_resize, failing_release, &state};
    const bb_context_options options = {.allocator = &allocator};
    const bb_device_options device_options = {.variants = "plain", .popcount = "portable"};
    bool done = false;
    for (long n = 1; !done; n++) {
        cr_assert(n < 2000);
        state = (failing){n, 0};
        if (bb_context_create(&context, &options) != BB_OK)
            continue;
        bb_backend *backend = NULL;
        bb_status status = bb_device_list_create(&list, context);
        cr_assert(status == BB_OK || (status == BB_MEMORY && !list));
        if (status == BB_OK && !has_opencl())
            done = true;
        else if (status == BB_OK)
            status = try_backend(NULL, &device_options, &backend);
        cr_assert(status == BB_OK || (status == BB_MEMORY && !backend), "allocation %ld: %s: %s", n,
                  bb_status_name(status), bb_context_error(context));
        if (backend) {
            done = true;
            backend->operations->free(backend);
        }
        bb_device_list_free(list);
        list = NULL;
        bb_context_free(context);
        cr_assert(state.live == 0, "allocation %ld: %ld blocks left", n, state.live);
    }
}
