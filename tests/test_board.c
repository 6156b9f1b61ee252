/* SPDX-License-Identifier: MIT */
/* Image files and kernel names of the FPGA engine: what is read back, and what is found damaged. */
#include "board/image.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const bb_fpga_engine engine = {8, 32, 512, 4096, 4096, 256, 32, 4, 128};
static const uint8_t payload[] = "\n\n \t crc32 00000000\nbitbayes engine image 1\n";

static size_t make(uint8_t bytes[1024], const uint8_t *rest, size_t n_rest)
{
    const bb_fpga_image image = {"hw", "a board, rev 2", engine, rest, n_rest};
    const size_t n = bb_fpga_image_header((char *)bytes, 1024, &image);
    cr_assert(n + n_rest < 1024);
    if (n_rest)
        memcpy(bytes + n, rest, n_rest);
    return n + n_rest;
}

static bb_fpga_image_state read_back(bb_fpga_image *image, const uint8_t *bytes, size_t n)
{
    char why[200];
    const bb_fpga_image_state state = bb_fpga_image_read(image, bytes, n, why, sizeof(why));
    cr_assert((state == BB_FPGA_IMAGE_DAMAGED) == (*why != '\0'), "%s", why);
    return state;
}

Test(board, kernel_name_comes_back)
{
    char name[BB_FPGA_NAME_SIZE];
    bb_fpga_engine found = {0};
    bb_fpga_engine_name(name, &engine);
    cr_assert(bb_fpga_engine_parse(&found, name));
    cr_assert(memcmp(&found, &engine, sizeof(engine)) == 0);
    strcat(name, ".more7");
    cr_assert(bb_fpga_engine_parse(&found, name));
    static const char *const wrong[] = {
        "",
        "bb_engine",
        "bb_engine.pe8",
        "bb_engine.pe8.simd31.window1.weights1.input1.masks1.rows1.draws1.border1",
        "bb_engine.pe0.simd32.window1.weights1.input1.masks1.rows1.draws1.border1",
        "bb_engine.pe8.simd32.window1.weights1.input1.masks1.rows1.draws1.border1x",
        "bb_engine.pe8.simd32.window1.weights1.input1.masks1.rows1.draws1.border",
    };
    for (size_t i = 0; i < BB_COUNT_OF(wrong); i++)
        cr_assert(!bb_fpga_engine_parse(&found, wrong[i]), "'%s'", wrong[i]);
}

Test(board, image_comes_back)
{
    for (int rest = 0; rest <= 1; rest++) {
        uint8_t bytes[1024];
        bb_fpga_image image;
        const size_t n = make(bytes, payload, rest ? sizeof(payload) : 0);
        cr_assert(read_back(&image, bytes, n) == BB_FPGA_IMAGE_GOOD);
        cr_assert_str_eq(image.kind, "hw");
        cr_assert_str_eq(image.board, "a board, rev 2");
        cr_assert(memcmp(&image.engine, &engine, sizeof(engine)) == 0);
        cr_assert(image.n_payload == (rest ? sizeof(payload) : 0));
        cr_assert(memcmp(image.payload, payload, image.n_payload) == 0);
    }
}

Test(board, image_inside_a_container)
{
    uint8_t bytes[1024], container[2048] = "xclbin2 and so on; bitbayes engine image 0";
    bb_fpga_image image;
    const size_t n = make(bytes, NULL, 0);
    memcpy(container + 100, bytes, n);
    cr_assert(read_back(&image, container, sizeof(container)) == BB_FPGA_IMAGE_GOOD);
    cr_assert(image.engine.pe == 8 && image.n_payload == 0);
    cr_assert(read_back(&image, container, 100) == BB_FPGA_IMAGE_NONE);
}

Test(board, every_cut_and_every_flipped_bit_is_found)
{
    uint8_t bytes[1024];
    bb_fpga_image image;
    const size_t n = make(bytes, payload, sizeof(payload));
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1); /* so that a sanitizer sees a read too far */
        memcpy(exact, bytes, cut);
        cr_assert(read_back(&image, exact, cut) != BB_FPGA_IMAGE_GOOD, "%zu bytes", cut);
        free(exact);
    }
    for (size_t bit = 0; bit < 8 * n; bit++) {
        if (bit % 8 == 5 && strchr("abcdef", bytes[bit / 8]))
            continue; /* a digit of the checksum in upper case is the same digit */
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert(read_back(&image, bytes, n) != BB_FPGA_IMAGE_GOOD, "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_assert(read_back(&image, bytes, n) == BB_FPGA_IMAGE_GOOD);
}

Test(board, mismatch_says_what_and_how)
{
    const bb_fpga_image device = {"hw", "zcu104", engine, NULL, 0};
    bb_fpga_image image = device;
    char why[200];
    bb_fpga_image_mismatch(why, sizeof(why), &image, &device);
    cr_assert_str_eq(why, "");
    image.engine.masks = 512;
    bb_fpga_image_mismatch(why, sizeof(why), &image, &device);
    cr_assert_str_eq(why, "the image's engine has mask memory 512, this device's has 256");
    strcpy(image.board, "kv260");
    bb_fpga_image_mismatch(why, sizeof(why), &image, &device);
    cr_assert_str_eq(why, "the image is for board 'kv260', this device is 'zcu104'");
}
