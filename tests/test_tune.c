/* SPDX-License-Identifier: MIT */
/*
 * Trial runs: a candidate that is wrong, or that writes past its buffer, is never chosen, however
 * fast it is; what was found is kept, and damage to it is not believed.
 */
#include "opencl/source.h"
#include "check/stages.h"
#include "check/trial.h"
#include "opencl/opencl.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const check_shape shape = {"3x3 pad 1", 6, 5, 3, 3, 1, 1, 1, 1, 1, 0, false};

/* What a test needs: a stage, a folder for the cache and one for kernels. */
typedef struct tuning {
    trial base;
    trial kernels; /* for its folder */
    bb_stage stage;
    bb_plan plan;
    char notes[4096];
} tuning;

static void keep_notes(void *payload, const char *line)
{
    tuning *t = payload;
    const size_t n = strlen(t->notes);
    snprintf(t->notes + n, sizeof(t->notes) - n, "%s\n", line);
}

static void begin(tuning *t)
{
    bb_device_list *list = NULL;
    const bb_context_options options = {.note = keep_notes, .note_payload = t};
    *t = (tuning){.base = {.n_left = -1}, .kernels = {.n_left = -1}};
    cr_assert(bb_context_create(&t->base.context, &options) == BB_OK);
    cr_assert(bb_device_list_create(&list, t->base.context) == BB_OK);
    const uint32_t n_devices = bb_device_list_count(list);
    bb_device_list_free(list);
    if (n_devices == 1)
        cr_skip("no OpenCL device");
    check_random random = {check_seed()};
    check_stage_make(&t->stage, &random, BB_SUM_BITS, BB_EMIT_BITS, &shape, 70, 40, 2, NULL, 1);
    t->plan = (bb_plan){
        .stages = &t->stage, .n_stages = 1, .input_stride = t->stage.descriptor.in_stride};
}

static void end(tuning *t)
{
    check_stage_free(&t->stage);
    unsetenv("BITBAYES_KERNELS");
    trial_end(&t->kernels);
    trial_end(&t->base);
}

/* Open with these candidates; the text of what was chosen goes to `text` (may be NULL). */
static bb_status open_with(tuning *t, const char *variants, const char *mode, char text[256])
{
    bb_backend *backend = NULL;
    char folder[128];
    snprintf(folder, sizeof(folder), "%.*s", (int)strlen(trial_path(&t->base, "")) - 1,
             trial_path(&t->base, ""));
    const bb_device_options options = {
        .variants = variants, .popcount = "portable", .cache_folder = folder, .tune = mode};
    *t->notes = '\0';
    const bb_status status =
        bb_opencl_backend_create(&backend, t->base.context, &t->plan, NULL, &options);
    if (status == BB_OK && text)
        snprintf(text, 256, "%s", backend->operations->variant(backend, 0));
    if (backend)
        backend->operations->free(backend);
    return status;
}

/* All kernels in a folder, plain.cl as given. */
static void plant(tuning *t, const char *plain)
{
    char folder[128];
    for (size_t i = 0; i < bb_n_embedded_files; i++) {
        const bb_embedded_file *file = &bb_embedded_files[i];
        const char *name = strrchr(file->name, '/') + 1;
        if (strcmp(name, "plain.cl") == 0)
            trial_file(&t->kernels, name, plain, strlen(plain));
        else
            trial_file(&t->kernels, name, file->bytes, file->length);
    }
    snprintf(folder, sizeof(folder), "%s", trial_path(&t->kernels, ""));
    setenv("BITBAYES_KERNELS", folder, 1);
}

