/* SPDX-License-Identifier: MIT */
/* For tests: a folder that vanishes, small files, and an allocator that fails on demand. */
#include "check/trial.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int refuse(trial *t)
{
    t->n_requests++;
    return t->n_left >= 0 && t->n_left-- == 0;
}

static void *trial_allocate(void *payload, size_t bytes)
{
    trial *t = payload;
    if (refuse(t))
        return NULL;
    void *block = malloc(bytes);
    t->n_blocks += block != NULL;
    return block;
}

static void *trial_resize(void *payload, void *block, size_t bytes)
{
    return refuse(payload) ? NULL : realloc(block, bytes);
}

static void trial_release(void *payload, void *block)
{
    ((trial *)payload)->n_blocks--;
    free(block);
}

static void keep_note(void *payload, const char *line)
{
    trial *t = payload;
    snprintf(t->note, sizeof(t->note), "%s", line);
}

void trial_begin(trial *t)
{
    *t = (trial){.n_left = -1};
    const bb_allocator allocator = {trial_allocate, trial_resize, trial_release, t};
    const bb_context_options options = {
        .allocator = &allocator, .note = keep_note, .note_payload = t};
    cr_assert(bb_context_create(&t->context, &options) == BB_OK);
}

static void remove_folder(trial *t)
{
    DIR *folder = opendir(t->folder);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            unlink(trial_path(t, entry->d_name));
    if (folder)
        closedir(folder);
    rmdir(t->folder);
}

void trial_end(trial *t)
{
    if (*t->folder)
        remove_folder(t);
    bb_context_free(t->context);
    cr_expect(t->n_blocks == 0, "%ld blocks were not released", t->n_blocks);
}

const char *trial_path(trial *t, const char *name)
{
    if (!*t->folder) {
        strcpy(t->folder, "/tmp/bitbayes-test-XXXXXX");
        cr_assert(mkdtemp(t->folder) != NULL);
    }
    snprintf(t->path, sizeof(t->path), "%s/%s", t->folder, name);
    return t->path;
}

const char *trial_file(trial *t, const char *name, const void *bytes, size_t length)
{
    FILE *file = fopen(trial_path(t, name), "wb");
    cr_assert(file != NULL);
    cr_assert(fwrite(bytes, 1, length, file) == length);
    cr_assert(fclose(file) == 0);
    return t->path;
}

char *trial_read(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    size_t capacity = 1 << 20;
    char *bytes = malloc(capacity + 1);
    cr_assert(bytes != NULL);
    const size_t n = fread(bytes, 1, capacity, file);
    fclose(file);
    bytes[n] = '\0';
    if (length)
        *length = n;
    return bytes;
}

int trial_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

void trial_exhaust(trial *t, bb_status (*work)(trial *t, void *payload), void *payload)
{
    const long n_blocks = t->n_blocks;
    for (long n = 0; n < 10000; n++) {
        t->n_left = n;
        const bb_status status = work(t, payload);
        const long n_left = t->n_left;
        t->n_left = -1;
        cr_assert(t->n_blocks == n_blocks, "allocation %ld: %ld blocks lost", n,
                  t->n_blocks - n_blocks);
        if (n_left >= 0) {
            cr_assert(status == BB_OK, "%s", bb_context_error(t->context));
            cr_assert(n > 0, "nothing was allocated");
            return;
        }
        cr_assert(status == BB_MEMORY, "allocation %ld: %s", n, bb_status_name(status));
    }
    cr_assert(0, "more than 10000 allocations");
}
