/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over files and folders, so that a stored corpus is replayed with any compiler.
 * Each input is copied to a heap block of its exact size: a sanitizer then sees the first byte that
 * is read behind it.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static int n_inputs;

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat state;
    if (!file || fstat(fileno(file), &state) != 0) {
        perror(path);
        if (file)
            fclose(file);
        return 1;
    }
    const size_t length = (size_t)state.st_size;
    uint8_t *bytes = malloc(length ? length : 1);
    const int bad = !bytes || fread(bytes, 1, length, file) != length;
    fclose(file);
    if (bad)
        perror(path);
    else
        LLVMFuzzerTestOneInput(bytes, length);
    free(bytes);
    n_inputs++;
    return bad;
}

static int run_path(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return run_file(path);
    int bad = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char inner[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        bad |= run_path(inner);
    }
    closedir(folder);
    return bad;
}

int main(int n_arguments, char **arguments)
{
    int bad = 0;
    for (int i = 1; i < n_arguments; i++)
        bad |= run_path(arguments[i]);
    printf("%d inputs\n", n_inputs);
    return bad || n_inputs == 0;
}
