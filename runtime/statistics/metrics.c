/* SPDX-License-Identifier: MIT */
/* The figures of BB_METRIC_LIST, each in time proportional to the number of inputs. */
#include "statistics/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double score(const bb_summary_row *row, unsigned which)
{
    switch (which) {
    case 0: return row->predictive_entropy;
    case 1: return row->mutual_information;
    case BB_CONFIDENCE: return 1.0 - row->probability;
    default: return row->variation_ratio;
    }
}

typedef struct keyed {
    double key;
    size_t place;
} keyed;

static int compare_keys(const void *left, const void *right)
{
    const double a = ((const keyed *)left)->key, b = ((const keyed *)right)->key;
    return (a > b) - (a < b);
}

static size_t count_rows(const bb_summary *summary)
{
    return summary ? summary->n_rows : 0;
}

static void add_keys(keyed *keys, const bb_summary *summary, unsigned which, size_t place)
{
    for (size_t i = 0; i < count_rows(summary); i++)
        keys[place + i] = (keyed){nearbyint(score(&summary->rows[i], which) * 1e12), place + i};
}

static bb_status rank(bb_ranking *out, bb_context *context, const bb_summary *set,
                      const bb_summary *second, unsigned which)
{
    const size_t n = count_rows(set) + count_rows(second);
    keyed *keys = bb_allocate(context, n, sizeof(*keys));
    out->groups = keys ? bb_allocate(context, n, sizeof(*out->groups)) : NULL;
    if (!out->groups) {
        bb_release(context, keys);
        return BB_MEMORY;
    }
    add_keys(keys, set, which, 0);
    add_keys(keys, second, which, count_rows(set));
    qsort(keys, n, sizeof(*keys), compare_keys);
    for (size_t i = 0; i < n; i++) {
        out->n_groups += i == 0 || keys[i].key > keys[i - 1].key;
        out->groups[keys[i].place] = (uint32_t)(out->n_groups - 1);
    }
    bb_release(context, keys);
    return BB_OK;
}

/* The last bin whose lower edge is not above the value; the edges are the doubles i / 15. */
static uint8_t equal_width_bin(double value)
{
    int bin = BB_CALIBRATION_BINS - 1;
    while (bin > 0 && value < (double)bin / BB_CALIBRATION_BINS)
        bin--;
    return (uint8_t)bin;
}

static size_t largest_ranking(const bb_evaluator *evaluator)
{
    size_t largest = evaluator->calibration.n_groups;
    for (unsigned i = 0; i < BB_SCORE_COUNT; i++)
        if (evaluator->scores[i].n_groups > largest)
            largest = evaluator->scores[i].n_groups;
    return largest;
}

bb_status bb_evaluator_create(bb_evaluator *out, bb_context *context, const bb_summary *set,
                              const bb_summary *second)
{
    *out = (bb_evaluator){.context = context, .set = set, .second = second};
    if (count_rows(second) > UINT32_MAX - set->n_rows)
        return bb_fail(context, BB_ARGUMENT, "more than 2^32 - 1 inputs in two data sets");
    bb_status status = BB_OK;
    if (set->labelled)
        status = rank(&out->calibration, context, set, NULL, BB_CONFIDENCE);
    for (unsigned i = 0; i < BB_SCORE_COUNT && second && status == BB_OK; i++)
        status = rank(&out->scores[i], context, set, second, i);
    if (status != BB_OK)
        return status;
    out->bins = bb_allocate(context, set->n_rows, sizeof(*out->bins));
    if (!out->bins)
        return BB_MEMORY;
    for (size_t i = 0; i < set->n_rows; i++)
        out->bins[i] = equal_width_bin(set->rows[i].probability);
    out->tallies = bb_allocate(context, largest_ranking(out), sizeof(*out->tallies));
    return out->tallies ? BB_OK : BB_MEMORY;
}

void bb_evaluator_free(bb_evaluator *evaluator)
{
    for (unsigned i = 0; i < BB_SCORE_COUNT; i++)
        bb_release(evaluator->context, evaluator->scores[i].groups);
    bb_release(evaluator->context, evaluator->calibration.groups);
    bb_release(evaluator->context, evaluator->bins);
    bb_release(evaluator->context, evaluator->tallies);
}

static void tally_input(bb_tally *tally, const bb_summary_row *row, uint32_t count)
{
    tally->count += count;
    tally->correct += row->correct ? count : 0;
    tally->confidence += count * row->probability;
}

static double calibration_error(const bb_tally bins[BB_CALIBRATION_BINS], double n)
{
    double sum = 0.0;
    for (int bin = 0; bin < BB_CALIBRATION_BINS; bin++)
        sum += fabs(bins[bin].correct - bins[bin].confidence);
    return sum / n;
}

static double equal_width_error(const bb_evaluator *evaluator, const uint32_t *counts)
{
    const bb_summary *set = evaluator->set;
    bb_tally bins[BB_CALIBRATION_BINS] = {{0}};
    for (size_t i = 0; i < set->n_rows; i++)
        tally_input(&bins[evaluator->bins[i]], &set->rows[i], counts[i]);
    return calibration_error(bins, (double)set->n_rows);
}

/* `tallies` are the groups by rising 1 - probability: the most confident first. */
static double equal_count_error(const bb_tally *tallies, size_t n_groups, size_t n)
{
    bb_tally bins[BB_CALIBRATION_BINS] = {{0}};
    double below = (double)n;
    for (size_t g = 0; g < n_groups; g++) {
        below -= tallies[g].count;
        if (tallies[g].count <= 0.0)
            continue;
        const double middle = 2.0 * below + tallies[g].count; /* twice; an integer */
        const size_t bin = (size_t)(BB_CALIBRATION_BINS * middle) / (2 * n);
        bins[bin].correct += tallies[g].correct;
        bins[bin].confidence += tallies[g].confidence;
    }
    return calibration_error(bins, (double)n);
}

