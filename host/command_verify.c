/* SPDX-License-Identifier: MIT */
/* `bitbayes verify`: a device against the reference, and both against recorded logits. */
#include "check_set.h"
#include "commands.h"
#include "fields.h"

#include <bitbayes/engine.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* Recorded logits come from the training framework, which sums and rounds in another order. */
#define DEFAULT_TOLERANCE 1e-3
#define TIES_WORTH_A_WARNING 0.001

typedef struct verify_options {
    common_options common;
    const char *device, *inputs, *draws, *expect, *variants, *popcount, *image, *cache, *tune;
    uint64_t samples, seed, limit, memory;
    double tolerance;
} verify_options;

#define AT(member) offsetof(verify_options, member)
static const option_row rows[] = {
    {"device", 'd', OPTION_TEXT, "DEVICE", AT(device),
     "device to check, or several as A+B; default: the first OpenCL device", 0, 0},
    {"inputs", 0, OPTION_TEXT, "FILE", AT(inputs),
     "inputs; default: NAME.check/inputs.npy beside the model", 0, 0},
    {"draws", 0, OPTION_TEXT, "FILE", AT(draws),
     "recorded draws [n, T, bytes]; default: the check set's, unless --inputs is given", 0, 0},
    {"expect", 0, OPTION_TEXT, "FILE", AT(expect),
     "expected logits [n, T, classes]; default: the check set's, unless --inputs is given", 0, 0},
    {"tolerance", 0, OPTION_NUMBER, "X", AT(tolerance),
     "largest absolute difference to expected logits; default 0.001", 0, 1e9},
    {"samples", 'T', OPTION_COUNT, "N", AT(samples),
     "passes where no draws are recorded; default 20", 1, BB_MAX_SAMPLES},
    {"seed", 0, OPTION_COUNT, "S", AT(seed), "seed of those passes; default 0", 0, 0},
    {"limit", 0, OPTION_COUNT, "N", AT(limit), "only the first N inputs", 1, 4294967295.0},
    {"memory", 0, OPTION_BYTES, "BYTES", AT(memory),
     "device memory to use; default: a quarter of it, at most 256M", 0, 0},
    {"variants", 0, OPTION_TEXT, "LIST", AT(variants), "only these kernel variants", 0, 0},
    {"popcount", 0, OPTION_TEXT, "PATH", AT(popcount), "force a popcount path: portable, avx2, x86", 0,
     0},
    {"image", 0, OPTION_TEXT, "FILE", AT(image), "offline program binary for the device", 0, 0},
    {"tune", 0, OPTION_TEXT, "MODE", AT(tune),
     "trial runs of kernels: off, cached, quick, full; default cached: what an earlier trial found",
     0, 0},
    {"cache", 0, OPTION_TEXT, "DIR", AT(cache), "folder of built kernels; '' for none", 0, 0},
    COMMON_OPTION_ROWS(verify_options),
    {0},
};

const command_description verify_description = {
    .name = "verify",
    .operands = "MODEL",
    .summary = "compare a device with the reference, bit for bit, and with recorded logits",
    .details =
        "Replays the check set that lies beside the model (NAME.check/inputs.npy, draws.npy, "
        "logits.npy): every stage must equal the plain C reference bit for bit, the logits "
        "the recorded ones within the tolerance. With --inputs alone only device and "
        "reference are compared. Exit code 1 when something differs; the first place is "
        "named.",
    .example = "bitbayes verify models/digits-mlp-scale.onnx -d cpu",
    .options = rows,
    .min_operands = 1,
    .max_operands = 1,
};

typedef struct verification {
    const verify_options *options;
    const char *model;
    bb_context *context;
    network net;
    check_set set;
    bb_sampling sampling;
    char *devices[MAX_DEVICES]; /* NULL: the default */
    bb_verify_report reports[MAX_DEVICES];
    uint32_t n_devices;
} verification;

