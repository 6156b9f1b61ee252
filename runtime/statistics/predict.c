/* SPDX-License-Identifier: MIT */
/* One input: from the logits of its leaves to a class and its uncertainty. */
#include "base/base.h"

#include <assert.h>
#include <bitbayes/statistics.h>
#include <math.h>
#include <string.h>

/* All that the figures are made of; the arrays lie in the caller's scratch. */
typedef struct distribution {
    const bb_leaves *leaves;
    uint32_t n_classes;
    double total;          /* sum of the leaves' weights */
    bool equal;            /* all leaves have the same logits */
    double *probabilities; /* [n_leaves][n_classes] */
    double *logarithms;    /* of the probabilities, finite even where those underflow */
    double *votes;         /* [n_classes] weight of the leaves that chose the class */
} distribution;

size_t bb_predict_scratch(uint32_t n_leaves, uint32_t n_classes)
{
    size_t doubles;
    if (!bb_multiply_size(&doubles, (size_t)n_leaves * 2 + 1, n_classes))
        return SIZE_MAX;
    return doubles;
}

static double weight(const bb_leaves *leaves, uint32_t leaf)
{
    return leaves->counts ? (double)leaves->counts[leaf] : leaves->weights[leaf];
}

static bb_status check_logits(bb_context *context, const bb_leaves *leaves, uint32_t n_classes,
                              uint64_t index)
{
    for (uint32_t leaf = 0; leaf < leaves->n_leaves; leaf++)
        for (uint32_t c = 0; c < n_classes; c++) {
            const float logit = leaves->logits[(size_t)leaf * n_classes + c];
            if (!isfinite(logit))
                return bb_fail(context, BB_INPUT,
                               "input %llu: leaf %u: the logit of class %u is %s, expected a "
                               "finite number",
                               (unsigned long long)index, (unsigned)leaf, (unsigned)c,
                               isnan(logit) ? "NaN" : "infinite");
        }
    return BB_OK;
}

