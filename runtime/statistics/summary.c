/* SPDX-License-Identifier: MIT */
/* Collects predictions of a data set; names of the figures made from them. */
#include "statistics/summary.h"

static const struct {
    const char *name, *definition;
} metrics[] = {
#define BB_METRIC_ROW(name, text, labels, second, definition) {text, definition},
    BB_METRIC_LIST(BB_METRIC_ROW)
#undef BB_METRIC_ROW
};

const char *bb_metric_name(bb_metric metric)
{
    return (size_t)metric < BB_COUNT_OF(metrics) ? metrics[metric].name : "?";
}

const char *bb_metric_definition(bb_metric metric)
{
    return (size_t)metric < BB_COUNT_OF(metrics) ? metrics[metric].definition : "?";
}

bb_status bb_summary_create(bb_summary **out, bb_context *context)
{
    *out = bb_allocate(context, 1, sizeof(**out));
    if (!*out)
        return BB_MEMORY;
    (*out)->context = context;
    return BB_OK;
}

void bb_summary_free(bb_summary *summary)
{
    if (!summary)
        return;
    bb_release(summary->context, summary->rows);
    bb_release(summary->context, summary);
}

uint64_t bb_summary_count(const bb_summary *summary)
{
    return summary->n_rows;
}

static bb_status make_room(bb_summary *summary)
{
    if (summary->n_rows < summary->capacity)
        return BB_OK;
    if (summary->n_rows >= UINT32_MAX)
        return bb_fail(summary->context, BB_INPUT, "more than 2^32 - 1 inputs in a data set");
    const size_t half = summary->capacity / 2 + 512;
    const size_t room = UINT32_MAX - summary->capacity;
    const size_t capacity = summary->capacity + (half < room ? half : room);
    bb_summary_row *rows =
        bb_resize(summary->context, summary->rows, capacity, sizeof(*rows));
    if (!rows)
        return BB_MEMORY;
    summary->rows = rows;
    summary->capacity = capacity;
    return BB_OK;
}

bb_status bb_summary_add(bb_summary *summary, const bb_prediction *prediction)
{
    const bool labelled = prediction->label != BB_NO_LABEL;
    if (summary->n_rows && labelled != summary->labelled)
        return bb_fail(summary->context, BB_ARGUMENT,
                       "input %zu: %s label, unlike the inputs before it", summary->n_rows,
                       labelled ? "with a" : "without");
    const bb_status status = make_room(summary);
    if (status != BB_OK)
        return status;
    summary->labelled = labelled;
    summary->rows[summary->n_rows++] = (bb_summary_row){
        .probability = prediction->probability,
        .predictive_entropy = prediction->predictive_entropy,
        .expected_entropy = prediction->expected_entropy,
        .mutual_information = prediction->mutual_information,
        .variation_ratio = prediction->variation_ratio,
        .log_likelihood = prediction->log_likelihood,
        .squared_error = prediction->squared_error,
        .n_leaves = prediction->n_leaves,
        .correct = labelled && prediction->top_class == prediction->label,
    };
    return BB_OK;
}
