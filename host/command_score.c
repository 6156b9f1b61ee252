/* SPDX-License-Identifier: MIT */
/* `bitbayes score`: classes with uncertainty for a data set. */
#include "commands.h"
#include "score.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT(member) offsetof(score_options, member)
static const option_row rows[] = {
    {"data", 0, OPTION_TEXT, "FILE", AT(data),
     "inputs: IDX or .npy (plain or .gz) or CSV, first axis the inputs", 0, 0},
    {"labels", 0, OPTION_TEXT, "FILE", AT(labels), "class number per input, same formats", 0, 0},
    {"ood", 0, OPTION_TEXT, "FILE", AT(ood),
     "a second, out-of-distribution set: adds AUROC, AUPR and FPR95", 0, 0},
    {"samples", 'T', OPTION_TEXT, "N|exact", AT(samples),
     "passes per input, 1 to 65536, or every combination of draws with its probability; default 20",
     0, 0},
    {"seed", 0, OPTION_COUNT, "S", AT(seed), "seed of the draws; default 0", 0, 0},
    {"deterministic", 0, OPTION_FLAG, NULL, AT(deterministic),
     "one pass with every scale kept and masks off", 0, 0},
    {"no-deterministic", 0, OPTION_FLAG, NULL, AT(no_deterministic),
     "leave out the deterministic figures beside the sampled ones", 0, 0},
    {"drop-probability", 0, OPTION_NUMBER, "P", AT(drop_probability),
     "for every drop and mask site instead of the model's own", 0, 1},
    {"exact-limit", 0, OPTION_COUNT, "N", AT(exact_limit),
     "refuse `exact` above this many leaves; default 4096", 1, 4294967295.0},
    {"no-sharing", 0, OPTION_FLAG, NULL, AT(no_sharing),
     "run every pass by itself; the results are the same bits", 0, 0},
    {"device", 'd', OPTION_TEXT, "DEVICE", AT(device),
     "id, part of a name, or type; A+B splits the inputs; default: the first OpenCL device", 0, 0},
    {"batch", 0, OPTION_COUNT, "N", AT(batch), "inputs per run; default: what fits, up to 1024", 1,
     1048576},
    {"memory", 0, OPTION_BYTES, "BYTES", AT(memory),
     "device memory to use; default: a quarter of it, at most 256M", 0, 0},
    {"scale", 0, OPTION_NUMBER, "X", AT(scale), "input is (x * scale - mean) / std", -1e30, 1e30},
    {"mean", 0, OPTION_TEXT, "LIST", AT(mean), "one number, or one per channel", 0, 0},
    {"std", 0, OPTION_TEXT, "LIST", AT(std), "one number, or one per channel", 0, 0},
    {"limit", 0, OPTION_COUNT, "N", AT(limit), "only the first N inputs of each set", 1,
     4294967295.0},
    {"out", 0, OPTION_TEXT, "DIR", AT(out), "write scores.csv and summary.json there", 0, 0},
    {"format", 0, OPTION_TEXT, "csv|npy", AT(format), "of the scores; default csv", 0, 0},
    {"probabilities", 0, OPTION_FLAG, NULL, AT(probabilities),
     "add the mean probabilities to the scores", 0, 0},
    {"save-passes", 0, OPTION_FLAG, NULL, AT(save_passes),
     "write the logits of every pass to logits.npy", 0, 0},
    {"energy", 0, OPTION_TEXT, "auto|off|METER", AT(energy),
     "joules of the device beside those of the chip; METER: powercap, nvml, replay:FILE; default "
     "auto",
     0, 0},
    {"show", 0, OPTION_COUNT, "N", AT(show), "draw the N most uncertain inputs", 0, MAX_SHOWN},
    {"resamples", 0, OPTION_COUNT, "N", AT(resamples),
     "of the bootstrap behind the intervals; default 1000, 0 for none", 0, 1000000},
    {"variants", 0, OPTION_TEXT, "LIST", AT(variants), "only these kernel variants", 0, 0},
    {"popcount", 0, OPTION_TEXT, "PATH", AT(popcount), "force a popcount path: portable, avx2, x86", 0,
     0},
    {"image", 0, OPTION_TEXT, "FILE", AT(image), "offline program binary for the device", 0, 0},
    {"tune", 0, OPTION_TEXT, "MODE", AT(tune),
     "trial runs of kernels: off, cached, quick, full; default cached: what an earlier trial found",
     0, 0},
    {"cache", 0, OPTION_TEXT, "DIR", AT(cache), "folder of built kernels; '' for none", 0, 0},
    COMMON_OPTION_ROWS(score_options),
    {0},
};

