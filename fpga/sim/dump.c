/* SPDX-License-Identifier: MIT */
/* Writes random runs for test benches that read files: FOLDER/N.args and FOLDER/N.mem (the arena,
 * then what is expected), as $readmemh takes them.
 * dump FOLDER BITS SEED PE SIMD WINDOW WEIGHTS INPUT MASKS ROWS DRAWS BORDER */
#include "case.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *open_numbered(const char *folder, unsigned number, const char *suffix)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%u.%s", folder, number, suffix);
    FILE *file = fopen(path, "w");
    if (!file) {
        perror(path);
        exit(6);
    }
    return file;
}

int main(int argc, char **argv)
{
    if (argc != 13)
        return 2;
    const size_t n_bits = strtoull(argv[2], NULL, 0);
    const uint64_t seed = strtoull(argv[3], NULL, 0);
    uint32_t values[9];
    for (int i = 0; i < 9; i++)
        values[i] = (uint32_t)strtoul(argv[4 + i], NULL, 0);
    const fpga_parameters engine = {values[0], values[1], values[2], values[3], values[4],
                                    values[5], values[6], values[7], values[8]};
    size_t bits = 0, shapes = 0;
    unsigned n = 0;
    for (; bits < n_bits; n++) {
        fpga_case run;
        fpga_case_make(&run, &engine, seed * 1000003 + n, 0, n % 8 == 7 ? 1 + n / 8 % 16 : 0, 1);
        FILE *args = open_numbered(argv[1], n, "args"), *mem = open_numbered(argv[1], n, "mem");
        fprintf(args, "%zx\n%x\n%x\n%x\n%x\n", run.n_words, run.calls, run.n_calls, run.error,
                run.error_call);
        for (size_t i = 0; i < run.n_words; i++)
            fprintf(mem, "%016" PRIx64 "\n", run.arena[i]);
        for (size_t i = 0; i < run.n_words; i++)
            fprintf(mem, "%016" PRIx64 "\n", run.expected[i]);
        if (fclose(args) || fclose(mem))
            return 6;
        bits += run.n_bits;
        shapes += run.n_calls;
        fpga_case_free(&run);
    }
    printf("%u runs, %zu shapes, %zu output bits or sums\n", n, shapes, bits);
    return 0;
}
