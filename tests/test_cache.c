/* SPDX-License-Identifier: MIT */
/*
 * The program cache: what is stored comes back; whatever is damaged is deleted and never reaches a
 * driver; a backend runs with a warm, a cold, a damaged and an unwritable cache.
 */
#include "check/stages.h"
#include "opencl/cache.h"
#include "opencl/devices.h"
#include "opencl/opencl.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char key[] = "bitbayes; some platform; some device; options -D A=1";
static const char payload[] = "not really a program, but bytes all the same";
static bb_context *context;
static char folder[64];

static void open_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/bitbayes-cache-XXXXXX");
    cr_assert(mkdtemp(folder));
    cr_assert(bb_context_create(&context, NULL) == BB_OK);
}

/* Calls `visit` (may be NULL) for every file and counts them. */
static uint32_t for_each_file(void (*visit)(const char *path))
{
    uint32_t n = 0;
    DIR *open = opendir(folder);
    cr_assert(open);
    for (struct dirent *entry = readdir(open); entry; entry = readdir(open)) {
        char path[512];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        n++;
        if (visit)
            visit(path);
    }
    closedir(open);
    return n;
}

static void remove_file(const char *path)
{
    cr_assert(remove(path) == 0);
}

static void close_folder(void)
{
    for_each_file(remove_file);
    cr_assert(rmdir(folder) == 0);
    bb_context_free(context);
}

static bool load(const char *with_key)
{
    uint8_t *bytes = NULL;
    size_t length = 0;
    const bool found = bb_cache_load(context, folder, with_key, &bytes, &length);
    if (found)
        cr_expect(length == sizeof(payload) && memcmp(bytes, payload, length) == 0);
    else
        cr_expect(!bytes && length == 0);
    bb_release(context, bytes);
    return found;
}

Test(cache, what_is_stored_comes_back, .init = open_folder, .fini = close_folder)
{
    cr_expect(!load(key));
    bb_cache_store(context, folder, key, payload, sizeof(payload));
    cr_expect(load(key));
    cr_expect(!load("another key"));
    cr_expect(for_each_file(NULL) == 1, "no temporary file stays");
    bb_cache_drop(context, folder, key);
    cr_expect(!load(key));
}

static int damage_at;

/* Flip one bit; past the end: cut the last byte, then add one. */
static void damage(const char *path)
{
    FILE *file = fopen(path, "r+b");
    cr_assert(file);
    fseek(file, 0, SEEK_END);
    const long length = ftell(file);
    if (damage_at < length) {
        fseek(file, damage_at, SEEK_SET);
        const int byte = fgetc(file);
        fseek(file, damage_at, SEEK_SET);
        fputc(byte ^ 16, file);
    } else if (damage_at == length) {
        cr_assert(ftruncate(fileno(file), length - 1) == 0);
    } else {
        fputc(0, file);
        damage_at = -1;
    }
    fclose(file);
}

Test(cache, every_damage_is_seen, .init = open_folder, .fini = close_folder)
{
    for (damage_at = 0; damage_at >= 0; damage_at += damage_at >= 0) {
        const int at = damage_at;
        bb_cache_store(context, folder, key, payload, sizeof(payload));
        for_each_file(damage);
        cr_expect(!load(key), "damage at %d", at);
        cr_expect(for_each_file(NULL) == 0, "a damaged file is deleted");
        cr_assert(at < 1000);
    }
}

Test(cache, folder_is_made_or_done_without, .init = open_folder, .fini = close_folder)
{
    char deep[128], below[128];
    snprintf(deep, sizeof(deep), "%s/a/b", folder);
    bb_cache_store(context, deep, key, payload, sizeof(payload));
    uint8_t *bytes = NULL;
    size_t length = 0;
    cr_expect(bb_cache_load(context, deep, key, &bytes, &length));
    bb_release(context, bytes);
    bb_cache_drop(context, deep, key);
    cr_expect(rmdir(deep) == 0);
    snprintf(below, sizeof(below), "%s/a", folder);
    cr_expect(rmdir(below) == 0);
    bb_cache_store(context, "/proc/no/such", key, payload, sizeof(payload));
    cr_expect(!bb_cache_load(context, "/proc/no/such", key, &bytes, &length));
    bb_cache_store(context, "", key, payload, sizeof(payload));
    cr_expect(!bb_cache_load(context, "", key, &bytes, &length));
}

static void expect_folder(const char *own, const char *xdg, const char *home, const char *expected)
{
    char *found = NULL;
    const char *names[] = {"BITBAYES_CACHE", "XDG_CACHE_HOME", "HOME"};
    const char *values[] = {own, xdg, home};
    for (size_t i = 0; i < BB_COUNT_OF(names); i++)
        if (values[i])
            setenv(names[i], values[i], 1);
        else
            unsetenv(names[i]);
    cr_expect(bb_device_cache_folder(&found, context) == BB_OK);
    cr_expect(strcmp(found, expected) == 0, "%s, expected %s", found, expected);
    bb_release(context, found);
}

Test(cache, folder_of_the_environment, .init = open_folder, .fini = close_folder)
{
    expect_folder("/own", "/xdg", "/home", "/own");
    expect_folder("", "/xdg", "/home", "");
    expect_folder(NULL, "/xdg", "/home", "/xdg/bitbayes");
    expect_folder(NULL, "relative", "/home", "/home/.cache/bitbayes");
    expect_folder(NULL, NULL, "/home", "/home/.cache/bitbayes");
    expect_folder(NULL, NULL, NULL, "");
}

static void make_backend(const char *cache_folder)
{
    static const check_shape shape = {"1x1", 2, 2, 1, 1, 1, 1, 0, 1, 1, 0, false};
    bb_stage stage;
    check_random random = {1};
    check_stage_make(&stage, &random, BB_SUM_BITS, BB_EMIT_BITS, &shape, 64, 64, 1, NULL, 1);
    const bb_plan plan = {
        .stages = &stage, .n_stages = 1, .input_stride = stage.descriptor.in_stride};
    const bb_device_options options = {.variants = "plain", .popcount = "portable",
                                       .cache_folder = cache_folder};
    bb_backend *backend = NULL;
    const bb_status status = bb_opencl_backend_create(&backend, context, &plan, NULL, &options);
    cr_assert(status == BB_OK, "%s", bb_context_error(context));
    backend->operations->free(backend);
    check_stage_free(&stage);
}

static void empty_file(const char *path)
{
    cr_assert(truncate(path, 0) == 0);
}

static void flip_in_the_middle(const char *path)
{
    struct stat status;
    cr_assert(stat(path, &status) == 0);
    damage_at = (int)(status.st_size / 2);
    damage(path);
}

Test(cache, backend_survives_every_cache, .init = open_folder, .fini = close_folder)
{
    bb_device_list *list = NULL;
    cr_assert(bb_device_list_create(&list, context) == BB_OK);
    const uint32_t n_devices = bb_device_list_count(list);
    bb_device_list_free(list);
    if (n_devices == 1)
        cr_skip("no OpenCL device");
    make_backend(folder);
    cr_expect(for_each_file(NULL) == 1, "one program, one file");
    make_backend(folder);
    for_each_file(flip_in_the_middle); /* the driver would abort on this */
    make_backend(folder);
    cr_expect(for_each_file(NULL) == 1, "built again and stored again");
    for_each_file(empty_file);
    make_backend(folder);
    make_backend("/proc/no/such");
    make_backend("");
}
