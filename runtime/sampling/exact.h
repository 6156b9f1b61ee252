/* SPDX-License-Identifier: MIT */
/* Enumerating every combination of draws with its probability. */
#ifndef BITBAYES_EXACT_H
#define BITBAYES_EXACT_H

#include "sampling/draws.h"

/* Sites from here on are ours: bootstrap, later faults. */
#define BB_FIRST_RESERVED_SITE (1u << 24)
#define BB_BOOTSTRAP_SITE (1u << 24)

/* The model's p, or the override where that is not negative. */
double bb_site_probability(const bb_site *site, double drop_probability);

/* Set the sampler's exact_rows, exact_weights and n_passes. BB_ARGUMENT with the count if there are
 * more leaves than the limit. */
bb_status bb_exact_enumerate(bb_sampler *sampler);

#endif
