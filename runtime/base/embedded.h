/* SPDX-License-Identifier: MIT */
/* A file that the build put into the program, by cmake/embed.cmake. */
#ifndef BITBAYES_EMBEDDED_H
#define BITBAYES_EMBEDDED_H

#include <stddef.h>

typedef struct bb_embedded_file {
    const char *name;
    const unsigned char *bytes;
    size_t length;
} bb_embedded_file;

#endif
