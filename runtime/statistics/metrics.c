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

/* A number per resample, and whether something holds for it (all bits or none). */
typedef double abreast __attribute__((vector_size(BB_ABREAST * sizeof(double))));
typedef int64_t truth __attribute__((vector_size(BB_ABREAST * sizeof(int64_t))));
typedef int32_t whole __attribute__((vector_size(BB_ABREAST * sizeof(int32_t))));

/* Built for wide vectors too, where the loader can choose. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) &&                        \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDE
#endif
#define INLINE static inline __attribute__((always_inline))

INLINE void load(abreast *out, const bb_multiplicity *counts)
{
    whole numbers;
    memcpy(&numbers, counts->of, sizeof(numbers));
    *out = __builtin_convertvector(numbers, abreast);
}

static void store(double out[BB_ABREAST], const abreast *numbers)
{
    memcpy(out, numbers, sizeof(*numbers));
}

/* a where it holds, else 0. */
#define WHERE(holds, a) ((abreast)((holds) & (truth)(a)))

INLINE bool any(const truth *holds)
{
    int64_t bits = 0;
    for (int r = 0; r < BB_ABREAST; r++)
        bits |= (*holds)[r];
    return bits != 0;
}

/* What falls on a bin of calibration. */
typedef struct calibration_bin {
    abreast correct, confidence;
} calibration_bin;

static void calibration_error(double out[BB_ABREAST],
                              const calibration_bin bins[BB_CALIBRATION_BINS], double n)
{
    for (int r = 0; r < BB_ABREAST; r++) {
        double sum = 0.0;
        for (int bin = 0; bin < BB_CALIBRATION_BINS; bin++)
            sum += fabs(bins[bin].correct[r] - bins[bin].confidence[r]);
        out[r] = sum / n;
    }
}

WIDE static void equal_width_error(double out[BB_ABREAST], const bb_evaluator *evaluator,
                                   const bb_multiplicity *counts)
{
    const bb_summary *set = evaluator->set;
    calibration_bin bins[BB_CALIBRATION_BINS] = {0};
    for (size_t i = 0; i < set->n_rows; i++) {
        const bb_summary_row *row = &set->rows[i];
        calibration_bin *bin = &bins[evaluator->bins[i]];
        abreast count;
        load(&count, &counts[i]);
        bin->correct += count * (double)row->correct;
        bin->confidence += count * row->probability;
    }
    calibration_error(out, bins, (double)set->n_rows);
}

/* A group of inputs of equal confidence. */
typedef struct confidence_group {
    abreast count, correct, confidence;
    int most;   /* no resample has more of it */
    bool wrong; /* some of it may be */
} confidence_group;

/* The walk through the groups, the most confident first. */
typedef struct confidence_walk {
    calibration_bin bins[BB_CALIBRATION_BINS]; /* of equal counts */
    abreast bin;                               /* that the last group fell on */
    bool same_bin;                             /* for all resamples */
    abreast seen, errors, area;
    bool any_errors; /* there may be some */
} confidence_walk;

INLINE void take_input(confidence_group *group, const bb_confident *row,
                       const bb_multiplicity *counts)
{
    abreast count;
    load(&count, counts);
    group->count += count;
    group->correct += count * (double)row->correct;
    group->confidence += count * row->probability;
    int most = 0;
    for (int r = 0; r < BB_ABREAST; r++)
        most = counts->of[r] > most ? counts->of[r] : most;
    group->most += most;
    group->wrong = group->wrong || !row->correct;
}

/* Bin floor(15 m / 2n) of the group's middle m = 2 (inputs behind it) + its own: integers, exactly.
 */
INLINE void take_calibration(confidence_walk *walk, const confidence_group *group, double n)
{
    const abreast below = n - walk->seen - group->count;
    const abreast middle = (2.0 * below + group->count) * (double)BB_CALIBRATION_BINS;
    const abreast one = (abreast){0} + 1.0;
    truth lower = middle < walk->bin * (2.0 * n);
    while (any(&lower)) {
        walk->bin -= WHERE(lower, one);
        lower = middle < walk->bin * (2.0 * n);
        const truth other = walk->bin != walk->bin[0];
        walk->same_bin = !any(&other);
    }
    if (walk->same_bin) {
        calibration_bin *bin = &walk->bins[(int)walk->bin[0]];
        bin->correct += group->correct;
        bin->confidence += group->confidence;
        return;
    }
    for (int r = 0; r < BB_ABREAST; r++) {
        calibration_bin *bin = &walk->bins[(int)walk->bin[r]];
        bin->correct[r] += group->correct[r];
        bin->confidence[r] += group->confidence[r];
    }
}

