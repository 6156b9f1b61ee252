/* SPDX-License-Identifier: MIT */
/** @file sampling.h  Which passes make a prediction: drawn, enumerated, deterministic or replayed.
 */
#ifndef BITBAYES_SAMPLING_H
#define BITBAYES_SAMPLING_H

#include <bitbayes/plan.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BB_MAX_SAMPLES 65536u
#define BB_DEFAULT_SAMPLES 20u
#define BB_DEFAULT_EXACT_LIMIT 4096u

typedef enum bb_sampling_mode {
    BB_SAMPLING_DRAWN,         /**< T independent passes */
    BB_SAMPLING_EXACT,         /**< every combination of draws with its probability */
    BB_SAMPLING_DETERMINISTIC, /**< one pass: every scale kept, masks off with factor 1 */
    BB_SAMPLING_REPLAYED       /**< passes given by the caller */
} bb_sampling_mode;

/**
 * How to sample.
 *
 * Draws: Philox 4x32-10 with key (seed low, seed high) and counter (global index of the input,
 * pass, site, block). Element e of a draw uses word e%4 of block e/4; it is dropped iff the word is
 * below ceil(p 2^32). Hence the draws of an input depend on nothing else: not on batch, device,
 * threads.
 */
typedef struct bb_sampling {
    bb_sampling_mode mode;
    uint32_t samples; /**< T of DRAWN, 1 .. BB_MAX_SAMPLES */
    uint64_t seed;
    uint64_t exact_limit;    /**< EXACT is refused above this many leaves of non-zero probability */
    double drop_probability; /**< in [0, 1]: for every drop and mask site; negative: the model's
                                own. The factor 1/(1-p) in the model stays as it is. */
    bool no_sharing;         /**< run every pass by itself; results are the same bits */
    const uint8_t *rows;     /**< REPLAYED: [inputs][samples][row bytes], see bb_plan_row_size() */
} bb_sampling;

/** Drawn, T = 20, seed 0, exact limit 4096, the model's probabilities, sharing. */
bb_sampling bb_sampling_default(void);

/** Bytes of one row of draws: per site in order one byte (the bank index) or ceil(elements / 8)
 * mask bytes (bit e%8 of byte e/8 is 1 where element e is kept). */
size_t bb_plan_row_size(const bb_plan *plan);

/** Leaves of non-zero probability that EXACT would enumerate, UINT64_MAX if more than that. */
uint64_t bb_exact_leaf_count(const bb_plan *plan, double drop_probability);

/** Expected distinct evaluations of stage `stage` per input when T = samples passes share prefixes:
 * sum over all prefixes of 1 - (1 - P(prefix))^T; prefixes of more than 256 random bits count as all
 * distinct. */
double bb_expected_evaluations(const bb_plan *plan, uint32_t stage, uint32_t samples,
                               double drop_probability);

#ifdef __cplusplus
}
#endif
#endif
