/* SPDX-License-Identifier: MIT */
/* Trial runs of the candidates for a stage. */
#include "opencl/tune.h"

#include "opencl/cache.h"
#include "opencl/source.h"
#include "opencl/trial.h"
#include "reference/sample.h"

#include <stdlib.h>
#include <string.h>

enum { PAIRS = 5, MAX_CANDIDATES = 128, MAX_REPEATS = 16 };

#define QUICK_SECONDS 2.0     /* of all quick trials of a backend */
#define SAMPLE_SECONDS 0.5e-3 /* of what is timed at least: short calls are repeated */
#define CALL_OPERATIONS 4e9   /* of a call, within these entries */
#define FEWEST_ENTRIES 16
#define MOST_ENTRIES 256
#define HOPELESS 2.0        /* times as slow as the best on the first look: not timed */
#define WORTH_CHANGING 0.98 /* of the time of the best so far */

static const char *const mode_names[] = {
    [BB_TUNE_OFF] = "off",
    [BB_TUNE_CACHED] = "cached",
    [BB_TUNE_QUICK] = "quick",
    [BB_TUNE_FULL] = "full",
};

bb_status bb_tune_parse(bb_tune_mode *out, bb_context *context, const char *text)
{
    *out = BB_TUNE_CACHED;
    if (!text)
        return BB_OK;
    for (size_t i = 0; i < BB_COUNT_OF(mode_names); i++)
        if (strcmp(text, mode_names[i]) == 0) {
            *out = (bb_tune_mode)i;
            return BB_OK;
        }
    return bb_fail(context, BB_ARGUMENT,
                   "trial runs '%s': unknown; there are off, cached, quick and full", text);
}

/* The candidates of a stage, that of the rules first. */
typedef struct candidates {
    bb_choice list[MAX_CANDIDATES];
    uint32_t n;
} candidates;

static void add(candidates *all, bb_choice choice)
{
    const bb_choice *first = &all->list[0];
    if (all->n && first->variant == choice.variant && first->set == choice.set &&
        first->launch == choice.launch)
        return;
    if (all->n < MAX_CANDIDATES)
        all->list[all->n++] = choice;
}

/* Quick trials leave out what the device is not made for, and all launches but the first. */
static void collect(candidates *all, const bb_cl_shared *shared, const bb_stage *stage,
                    const bb_choice *rule, bool quick)
{
    const uint32_t prefers_at_least = quick ? rule->variant->prefers : 0;
    add(all, *rule);
    for (size_t i = bb_n_variants; i-- > 0;) {
        const bb_variant *variant = &bb_variants[i];
        const char *why_not;
        bb_choice named;
        bool any = true;
        if (!bb_variant_serves(variant, &stage->descriptor, shared->capabilities, &why_not) ||
            (shared->variants && !bb_variant_named(shared->variants, variant, &named, &any)))
            continue;
        if (quick &&
            ((variant->prefers & ~shared->capabilities) || (prefers_at_least && !variant->prefers)))
            continue;
        const uint32_t n_launches = quick ? 1 : bb_variant_launches(variant);
        for (uint32_t launch = 0; launch < n_launches; launch++)
            for (uint32_t set = 0; set < bb_variant_sets(variant); set++)
                add(all, (bb_choice){variant, set, launch});
    }
}

/* ---- what is kept ---- */

/* "KERNEL; OPTIONS; launch N; " */
static char *text_of(bb_context *context, const bb_choice *choice)
{
    char *options = bb_choice_options(context, choice);
    char *text = options ? bb_format(context, "%s; %s; launch %u; ", choice->variant->kernel,
                                     options, (unsigned)choice->launch)
                         : NULL;
    bb_release(context, options);
    return text;
}

static bb_status hash_sources(uint64_t *out, bb_context *context, const candidates *all)
{
    const char *last = NULL;
    bb_text text = {.context = context};
    bb_status status = BB_OK;
    for (uint32_t i = 0; i < all->n && status == BB_OK; i++) {
        if (all->list[i].variant->files != last)
            status = bb_kernel_source(&text, all->list[i].variant->files);
        last = all->list[i].variant->files;
    }
    if (status == BB_OK && text.failed)
        status = BB_MEMORY;
    *out = status == BB_OK ? bb_hash(text.bytes, text.length) : 0;
    bb_text_free(&text);
    return status;
}

static bb_status make_key(char **out, const bb_cl_shared *shared, const bb_stage *stage,
                          const candidates *all)
{
    bb_context *context = shared->target.context;
    const uint32_t *words = (const uint32_t *)(const void *)&stage->descriptor;
    uint64_t sources;
    const bb_status status = hash_sources(&sources, context, all);
    *out = NULL;
    if (status != BB_OK)
        return status;
    bb_text key = {.context = context};
    bb_text_append(&key, "bitbayes %s trial; %s; popcount %s; variants %s; sources %016llx; stage",
                   bb_version(), shared->target.identity, bb_paths[shared->path].name,
                   shared->variants ? shared->variants : "all", (unsigned long long)sources);
    for (size_t i = 0; i < sizeof(stage->descriptor) / sizeof(*words); i++)
        bb_text_append(&key, " %u", (unsigned)words[i]);
    if (key.failed) {
        bb_text_free(&key);
        return BB_MEMORY;
    }
    *out = key.bytes;
    return BB_OK;
}