/* The path given, or the check set's file; NULL without either. The caller owns it. */
static bb_status find_file(char **out, const verification *v, const char *given, const char *file)
{
    *out = given ? bb_copy_text(v->context, given) : check_set_path(v->context, v->model, file);
    if (!*out)
        return BB_MEMORY;
    if (!given && access(*out, F_OK) != 0) {
        bb_release(v->context, *out);
        *out = NULL;
    }
    return BB_OK;
}

static bb_status load_recorded(verification *v)
{
    const verify_options *const options = v->options;
    char *draws = NULL, *expected = NULL;
    bb_status status = BB_OK;
    if (options->draws || !options->inputs)
        status = find_file(&draws, v, options->draws, "draws.npy");
    if (status == BB_OK && (options->expect || !options->inputs))
        status = find_file(&expected, v, options->expect, "logits.npy");
    if (status == BB_OK)
        status = check_set_recorded(&v->set, v->net.plan, draws, expected);
    bb_release(v->context, draws);
    bb_release(v->context, expected);
    return status;
}

static bb_status load_inputs(verification *v)
{
    char *path;
    bb_status status = find_file(&path, v, v->options->inputs, "inputs.npy");
    if (status == BB_OK && !path)
        status = bb_fail(v->context, BB_ARGUMENT,
                         "%s: no check set beside the model; give --inputs FILE", v->model);
    if (status == BB_OK)
        status = check_set_inputs(&v->set, v->context, v->net.graph, path, v->options->limit);
    bb_release(v->context, path);
    return status;
}

static bb_status choose_sampling(verification *v)
{
    v->sampling = bb_sampling_default();
    v->sampling.samples = (uint32_t)v->options->samples;
    v->sampling.seed = v->options->seed;
    if (v->set.rows) {
        v->sampling.mode = BB_SAMPLING_REPLAYED;
        v->sampling.samples = v->set.samples;
        v->sampling.rows = v->set.rows;
    } else if (v->set.expected && bb_plan_site_count(v->net.plan) == 0) {
        v->sampling.samples = v->set.samples;
    } else if (v->set.expected) {
        if (v->set.samples != 1)
            return bb_fail(v->context, BB_ARGUMENT,
                           "verify: %u expected passes without their draws; give --draws FILE",
                           v->set.samples);
        v->sampling.mode = BB_SAMPLING_DETERMINISTIC;
    }
    return BB_OK;
}

static bb_status verify_device(verification *v, uint32_t i)
{
    const verify_options *const options = v->options;
    const bb_engine_options engine = {
        .device = v->devices[i],
        .memory_bytes = options->memory,
        .backend = {options->variants, options->popcount, options->image, options->cache,
                    options->tune},
    };
    return bb_verify(&v->reports[i], v->context, v->net.plan, &engine, v->set.inputs, v->set.n,
                     &v->sampling, v->set.expected, options->tolerance);
}

static bool passed(const bb_verify_report *report)
{
    return report->stages_equal && report->logits_within;
}

static void print_report(FILE *stream, const verification *v, uint32_t i)
{
    const bb_verify_report *const report = &v->reports[i];
    const char *const device = v->devices[i] ? v->devices[i] : "default device";
    fprintf(stream, "%s on %s: %u inputs x %u passes, %u stages\n", v->model, device,
            report->n_inputs, report->n_passes, report->n_stages);
    fprintf(stream, "  stages   %s\n",
            report->stages_equal ? "equal the reference bit for bit" : "DIFFER from the reference");
    if (v->set.expected)
        fprintf(stream, "  logits   %s the recorded ones by at most %.3g (tolerance %.3g)\n",
                report->logits_within ? "differ from" : "DIFFER from", report->largest_difference,
                v->options->tolerance);
    else
        fputs("  logits   nothing recorded to compare with\n", stream);
    if (report->tie_candidates)
        fprintf(stream,
                "  ties     %" PRIu64 " of %" PRIu64 " values before a Sign are exactly 0\n",
                report->ties, report->tie_candidates);
    if (report->first_difference[0])
        fprintf(stream, "  first    %s\n", report->first_difference);
    fprintf(stream, "  %s\n", passed(report) ? "passed" : "FAILED");
}

