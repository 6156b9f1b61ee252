/* SPDX-License-Identifier: MIT */
/* The targets, one function each. A class of rows is as good as its worst row. */
#include "targets.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define MEGABYTE 1e6
#define MAX_SCORES ((size_t)64 << 20)

static void BB_PRINTF(2, 3) unknown(finding *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    out->verdict = TARGET_NOT_MEASURED;
    vsnprintf(out->text, sizeof(out->text), format, arguments);
    va_end(arguments);
}

static void BB_PRINTF(3, 4) judge(finding *out, bool met, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    out->verdict = met ? TARGET_MET : TARGET_MISSED;
    vsnprintf(out->text, sizeof(out->text), format, arguments);
    va_end(arguments);
}

static bool have(finding *out, const target_files *files, target_file file)
{
    if (!files->documents[file])
        unknown(out, "%s", files->reasons[file]);
    return files->documents[file] != NULL;
}

/* Why a row has no times. */
static void say_untimed(finding *out, const cJSON *row)
{
    unknown(out, "%s: %s: %s", document_text(row, "name"), document_text(row, "status"),
            document_text(row, "reason"));
}

/* ---- kernels ---- */

/* A plain layer: no step, pool, bank. Dense ones are 1 x 1 on a map of 1 x 1. */
typedef struct layer_name {
    bool dense;
    unsigned kernel, height, width, inputs, outputs, batch;
} layer_name;

static bool read_name(layer_name *out, const char *name)
{
    unsigned kernel;
    int end = 0;
    *out = (layer_name){.kernel = 1, .height = 1, .width = 1};
    if (sscanf(name, "dense/%ux%u/b%u%n", &out->inputs, &out->outputs, &out->batch, &end) == 3) {
        out->dense = true;
        return name[end] == '\0';
    }
    return sscanf(name, "conv%ux%u/%ux%ux%ux%u/b%u%n", &out->kernel, &kernel, &out->height,
                  &out->width, &out->inputs, &out->outputs, &out->batch, &end) == 7 &&
           kernel == out->kernel && name[end] == '\0';
}

typedef bool layer_class(const layer_name *layer);

static bool between(unsigned value, unsigned low, unsigned high)
{
    return value >= low && value <= high;
}

static bool is_wide_conv(const layer_name *l)
{
    return !l->dense && l->kernel == 3 && l->batch >= 16 && between(l->inputs, 128, 512) &&
           between(l->outputs, 128, 512) && between(l->height, 8, 32) && between(l->width, 8, 32);
}

static bool is_narrow_conv(const layer_name *l)
{
    return !l->dense && l->batch >= 16 &&
           ((l->kernel == 3 && l->inputs == 64 && l->outputs == 64) ||
            (l->kernel == 1 && l->inputs == 256 && l->outputs == 256));
}

static bool is_large_dense(const layer_name *l)
{
    return l->dense && l->batch >= 64 && l->inputs == l->outputs &&
           (l->inputs == 1024 || l->inputs == 4096);
}

static bool is_binary(const layer_name *l)
{
    return is_wide_conv(l) || is_narrow_conv(l) || is_large_dense(l);
}

static void judge_class(finding *out, const target_files *files, target_file file,
                        layer_class *in_class, double wanted)
{
    const cJSON *row, *least = NULL;
    unsigned n = 0, n_below = 0;
    double lowest = INFINITY;
    if (!have(out, files, file))
        return;
    cJSON_ArrayForEach(row, document_rows(files->documents[file]))
    {
        layer_name layer;
        if (!read_name(&layer, document_text(row, "name")) || !in_class(&layer))
            continue;
        const double share = document_number(row, "percent_of_limit");
        if (!document_was_timed(row) || isnan(share)) {
            say_untimed(out, row);
            return;
        }
        n++;
        n_below += share < wanted;
        if (share < lowest) {
            lowest = share;
            least = row;
        }
    }
    if (!least)
        unknown(out, "no row of this class was run");
    else
        judge(out, lowest >= wanted, "least %.1f %% (%s); %u of %u rows below", lowest,
              document_text(least, "name"), n_below, n);
}

static void judge_wide_conv(finding *out, const target_files *files)
{
    judge_class(out, files, FILE_KERNELS, is_wide_conv, 80);
}

static void judge_narrow_conv(finding *out, const target_files *files)
{
    judge_class(out, files, FILE_KERNELS, is_narrow_conv, 60);
}

static void judge_dense(finding *out, const target_files *files)
{
    judge_class(out, files, FILE_KERNELS, is_large_dense, 80);
}

static void judge_narrow_path(finding *out, const target_files *files)
{
    judge_class(out, files, FILE_NARROW, is_binary, 75);
}

/* ---- models ---- */

static const cJSON *find_timed(finding *out, const target_files *files, target_file file,
                               const char *name)
{
    const cJSON *row;
    if (!have(out, files, file))
        return NULL;
    cJSON_ArrayForEach(row, document_rows(files->documents[file]))
    {
        if (strcmp(document_text(row, "name"), name) != 0)
            continue;
        if (document_was_timed(row))
            return row;
        say_untimed(out, row);
        return NULL;
    }
    unknown(out, "%s was not run", name);
    return NULL;
}

