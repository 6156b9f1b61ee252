/* SPDX-License-Identifier: MIT */
/*
 * All figures of a data set under a multiplicity per input: ones for the figures themselves, drawn
 * multiplicities for bootstrap resamples. Sorting is done once, in bb_evaluator_create(). Several
 * resamples go through the inputs side by side; each keeps its own order of additions, so that the
 * figures do not depend on it.
 */
#ifndef BITBAYES_STATISTICS_METRICS_H
#define BITBAYES_STATISTICS_METRICS_H

#include "statistics/summary.h"

#define BB_SCORE_COUNT 4 /* in the order of BB_METRIC_LIST */
#define BB_CONFIDENCE 2  /* the score 1 - probability */
#define BB_CALIBRATION_BINS 15
#define BB_ABREAST 8 /* resamples side by side */

/* Multiplicities of one input in the resamples. */
typedef struct bb_multiplicity {
    int32_t of[BB_ABREAST]; /* an input is not drawn 2^31 times */
} bb_multiplicity;

/* Inputs of the set and then of the second one, each with its group: inputs of one group have equal
 * scores, and a higher group has a higher score. */
typedef struct bb_ranking {
    uint32_t *groups; /* [n_first + n_second] */
    size_t n_groups;
} bb_ranking;

/* An input of the set in the order of falling confidence. */
typedef struct bb_confident {
    double probability;
    uint32_t input;
    bool correct;
    bool ends; /* the last one of this confidence */
} bb_confident;

/* What falls on one group in one resample. */
typedef struct bb_tally {
    double count, second; /* multiplicities in the set and in the second set */
} bb_tally;

typedef struct bb_evaluator {
    bb_context *context;
    const bb_summary *set, *second;    /* second may be NULL */
    bb_confident *confident;           /* [rows of the set], then by number; only with labels */
    bb_ranking scores[BB_SCORE_COUNT]; /* both sets; only with a second one */
    uint8_t *bins;                     /* equal-width bin of each input's probability */
} bb_evaluator;

/* On failure the evaluator may be half-built; free it all the same. */
bb_status bb_evaluator_create(bb_evaluator *out, bb_context *context, const bb_summary *set,
                              const bb_summary *second);
void bb_evaluator_free(bb_evaluator *evaluator);

/* Tallies that a run needs as scratch. */
size_t bb_evaluator_scratch(const bb_evaluator *evaluator);

/* `counts` [rows of the set] and `second_counts` are multiplicities that sum to the number of
 * inputs of their set. Uses no context: several threads may run at a time, each with a scratch of
 * its own. */
void bb_evaluator_run(double out[BB_METRIC_COUNT][BB_ABREAST], const bb_evaluator *evaluator,
                      const bb_multiplicity *counts, const bb_multiplicity *second_counts,
                      bb_tally *scratch);

#endif
