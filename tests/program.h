/* SPDX-License-Identifier: MIT */
/* For tests of the program: run it and keep what it said; make files that it should refuse. */
#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define DIGITS_MODEL BB_SOURCE_FOLDER "/models/digits-mlp-scale.onnx"
#define DIGITS_IMAGES BB_SOURCE_FOLDER "/models/digits/test-images.npy"
#define DIGITS_LABELS BB_SOURCE_FOLDER "/models/digits/test-labels.npy"

typedef struct outcome {
    int code;        /* exit code, or 128 + signal */
    char *out, *err; /* what it wrote; freed by outcome_free() */
} outcome;

/* Words are separated by blanks; `%` in a word stands for the trial folder. `setting` is one
 * NAME=VALUE for the environment, or NULL. */
outcome run_program(const char *folder, const char *setting, const char *words);
void outcome_free(outcome *o);

/* Start without waiting; results go nowhere. */
pid_t start_program(const char *folder, const char *words);

/* Assert exit code and that stderr is one line "bitbayes: ..." that holds `text`. */
void expect_refusal(const char *folder, const char *setting, const char *words, int code,
                    const char *text);

/* A fresh folder under /tmp, and its removal with all in it. */
void folder_make(char path[64]);
void folder_remove(const char *path);

/* FOLDER/NAME in a buffer that the next call reuses. */
const char *in_folder(const char *folder, const char *name);
void write_file(const char *path, const void *bytes, size_t length);
uint8_t *read_file(const char *path, size_t *length); /* caller frees */
int file_exists(const char *path);

/* A .npy file with this type ("|u1"), shape ("(2, 8, 8)") and data. */
void write_npy(const char *path, const char *type, const char *shape, const void *data,
               size_t length);

#endif