/* Of a group of m inputs with e errors, j inputs contain j e / m errors on average. Where a
 * resample has fewer than j of them it adds 0, and so does everything before the first error. */
INLINE void take_risk(confidence_walk *walk, const confidence_group *group)
{
    const abreast wrong = group->count - group->correct, none = {0};
    const truth empty = group->count == none;
    walk->any_errors = walk->any_errors || group->wrong;
    for (int j = 1; j <= group->most && walk->any_errors; j++) {
        abreast errors = walk->errors;
        if (group->wrong)
            errors += (double)j * wrong / (group->count + WHERE(empty, none + 1.0));
        const abreast risk = errors / (walk->seen + (double)j);
        const truth counts = group->count >= (double)j;
        walk->area += WHERE(counts, risk);
    }
    walk->seen += group->count;
    walk->errors += wrong;
}

WIDE static void evaluate_confidence(double (*out)[BB_ABREAST], const bb_evaluator *evaluator,
                                     const bb_multiplicity *counts)
{
    const size_t n_rows = evaluator->set->n_rows;
    const double n = (double)n_rows;
    confidence_walk walk = {.same_bin = true};
    confidence_group group = {0};
    walk.bin += (double)(BB_CALIBRATION_BINS - 1);
    for (size_t i = 0; i < n_rows; i++) {
        const bb_confident *row = &evaluator->confident[i];
        take_input(&group, row, &counts[row->input]);
        if (!row->ends)
            continue;
        take_calibration(&walk, &group, n);
        take_risk(&walk, &group);
        group = (confidence_group){0};
    }
    walk.area /= n;
    calibration_error(out[BB_METRIC_ADAPTIVE_ECE], walk.bins, n);
    store(out[BB_METRIC_AURC], &walk.area);
}

WIDE static void evaluate_labels(double (*out)[BB_ABREAST], const bb_evaluator *evaluator,
                                 const bb_multiplicity *counts)
{
    const bb_summary *set = evaluator->set;
    const double n = (double)set->n_rows;
    abreast correct = {0}, likelihood = {0}, squares = {0};
    for (size_t i = 0; i < set->n_rows; i++) {
        const bb_summary_row *row = &set->rows[i];
        abreast count;
        load(&count, &counts[i]);
        correct += count * (double)row->correct;
        likelihood += count * row->log_likelihood;
        squares += count * row->squared_error;
    }
    correct /= n;
    likelihood = 0.0 - likelihood / n;
    squares /= n;
    store(out[BB_METRIC_ACCURACY], &correct);
    store(out[BB_METRIC_NLL], &likelihood);
    store(out[BB_METRIC_BRIER], &squares);
    equal_width_error(out[BB_METRIC_ECE], evaluator, counts);
    evaluate_confidence(out, evaluator, counts);
}

WIDE static void evaluate_means(double (*out)[BB_ABREAST], const bb_summary *set,
                                const bb_multiplicity *counts)
{
    abreast predictive = {0}, expected = {0}, information = {0}, votes = {0}, leaves = {0};
    const double n = (double)set->n_rows;
    for (size_t i = 0; i < set->n_rows; i++) {
        const bb_summary_row *row = &set->rows[i];
        abreast count;
        load(&count, &counts[i]);
        predictive += count * row->predictive_entropy;
        expected += count * row->expected_entropy;
        information += count * row->mutual_information;
        votes += count * row->variation_ratio;
        leaves += count * (double)row->n_leaves;
    }
    predictive /= n;
    expected /= n;
    information /= n;
    votes /= n;
    leaves /= n;
    store(out[BB_METRIC_PREDICTIVE_ENTROPY], &predictive);
    store(out[BB_METRIC_EXPECTED_ENTROPY], &expected);
    store(out[BB_METRIC_MUTUAL_INFORMATION], &information);
    store(out[BB_METRIC_VARIATION_RATIO], &votes);
    store(out[BB_METRIC_DISTINCT_LEAVES], &leaves);
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
    for (int r = 0; r < BB_ABREAST; r++) {
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
        for (int r = 0; r < BB_ABREAST; r++)
            out[i][r] = NAN;
    if (evaluator->set->n_rows == 0)
        return;
    evaluate_means(out, evaluator->set, counts);
    if (evaluator->set->labelled)
        evaluate_labels(out, evaluator, counts);
    if (count_rows(evaluator->second) > 0)
        for (unsigned which = 0; which < BB_SCORE_COUNT; which++)
            evaluate_score(out, evaluator, which, counts, second_counts, scratch);
}
