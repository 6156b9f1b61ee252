/* SPDX-License-Identifier: MIT */
/* image [OPTION...] FILE: writes an image file for the device; see runtime/board/image.h. */
#include "board/image.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: image [OPTION...] FILE\n"
    "  --kind KIND --board BOARD    default: sim, bitbayes-sim\n"
    "  --pe N --simd N --window N --weights N --input N --masks N --rows N --draws N --border N\n"
    "                               of the engine; default: what build.sh builds\n"
    "  --payload FILE               what follows the header, a bitstream\n";

static int read_payload(bb_fpga_image *image, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return 1;
    const long n = ftell(file);
    uint8_t *bytes = n > 0 ? malloc((size_t)n) : NULL;
    rewind(file);
    const int good = bytes && fread(bytes, 1, (size_t)n, file) == (size_t)n;
    fclose(file);
    image->payload = bytes;
    image->n_payload = (size_t)n;
    return !good;
}

static int write_image(const bb_fpga_image *image, const char *path)
{
    char header[512];
    const size_t n = bb_fpga_image_header(header, sizeof(header), image);
    FILE *file = n < sizeof(header) ? fopen(path, "wb") : NULL;
    if (!file)
        return 1;
    const int good = fwrite(header, 1, n, file) == n &&
                     (!image->n_payload ||
                      fwrite(image->payload, 1, image->n_payload, file) == image->n_payload);
    return fclose(file) != 0 || !good;
}

int main(int argc, char **argv)
{
    bb_fpga_image image = {.kind = "sim", .board = "bitbayes-sim"};
    bb_fpga_engine *e = &image.engine;
    *e = (bb_fpga_engine){8, 32, 512, 4096, 4096, 256, 32, 4, 128};
    uint32_t *const values[] = {&e->pe,    &e->simd, &e->window, &e->weights, &e->input,
                                &e->masks, &e->rows, &e->draws,  &e->border};
    static const struct option options[] = {
        {"pe", 1, NULL, 0},
        {"simd", 1, NULL, 1},
        {"window", 1, NULL, 2},
        {"weights", 1, NULL, 3},
        {"input", 1, NULL, 4},
        {"masks", 1, NULL, 5},
        {"rows", 1, NULL, 6},
        {"draws", 1, NULL, 7},
        {"border", 1, NULL, 8},
        {"kind", 1, NULL, 'k'},
        {"board", 1, NULL, 'b'},
        {"payload", 1, NULL, 'p'},
        {0},
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        if (option < 9)
            *values[option] = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'k')
            snprintf(image.kind, sizeof(image.kind), "%s", optarg);
        else if (option == 'b')
            snprintf(image.board, sizeof(image.board), "%s", optarg);
        else if (option != 'p' || read_payload(&image, optarg) != 0) {
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind + 1 != argc) {
        fputs(usage, stderr);
        return 2;
    }
    if (write_image(&image, argv[optind]) == 0)
        return 0;
    perror(argv[optind]);
    return 6;
}