const command_description score_description = {
    .name = "score",
    .operands = "MODEL",
    .summary = "classes with uncertainty for a data set, and a table about the set",
    .details =
        "Runs T Monte Carlo passes per input and prints figures of the data set with 95 % "
        "intervals, the deterministic network beside them. With --out the scores of every "
        "input go to scores.csv (entropies in nats) and the figures with their provenance to "
        "summary.json. Results do not depend on batch size or device.",
    .example = "bitbayes score models/digits-mlp-scale.onnx --data models/digits/test-images.npy "
               "--labels models/digits/test-labels.npy --out scores",
    .options = rows,
    .min_operands = 1,
    .max_operands = 1,
};

static bb_status wrong(bb_context *context, const char *text)
{
    return bb_fail(context, BB_ARGUMENT, "score: %s", text);
}

static bb_status choose_sampling(score_run *run)
{
    const score_options *const options = run->options;
    uint64_t samples = BB_DEFAULT_SAMPLES;
    bb_sampling *const sampling = &run->sampling;
    *sampling = bb_sampling_default();
    if (options->samples && strcmp(options->samples, "exact") == 0)
        sampling->mode = BB_SAMPLING_EXACT;
    else if (options->samples &&
             (!option_count(options->samples, &samples) || samples < 1 || samples > BB_MAX_SAMPLES))
        return bb_fail(run->context, BB_ARGUMENT,
                       "score: --samples: expected 1 to %u or 'exact', found '%s'", BB_MAX_SAMPLES,
                       options->samples);
    sampling->samples = (uint32_t)samples;
    if (options->deterministic)
        sampling->mode = BB_SAMPLING_DETERMINISTIC;
    sampling->seed = options->seed;
    sampling->exact_limit = options->exact_limit;
    sampling->drop_probability = options->drop_probability;
    sampling->no_sharing = options->no_sharing;
    return BB_OK;
}

static bb_status check_options(const score_run *run)
{
    const score_options *const o = run->options;
    if (!o->data)
        return wrong(run->context, "--data FILE is missing");
    if (o->deterministic && o->samples)
        return wrong(run->context, "--deterministic is one pass; leave out --samples");
    if (o->deterministic && o->drop_probability >= 0)
        return wrong(run->context, "--deterministic drops nothing; leave out --drop-probability");
    if (o->deterministic && o->no_deterministic)
        return wrong(run->context, "--deterministic and --no-deterministic contradict each other");
    if (o->deterministic && o->no_sharing)
        return wrong(run->context, "--deterministic is one pass; leave out --no-sharing");
    if (strcmp(o->format, "csv") != 0 && strcmp(o->format, "npy") != 0)
        return bb_fail(run->context, BB_ARGUMENT,
                       "score: --format: expected csv or npy, found '%s'", o->format);
    if (!o->out && (o->save_passes || o->probabilities))
        return wrong(run->context, "--save-passes and --probabilities need --out DIR");
    return energy_check_meter(run->context, o->energy);
}

/* ---- data sets ---- */

static bb_status open_set(score_run *run, score_set *set, const char *path, const char *labels)
{
    uint32_t shape[3];
    bb_graph_input_shape(run->net.graph, shape);
    set->path = path;
    bb_status status = bb_dataset_open(&set->data, run->context, path, shape);
    if (status == BB_OK)
        status = bb_dataset_hash(&set->hash, set->data);
    if (status != BB_OK)
        return status;
    const uint64_t all = bb_dataset_count(set->data), limit = run->options->limit;
    set->count = limit && limit < all ? limit : all;
    if (labels)
        status = bb_labels_read(&set->labels, run->context, labels, all,
                                bb_graph_class_count(run->net.graph));
    if (status == BB_OK)
        status = bb_summary_create(&set->sampled, run->context);
    if (status == BB_OK && run->with_plain)
        status = bb_summary_create(&set->plain, run->context);
    if (status == BB_OK && set->max_shown) {
        set->shown = bb_allocate(run->context, set->max_shown, sizeof(*set->shown));
        status = set->shown ? BB_OK : BB_MEMORY;
    }
    return status;
}

static void close_set(const score_run *run, score_set *set)
{
    score_files_free(&set->files);
    for (uint32_t i = 0; i < set->n_shown; i++)
        bb_release(run->context, set->shown[i].mean);
    bb_release(run->context, set->shown);
    bb_summary_free(set->sampled);
    bb_summary_free(set->plain);
    bb_labels_free(run->context, set->labels);
    bb_dataset_free(set->data);
}

static bb_status score_one(score_run *run, score_set *set, const char *prefix)
{
    bb_status status = score_prepare(run, bb_dataset_type(set->data));
    if (status == BB_OK && run->options->out)
        status = score_files_create(run, set, prefix);
    if (status == BB_OK)
        status = score_set_run(run, set);
    return status;
}

/* ---- the whole ---- */

typedef struct scoring {
    invocation call;
    score_run run;
    score_set set, ood;
    score_report report;
    double begun;
} scoring;