/* Words of a stored result behind the choice: "quick trial of 4". */
static bool good_enough(const char *found_by, bb_tune_mode mode)
{
    return mode != BB_TUNE_FULL || strncmp(found_by, "full", strlen("full")) == 0;
}

static bb_status load(bb_choice *out, bool *found, char why[BB_TUNE_TEXT],
                      const bb_cl_shared *shared, const char *key, const candidates *full)
{
    bb_context *context = shared->target.context;
    uint8_t *bytes = NULL;
    size_t length = 0;
    bb_status status = BB_OK;
    if (!bb_cache_load(context, shared->target.cache, key, &bytes, &length))
        return BB_OK;
    for (uint32_t i = 0; i < full->n && !*found && status == BB_OK; i++) {
        char *text = text_of(context, &full->list[i]);
        status = text ? BB_OK : BB_MEMORY;
        const size_t n = text ? strlen(text) : 0;
        char by[BB_TUNE_TEXT];
        if (text && n < length && memcmp(bytes, text, n) == 0) {
            snprintf(by, sizeof(by), "%.*s", (int)(length - n), (const char *)bytes + n);
            *found = good_enough(by, shared->tune);
            *out = full->list[i];
            snprintf(why, BB_TUNE_TEXT, "cached %.80s", by);
        }
        bb_release(context, text);
    }
    bb_release(context, bytes);
    return status;
}

static bb_status store(const bb_cl_shared *shared, const char *key, const bb_choice *choice,
                       const char *found_by)
{
    bb_context *context = shared->target.context;
    char *text = text_of(context, choice);
    char *whole = text ? bb_format(context, "%s%s", text, found_by) : NULL;
    bb_release(context, text);
    if (!whole)
        return BB_MEMORY;
    bb_cache_store(context, shared->target.cache, key, whole, strlen(whole));
    bb_release(context, whole);
    return BB_OK;
}

/* ---- trials ---- */

typedef struct contest {
    bb_cl_shared *shared;
    bb_sample sample;
    uint64_t *output;
    bb_trial *best;
    bb_choice choice;
    double seconds;      /* of a call of the best, by its last look */
    double against_rule; /* time of the best / time of the rules' choice */
    uint32_t n_tried;
} contest;

static bb_status begin(contest *c, bb_cl_shared *shared, const bb_stage *stage)
{
    const double n = CALL_OPERATIONS / bb_stage_operations(&stage->descriptor);
    const uint32_t n_entries = n < FEWEST_ENTRIES ? FEWEST_ENTRIES
                               : n > MOST_ENTRIES ? MOST_ENTRIES
                                                  : (uint32_t)n;
    *c = (contest){.shared = shared, .against_rule = 1};
    bb_status status =
        bb_sample_create(&c->sample, shared->target.context, stage, n_entries, true, 1);
    if (status != BB_OK)
        return status;
    c->output = bb_allocate(shared->target.context, c->sample.work.n_outputs,
                            stage->descriptor.out_stride * sizeof(*c->output));
    return c->output ? BB_OK : BB_MEMORY;
}

static void end(contest *c)
{
    bb_trial_free(c->best);
    if (c->sample.context)
        bb_release(c->sample.context, c->output);
    bb_sample_free(&c->sample);
}

/* One distinct input alone takes longer than the best takes for all. */
static bb_status is_hopeless(const contest *c, bb_trial *trial, bool *hopeless)
{
    double seconds = 0, wall;
    *hopeless = false;
    if (!c->best)
        return BB_OK;
    bb_trial_shorten(trial, 1);
    const bb_status status = bb_trial_run(trial, 1, &seconds, &wall);
    bb_trial_shorten(trial, c->sample.n_entries);
    *hopeless = seconds > HOPELESS * c->seconds;
    return status;
}

