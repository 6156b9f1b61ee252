/* SPDX-License-Identifier: MIT */
/* Ways of counting bits: each that works has its kernels, and one that counts wrongly is not taken.
 */
#include "check/stages.h"
#include "opencl/devices.h"
#include "opencl/opencl.h"

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

/* The kernels that a device takes for a stage by rule, on a path; NULL where it has not got the
 * path. */
static const char *kernel_of(const char *device, const char *path, uint32_t sum, char text[128])
{
    static const check_shape shape = {"3x3 pad 1", 4, 5, 3, 3, 1, 1, 1, 1, 1, 0, false};
    static bb_stage stage;
    check_random random = {1};
    check_stage_make(&stage, &random, sum, BB_EMIT_BITS, &shape, 64, 64, 1, NULL, 1);
    const bb_plan plan = {
        .stages = &stage, .n_stages = 1, .input_stride = stage.descriptor.in_stride};
    const bb_device_options options = {.popcount = path, .cache_folder = "", .tune = "off"};
    bb_backend *backend = NULL;
    const bb_status status = bb_opencl_backend_create(&backend, context, &plan, device, &options);
    if (status == BB_OK) {
        snprintf(text, 128, "%s", backend->operations->variant(backend, 0));
        backend->operations->free(backend);
    } else {
        cr_expect(status == BB_NO_DEVICE && strstr(bb_context_error(context), path), "%s",
                  bb_context_error(context));
    }
    check_stage_free(&stage);
    return status == BB_OK ? text : NULL;
}

Test(paths, each_has_its_kernels, .init = open_list, .fini = close_list)
{
    static const struct {
        bb_path path;
        uint32_t sum;
        const char *kernel;
    } rows[] = {
        {BB_PATH_AVX2, BB_SUM_BITS, "table"},
        {BB_PATH_AVX512, BB_SUM_BITS, "lanes"},
        {BB_PATH_AVX512, BB_SUM_BYTES, "dot"},
    };
    char text[128];
    for (uint32_t i = 0; i + 1 < bb_device_list_count(list); i++)
        for (size_t k = 0; k < BB_COUNT_OF(rows); k++) {
            const char *why, *id = list->devices[i].info.id, *path = bb_paths[rows[k].path].name;
            const bool works = bb_cl_path_works(context, &list->devices[i], rows[k].path, &why);
            const char *found = kernel_of(id, path, rows[k].sum, text);
            fprintf(stderr, "%s on %s: %s: %s\n", path, id, why, found ? found : "-");
            cr_expect((found != NULL) == works);
            cr_expect(!found || strncmp(found, rows[k].kernel, strlen(rows[k].kernel)) == 0, "%s",
                      found);
        }
}

static void copy_changed(const char *folder, const char *name, const char *from, const char *to)
{
    static char text[1 << 16];
    char path[256];
    snprintf(path, sizeof(path), BB_SOURCE_FOLDER "/kernels/%s", name);
    FILE *in = fopen(path, "rb");
    cr_assert(in, "%s", path);
    const size_t length = fread(text, 1, sizeof(text) - 1, in);
    fclose(in);
    text[length] = '\0';
    char *found = from ? strstr(text, from) : NULL;
    cr_assert(!from || found, "%s changed: adapt this test", name);
    if (from)
        memcpy(found, to, strlen(to));
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *out = fopen(path, "wb");
    cr_assert(out && fwrite(text, 1, length, out) == length);
    fclose(out);
}

Test(paths, what_counts_wrongly_is_not_taken, .init = open_list, .fini = close_list)
{
    static const struct {
        bb_path path;
        const char *file, *from, *to;
    } rows[] = {
        {BB_PATH_AVX2, "table.cl", "vpaddb", "vpsubb"},
        {BB_PATH_AVX2, "table.cl", "vpcmpgtw %2, %1", "vpcmpgtw %1, %2"},
        {BB_PATH_AVX512, "popcount.cl", "vpopcntd %0, %0", "vplzcntd %0, %0"},
        {BB_PATH_AVX512, "dot.cl", "vpdpbusd %2, %1", "vpdpbusd %1, %2"},
        {BB_PATH_AVX512, "dot.cl", "vpcmpd $5", "vpcmpd $6"},
    };
    static const char *const files[] = {"shared.h", "bits.cl",  "popcount.cl",   "dot.cl",
                                        "probe.cl", "table.cl", "probe_table.cl"};
    char folder[] = "/tmp/bitbayes-kernels-XXXXXX", path[128];
    const char *why;
    cr_assert(mkdtemp(folder));
    for (size_t k = 0; k < BB_COUNT_OF(rows); k++)
        for (uint32_t i = 0; i + 1 < bb_device_list_count(list); i++) {
            unsetenv("BITBAYES_KERNELS");
            if (!bb_cl_path_works(context, &list->devices[i], rows[k].path, &why))
                continue;
            for (size_t f = 0; f < BB_COUNT_OF(files); f++)
                copy_changed(folder, files[f],
                             strcmp(files[f], rows[k].file) == 0 ? rows[k].from : NULL, rows[k].to);
            setenv("BITBAYES_KERNELS", folder, 1);
            cr_expect(!bb_cl_path_works(context, &list->devices[i], rows[k].path, &why) &&
                          strstr(why, "wrong results"),
                      "%s for %s in %s: %s", rows[k].to, rows[k].from, rows[k].file, why);
        }
    for (size_t f = 0; f < BB_COUNT_OF(files); f++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[f]);
        remove(path);
    }
    remove(folder);
}
