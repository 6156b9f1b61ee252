/* SPDX-License-Identifier: MIT */
/* Writes one CSV row per input. */
#include "base/base.h"
#include "data/number.h"

#include <bitbayes/data.h>
#include <inttypes.h>

struct bb_scores {
    bb_context *context;
    bb_scores_options options;
    bb_file file;
    bb_text line;
    bb_status failure; /* the first one: a file with a hole must not be committed */
};

static bb_status flush_line(bb_scores *scores)
{
    bb_text_append(&scores->line, "\n");
    if (scores->line.failed)
        scores->failure = BB_MEMORY;
    else
        scores->failure = bb_file_write(&scores->file, scores->line.bytes, scores->line.length);
    scores->line.length = 0;
    return scores->failure;
}

static bb_status write_header(bb_scores *scores)
{
    bb_text_append(&scores->line,
                   "index,class,probability,predictive_entropy_nats,expected_entropy_nats,"
                   "mutual_information_nats,variation_ratio,top_class_std,distinct_leaves%s",
                   scores->options.labels ? ",label" : "");
    for (uint32_t c = 0; scores->options.probabilities && c < scores->options.n_classes; c++)
        bb_text_append(&scores->line, ",p_%" PRIu32, c);
    return flush_line(scores);
}

bb_status bb_scores_create(bb_scores **out, bb_context *context, const char *path,
                           const bb_scores_options *options)
{
    *out = NULL;
    bb_scores *scores = bb_allocate(context, 1, sizeof(*scores));
    if (!scores)
        return BB_MEMORY;
    scores->context = scores->line.context = context;
    scores->options = *options;
    bb_status status = bb_file_create(&scores->file, context, path);
    if (status == BB_OK)
        status = write_header(scores);
    if (status == BB_OK)
        *out = scores;
    else
        bb_scores_free(scores);
    return status;
}

static void append_number(bb_text *line, double value)
{
    char text[BB_NUMBER_SIZE];
    bb_text_append_bytes(line, ",", 1);
    bb_text_append_bytes(line, text, bb_number_print(text, value, 9));
}

bb_status bb_scores_add(bb_scores *scores, uint64_t index, const bb_prediction *prediction,
                        const double *mean)
{
    if (scores->failure != BB_OK)
        return scores->failure;
    bb_text *line = &scores->line;
    bb_text_append(line, "%" PRIu64 ",%" PRIu32, index, prediction->top_class);
    append_number(line, prediction->probability);
    append_number(line, prediction->predictive_entropy);
    append_number(line, prediction->expected_entropy);
    append_number(line, prediction->mutual_information);
    append_number(line, prediction->variation_ratio);
    append_number(line, prediction->top_class_std);
    bb_text_append(line, ",%" PRIu32, prediction->n_leaves);
    if (scores->options.labels && prediction->label == BB_NO_LABEL)
        bb_text_append(line, ",");
    else if (scores->options.labels)
        bb_text_append(line, ",%" PRIu32, prediction->label);
    for (uint32_t c = 0; scores->options.probabilities && c < scores->options.n_classes; c++)
        append_number(line, mean[c]);
    return flush_line(scores);
}

bb_status bb_scores_commit(bb_scores *scores)
{
    if (scores->failure != BB_OK) {
        bb_file_abandon(&scores->file);
        return scores->failure;
    }
    return bb_file_commit(&scores->file);
}

void bb_scores_free(bb_scores *scores)
{
    if (!scores)
        return;
    bb_file_abandon(&scores->file);
    bb_text_free(&scores->line);
    bb_release(scores->context, scores);
}
