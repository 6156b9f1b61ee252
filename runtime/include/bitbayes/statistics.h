/* SPDX-License-Identifier: MIT */
/** @file statistics.h  From logits to a class with its uncertainty, and from many of those to the
 *  figures of a data set. All in double on the host; nothing depends on batch size or device.
 *
 * Words: a leaf is one distinct outcome of all random bits; an input with T passes has at most T
 * leaves, each with the number of passes that fell on it. p_l is the softmax of leaf l's logits,
 * w_l its share of the passes, p = sum_l w_l p_l the mean. Entropies are in nats, fractions are
 * 0..1, logarithms natural.
 */
#ifndef BITBAYES_STATISTICS_H
#define BITBAYES_STATISTICS_H

#include <bitbayes/engine.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Goes up whenever a definition in this file changes a figure. Every report states it. */
#define BB_DEFINITIONS_VERSION 1

/** The label of an input that has none. */
#define BB_NO_LABEL UINT32_MAX

/* ---- one input ------------------------------------------------------------------------------ */

/** What one input is reported with. */
typedef struct bb_prediction {
    uint32_t top_class;         /**< argmax of p, the first of several equal ones */
    uint32_t label;             /**< as given to bb_predict(), or BB_NO_LABEL */
    uint32_t n_leaves;          /**< distinct leaves */
    double probability;         /**< p[top_class] */
    double predictive_entropy;  /**< H(p) = -sum_c p[c] ln p[c] */
    double expected_entropy;    /**< sum_l w_l H(p_l) */
    double mutual_information;  /**< sum_l w_l KL(p_l || p), never negative; exactly 0 when all
                                 *   leaves have equal logits, hence for one leaf */
    double variation_ratio;     /**< 1 - share of the votes that the most voted class got; a pass
                                 *   votes for the first of its largest logits */
    double top_class_std;       /**< standard deviation of p_l[top_class] over passes, divisor T */
    double log_likelihood;      /**< ln p[label] by log-sum-exp over the leaves, so finite even
                                 *   where p[label] underflows; NaN without a label */
    double squared_error;       /**< sum_c (p[c] - [c == label])^2, 0..2; NaN without a label */
} bb_prediction;

/** Number of doubles that bb_predict() needs as scratch. SIZE_MAX if that overflows. */
size_t bb_predict_scratch(uint32_t n_leaves, uint32_t n_classes);

/**
 * Reduce one input. Sums run over leaves in the given order and over classes from 0 up, so equal
 * arguments give equal bits.
 *
 * @param out        Receives the prediction; untouched on failure.
 * @param mean       [n_classes], receives p. Not NULL.
 * @param leaves     At least one. Shares w_l come from `counts`, or from `weights` where `counts`
 *                   is NULL, divided by their sum; `n_passes` and `leaf_of_pass` are not read.
 * @param n_classes  At least 1: length of one row of the logits.
 * @param index      Number of the input in its data set; for messages only.
 * @param label      True class, below n_classes, or BB_NO_LABEL.
 * @param scratch    bb_predict_scratch(n_leaves, n_classes) doubles of the caller, any contents.
 * @return BB_OK
 *         BB_INPUT     a logit is not finite; the text names input, leaf and class
 *         BB_ARGUMENT  the label is not below n_classes
 */
bb_status bb_predict(bb_prediction *out, double *mean, bb_context *context,
                     const bb_leaves *leaves, uint32_t n_classes, uint64_t index, uint32_t label,
                     double *scratch);

/* ---- one data set, or two ------------------------------------------------------------------- */

/**
 * X(NAME, "name", needs labels, needs a second set, "definition"): the one list of figures.
 *
 * Second set: the data set at hand is in-distribution, the second one is out-of-distribution (OOD)
 * and is the positive class; a higher score means "more OOD". The four scores are predictive
 * entropy, mutual information, 1 - probability of the top class, and variation ratio. Whatever is
 * ranked is rounded to a multiple of 1e-12 first, and values then equal are tied: with few random
 * bits ties are common, and nothing below depends on the order of tied inputs.
 */
#define BB_METRIC_LIST(X)                                                                        \
    X(ACCURACY, "accuracy", 1, 0, "share of inputs whose top class is the label")                \
    X(NLL, "nll", 1, 0, "mean of -ln p[label], nats")                                            \
    X(BRIER, "brier", 1, 0, "mean of sum_c (p[c] - [c == label])^2, 0..2")                       \
    X(ECE, "ece", 1, 0,                                                                          \
      "sum_b n_b/n |accuracy_b - confidence_b| over 15 equal-width bins of the top class's "     \
      "probability, [l, u), the last one closed")                                                \
    X(ADAPTIVE_ECE, "adaptive_ece", 1, 0,                                                        \
      "the same over 15 bins of equal count: with b inputs less confident than a group of m "    \
      "tied ones, the group goes to bin floor(15 (b + m/2) / n) as a whole")                     \
    X(AURC, "aurc", 1, 0,                                                                        \
      "mean over k = 1..n of the error rate among the k most confident inputs, expected value "  \
      "over all orders of tied ones")                                                            \
    X(PREDICTIVE_ENTROPY, "predictive_entropy_nats", 0, 0, "mean over inputs")                   \
    X(EXPECTED_ENTROPY, "expected_entropy_nats", 0, 0, "mean over inputs")                       \
    X(MUTUAL_INFORMATION, "mutual_information_nats", 0, 0, "mean over inputs")                   \
    X(VARIATION_RATIO, "variation_ratio", 0, 0, "mean over inputs")                              \
    X(DISTINCT_LEAVES, "distinct_leaves", 0, 0, "mean over inputs")                              \
    BB_METRIC_OOD_LIST(X, ENTROPY, "entropy")                                                    \
    BB_METRIC_OOD_LIST(X, MI, "mutual_information")                                              \
    BB_METRIC_OOD_LIST(X, CONFIDENCE, "one_minus_probability")                                   \
    BB_METRIC_OOD_LIST(X, VOTES, "variation_ratio")

