/* SPDX-License-Identifier: MIT */
/* For tests: a folder that vanishes, small files, and an allocator that fails on demand. */
#ifndef TESTS_TRIAL_H
#define TESTS_TRIAL_H

#include <bitbayes/context.h>
#include <stddef.h>
#include <stdint.h>

/* A context whose allocator counts: the request after `n_left` others fails, once. */
typedef struct trial {
    bb_context *context;
    long n_left;       /* negative: nothing fails */
    long n_requests, n_blocks; /* made so far; alive now */
    char note[1024];   /* the last remark */
    char folder[64];   /* "" until trial_path() is used */
    char path[512];
} trial;

void trial_begin(trial *t);
void trial_end(trial *t); /* checks that no block is left */

/* FOLDER/name; the folder is made on first use. Valid until the next call. */
const char *trial_path(trial *t, const char *name);

/* The same, with a file of these bytes there. */
const char *trial_file(trial *t, const char *name, const void *bytes, size_t length);

/* Contents, zero-terminated, for free(); NULL if there is no such file. */
char *trial_read(const char *path, size_t *length);

int trial_exists(const char *path);

/* Call `work` with the first, second, ... allocation failing until it succeeds: each time but the
 * last it must return BB_MEMORY and leave no block behind. `work` frees what it made. */
void trial_exhaust(trial *t, bb_status (*work)(trial *t, void *payload), void *payload);

#endif
