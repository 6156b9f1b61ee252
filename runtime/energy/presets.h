/* SPDX-License-Identifier: MIT */
/* The files under parameters/, embedded by the build in alphabetical order. */
#ifndef BITBAYES_PRESETS_H
#define BITBAYES_PRESETS_H

#include <stddef.h>
#include <stdint.h>

typedef struct bb_energy_preset {
    const char *name;
    const unsigned char *bytes;
    size_t length;
} bb_energy_preset;

extern const bb_energy_preset bb_energy_presets[];
extern const uint32_t bb_n_energy_presets;

#endif
