/* SPDX-License-Identifier: MIT */
/* What is kept of each input of a data set. */
#ifndef BITBAYES_STATISTICS_SUMMARY_H
#define BITBAYES_STATISTICS_SUMMARY_H

#include "base/base.h"

#include <bitbayes/statistics.h>

typedef struct bb_summary_row {
    double probability, predictive_entropy, expected_entropy, mutual_information;
    double variation_ratio, log_likelihood, squared_error;
    uint32_t n_leaves;
    bool correct;
} bb_summary_row;

struct bb_summary {
    bb_context *context;
    bb_summary_row *rows;
    size_t n_rows, capacity;
    bool labelled;
};

#endif