static bool holds(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

Test(tune, a_wrong_candidate_is_rejected_however_fast)
{
    tuning t;
    char text[256];
    begin(&t);
    plant(&t, "__kernel void BB_KERNEL(BB_STAGE_CALL) {}\n");
    const bb_status status = open_with(&t, "plain,tile32", "full", text);
    cr_assert(status == BB_OK, "%s", bb_context_error(t.base.context));
    cr_expect(holds(text, "tile32") && holds(text, "full trial of 2"), "%s", text);
    cr_expect(holds(t.notes, "plain") && holds(t.notes, "the reference gives"), "%s", t.notes);
    cr_expect(open_with(&t, "plain", "full", NULL) == BB_CHECK);
    cr_expect(open_with(&t, "plain", "off", NULL) == BB_OK, "rules do not look");
    end(&t);
}

/* The real kernel with one more store, right behind the last output slot. */
Test(tune, a_candidate_that_writes_past_its_output_is_rejected)
{
    tuning t;
    char text[256];
    begin(&t);
    for (size_t i = 0; i < bb_n_embedded_files; i++) {
        const bb_embedded_file *file = &bb_embedded_files[i];
        if (strcmp(strrchr(file->name, '/'), "/plain.cl") != 0)
            continue;
        char *source = calloc(1, file->length + 256);
        memcpy(source, file->bytes, file->length);
        char *body = strstr(source, "BB_KERNEL(BB_STAGE_CALL)");
        cr_assert(body && (body = strchr(body, '{')));
        char *rest = strdup(body + 1);
        strcpy(body, "{ output[(size_t)n_entries * stage.n_draws * stage.out_stride] = 7;");
        strcat(body, rest);
        plant(&t, source);
        free(rest);
        free(source);
    }
    const bb_status status = open_with(&t, "plain,tile32", "full", text);
    cr_assert(status == BB_OK, "%s", bb_context_error(t.base.context));
    cr_expect(holds(text, "tile32"), "%s", text);
    cr_expect(holds(t.notes, "bb_bits__plain wrote"), "%s", t.notes);
    end(&t);
}

static void flip(const char *path)
{
    size_t length;
    char *bytes = trial_read(path, &length);
    bytes[length - 1] ^= 1;
    FILE *file = fopen(path, "wb");
    cr_assert(file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
    free(bytes);
}

static void flip_all(tuning *t)
{
    char folder[128];
    snprintf(folder, sizeof(folder), "%s", trial_path(&t->base, ""));
    DIR *open = opendir(folder);
    for (struct dirent *entry; (entry = readdir(open));)
        if (entry->d_name[0] != '.')
            flip(trial_path(&t->base, entry->d_name));
    closedir(open);
}

Test(tune, what_was_found_is_kept)
{
    tuning t;
    char text[256];
    begin(&t);
    cr_assert(open_with(&t, "plain,tile32", NULL, text) == BB_OK);
    cr_expect(!holds(text, "trial"), "nothing is kept yet, and the default tries nothing: %s",
              text);
    cr_assert(open_with(&t, "plain,tile32", "full", text) == BB_OK);
    cr_expect(holds(text, "(full trial of 3"), "%s", text);
    for (int i = 0; i < 3; i++) {
        static const char *const modes[] = {NULL, "quick", "full"};
        cr_assert(open_with(&t, "plain,tile32", modes[i], text) == BB_OK);
        cr_expect(holds(text, "(cached full trial of 3"), "%s", text);
    }
    cr_assert(open_with(&t, "plain,tile32", "off", text) == BB_OK);
    cr_expect(!holds(text, "trial"), "%s", text);
    cr_assert(open_with(&t, "plain", NULL, text) == BB_OK);
    cr_expect(!holds(text, "trial"), "found among other candidates: %s", text);
    flip_all(&t);
    cr_assert(open_with(&t, "plain,tile32", NULL, text) == BB_OK);
    cr_expect(!holds(text, "trial"), "damaged: %s", text);
    end(&t);
}

Test(tune, quick_is_not_full)
{
    tuning t;
    char text[256];
    begin(&t);
    cr_assert(open_with(&t, "tile32", "quick", text) == BB_OK);
    cr_expect(holds(text, "(quick trial of"), "%s", text);
    cr_assert(open_with(&t, "tile32", "full", text) == BB_OK);
    cr_expect(holds(text, "(full trial of"), "a quick one does not do: %s", text);
    cr_assert(open_with(&t, "tile32:1", "full", text) == BB_OK);
    cr_expect(holds(text, "tile32:1:0") && holds(text, "(named)"), "nothing to choose: %s", text);
    cr_expect(open_with(&t, "tile32", "sometimes", NULL) == BB_ARGUMENT);
    end(&t);
}