static void judge_model_share(finding *out, const target_files *files, target_file file,
                              const char *name, double wanted)
{
    const cJSON *row = find_timed(out, files, file, name);
    if (row) {
        const double share = document_number(row, "percent_of_limit");
        judge(out, share >= wanted, "%.1f %% (%.0f images/s)", share,
              document_number(row, "inputs_per_s"));
    }
}

static void judge_vgg(finding *out, const target_files *files)
{
    judge_model_share(out, files, FILE_VGG, "model/vgg-small/b64/T1", 65);
}

static void judge_resnet(finding *out, const target_files *files)
{
    judge_model_share(out, files, FILE_RESNET, "model/resnet18-cifar/b64/T1", 45);
}

static void judge_tree(finding *out, const target_files *files)
{
    const cJSON *one = find_timed(out, files, FILE_VGG, "model/vgg-small/b64/T1");
    const cJSON *few = one ? find_timed(out, files, FILE_VGG, "model/vgg-small/b64/T20") : NULL;
    const cJSON *many = few ? find_timed(out, files, FILE_VGG, "model/vgg-small/b64/T100") : NULL;
    if (!many)
        return;
    const double pass = document_number(one, "operations");
    const double a = document_number(few, "ratio_to_bound"),
                 b = document_number(many, "ratio_to_bound");
    judge(out, a <= 1.15 && b <= 1.15,
          "T = 20: %.3fx of %.4g ms (%.2f passes' binary operations); T = 100: %.3fx of %.4g ms "
          "(%.2f)",
          a, 1e3 * document_number(few, "bound_s"), document_number(few, "operations") / pass, b,
          1e3 * document_number(many, "bound_s"), document_number(many, "operations") / pass);
}

static void judge_single(finding *out, const target_files *files)
{
    const cJSON *row = find_timed(out, files, FILE_SMALL, "model/mnist-conv-scale.onnx/b1/T20");
    if (!row)
        return;
    const double bound = document_number(row, "bound_s"),
                 launches = document_number(row, "launches_s"),
                 time = document_number(row, "median"), allowed = 1.5 * bound + launches;
    judge(out, time <= allowed, "%.4g us; allowed %.4g us = 1.5 x %.4g + %.4g", 1e6 * time,
          1e6 * allowed, 1e6 * bound, 1e6 * launches);
}

/* ---- peers ---- */

typedef struct peer_summary {
    unsigned n, n_wrong;
    double log_sum, least;
    const char *least_name, *version, *reason;
} peer_summary;

static peer_summary summarize(const cJSON *document, const char *peer)
{
    peer_summary s = {.least = INFINITY, .least_name = "", .version = "", .reason = ""};
    const cJSON *row;
    cJSON_ArrayForEach(row, document_rows(document))
    {
        const double ratio = document_number(row, "ratio");
        if (strncmp(document_text(row, "peer"), peer, strlen(peer)) != 0)
            continue;
        s.version = document_text(row, "version");
        if (!document_was_timed(row) || isnan(ratio) || ratio <= 0) {
            s.n_wrong++;
            s.reason = document_text(row, "reason");
            continue;
        }
        s.n++;
        s.log_sum += log(ratio);
        if (ratio < s.least) {
            s.least = ratio;
            s.least_name = document_text(row, "name");
        }
    }
    return s;
}

static bool have_peer(finding *out, const peer_summary *s, const char *peer)
{
    if (!s->n)
        unknown(out, "%s: %s", peer, s->n_wrong ? s->reason : "was not run");
    return s->n > 0;
}

static void judge_openvino(finding *out, const target_files *files)
{
    if (!have(out, files, FILE_PEERS))
        return;
    const peer_summary s = summarize(files->documents[FILE_PEERS], "OpenVINO");
    if (!have_peer(out, &s, "OpenVINO"))
        return;
    const double mean = exp(s.log_sum / s.n);
    judge(out, mean >= 0.95 && s.least >= 0.85,
          "%.2fx (geometric mean of %u), least %.2fx (%s); OpenVINO %s%s", mean, s.n, s.least,
          s.least_name, s.version, s.n_wrong ? "; some of its layers are wrong" : "");
}

static void judge_float(finding *out, const target_files *files)
{
    if (!have(out, files, FILE_PEERS))
        return;
    const peer_summary a = summarize(files->documents[FILE_PEERS], "onnxruntime"),
                       b = summarize(files->documents[FILE_PEERS], "PyTorch");
    if (have_peer(out, &a, "onnxruntime") && have_peer(out, &b, "PyTorch"))
        judge(out, a.least >= 50 && b.least >= 50, "onnxruntime %s: %.1fx; PyTorch %s: %.1fx",
              a.version, a.least, b.version, b.least);
}

