/* SPDX-License-Identifier: MIT */
/* The figures of BB_METRIC_LIST, each in time proportional to the number of inputs. */
#include "statistics/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double score(const bb_summary_row *row, unsigned which)
{
    switch (which) {
    case 0:
        return row->predictive_entropy;
    case 1:
        return row->mutual_information;
    case BB_CONFIDENCE:
        return 1.0 - row->probability;
    default:
        return row->variation_ratio;
    }
}

typedef struct keyed {
    double key;
    size_t place;
} keyed;

static int compare_keys(const void *left, const void *right)
{
    const keyed *a = left, *b = right;
    if (a->key != b->key)
        return a->key > b->key ? 1 : -1;
    return (a->place > b->place) - (a->place < b->place);
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

/* By score, then by place; released by the caller. */
static bb_status sort_keys(keyed **out, bb_context *context, const bb_summary *set,
                           const bb_summary *second, unsigned which)
{
    const size_t n = count_rows(set) + count_rows(second);
    *out = bb_allocate(context, n, sizeof(**out));
    if (!*out)
        return BB_MEMORY;
    add_keys(*out, set, which, 0);
    add_keys(*out, second, which, count_rows(set));
    qsort(*out, n, sizeof(**out), compare_keys);
    return BB_OK;
}

static bb_status rank(bb_ranking *out, bb_context *context, const bb_summary *set,
                      const bb_summary *second, unsigned which)
{
    const size_t n = count_rows(set) + count_rows(second);
    keyed *keys;
    bb_status status = sort_keys(&keys, context, set, second, which);
    out->groups = status == BB_OK ? bb_allocate(context, n, sizeof(*out->groups)) : NULL;
    if (!out->groups)
        status = BB_MEMORY;
    for (size_t i = 0; i < n && status == BB_OK; i++) {
        out->n_groups += i == 0 || keys[i].key > keys[i - 1].key;
        out->groups[keys[i].place] = (uint32_t)(out->n_groups - 1);
    }
    bb_release(context, keys);
    return status;
}

static bb_status sort_by_confidence(bb_evaluator *evaluator)
{
    const bb_summary *set = evaluator->set;
    const size_t n = set->n_rows;
    bb_context *context = evaluator->context;
    keyed *keys;
    bb_status status = sort_keys(&keys, context, set, NULL, BB_CONFIDENCE);
    evaluator->confident =
        status == BB_OK ? bb_allocate(context, n, sizeof(*evaluator->confident)) : NULL;
    if (!evaluator->confident)
        status = BB_MEMORY;
    for (size_t i = 0; i < n && status == BB_OK; i++) {
        const bb_summary_row *row = &set->rows[keys[i].place];
        evaluator->confident[i] =
            (bb_confident){row->probability, (uint32_t)keys[i].place, row->correct,
                           i + 1 == n || keys[i + 1].key > keys[i].key};
    }
    bb_release(context, keys);
    return status;
}

/* The last bin whose lower edge is not above the value; the edges are the doubles i / 15. */
static uint8_t equal_width_bin(double value)
{
    int bin = BB_CALIBRATION_BINS - 1;
    while (bin > 0 && value < (double)bin / BB_CALIBRATION_BINS)
        bin--;
    return (uint8_t)bin;
}

size_t bb_evaluator_scratch(const bb_evaluator *evaluator)
{
    size_t largest = 0;
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
        status = sort_by_confidence(out);
    for (unsigned i = 0; i < BB_SCORE_COUNT && second && status == BB_OK; i++)
        status = rank(&out->scores[i], context, set, second, i);
    if (status != BB_OK)
        return status;
    out->bins = bb_allocate(context, set->n_rows, sizeof(*out->bins));
    if (!out->bins)
        return BB_MEMORY;
    for (size_t i = 0; i < set->n_rows; i++)
        out->bins[i] = equal_width_bin(set->rows[i].probability);
    return BB_OK;
}

void bb_evaluator_free(bb_evaluator *evaluator)
{
    for (unsigned i = 0; i < BB_SCORE_COUNT; i++)
        bb_release(evaluator->context, evaluator->scores[i].groups);
    bb_release(evaluator->context, evaluator->confident);
    bb_release(evaluator->context, evaluator->bins);
}

/* A number per resample; in the loops over `r` the resamples stay apart. */
typedef struct abreast {
    double of[BB_ABREAST];
} abreast;

#define EACH(r) for (int r = 0; r < BB_ABREAST; r++)

static void add(abreast *sum, const bb_multiplicity *counts, double value)
{
    EACH(r) sum->of[r] += counts->of[r] * value;
}

/* What falls on a bin of calibration. */
typedef struct calibration_bin {
    abreast correct, confidence;
} calibration_bin;

static void calibration_error(double out[BB_ABREAST],
                              const calibration_bin bins[BB_CALIBRATION_BINS], double n)
{
    abreast sum = {{0}};
    for (int bin = 0; bin < BB_CALIBRATION_BINS; bin++)
        EACH(r) sum.of[r] += fabs(bins[bin].correct.of[r] - bins[bin].confidence.of[r]);
    EACH(r) out[r] = sum.of[r] / n;
}

static void equal_width_error(double out[BB_ABREAST], const bb_evaluator *evaluator,
                              const bb_multiplicity *counts)
{
    const bb_summary *set = evaluator->set;
    calibration_bin bins[BB_CALIBRATION_BINS] = {0};
    for (size_t i = 0; i < set->n_rows; i++) {
        const bb_summary_row *row = &set->rows[i];
        calibration_bin *bin = &bins[evaluator->bins[i]];
        add(&bin->correct, &counts[i], row->correct);
        add(&bin->confidence, &counts[i], row->probability);
    }
    calibration_error(out, bins, (double)set->n_rows);
}

/* A group of inputs of equal confidence. */
typedef struct confidence_group {
    abreast count, correct, confidence;
} confidence_group;

/* The walk through the groups, the most confident first. */
typedef struct confidence_walk {
    calibration_bin bins[BB_CALIBRATION_BINS]; /* of equal counts */
    int bin[BB_ABREAST];                       /* that the last group fell on */
    abreast seen, errors, area;
} confidence_walk;

/* Bin floor(15 m / 2n) of the group's middle m = 2 (inputs behind it) + its own: integers, exactly.
 */
static void take_calibration(confidence_walk *walk, const confidence_group *group, int r, double n)
{
    const double count = group->count.of[r], below = n - walk->seen.of[r] - count;
    const double middle = BB_CALIBRATION_BINS * (2.0 * below + count);
    int bin = walk->bin[r];
    while (middle < 2.0 * n * bin)
        bin--;
    walk->bin[r] = bin;
    walk->bins[bin].correct.of[r] += group->correct.of[r];
    walk->bins[bin].confidence.of[r] += group->confidence.of[r];
}

/* Of a group of m inputs with e errors, j inputs contain j e / m errors on average. Terms that are
 * 0 are left out, and so are divisions of 0. */
static void take_risk(confidence_walk *walk, const confidence_group *group, int r)
{
    const double count = group->count.of[r], wrong = count - group->correct.of[r];
    const double seen = walk->seen.of[r], errors = walk->errors.of[r];
    double sum = walk->area.of[r];
    if (wrong > 0.0)
        for (double j = 1.0; j <= count; j++)
            sum += (errors + j * wrong / count) / (seen + j);
    else if (errors > 0.0)
        for (double j = 1.0; j <= count; j++)
            sum += errors / (seen + j);
    walk->area.of[r] = sum;
    walk->seen.of[r] = seen + count;
    walk->errors.of[r] = errors + wrong;
}

static void evaluate_confidence(double (*out)[BB_ABREAST], const bb_evaluator *evaluator,
                                const bb_multiplicity *counts)
{
    const size_t n_rows = evaluator->set->n_rows;
    const double n = (double)n_rows;
    confidence_walk walk = {0};
    confidence_group group = {0};
    EACH(r) walk.bin[r] = BB_CALIBRATION_BINS - 1;
    for (size_t i = 0; i < n_rows; i++) {
        const bb_confident *row = &evaluator->confident[i];
        const bb_multiplicity *count = &counts[row->input];
        add(&group.count, count, 1);
        add(&group.correct, count, row->correct);
        add(&group.confidence, count, row->probability);
        if (!row->ends)
            continue;
        EACH(r)
        if (group.count.of[r] > 0.0) {
            take_calibration(&walk, &group, r, n);
            take_risk(&walk, &group, r);
        }
        group = (confidence_group){0};
    }
    calibration_error(out[BB_METRIC_ADAPTIVE_ECE], walk.bins, n);
    EACH(r) out[BB_METRIC_AURC][r] = walk.area.of[r] / n;
}

static void evaluate_labels(double (*out)[BB_ABREAST], const bb_evaluator *evaluator,
                            const bb_multiplicity *counts)
{
    const bb_summary *set = evaluator->set;
    const double n = (double)set->n_rows;
    abreast correct = {{0}}, likelihood = {{0}}, squares = {{0}};
    for (size_t i = 0; i < set->n_rows; i++) {
        const bb_summary_row *row = &set->rows[i];
        add(&correct, &counts[i], row->correct);
        add(&likelihood, &counts[i], row->log_likelihood);
        add(&squares, &counts[i], row->squared_error);
    }
    EACH(r)
    {
        out[BB_METRIC_ACCURACY][r] = correct.of[r] / n;
        out[BB_METRIC_NLL][r] = 0.0 - likelihood.of[r] / n;
        out[BB_METRIC_BRIER][r] = squares.of[r] / n;
    }
    equal_width_error(out[BB_METRIC_ECE], evaluator, counts);
    evaluate_confidence(out, evaluator, counts);
}

static void evaluate_means(double (*out)[BB_ABREAST], const bb_summary *set,
                           const bb_multiplicity *counts)
{
    abreast sums[5] = {0};
    for (size_t i = 0; i < set->n_rows; i++) {
        const bb_summary_row *row = &set->rows[i];
        add(&sums[0], &counts[i], row->predictive_entropy);
        add(&sums[1], &counts[i], row->expected_entropy);
        add(&sums[2], &counts[i], row->mutual_information);
        add(&sums[3], &counts[i], row->variation_ratio);
        add(&sums[4], &counts[i], row->n_leaves);
    }
    const double n = (double)set->n_rows;
    EACH(r)
    {
        out[BB_METRIC_PREDICTIVE_ENTROPY][r] = sums[0].of[r] / n;
        out[BB_METRIC_EXPECTED_ENTROPY][r] = sums[1].of[r] / n;
        out[BB_METRIC_MUTUAL_INFORMATION][r] = sums[2].of[r] / n;
        out[BB_METRIC_VARIATION_RATIO][r] = sums[3].of[r] / n;
        out[BB_METRIC_DISTINCT_LEAVES][r] = sums[4].of[r] / n;
    }
}

/* Walks thresholds from the highest score down; all counts are integers, so sums are exact. */
static void evaluate_detection(double *auroc, double *aupr, double *fpr95, const bb_tally *tallies,
                               size_t n_groups, double n, double n_second)
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

static void evaluate_score(double (*out)[BB_ABREAST], const bb_evaluator *evaluator, unsigned which,
                           const bb_multiplicity *counts, const bb_multiplicity *second_counts,
                           bb_tally *tallies)
{
    const bb_ranking *ranking = &evaluator->scores[which];
    const size_t n = evaluator->set->n_rows, n_second = evaluator->second->n_rows;
    double(*figures)[BB_ABREAST] = out + BB_METRIC_AUROC_ENTROPY + 3 * which;
    EACH(r)
    {
        memset(tallies, 0, ranking->n_groups * sizeof(*tallies));
        for (size_t i = 0; i < n; i++)
            tallies[ranking->groups[i]].count += counts[i].of[r];
        for (size_t i = 0; i < n_second; i++)
            tallies[ranking->groups[n + i]].second += second_counts[i].of[r];
        evaluate_detection(&figures[0][r], &figures[1][r], &figures[2][r], tallies,
                           ranking->n_groups, (double)n, (double)n_second);
    }
}

void bb_evaluator_run(double out[BB_METRIC_COUNT][BB_ABREAST], const bb_evaluator *evaluator,
                      const bb_multiplicity *counts, const bb_multiplicity *second_counts,
                      bb_tally *scratch)
{
    for (int i = 0; i < BB_METRIC_COUNT; i++)
        EACH(r) out[i][r] = NAN;
    if (evaluator->set->n_rows == 0)
        return;
    evaluate_means(out, evaluator->set, counts);
    if (evaluator->set->labelled)
        evaluate_labels(out, evaluator, counts);
    if (count_rows(evaluator->second) > 0)
        for (unsigned which = 0; which < BB_SCORE_COUNT; which++)
            evaluate_score(out, evaluator, which, counts, second_counts, scratch);
}
