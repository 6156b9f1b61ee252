/* SPDX-License-Identifier: MIT */
/*
 * How a device says what engine it holds: a kernel's name, and the header of an image file.
 *
 * Kernel name bb_engine.pe8.simd32.window512.weights4096.input4096.masks256.rows32.draws4.border128
 *               (the registers of the same names; more may follow behind a dot)
 * Image         lines of text, then the payload (a bitstream, or nothing for a simulation):
 *                 bitbayes engine image 1
 *                 kind KIND          sim, hw, ...
 *                 board BOARD        the device's name
 *                 kernel NAME        as above
 *                 bytes N            of the payload
 *                 crc32 XXXXXXXX     of all lines above and the payload, as in gzip
 *               The lines may stand anywhere in a file (a section of a vendor's container); then N
 * is 0.
 */
#ifndef BITBAYES_BOARD_IMAGE_H
#define BITBAYES_BOARD_IMAGE_H

#include "board/driver.h"

#define BB_FPGA_KERNEL "bb_engine"
#define BB_FPGA_NAME_SIZE 192

typedef struct bb_fpga_image {
    char kind[32], board[96];
    bb_fpga_engine engine;
    const uint8_t *payload; /* inside the file's bytes */
    size_t n_payload;
} bb_fpga_image;

typedef enum bb_fpga_image_state {
    BB_FPGA_IMAGE_NONE, /* no such header: some other binary */
    BB_FPGA_IMAGE_GOOD,
    BB_FPGA_IMAGE_DAMAGED /* `why` says what was found and what was expected */
} bb_fpga_image_state;

void bb_fpga_engine_name(char out[BB_FPGA_NAME_SIZE], const bb_fpga_engine *engine);

/* False if `name` is not such a kernel name. */
bool bb_fpga_engine_parse(bb_fpga_engine *out, const char *name);

bb_fpga_image_state bb_fpga_image_read(bb_fpga_image *out, const uint8_t *bytes, size_t length,
                                       char *why, size_t why_size);

/* The header of an image with that payload; its length. A header that does not fit is cut, its
 * length then at least `size`. */
size_t bb_fpga_image_header(char *out, size_t size, const bb_fpga_image *image);

/* What keeps an image from running on a device, first reason first; "" if nothing does. */
void bb_fpga_image_mismatch(char *why, size_t why_size, const bb_fpga_image *image,
                            const bb_fpga_image *device);

#endif