/* ---- whole runs of `score` ---- */

static bool same_bytes(const target_files *files, const char *a, const char *b)
{
    const char *const names[] = {a, b};
    uint8_t *bytes[2] = {NULL, NULL};
    size_t lengths[2] = {0, 0};
    bool same = true;
    for (int i = 0; i < 2 && same; i++) {
        char *path = bb_format(files->context, "%s/%s", files->folder, names[i]);
        same =
            path && bb_file_read(files->context, path, MAX_SCORES, &bytes[i], &lengths[i]) == BB_OK;
        bb_release(files->context, path);
    }
    same = same && lengths[0] && lengths[0] == lengths[1] &&
           memcmp(bytes[0], bytes[1], lengths[0]) == 0;
    bb_release(files->context, bytes[0]);
    bb_release(files->context, bytes[1]);
    return same;
}

static double peak(const target_files *files, target_file file)
{
    return document_number(files->documents[file], "peak_resident_bytes") / MEGABYTE;
}

static void judge_memory(finding *out, const target_files *files)
{
    static const target_file needed[] = {FILE_MEMORY_ONE, FILE_MEMORY_LIMITED, FILE_MEMORY_FREE,
                                         FILE_MEMORY_COLD};
    for (size_t i = 0; i < BB_COUNT_OF(needed); i++)
        if (!have(out, files, needed[i]))
            return;
    const double limited = peak(files, FILE_MEMORY_LIMITED), one = peak(files, FILE_MEMORY_ONE),
                 allowed = 256 + one + 64;
    const bool same = same_bytes(files, "memory/limited/scores.csv", "memory/free/scores.csv");
    judge(out, limited <= allowed && same,
          "%.0f MB; allowed %.0f MB = 256 + %.0f + 64; %s bits; cold %.0f MB, without the limit "
          "%.0f MB",
          limited, allowed, one, same ? "the same" : "OTHER", peak(files, FILE_MEMORY_COLD),
          peak(files, FILE_MEMORY_FREE));
}

static double total_seconds(const target_files *files, target_file file)
{
    return document_number(cJSON_GetObjectItemCaseSensitive(files->documents[file], "time_seconds"),
                           "total");
}

static double median_of_three(double a, double b, double c)
{
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

static void judge_mnist(finding *out, const target_files *files)
{
    for (int i = FILE_MNIST; i <= FILE_MNIST_BARE; i++)
        if (!have(out, files, (target_file)i))
            return;
    const cJSON *row = find_timed(out, files, FILE_SMALL, "model/mnist-conv-scale.onnx/b1000/T20");
    if (!row)
        return;
    const cJSON *set = cJSON_GetObjectItemCaseSensitive(files->documents[FILE_MNIST], "data");
    const double inputs = document_number(set, "inputs"),
                 total = median_of_three(total_seconds(files, FILE_MNIST),
                                         total_seconds(files, FILE_MNIST_SECOND),
                                         total_seconds(files, FILE_MNIST_THIRD)),
                 bare = total_seconds(files, FILE_MNIST_BARE),
                 bound = document_number(row, "bound_s") / document_number(row, "inputs") * inputs;
    judge(out, total <= 1.33 * bound && inputs == 60000,
          "%.2f s (median of 3), %.2fx the bound of %.2f s; %.0f images; without intervals "
          "%.2f s, %.2fx",
          total, total / bound, bound, inputs, bare, bare / bound);
}

const target targets[] = {
    {"convolution 3x3, 128 to 512 channels, maps 8x8 to 32x32, batch 16+", "80 % of the limit",
     judge_wide_conv},
    {"convolution 3x3, 64 channels; 1x1, 256 channels", "60 %", judge_narrow_conv},
    {"dense 1024x1024 and 4096x4096, batch 64+", "80 %", judge_dense},
    {"VGG-Small, batch 64, one pass, transfers included", "65 % over its binary operations",
     judge_vgg},
    {"ResNet-18, batch 64, one pass", "45 %", judge_resnet},
    {"VGG-Small, batch 64, draws per input, T = 20 and 100", "within 1.15x of the tree's bound",
     judge_tree},
    {"mnist-conv-scale, batch 1, T = 20", "1.5 x full-batch kernel time + 2 x stages x launch",
     judge_single},
    {"against OpenVINO BinaryConvolution, per layer", "0.95x geometric mean, none below 0.85x",
     judge_openvino},
    {"against onnxruntime and PyTorch float32, VGG-Small, T = 20", "50x images per second",
     judge_float},
    {"AVX2-only path, the layers of the first three rows", "75 % of that path's own limit",
     judge_narrow_path},
    {"memory: VGG-Small, 10,000 images, T = 100, --memory 256M",
     "peak <= 256 MB + one image's + 64 MB, same bits", judge_memory},
    {"scoring 60,000 MNIST images, T = 20, everything included", "within 1.33x of the tree's bound",
     judge_mnist},
};
const size_t n_targets = BB_COUNT_OF(targets);