static void add_report(bb_json *json, const verification *v, uint32_t i)
{
    const bb_verify_report *const report = &v->reports[i];
    bb_json_begin_object(json);
    field_string(json, "device", v->devices[i]);
    field_bool(json, "passed", passed(report));
    field_count(json, "inputs", report->n_inputs);
    field_count(json, "passes", report->n_passes);
    field_count(json, "stages", report->n_stages);
    field_bool(json, "stages_equal", report->stages_equal);
    field_bool(json, "logits_expected", v->set.expected != NULL);
    field_bool(json, "logits_within", report->logits_within);
    field_number(json, "largest_difference", report->largest_difference);
    field_number(json, "tolerance", v->options->tolerance);
    field_count(json, "ties", report->ties);
    field_count(json, "tie_candidates", report->tie_candidates);
    field_string(json, "first_difference", report->first_difference);
    bb_json_end(json);
}

static bb_status print(FILE *stream, void *payload)
{
    verification *const v = payload;
    if (!v->options->common.json) {
        for (uint32_t i = 0; i < v->n_devices; i++)
            print_report(stream, v, i);
        return BB_OK;
    }
    bb_text text;
    bb_json json;
    json_begin(&json, &text, v->context);
    field_string(&json, "model", v->model);
    field_hash(&json, "model_hash", bb_graph_hash(v->net.graph));
    field_array(&json, "devices");
    for (uint32_t i = 0; i < v->n_devices; i++)
        add_report(&json, v, i);
    bb_json_end(&json);
    return json_finish(&json, stream);
}

static bb_status run(verification *v)
{
    bb_status status = bb_graph_load(&v->net.graph, v->context, v->model);
    if (status == BB_OK)
        status = load_inputs(v);
    if (status != BB_OK)
        return status;
    const bool bytes = bb_dataset_type(v->set.data) == BB_DATA_U8;
    const bb_fold_options fold = {.input_type = bytes ? BB_INPUT_BYTES : BB_INPUT_FLOATS};
    status = network_fold(&v->net, v->context, &fold);
    if (status == BB_OK)
        status = load_recorded(v);
    if (status == BB_OK)
        status = choose_sampling(v);
    if (status == BB_OK)
        status = split_devices(v->devices, &v->n_devices, v->context, v->options->device);
    for (uint32_t i = 0; status == BB_OK && i < v->n_devices; i++)
        status = verify_device(v, i);
    return status;
}

/* After the reports are out: warnings, and the exit status. */
static bb_status judge(const verification *v)
{
    for (uint32_t i = 0; i < v->n_devices; i++) {
        const bb_verify_report *const report = &v->reports[i];
        const double share = (double)report->ties / fmax(1, (double)report->tie_candidates);
        if (share > TIES_WORTH_A_WARNING)
            say("warning: %.2f %% of the values before a Sign are exactly 0; onnxruntime gives 0 "
                "there, bitbayes +1",
                100 * share);
        if (!passed(report))
            return bb_fail(v->context, BB_CHECK, "%s: verification failed: %s", v->model,
                           report->first_difference[0] ? report->first_difference
                                                       : "logits outside the tolerance");
    }
    return BB_OK;
}

int command_verify(int argc, char **argv)
{
    verify_options options = {.samples = BB_DEFAULT_SAMPLES, .tolerance = DEFAULT_TOLERANCE};
    verification v = {.options = &options};
    invocation call;
    if (!invocation_begin(&call, &verify_description, argc, argv, &options, &options.common))
        return call.exit_code;
    v.context = call.context;
    v.model = call.operands[0];
    bb_status status = run(&v);
    if (status == BB_OK)
        status = invocation_print(&call, &options.common, print, &v);
    if (status == BB_OK)
        status = judge(&v);
    for (uint32_t i = 0; i < v.n_devices; i++)
        bb_release(v.context, v.devices[i]);
    check_set_free(&v.set);
    network_free(&v.net);
    return invocation_end(&call, status);
}
