/* SPDX-License-Identifier: MIT */
/*
 * `bitbayes score` in parts. command_score.c reads options and sets things up; score_run.c runs the
 * inputs over the devices and hands blocks of predictions on in input order; score_files.c writes
 * them; score_energy.c measures; score_summary.c makes the table and summary.json; score_show.c
 * draws inputs.
 */
#ifndef BITBAYES_HOST_SCORE_H
#define BITBAYES_HOST_SCORE_H

#include "energy.h"
#include "invocation.h"

#include <bitbayes/data.h>
#include <pthread.h>

#define MAX_SHOWN 100

typedef struct score_options {
    common_options common;
    const char *data, *labels, *ood, *samples, *device, *out, *format;
    const char *mean, *std, *variants, *popcount, *image, *cache, *tune, *energy;
    uint64_t seed, batch, exact_limit, memory, limit, show, resamples;
    double drop_probability, scale;
    bool no_sharing, deterministic, no_deterministic, save_passes, probabilities;
} score_options;

/* Seconds spent, summed over devices, but for the last three: by the clock, inputs on their way
 * through the devices, energy, and the whole command. */
typedef struct score_times {
    double load, compile, draw, transfer, compute, reduce, write, run, energy, total;
} score_times;

/* Files in the making for one data set; members that are not asked for are NULL. */
typedef struct score_files {
    bb_scores *csv;
    bb_array *npy, *logits, *weights;
    bool has_weights;
} score_files;

/* One of the most uncertain inputs. */
typedef struct shown_input {
    uint64_t index;
    bb_prediction prediction;
    double *mean;
} shown_input;

/* A data set on its way through the engines. */
typedef struct score_set {
    const char *path;
    bb_dataset *data;
    uint32_t *labels; /* NULL without labels */
    uint64_t count, hash;
    uint64_t done; /* inputs handed on so far */
    bb_summary *sampled;
    bb_summary *plain; /* the deterministic network on the same inputs, or NULL */
    score_files files;
    shown_input *shown; /* [n_shown], largest predictive entropy first */
    uint32_t n_shown, max_shown;
} score_set;

/* What a block of inputs gave, on its way from a lane to the files. */
typedef struct score_block {
    uint64_t first;
    uint32_t n;
    bool ready;
    bb_prediction *sampled, *plain;
    double *mean;    /* [n][classes] */
    float *logits;   /* [n][passes][classes], with --save-passes */
    double *weights; /* [passes] of the first input, for EXACT with --save-passes */
    uint32_t n_passes;
} score_block;

struct score_run;

/* A device with a context and a thread of its own. */
typedef struct score_lane {
    struct score_run *run;
    bb_context *context;
    bb_engine *engine;
    char *device;
    uint32_t batch;
    uint64_t *evaluations; /* [stages], of sampled runs only */
    uint64_t leaves;
    double reduce_seconds;
    bb_status status;
} score_lane;

#define SCORE_RING 64

typedef struct score_run {
    bb_context
        *context; /* of data sets, summaries and files; used under the lock while lanes run */
    const score_options *options;
    const char *model_path;
    network net;
    bb_fold_options fold;
    bb_preprocess preprocess; /* from the command line; n == 0: the model's own */
    bool folded;
    bb_sampling sampling;
    bool with_plain; /* the deterministic network runs beside the sampled one */
    score_lane lanes[MAX_DEVICES];
    uint32_t n_lanes;
    char *device_ids, *device_names, *drivers; /* joined by '+' */
    uint64_t *evaluations;                     /* [stages] of the data set at hand */
    uint64_t leaves;
    score_times times;
    bool collected; /* the engines' times are in `times` already */
    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t turn;
    score_set *set;
    score_block ring[SCORE_RING];
    uint64_t next_ticket, next_block, next_input;
    bool stop;
    bb_status status;
} score_run;

/* Fold for this type of data and open the engines; keeps what fits already. */
bb_status score_prepare(score_run *run, bb_data_type type);

/* Run all inputs of a set. */
bb_status score_set_run(score_run *run, score_set *set);

/* Add the times of the engines at hand, once, when they have run for the last time. */
void score_collect_times(score_run *run);

void score_run_free(score_run *run);

/* score_files.c */
bb_status score_files_create(score_run *run, score_set *set, const char *prefix);
bb_status score_files_add(score_run *run, score_set *set, const score_block *block);
bb_status score_files_commit(score_set *set);
void score_files_free(score_files *files);
char *score_path(const score_run *run, const char *prefix, const char *name);
bb_status score_make_folder(const score_run *run);

/* score_summary.c */
typedef struct score_figures {
    bb_estimate sampled[BB_METRIC_COUNT], plain[BB_METRIC_COUNT], difference[BB_METRIC_COUNT];
} score_figures;

typedef struct score_report {
    const score_run *run;
    const score_set *set, *ood; /* ood NULL: none */
    score_figures figures;
    double *evaluations_per_input; /* [stages] */
    double leaves_per_input;
    bb_energy_comparison energy; /* `caveat` NULL: none */
} score_report;

bb_status score_measure(score_run *run, score_report *report);
void score_print_table(FILE *stream, const score_report *report);
bb_status score_print_json(FILE *stream, const score_report *report);

/* score_energy.c. After score_collect_times(): the engine runs more. */
bb_status score_energy(score_run *run, score_report *report);

/* score_show.c */
bb_status score_keep_shown(score_run *run, score_set *set, const score_block *block);
bb_status score_print_shown(FILE *stream, score_run *run, score_set *set);

/* preprocess.c */
bb_status preprocess_override(bb_preprocess *out, bb_context *context, const bb_graph *graph,
                              double scale, const char *mean, const char *std);
void preprocess_free(bb_preprocess *preprocess, bb_context *context);

#endif
