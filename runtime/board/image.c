/* SPDX-License-Identifier: MIT */
/* Names of engines, and image files. */
#include "board/image.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define FIRST_LINE "bitbayes engine image 1\n"
#define NAME_FORMAT(number)                                                                        \
    ".pe" number ".simd" number ".window" number ".weights" number ".input" number ".masks" number \
    ".rows" number ".draws" number ".border" number

void bb_fpga_engine_name(char out[BB_FPGA_NAME_SIZE], const bb_fpga_engine *e)
{
    snprintf(out, BB_FPGA_NAME_SIZE, BB_FPGA_KERNEL NAME_FORMAT("%u"), e->pe, e->simd, e->window,
             e->weights, e->input, e->masks, e->rows, e->draws, e->border);
}

bool bb_fpga_engine_parse(bb_fpga_engine *e, const char *name)
{
    int end = 0;
    const int n = sscanf(name, BB_FPGA_KERNEL NAME_FORMAT("%9u") "%n", &e->pe, &e->simd, &e->window,
                         &e->weights, &e->input, &e->masks, &e->rows, &e->draws, &e->border, &end);
    return n == 9 && end > 0 && (name[end] == '\0' || name[end] == '.') && e->pe > 0 &&
           (e->simd == 8 || e->simd == 16 || e->simd == 32 || e->simd == 64);
}

static uint32_t checksum(const void *text, size_t n_text, const uint8_t *payload, size_t n_payload)
{
    const uLong sum = crc32_z(crc32_z(0, NULL, 0), text, n_text);
    return (uint32_t)(n_payload ? crc32_z(sum, payload, n_payload) : sum);
}

size_t bb_fpga_image_header(char *out, size_t size, const bb_fpga_image *image)
{
    char name[BB_FPGA_NAME_SIZE];
    bb_fpga_engine_name(name, &image->engine);
    const int n = snprintf(out, size, FIRST_LINE "kind %s\nboard %s\nkernel %s\nbytes %zu\n",
                           image->kind, image->board, name, image->n_payload);
    if (n < 0 || (size_t)n >= size)
        return size;
    const uint32_t sum = checksum(out, (size_t)n, image->payload, image->n_payload);
    const int m = snprintf(out + n, size - (size_t)n, "crc32 %08x\n", sum);
    return (size_t)n + (size_t)m;
}

static const uint8_t *find_header(const uint8_t *bytes, size_t length)
{
    const size_t n = strlen(FIRST_LINE);
    for (size_t i = 0; i + n <= length; i++)
        if (bytes[i] == 'b' && memcmp(bytes + i, FIRST_LINE, n) == 0)
            return bytes + i;
    return NULL;
}

/* The lines as one text; the whole header is well below the buffer's size. */
static bool parse_lines(bb_fpga_image *out, const char *text, unsigned long *n_payload,
                        unsigned *sum, size_t *n_summed, size_t *n_header)
{
    char name[BB_FPGA_NAME_SIZE];
    int summed = 0, end = 0;
    const int n = sscanf(text,
                         "%*[^\n]\nkind %31[^\n]\nboard %95[^\n]\nkernel %191[^\n]\nbytes %18lu\n%n"
                         "crc32 %8x%n",
                         out->kind, out->board, name, n_payload, &summed, sum, &end);
    *n_summed = (size_t)summed;
    *n_header = (size_t)end + 1; /* its newline alone: a payload may begin with more */
    return n == 5 && end > 0 && text[end] == '\n' && bb_fpga_engine_parse(&out->engine, name);
}

bb_fpga_image_state bb_fpga_image_read(bb_fpga_image *out, const uint8_t *bytes, size_t length,
                                       char *why, size_t why_size)
{
    char text[512] = "";
    unsigned long n_payload = 0;
    unsigned sum = 0;
    size_t n_summed, n_header;
    memset(out, 0, sizeof(*out));
    snprintf(why, why_size, "%s", "");
    const uint8_t *header = find_header(bytes, length);
    if (!header)
        return BB_FPGA_IMAGE_NONE;
    const size_t left = length - (size_t)(header - bytes);
    memcpy(text, header, left < sizeof(text) - 1 ? left : sizeof(text) - 1);
    if (!parse_lines(out, text, &n_payload, &sum, &n_summed, &n_header)) {
        snprintf(why, why_size,
                 "the image's header is damaged: expected the lines kind, board, "
                 "kernel, bytes and crc32");
        return BB_FPGA_IMAGE_DAMAGED;
    }
    if (n_payload > left - n_header) {
        snprintf(why, why_size, "the image is cut: %zu bytes behind its header, expected %lu",
                 left - n_header, n_payload);
        return BB_FPGA_IMAGE_DAMAGED;
    }
    out->payload = header + n_header;
    out->n_payload = n_payload;
    const uint32_t found = checksum(header, n_summed, out->payload, out->n_payload);
    if (found == sum)
        return BB_FPGA_IMAGE_GOOD;
    snprintf(why, why_size, "the image is damaged: its checksum is %08x, expected %08x", found,
             sum);
    return BB_FPGA_IMAGE_DAMAGED;
}

void bb_fpga_image_mismatch(char *why, size_t why_size, const bb_fpga_image *image,
                            const bb_fpga_image *device)
{
    const bb_fpga_engine *a = &image->engine, *b = &device->engine;
    const struct {
        const char *name;
        uint32_t image, device;
    } rows[] = {
        {"PE", a->pe, b->pe},
        {"SIMD", a->simd, b->simd},
        {"window memory", a->window, b->window},
        {"weight memory", a->weights, b->weights},
        {"input memory", a->input, b->input},
        {"mask memory", a->masks, b->masks},
        {"bank rows", a->rows, b->rows},
        {"draws", a->draws, b->draws},
        {"border memory", a->border, b->border},
    };
    snprintf(why, why_size, "%s", "");
    if (strcmp(image->kind, device->kind) != 0) {
        snprintf(why, why_size, "the image is of kind '%s', this device takes '%s'", image->kind,
                 device->kind);
        return;
    }
    if (strcmp(image->board, device->board) != 0) {
        snprintf(why, why_size, "the image is for board '%s', this device is '%s'", image->board,
                 device->board);
        return;
    }
    for (size_t i = 0; i < BB_COUNT_OF(rows); i++)
        if (rows[i].image != rows[i].device) {
            snprintf(why, why_size, "the image's engine has %s %u, this device's has %u",
                     rows[i].name, rows[i].image, rows[i].device);
            return;
        }
}
