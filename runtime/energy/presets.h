/* SPDX-License-Identifier: MIT */
/* The files under parameters/, embedded by the build in alphabetical order. */
#ifndef BITBAYES_PRESETS_H
#define BITBAYES_PRESETS_H

#include "base/embedded.h"

extern const bb_embedded_file bb_energy_presets[]; /* "nominal28", ... */
extern const size_t bb_n_energy_presets;

#endif