/* Of a group of m inputs with e errors, j inputs contain j e / m errors on average. */
static double risk_coverage_area(const bb_tally *tallies, size_t n_groups, size_t n)
{
    double sum = 0.0, seen = 0.0, errors = 0.0;
    for (size_t g = 0; g < n_groups; g++) {
        const double count = tallies[g].count, wrong = count - tallies[g].correct;
        for (double j = 1.0; j <= count; j++)
            sum += (errors + j * wrong / count) / (seen + j);
        seen += count;
        errors += wrong;
    }
    return sum / (double)n;
}

static void evaluate_labels(double *out, const bb_evaluator *evaluator, const uint32_t *counts)
{
    const bb_summary *set = evaluator->set;
    const double n = (double)set->n_rows;
    double correct = 0.0, likelihood = 0.0, squares = 0.0;
    const size_t n_groups = evaluator->calibration.n_groups;
    memset(evaluator->tallies, 0, n_groups * sizeof(*evaluator->tallies));
    for (size_t i = 0; i < set->n_rows; i++) {
        const bb_summary_row *row = &set->rows[i];
        correct += row->correct ? counts[i] : 0;
        likelihood += counts[i] * row->log_likelihood;
        squares += counts[i] * row->squared_error;
        tally_input(&evaluator->tallies[evaluator->calibration.groups[i]], row, counts[i]);
    }
    out[BB_METRIC_ACCURACY] = correct / n;
    out[BB_METRIC_NLL] = 0.0 - likelihood / n;
    out[BB_METRIC_BRIER] = squares / n;
    out[BB_METRIC_ECE] = equal_width_error(evaluator, counts);
    out[BB_METRIC_ADAPTIVE_ECE] = equal_count_error(evaluator->tallies, n_groups, set->n_rows);
    out[BB_METRIC_AURC] = risk_coverage_area(evaluator->tallies, n_groups, set->n_rows);
}

static void evaluate_means(double *out, const bb_summary *set, const uint32_t *counts)
{
    double predictive = 0.0, expected = 0.0, information = 0.0, votes = 0.0, leaves = 0.0;
    for (size_t i = 0; i < set->n_rows; i++) {
        const bb_summary_row *row = &set->rows[i];
        predictive += counts[i] * row->predictive_entropy;
        expected += counts[i] * row->expected_entropy;
        information += counts[i] * row->mutual_information;
        votes += counts[i] * row->variation_ratio;
        leaves += (double)counts[i] * row->n_leaves;
    }
    const double n = (double)set->n_rows;
    out[BB_METRIC_PREDICTIVE_ENTROPY] = predictive / n;
    out[BB_METRIC_EXPECTED_ENTROPY] = expected / n;
    out[BB_METRIC_MUTUAL_INFORMATION] = information / n;
    out[BB_METRIC_VARIATION_RATIO] = votes / n;
    out[BB_METRIC_DISTINCT_LEAVES] = leaves / n;
}

/* Walks thresholds from the highest score down; all counts are integers, so sums are exact. */
static void evaluate_detection(double *auroc, double *aupr, double *fpr95,
                               const bb_tally *tallies, size_t n_groups, double n, double n_second)
{
    double hits = 0.0, alarms = 0.0, pairs = 0.0, precision = 0.0;
    *fpr95 = NAN;
    for (size_t g = n_groups; g-- > 0;) {
        const double gained = tallies[g].second;
        alarms += tallies[g].count;
        hits += gained;
        pairs += gained * (n - alarms + tallies[g].count / 2.0);
        if (gained > 0.0)
            precision += gained * (hits / (hits + alarms));
        if (isnan(*fpr95) && hits * 20.0 >= n_second * 19.0)
            *fpr95 = alarms / n;
    }
    *auroc = pairs / (n * n_second);
    *aupr = precision / n_second;
}

static void evaluate_score(double *out, const bb_evaluator *evaluator, unsigned which,
                           const uint32_t *counts, const uint32_t *second_counts)
{
    const bb_ranking *ranking = &evaluator->scores[which];
    const size_t n = evaluator->set->n_rows, n_second = evaluator->second->n_rows;
    memset(evaluator->tallies, 0, ranking->n_groups * sizeof(*evaluator->tallies));
    for (size_t i = 0; i < n; i++)
        evaluator->tallies[ranking->groups[i]].count += counts[i];
    for (size_t i = 0; i < n_second; i++)
        evaluator->tallies[ranking->groups[n + i]].second += second_counts[i];
    double *figures = out + BB_METRIC_AUROC_ENTROPY + 3 * which;
    evaluate_detection(&figures[0], &figures[1], &figures[2], evaluator->tallies,
                       ranking->n_groups, (double)n, (double)n_second);
}

void bb_evaluator_run(double out[BB_METRIC_COUNT], const bb_evaluator *evaluator,
                 const uint32_t *counts, const uint32_t *second_counts)
{
    for (int i = 0; i < BB_METRIC_COUNT; i++)
        out[i] = NAN;
    if (evaluator->set->n_rows == 0)
        return;
    evaluate_means(out, evaluator->set, counts);
    if (evaluator->set->labelled)
        evaluate_labels(out, evaluator, counts);
    if (count_rows(evaluator->second) > 0)
        for (unsigned which = 0; which < BB_SCORE_COUNT; which++)
            evaluate_score(out, evaluator, which, counts, second_counts);
}
