/* SPDX-License-Identifier: MIT */
/* The files of `score --out DIR`. All are NAME.part until everything is there; summary.json comes
 * last, so that its presence says that the folder is whole. */
#include "score.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#define SCORE_COLUMNS 10 /* of scores.npy, as in the CSV with a label; then the probabilities */

char *score_path(const score_run *run, const char *prefix, const char *name)
{
    return bb_format(run->context, "%s/%s%s", run->options->out, prefix, name);
}

/* Like mkdir -p. */
bb_status score_make_folder(const score_run *run)
{
    char *const path = bb_copy_text(run->context, run->options->out);
    if (!path)
        return BB_MEMORY;
    bool made = true;
    for (char *c = path + 1; made && *c; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        made = mkdir(path, 0777) == 0 || errno == EEXIST;
        *c = '/';
    }
    made = made && (mkdir(path, 0777) == 0 || errno == EEXIST);
    struct stat status;
    const bool folder = made && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    bb_release(run->context, path);
    return folder ? BB_OK
                  : bb_fail(run->context, BB_OUTPUT, "%s: cannot make this folder: %s",
                            run->options->out, strerror(made ? ENOTDIR : errno));
}

static bb_status create_array(bb_array **out, const score_run *run, const char *prefix,
                              const char *name, bb_array_type type, uint32_t n_axes,
                              const uint64_t *shape)
{
    char *const path = score_path(run, prefix, name);
    const bb_status status =
        path ? bb_array_create(out, run->context, path, type, n_axes, shape) : BB_MEMORY;
    bb_release(run->context, path);
    return status;
}

static bb_status create_csv(const score_run *run, score_set *set, const char *prefix)
{
    const bb_scores_options options = {
        .n_classes = bb_plan_class_count(run->net.plan),
        .labels = set->labels != NULL,
        .probabilities = run->options->probabilities,
    };
    char *const path = score_path(run, prefix, "scores.csv");
    const bb_status status =
        path ? bb_scores_create(&set->files.csv, run->context, path, &options) : BB_MEMORY;
    bb_release(run->context, path);
    return status;
}

static bb_status create_logits(const score_run *run, score_set *set, const char *prefix)
{
    const uint64_t passes = plan_passes(run->net.plan, &run->sampling);
    const uint64_t shape[] = {set->count, passes, bb_plan_class_count(run->net.plan)};
    bb_status status =
        create_array(&set->files.logits, run, prefix, "logits.npy", BB_ARRAY_F32, 3, shape);
    if (status == BB_OK && run->sampling.mode == BB_SAMPLING_EXACT)
        status =
            create_array(&set->files.weights, run, prefix, "weights.npy", BB_ARRAY_F64, 1, &passes);
    return status;
}

bb_status score_files_create(score_run *run, score_set *set, const char *prefix)
{
    const uint64_t classes = run->options->probabilities ? bb_plan_class_count(run->net.plan) : 0;
    const uint64_t shape[] = {set->count, SCORE_COLUMNS + classes};
    const bool npy = strcmp(run->options->format, "npy") == 0;
    bb_status status =
        npy ? create_array(&set->files.npy, run, prefix, "scores.npy", BB_ARRAY_F64, 2, shape)
            : create_csv(run, set, prefix);
    if (status == BB_OK && run->options->save_passes)
        status = create_logits(run, set, prefix);
    return status;
}

static bb_status add_npy_row(bb_array *array, uint64_t index, const bb_prediction *p,
                             const double *mean, size_t classes)
{
    const double row[SCORE_COLUMNS] = {
        (double)index,       p->top_class,
        p->probability,      p->predictive_entropy,
        p->expected_entropy, p->mutual_information,
        p->variation_ratio,  p->top_class_std,
        p->n_leaves,         p->label == BB_NO_LABEL ? (double)NAN : p->label,
    };
    bb_status status = bb_array_add(array, row, SCORE_COLUMNS);
    if (status == BB_OK && classes)
        status = bb_array_add(array, mean, classes);
    return status;
}

bb_status score_files_add(score_run *run, score_set *set, const score_block *block)
{
    score_files *const files = &set->files;
    const size_t classes = bb_plan_class_count(run->net.plan);
    bb_status status = BB_OK;
    for (uint32_t i = 0; status == BB_OK && i < block->n; i++) {
        const uint64_t index = block->first + i;
        const double *const mean = block->mean + i * classes;
        if (files->csv)
            status = bb_scores_add(files->csv, index, &block->sampled[i], mean);
        if (status == BB_OK && files->npy)
            status = add_npy_row(files->npy, index, &block->sampled[i], mean,
                                 run->options->probabilities ? classes : 0);
    }
    if (status == BB_OK && files->logits)
        status = bb_array_add(files->logits, block->logits, block->n * classes * block->n_passes);
    if (status == BB_OK && files->weights && !files->has_weights) {
        status = bb_array_add(files->weights, block->weights, block->n_passes);
        files->has_weights = true;
    }
    return status;
}

bb_status score_files_commit(score_set *set)
{
    score_files *const files = &set->files;
    bb_status status = BB_OK;
    if (files->csv)
        status = bb_scores_commit(files->csv);
    if (status == BB_OK && files->npy)
        status = bb_array_commit(files->npy);
    if (status == BB_OK && files->weights)
        status = bb_array_commit(files->weights);
    if (status == BB_OK && files->logits)
        status = bb_array_commit(files->logits);
    return status;
}

void score_files_free(score_files *files)
{
    bb_scores_free(files->csv);
    bb_array_free(files->npy);
    bb_array_free(files->logits);
    bb_array_free(files->weights);
    *files = (score_files){0};
}