static bb_status load(scoring *s)
{
    score_run *const run = &s->run;
    const score_options *const o = run->options;
    const double begun = bb_seconds();
    bb_status status = bb_graph_load(&run->net.graph, run->context, run->model_path);
    if (status == BB_OK)
        status = preprocess_override(&run->preprocess, run->context, run->net.graph, o->scale,
                                     o->mean, o->std);
    s->set.max_shown = (uint32_t)o->show;
    if (status == BB_OK)
        status = open_set(run, &s->set, o->data, o->labels);
    if (status == BB_OK && o->ood)
        status = open_set(run, &s->ood, o->ood, NULL);
    if (status == BB_OK && o->out)
        status = score_make_folder(run);
    run->times.load += bb_seconds() - begun;
    return status;
}

/* Evaluations and leaves are those of the data set itself, without the second one. */
static bb_status count_work(scoring *s)
{
    score_run *const run = &s->run;
    score_report *const report = &s->report;
    const uint32_t stages = bb_plan_stage_count(run->net.plan);
    const double n = (double)s->set.count;
    report->run = run;
    report->set = &s->set;
    report->ood = s->ood.data ? &s->ood : NULL;
    report->leaves_per_input = (double)run->leaves / n;
    report->evaluations_per_input =
        bb_allocate(run->context, stages, sizeof(*report->evaluations_per_input));
    if (!report->evaluations_per_input)
        return BB_MEMORY;
    for (uint32_t i = 0; i < stages; i++)
        report->evaluations_per_input[i] = (double)run->evaluations[i] / n;
    return BB_OK;
}

static bb_status write_summary(scoring *s, const char *path)
{
    results out;
    bb_status status = results_open(&out, s->run.context, path);
    if (status == BB_OK)
        status = score_print_json(out.stream, &s->report);
    return results_close(&out, status);
}

/* Rename everything into place, summary.json last; an old one must not describe new scores. */
static bb_status commit(scoring *s)
{
    char *const path = score_path(&s->run, "", "summary.json");
    if (!path)
        return BB_MEMORY;
    unlink(path);
    const double begun = bb_seconds();
    bb_status status = score_files_commit(&s->set);
    if (status == BB_OK && s->ood.data)
        status = score_files_commit(&s->ood);
    s->run.times.write += bb_seconds() - begun;
    s->run.times.total = bb_seconds() - s->begun;
    if (status == BB_OK)
        status = write_summary(s, path);
    bb_release(s->run.context, path);
    return status;
}

static bb_status print(FILE *stream, void *payload)
{
    scoring *const s = payload;
    if (s->run.options->common.json)
        return score_print_json(stream, &s->report);
    score_print_table(stream, &s->report);
    return score_print_shown(stream, &s->run, &s->set);
}

static bb_status score(scoring *s)
{
    score_run *const run = &s->run;
    bb_status status = check_options(run);
    if (status == BB_OK)
        status = choose_sampling(run);
    run->with_plain = !run->options->no_deterministic && !run->options->deterministic;
    if (status == BB_OK)
        status = load(s);
    if (status == BB_OK)
        status = score_one(run, &s->set, "");
    if (status == BB_OK)
        status = count_work(s);
    if (status == BB_OK && s->ood.data)
        status = score_one(run, &s->ood, "ood-");
    if (status == BB_OK) /* the report speaks of the first set's plan */
        status = score_prepare(run, bb_dataset_type(s->set.data));
    if (status == BB_OK)
        status = score_measure(run, &s->report);
    if (status == BB_OK && interrupted())
        status = bb_fail(run->context, BB_INTERRUPTED, "interrupted; no result was written");
    if (status != BB_OK)
        return status;
    score_collect_times(run);
    status = score_energy(run, &s->report);
    run->times.total = bb_seconds() - s->begun;
    if (status == BB_OK && run->options->out)
        status = commit(s);
    if (status == BB_OK)
        status = invocation_print(&s->call, &run->options->common, print, s);
    if (status == BB_OK && run->options->out)
        say("\nwritten: %s/summary.json and scores.%s beside it", run->options->out,
            run->options->format);
    return status;
}

int command_score(int argc, char **argv)
{
    score_options options = {
        .format = "csv",
        .exact_limit = BB_DEFAULT_EXACT_LIMIT,
        .drop_probability = -1,
        .scale = (double)NAN,
        .resamples = 1000,
    };
    scoring *const s = calloc(1, sizeof(*s));
    if (!s)
        return bb_status_exit_code(BB_MEMORY);
    s->begun = bb_seconds();
    s->run.options = &options;
    if (!invocation_begin(&s->call, &score_description, argc, argv, &options, &options.common)) {
        const int code = s->call.exit_code;
        free(s);
        return code;
    }
    catch_signals();
    s->run.context = s->call.context;
    s->run.model_path = s->call.operands[0];
    const bb_status status = score(s);
    bb_release(s->run.context, s->report.evaluations_per_input);
    close_set(&s->run, &s->set);
    close_set(&s->run, &s->ood);
    score_run_free(&s->run);
    const int code = invocation_end(&s->call, status);
    free(s);
    return code;
}