/** The three figures of one score; see BB_METRIC_LIST. */
#define BB_METRIC_OOD_LIST(X, SCORE, score)                                                      \
    X(AUROC_##SCORE, "auroc_" score, 0, 1,                                                       \
      "chance that an OOD input scores above an in-distribution one, ties count half")           \
    X(AUPR_##SCORE, "aupr_" score, 0, 1,                                                         \
      "average precision: sum over thresholds of recall gained times precision, tied inputs "    \
      "pass together")                                                                           \
    X(FPR95_##SCORE, "fpr95_" score, 0, 1,                                                       \
      "share of in-distribution inputs at or above the highest threshold that at least 95 % of " \
      "OOD inputs reach")

typedef enum bb_metric {
#define BB_METRIC_ENUM(name, text, labels, second, definition) BB_METRIC_##name,
    BB_METRIC_LIST(BB_METRIC_ENUM)
#undef BB_METRIC_ENUM
    BB_METRIC_COUNT
} bb_metric;

/** "accuracy", "auroc_entropy", ...: the key in JSON and CSV. Static storage. */
const char *bb_metric_name(bb_metric metric);

/** One line of words from BB_METRIC_LIST. Static storage. */
const char *bb_metric_definition(bb_metric metric);

/** A figure and its 95 % percentile-bootstrap interval. NaN where it is not defined (no labels, no
 * second set, no inputs), and both ends NaN where no interval was asked for. */
typedef struct bb_estimate {
    double value, low, high;
} bb_estimate;

/** Predictions of one data set, in the order of its inputs. */
typedef struct bb_summary bb_summary;

/** @param out  Receives the empty summary, NULL on failure. Free with bb_summary_free().
 *  @return BB_OK, BB_MEMORY */
bb_status bb_summary_create(bb_summary **out, bb_context *context);

void bb_summary_free(bb_summary *summary); /**< takes NULL */

/**
 * Append one input (about 70 bytes are kept of it). Either all inputs have a label or none.
 *
 * @return BB_OK
 *         BB_ARGUMENT  labelled after unlabelled or the other way round
 *         BB_INPUT     more than 2^32 - 1 inputs
 *         BB_MEMORY
 */
bb_status bb_summary_add(bb_summary *summary, const bb_prediction *prediction);

uint64_t bb_summary_count(const bb_summary *summary);

/** How intervals are drawn. Resamples come from Philox 4x32-10 under the key `seed`, counter
 * (resample, block, 2^24, set) with set 0 for the data set and 1 for the second one: word w of the
 * four makes index (w * n) >> 32. They depend on nothing else, so that any two summaries of equal
 * length see the same resamples. */
typedef struct bb_bootstrap {
    uint64_t seed;
    uint32_t n_resamples; /**< 0: no intervals; 1000 is customary */
} bb_bootstrap;

/**
 * All figures of a data set, with intervals. Time is O(n log n) once and O(n) per resample; resamples are
 * shared among as many threads as there are processors.
 *
 * @param out     One entry per bb_metric.
 * @param set     The data set; messages go to its context.
 * @param second  The out-of-distribution set, or NULL.
 * @param bootstrap  NULL: no intervals.
 * @return BB_OK, BB_MEMORY
 */
bb_status bb_summary_metrics(bb_estimate out[BB_METRIC_COUNT], const bb_summary *set,
                             const bb_summary *second, const bb_bootstrap *bootstrap);

/**
 * All figures of `set`, of `other` and of `set` minus `other`, paired: input i of both is the same input
 * (sampled against deterministic, say), and each resample picks the same inputs on both sides.
 * Intervals are found by as many threads as there are processors; the results do not depend on it.
 *
 * @param first, others, difference  One entry per bb_metric each; NULL: not wanted.
 * @param second, other_second  Their second sets; both or neither NULL.
 * @return BB_OK
 *         BB_ARGUMENT  the lengths differ, or only one side has a second set
 *         BB_MEMORY
 */
bb_status bb_summary_compare(bb_estimate first[BB_METRIC_COUNT],
                             bb_estimate others[BB_METRIC_COUNT],
                             bb_estimate difference[BB_METRIC_COUNT], const bb_summary *set,
                             const bb_summary *second, const bb_summary *other,
                             const bb_summary *other_second, const bb_bootstrap *bootstrap);

/** The difference alone. */
bb_status bb_summary_difference(bb_estimate out[BB_METRIC_COUNT], const bb_summary *set,
                                const bb_summary *second, const bb_summary *other,
                                const bb_summary *other_second, const bb_bootstrap *bootstrap);

#ifdef __cplusplus
}
#endif
#endif