static uint32_t argmax_float(const float *values, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

static uint32_t argmax(const double *values, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (values[i] > values[best])
            best = i;
    return best;
}

static void softmax(double *probabilities, double *logarithms, const float *logits, uint32_t n)
{
    const double largest = logits[argmax_float(logits, n)];
    double sum = 0.0;
    for (uint32_t c = 0; c < n; c++) {
        probabilities[c] = exp(logits[c] - largest);
        sum += probabilities[c];
    }
    const double log_sum = log(sum);
    for (uint32_t c = 0; c < n; c++) {
        probabilities[c] /= sum;
        logarithms[c] = logits[c] - largest - log_sum;
    }
}

static distribution distribute(const bb_leaves *leaves, uint32_t n_classes, double *scratch)
{
    const size_t n = (size_t)leaves->n_leaves * n_classes;
    distribution d = {leaves, n_classes, 0.0, true, scratch, scratch + n, scratch + 2 * n};
    memset(d.votes, 0, n_classes * sizeof(*d.votes));
    for (uint32_t leaf = 0; leaf < leaves->n_leaves; leaf++) {
        const size_t row = (size_t)leaf * n_classes;
        const float *logits = leaves->logits + row;
        softmax(d.probabilities + row, d.logarithms + row, logits, n_classes);
        d.votes[argmax_float(logits, n_classes)] += weight(leaves, leaf);
        d.total += weight(leaves, leaf);
        d.equal = d.equal && !memcmp(logits, leaves->logits, n_classes * sizeof(*logits));
    }
    return d;
}

static void average(double *mean, const distribution *d)
{
    if (d->equal) { /* exactly, where a sum of products would round */
        memcpy(mean, d->probabilities, d->n_classes * sizeof(*mean));
        return;
    }
    memset(mean, 0, d->n_classes * sizeof(*mean));
    for (uint32_t leaf = 0; leaf < d->leaves->n_leaves; leaf++)
        for (uint32_t c = 0; c < d->n_classes; c++)
            mean[c] += weight(d->leaves, leaf) * d->probabilities[(size_t)leaf * d->n_classes + c];
    for (uint32_t c = 0; c < d->n_classes; c++)
        mean[c] /= d->total;
}

static double entropy(const double *probabilities, uint32_t n)
{
    double sum = 0.0;
    for (uint32_t c = 0; c < n; c++)
        if (probabilities[c] > 0.0)
            sum -= probabilities[c] * log(probabilities[c]);
    return sum > 0.0 ? sum : 0.0;
}

/* Expected entropy and mutual information. Where the mean underflows to 0, every leaf is 0 or next
 * to it, and what the class adds is below any double's notice. */
static void split_entropy(bb_prediction *out, const distribution *d, const double *log_mean)
{
    double expected = 0.0, information = 0.0;
    for (uint32_t leaf = 0; leaf < d->leaves->n_leaves; leaf++) {
        const size_t row = (size_t)leaf * d->n_classes;
        double own = 0.0, divergence = 0.0;
        for (uint32_t c = 0; c < d->n_classes; c++) {
            const double p = d->probabilities[row + c];
            if (!isfinite(log_mean[c]))
                continue;
            own -= p * d->logarithms[row + c];
            divergence += p * (d->logarithms[row + c] - log_mean[c]);
        }
        expected += weight(d->leaves, leaf) * own;
        information += weight(d->leaves, leaf) * divergence;
    }
    out->expected_entropy = expected > 0.0 ? expected / d->total : 0.0;
    out->mutual_information = information > 0.0 ? information / d->total : 0.0;
}

static double spread(const distribution *d, uint32_t c, double mean)
{
    double sum = 0.0;
    for (uint32_t leaf = 0; leaf < d->leaves->n_leaves; leaf++) {
        const double difference = d->probabilities[(size_t)leaf * d->n_classes + c] - mean;
        sum += weight(d->leaves, leaf) * difference * difference;
    }
    return sqrt(sum / d->total);
}

static double log_likelihood(const distribution *d, uint32_t label)
{
    if (d->equal)
        return d->logarithms[label];
    double largest = -INFINITY;
    for (uint32_t leaf = 0; leaf < d->leaves->n_leaves; leaf++)
        largest = fmax(largest, d->logarithms[(size_t)leaf * d->n_classes + label]);
    double sum = 0.0;
    for (uint32_t leaf = 0; leaf < d->leaves->n_leaves; leaf++)
        sum += weight(d->leaves, leaf) *
               exp(d->logarithms[(size_t)leaf * d->n_classes + label] - largest);
    const double result = largest + log(sum / d->total);
    return result < 0.0 ? result : 0.0;
}

static double squared_error(const double *mean, uint32_t n, uint32_t label)
{
    double sum = 0.0;
    for (uint32_t c = 0; c < n; c++) {
        const double difference = mean[c] - (c == label ? 1.0 : 0.0);
        sum += difference * difference;
    }
    return sum;
}

bb_status bb_predict(bb_prediction *out, double *mean, bb_context *context,
                     const bb_leaves *leaves, uint32_t n_classes, uint64_t index, uint32_t label,
                     double *scratch)
{
    assert(leaves->n_leaves > 0 && n_classes > 0);
    if (label != BB_NO_LABEL && label >= n_classes)
        return bb_fail(context, BB_ARGUMENT, "input %llu: label %u, expected 0 to %u",
                       (unsigned long long)index, (unsigned)label, (unsigned)(n_classes - 1));
    const bb_status status = check_logits(context, leaves, n_classes, index);
    if (status != BB_OK)
        return status;
    const distribution d = distribute(leaves, n_classes, scratch);
    average(mean, &d);
    const uint32_t top = argmax(mean, n_classes);
    const double winner = d.votes[argmax(d.votes, n_classes)];
    bb_prediction result = {
        .top_class = top,
        .label = label,
        .n_leaves = leaves->n_leaves,
        .probability = mean[top],
        .predictive_entropy = entropy(mean, n_classes),
        .variation_ratio = winner < d.total ? (d.total - winner) / d.total : 0.0,
        .log_likelihood = label == BB_NO_LABEL ? NAN : log_likelihood(&d, label),
        .squared_error = label == BB_NO_LABEL ? NAN : squared_error(mean, n_classes, label),
    };
    if (d.equal) {
        result.expected_entropy = result.predictive_entropy;
    } else {
        for (uint32_t c = 0; c < n_classes; c++)
            d.votes[c] = log(mean[c]); /* the votes have been counted */
        split_entropy(&result, &d, d.votes);
        result.top_class_std = spread(&d, top, mean[top]);
    }
    *out = result;
    return BB_OK;
}