/* Run once, compare, and run again for a first look at the time. */
static bb_status look(contest *c, bb_trial *trial, double *seconds)
{
    double wall;
    bb_status status = bb_trial_run(trial, 1, seconds, &wall);
    if (status == BB_OK)
        status = bb_trial_read(trial, c->output, NULL);
    if (status == BB_OK)
        status =
            bb_sample_compare(&c->sample, c->output, c->shared->target.id, bb_trial_variant(trial));
    if (status == BB_OK)
        status = bb_trial_run(trial, 1, seconds, &wall);
    return status;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median over pairs of runs of the challenger's time / the best one's. */
static bb_status compare(const contest *c, bb_trial *challenger, double *ratio)
{
    double ratios[PAIRS], best, other, wall;
    const double wanted = c->seconds > 0 ? SAMPLE_SECONDS / c->seconds : 1;
    const uint32_t repeats = wanted < 1 ? 1 : wanted > MAX_REPEATS ? MAX_REPEATS : (uint32_t)wanted;
    bb_status status = BB_OK;
    for (int i = 0; i < PAIRS && status == BB_OK; i++) {
        status = bb_trial_run(c->best, repeats, &best, &wall);
        if (status == BB_OK)
            status = bb_trial_run(challenger, repeats, &other, &wall);
        ratios[i] = status == BB_OK && best > 0 ? other / best : 1;
    }
    qsort(ratios, PAIRS, sizeof(*ratios), by_size);
    *ratio = ratios[PAIRS / 2];
    return status;
}

static bb_status challenge(contest *c, const bb_choice *choice)
{
    bb_trial *trial = NULL;
    double seconds = 0, ratio = 0;
    bool hopeless = false;
    bb_status status =
        bb_trial_create_choice(&trial, c->shared, c->sample.stage, choice, &c->sample.work,
                               c->sample.inputs, c->sample.second, c->sample.n_entries);
    if (status == BB_OK)
        status = is_hopeless(c, trial, &hopeless);
    if (status == BB_OK && !hopeless)
        status = look(c, trial, &seconds);
    c->n_tried += status == BB_OK;
    if (status == BB_OK && c->best)
        ratio = hopeless ? HOPELESS : seconds / c->seconds;
    if (status == BB_OK && c->best && ratio < HOPELESS)
        status = compare(c, trial, &ratio);
    if (status == BB_OK && (!c->best || ratio < WORTH_CHANGING)) {
        bb_trial_free(c->best);
        c->against_rule *= c->best ? ratio : 1;
        c->best = trial;
        c->choice = *choice;
        c->seconds = seconds;
        return BB_OK;
    }
    bb_trial_free(trial);
    return status;
}

/* A candidate that fails is out, and the user hears of it; lack of memory and the user end the
 * trials. */
static bb_status run(contest *c, const candidates *all, bool quick, bool *complete)
{
    bb_cl_shared *shared = c->shared;
    bb_context *context = shared->target.context;
    *complete = true;
    for (uint32_t i = 0; i < all->n; i++) {
        if (quick && c->best && bb_seconds() > shared->tune_until) {
            *complete = false;
            return BB_OK;
        }
        if (bb_check_interrupted(context) != BB_OK)
            return BB_INTERRUPTED;
        const bb_status status = challenge(c, &all->list[i]);
        if (status == BB_MEMORY)
            return status;
        if (status != BB_OK && status != BB_UNSUPPORTED)
            bb_note(context, "trial: %s; not used", bb_context_error(context));
    }
    if (c->best)
        return BB_OK;
    return bb_fail(context, BB_CHECK,
                   "device %s: none of %u kernels for a stage equals the reference",
                   shared->target.id, all->n);
}

static bb_status try_all(bb_choice *out, char why[BB_TUNE_TEXT], bb_cl_shared *shared,
                         const bb_stage *stage, const candidates *all, const char *key)
{
    const bool quick = shared->tune == BB_TUNE_QUICK;
    bool complete = false;
    contest c;
    bb_status status = begin(&c, shared, stage);
    if (status == BB_OK)
        status = run(&c, all, quick, &complete);
    if (status == BB_OK) {
        *out = c.choice;
        snprintf(why, BB_TUNE_TEXT, "%s trial of %u%s, %.2f of the rule's time",
                 mode_names[shared->tune], c.n_tried, complete ? "" : ", cut short",
                 c.against_rule);
        if (complete)
            status = store(shared, key, out, why);
    }
    end(&c);
    return status;
}

bb_status bb_tune_stage(bb_choice *out, bool *found, char why[BB_TUNE_TEXT], bb_cl_shared *shared,
                        const bb_stage *stage, const bb_choice *rule)
{
    candidates full = {.n = 0}, few = {.n = 0};
    char *key = NULL;
    *found = false;
    if (shared->tune == BB_TUNE_OFF)
        return BB_OK;
    const bool quick = shared->tune == BB_TUNE_QUICK;
    collect(&full, shared, stage, rule, false);
    collect(&few, shared, stage, rule, true);
    bb_status status = make_key(&key, shared, stage, &full);
    if (status == BB_OK)
        status = load(out, found, why, shared, key, &full);
    const bool may_try = shared->tune == BB_TUNE_QUICK || shared->tune == BB_TUNE_FULL;
    if (quick && shared->tune_until == 0)
        shared->tune_until = bb_seconds() + QUICK_SECONDS;
    if (status == BB_OK && !*found && may_try && !(quick && bb_seconds() > shared->tune_until)) {
        status = try_all(out, why, shared, stage, quick ? &few : &full, key);
        *found = status == BB_OK;
    }
    bb_release(shared->target.context, key);
    return status;
}
