/* SPDX-License-Identifier: MIT */
/* Runs the built program. */
#define _GNU_SOURCE /* nftw */
#include "program.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WORDS 64

static char *replace_folder(const char *word, const char *folder)
{
    char text[2048];
    const char *const mark = strchr(word, '%');
    if (mark)
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - word), word, folder, mark + 1);
    else
        snprintf(text, sizeof(text), "%s", word);
    return strdup(text);
}

/* In the child. */
static void become_program(const char *folder, const char *setting, const char *words)
{
    char *argv[MAX_WORDS + 2] = {strdup(BB_PROGRAM)};
    char *const copy = strdup(words);
    int n = 1;
    for (char *word = strtok(copy, " "); word && n <= MAX_WORDS; word = strtok(NULL, " "))
        argv[n++] = replace_folder(word, folder);
    if (setting)
        putenv(replace_folder(setting, folder));
    execv(BB_PROGRAM, argv);
    _exit(99);
}

static char *read_text(FILE *stream)
{
    const long length = (fseek(stream, 0, SEEK_END), ftell(stream));
    char *const text = calloc(1, (size_t)length + 1);
    rewind(stream);
    cr_assert(text && fread(text, 1, (size_t)length, stream) == (size_t)length);
    fclose(stream);
    return text;
}

static int exit_code(pid_t child)
{
    int status;
    cr_assert(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

outcome run_program(const char *folder, const char *setting, const char *words)
{
    FILE *const out = tmpfile(), *const err = tmpfile();
    cr_assert(out && err);
    const pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        dup2(fileno(out), STDOUT_FILENO);
        dup2(fileno(err), STDERR_FILENO);
        become_program(folder, setting, words);
    }
    outcome o = {.code = exit_code(child)};
    o.out = read_text(out);
    o.err = read_text(err);
    return o;
}

pid_t start_program(const char *folder, const char *words)
{
    const pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        cr_assert(freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr));
        become_program(folder, NULL, words);
    }
    return child;
}

void outcome_free(outcome *o)
{
    free(o->out);
    free(o->err);
    *o = (outcome){0};
}

void expect_refusal(const char *folder, const char *setting, const char *words, int code,
                    const char *text)
{
    outcome o = run_program(folder, setting, words);
    const char *const end = strchr(o.err, '\n');
    cr_expect(o.code == code, "`%s`: exit code %d, expected %d; it said: %s", words, o.code, code,
              o.err);
    cr_expect(strncmp(o.err, "bitbayes: ", 10) == 0 && end && end[1] == '\0' && end - o.err > 20,
              "`%s`: expected one line on stderr, found: %s", words, o.err);
    cr_expect(strstr(o.err, text), "`%s`: expected '%s' in: %s", words, text, o.err);
    cr_expect(o.out[0] == '\0', "`%s`: printed results: %s", words, o.out);
    outcome_free(&o);
}

void folder_make(char path[64])
{
    strcpy(path, "/tmp/bitbayes-cli-XXXXXX");
    cr_assert(mkdtemp(path));
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

void folder_remove(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *in_folder(const char *folder, const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *const stream = fopen(path, "wb");
    cr_assert(stream && fwrite(bytes, 1, length, stream) == length && fclose(stream) == 0);
}

uint8_t *read_file(const char *path, size_t *length)
{
    FILE *const stream = fopen(path, "rb");
    cr_assert(stream, "%s", path);
    cr_assert(fseek(stream, 0, SEEK_END) == 0);
    *length = (size_t)ftell(stream);
    rewind(stream);
    uint8_t *const bytes = malloc(*length + 1);
    cr_assert(bytes && fread(bytes, 1, *length, stream) == *length);
    fclose(stream);
    return bytes;
}

int file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

void write_npy(const char *path, const char *type, const char *shape, const void *data,
               size_t length)
{
    char header[128];
    memset(header, ' ', sizeof(header));
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    const int n = snprintf(header + 10, 117,
                           "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type, shape);
    header[10 + n] = ' ';
    header[127] = '\n';
    FILE *const stream = fopen(path, "wb");
    cr_assert(stream && fwrite(header, 1, 128, stream) == 128 &&
              fwrite(data, 1, length, stream) == length && fclose(stream) == 0);
}
