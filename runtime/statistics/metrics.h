/* SPDX-License-Identifier: MIT */
/*
 * All figures of a data set under a multiplicity per input: ones for the figures themselves, drawn
 * multiplicities for a bootstrap resample. Sorting is done once, in bb_evaluator_create().
 */
#ifndef BITBAYES_STATISTICS_METRICS_H
#define BITBAYES_STATISTICS_METRICS_H

#include "statistics/summary.h"

#define BB_SCORE_COUNT 4  /* in the order of BB_METRIC_LIST */
#define BB_CONFIDENCE 2   /* the score 1 - probability */
#define BB_CALIBRATION_BINS 15

/* Inputs of the set and then of the second one, each with its group: inputs of one group have equal
 * scores, and a higher group has a higher score. */
typedef struct bb_ranking {
    uint32_t *groups; /* [n_first + n_second] */
    size_t n_groups;
} bb_ranking;

/* What falls on one group in one resample. */
typedef struct bb_tally {
    double count, second; /* multiplicities in the set and in the second set */
    double correct, confidence;
} bb_tally;

typedef struct bb_evaluator {
    bb_context *context;
    const bb_summary *set, *second; /* second may be NULL */
    bb_ranking calibration;         /* the set alone by 1 - probability; only with labels */
    bb_ranking scores[BB_SCORE_COUNT]; /* both sets; only with a second one */
    uint8_t *bins;                  /* equal-width bin of each input's probability */
    bb_tally *tallies;              /* scratch, one per group */
} bb_evaluator;

/* On failure the evaluator may be half-built; free it all the same. */
bb_status bb_evaluator_create(bb_evaluator *out, bb_context *context, const bb_summary *set,
                              const bb_summary *second);
void bb_evaluator_free(bb_evaluator *evaluator);

/* `counts` and `second_counts` are multiplicities that sum to the number of inputs of their set. */
void bb_evaluator_run(double out[BB_METRIC_COUNT], const bb_evaluator *evaluator,
                 const uint32_t *counts, const uint32_t *second_counts);

#endif
