/* SPDX-License-Identifier: MIT */
/* Models that have to be refused: the status, and a text that names the node and the reason. */
#include "check/trial.h"
#include "model/graph.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER BB_SOURCE_FOLDER "/tests/data/onnx/"

typedef struct refusal {
    const char *name;
    bb_status status;
    const char *node, *text; /* both stand in the message */
} refusal;

/* Files FOLDER/bad_NAME.onnx, made by tests/data/make_onnx.py. */
static const refusal refusals[] = {
    /* signs */
    {"relu", BB_UNSUPPORTED, "'Where_4' (Where)", "never negative, is always +1"},
    {"relu_sign", BB_UNSUPPORTED, "'Sign_3' (Sign)", "'Clip_2' (Clip)"},
    {"zero_one", BB_UNSUPPORTED, "(Cast)", "chooses between 0 and 1; a binary activation is"},
    {"nan_bound", BB_INPUT, "(Where)", "not finite"},
    /* operators */
    {"prelu", BB_UNSUPPORTED, "'PRelu_2' (PRelu)", "not supported"},
    {"tanh", BB_UNSUPPORTED, "'Tanh_2' (Tanh)", "not supported"},
    {"unknown", BB_UNSUPPORTED, "'Frobnicate_2' (Frobnicate)", "not supported"},
    {"unknown_deep", BB_UNSUPPORTED, "'Frobnicate_2' (Frobnicate)", "not supported"},
    {"domain", BB_UNSUPPORTED, "'Conv_2' (Conv)", "the domain 'com.x'"},
    {"quant", BB_UNSUPPORTED, "'Quant_2' (Quant)", "BipolarQuant"},
    {"add_shapes", BB_UNSUPPORTED, "(Add)", "maps of different shapes; equal ones are supported"},
    {"concat_axis", BB_UNSUPPORTED, "'Concat_2' (Concat)", "axis 2; 1, the channels, is supported"},
    {"concat_constant", BB_UNSUPPORTED, "'Concat_2' (Concat)", "an activation with a constant"},
    {"concat_maps", BB_UNSUPPORTED, "(Concat)", "joins maps of 8 x 6 x 6 and 8 x 1 x 1"},
    {"sum_constant", BB_UNSUPPORTED, "'Sum_2' (Sum)", "joins activations and constants"},
    {"product", BB_UNSUPPORTED, "'Mul_2' (Mul)", "two activations"},
    {"where_maps", BB_UNSUPPORTED, "(Where)", "two activations"},
    {"where_filled", BB_UNSUPPORTED, "(Where)", "something other than 0"},
    {"transpose", BB_UNSUPPORTED, "(Transpose)", "N, C, H, W"},
    {"softmax", BB_UNSUPPORTED, "'Softmax_2' (Softmax)", "last node only"},
    {"argmax", BB_UNSUPPORTED, "(ArgMax)", "logits"},
    {"divide", BB_UNSUPPORTED, "'Div_2' (Div)", "a constant by an activation"},
    {"divide_zero", BB_INPUT, "'Div_2' (Div)", "by zero"},
    {"clip_empty", BB_INPUT, "'Clip_2' (Clip)", "min 1 is above max -1"},
    {"function", BB_UNSUPPORTED, "'Conv_0' (Conv)", "export again"},
    {"branch", BB_UNSUPPORTED, "'choose' (If)", "sub-graphs"},
    /* constants */
    {"nan_weight", BB_INPUT, "'Conv_0' (Conv)", "'c0' is not finite"},
    {"inf_weight", BB_INPUT, "'Conv_0' (Conv)", "'c0' is not finite"},
    {"nan_constant", BB_INPUT, "'Mul_2' (Mul)", "'weird' is not finite"},
    {"pixel_constant", BB_UNSUPPORTED, "'Add_2' (Add)", "differs between pixels"},
    {"grow", BB_INPUT, "'Add_2' (Add)", "[N, 8, 6, 6] and [3, 8, 6, 6]"},
    {"bomb", BB_UNSUPPORTED, "", "unfold to far more"},
    {"batch_arithmetic", BB_UNSUPPORTED, "'Mul_5' (Mul)", "the number of inputs"},
    /* layers */
    {"group", BB_INPUT, "'Conv_4' (Conv)", "8 input channels in 3 groups do not fit"},
    {"mask_added", BB_UNSUPPORTED, "(Add)", "follows a mask"},
    {"conv1d", BB_UNSUPPORTED, "'Conv_0' (Conv)", "1-D kernels are not supported; 2-D only"},
    {"auto_pad", BB_UNSUPPORTED, "'Conv_4' (Conv)", "auto_pad"},
    {"computed_weight", BB_UNSUPPORTED, "(Reshape)", "batch"},
    {"weight_channels", BB_INPUT, "'Conv_4' (Conv)", "do not fit weights for 7"},
    {"window", BB_INPUT, "'Conv_4' (Conv)", "9 x 9 does not fit a map of 6 x 6"},
    {"pad_value", BB_UNSUPPORTED, "'Pad_4' (Pad)", "zero padding is supported"},
    {"pad_pool", BB_UNSUPPORTED, "(MaxPool)", "follows a Pad"},
    {"ceil", BB_UNSUPPORTED, "(MaxPool)", "ceil_mode"},
    {"average", BB_UNSUPPORTED, "(AveragePool)", "count_include_pad"},
    {"training_norm", BB_UNSUPPORTED, "(BatchNormalization)", "model.eval()"},
    {"norm_features", BB_UNSUPPORTED, "(BatchNormalization)", "each feature of a flattened map"},
    {"reshape", BB_UNSUPPORTED, "(Reshape)", "mixes inputs"},
    {"reshape_all", BB_UNSUPPORTED, "(Reshape)", "288 elements of each input"},
    {"reshape_map", BB_INPUT, "(MatMul)", "do not fit"},
    {"matrix_input", BB_UNSUPPORTED, "(MatMul)", "flatten before"},
    {"map_output", BB_UNSUPPORTED, "", "a map of 8 x 6 x 6"},
    /* random nodes */
    {"mask_real", BB_UNSUPPORTED, "(Mul)", "a mask on real values"},
    {"dropout_real", BB_UNSUPPORTED, "(Dropout)", "a mask on real values"},
    {"mask_pool", BB_UNSUPPORTED, "(MaxPool)", "follows a mask"},
    {"mask_shift", BB_UNSUPPORTED, "(Add)", "follows a mask"},
    {"one_draw_pixel", BB_UNSUPPORTED, "(Mul)", "a draw of shape [N, 1, 6, 6]"},
    {"random_channel", BB_UNSUPPORTED, "(Mul)", "a draw per element other than a mask"},
    {"probability", BB_UNSUPPORTED, "(Mul)", "between 0 and 1"},
    {"two_ways", BB_UNSUPPORTED, "(Mul)", "in another way than before"},
    {"random_normal", BB_UNSUPPORTED, "(RandomNormalLike)", "distribution"},
    {"uniform_range", BB_UNSUPPORTED, "(RandomUniform)", "[0, 2)"},
    {"uniform_bare", BB_UNSUPPORTED, "(Mul)", "constant is expected"},
    {"bernoulli_computed", BB_UNSUPPORTED, "(Bernoulli)", "the probability"},
    /* the model as a whole */
    {"float64", BB_UNSUPPORTED, "", "element type 11"},
    {"dynamic", BB_UNSUPPORTED, "", "dimension 2 of input 'x' is not fixed"},
    {"rank", BB_UNSUPPORTED, "", "5 dimensions"},
    {"opset8", BB_UNSUPPORTED, "", "operator set 8; 9 to 22 are read"},
    {"opset23", BB_UNSUPPORTED, "", "operator set 23"},
    {"no_output", BB_INPUT, "", "0 outputs"},
    {"two_outputs", BB_UNSUPPORTED, "", "2 outputs; one is supported"},
    {"two_inputs", BB_UNSUPPORTED, "", "two inputs, 'x' and 'y'"},
    {"constant", BB_INPUT, "", "depends on no input"},
    {"unused_input", BB_INPUT, "", "depends on no input"},
    {"order", BB_INPUT, "", "topological order"},
    {"cycle", BB_INPUT, "'Conv_0' (Conv)", "topological order"},
    {"missing", BB_INPUT, "(BatchNormalization)", "'nothing' is made by no node"},
    {"twice", BB_INPUT, "", "defined twice"},
    {"classes", BB_INPUT, "", "names 2 classes; the model has 5 outputs"},
    {"mean", BB_INPUT, "", "'bitbayes.mean': '0.5,x'"},
    {"mean_count", BB_INPUT, "", "3 means"},
    {"std", BB_INPUT, "", "positive numbers"},
    /* tensors */
    {"data_size", BB_INPUT, "'Conv_0' (Conv)", "tensor 'c0' holds 0 items of data; its shape"},
    {"negative", BB_INPUT, "'Conv_0' (Conv)", "negative extent"},
    {"huge", BB_INPUT, "'Conv_0' (Conv)", "too large for any file"},
    {"overflow", BB_INPUT, "'Conv_0' (Conv)", "too large for any file"},
    {"type", BB_UNSUPPORTED, "'Conv_0' (Conv)", "element type 8"},
    {"external_up", BB_INPUT, "'c0'", "inside the folder of the model"},
    {"external_absolute", BB_INPUT, "'c0'", "a relative location"},
    {"external_absent", BB_INPUT, "'c0'", "'absent.bin' cannot be opened"},
    {"external_offset", BB_INPUT, "'c0'", "576 bytes at 600 of 'external.bin' are not there"},
    {"external_negative", BB_INPUT, "'c0'", "a relative location, offset and length"},
    {"external_length", BB_INPUT, "'c0'", "length 4, but its shape takes 576"},
    {"external_folder", BB_INPUT, "'c0'", "are not there"},
};

static void expect_refusal(trial *t, bb_status found, const bb_graph *graph, const refusal *row)
{
    const char *error = bb_context_error(t->context);
    cr_expect(graph == NULL, "%s", row->name);
    cr_expect(found == row->status, "%s: %s: %s", row->name, bb_status_name(found), error);
    cr_expect(strstr(error, row->name) != NULL, "%s: the file is not named: %s", row->name, error);
    cr_expect(strstr(error, row->node) && strstr(error, row->text), "%s: %s", row->name, error);
    cr_expect(strchr(error, '\n') == NULL, "%s: one line", row->name);
}

Test(model_errors, refused_by_name)
{
    trial t;
    trial_begin(&t);
    for (size_t i = 0; i < BB_COUNT_OF(refusals); i++) {
        char path[512];
        bb_graph *graph;
        snprintf(path, sizeof(path), FOLDER "bad_%s.onnx", refusals[i].name);
        const bb_status status = bb_graph_load(&graph, t.context, path);
        expect_refusal(&t, status, graph, &refusals[i]);
    }
    trial_end(&t);
}

static bb_status parse(trial *t, const void *bytes, size_t length, bb_graph **graph)
{
    return bb_graph_parse(graph, t->context, bytes, length, "memory", NULL);
}

static void expect_parse(trial *t, const void *bytes, size_t length, const char *text)
{
    bb_graph *graph;
    const bb_status status = parse(t, bytes, length, &graph);
    expect_refusal(t, status, graph, &(refusal){"memory", BB_INPUT, "", text});
}

/* ---- what was tried against readers of this kind ---- */

/* Put a length and a tag before the bytes at `at`, and go on from there. */
static size_t wrap(uint8_t *bytes, size_t at, size_t end, uint8_t tag)
{
    uint8_t digits[10];
    size_t n = 0;
    for (size_t length = end - at; n == 0 || length; length >>= 7)
        digits[n++] = (uint8_t)((length & 127) | (length >= 128 ? 128 : 0));
    at -= n;
    memcpy(bytes + at, digits, n);
    bytes[--at] = tag;
    return at;
}

/* Node, attribute, graph, again and again inside each other; the model around them. */
static size_t nest(uint8_t *bytes, size_t end, int levels)
{
    size_t at = end;
    for (int i = 0; i < levels; i++) {
        at = wrap(bytes, at, end, 0x0a);     /* graph.node */
        if (i + 1 < levels) {
            at = wrap(bytes, at, end, 0x32); /* attribute.g */
            at = wrap(bytes, at, end, 0x2a); /* node.attribute */
        }
    }
    return wrap(bytes, at, end, 0x3a); /* model.graph */
}

Test(model_errors, nested_messages)
{
    enum { ROOM = 1 << 20 };
    trial t;
    trial_begin(&t);
    uint8_t *bytes = malloc(ROOM);
    const size_t at = nest(bytes, ROOM, 3000);
    expect_parse(&t, bytes + at, ROOM - at, "nested deeper than 16");
    bb_graph *graph;
    const size_t shallow = nest(bytes, ROOM, 2);
    const bb_status status = parse(&t, bytes + shallow, ROOM - shallow, &graph);
    expect_refusal(&t, status, graph, &(refusal){"memory", BB_UNSUPPORTED, "", "operator set 0"});
    free(bytes);
    trial_end(&t);
}

Test(model_errors, amplification)
{
    enum { N_NODES = 5000000 };
    trial t;
    trial_begin(&t);
    uint8_t *bytes = malloc(2 * N_NODES + 16);
    for (size_t i = 0; i < N_NODES; i++)
        memcpy(bytes + 16 + 2 * i, "\x0a", 2);
    const size_t at = wrap(bytes, 16, 2 * N_NODES + 16, 0x3a);
    const long before = t.n_requests;
    expect_parse(&t, bytes + at, 2 * N_NODES + 16 - at, "would take more than");
    cr_expect(t.n_requests - before < N_NODES, "refused early");
    free(bytes);
    trial_end(&t);
}

Test(model_errors, oversized)
{
    trial t;
    trial_begin(&t);
    bb_graph *graph;
    const char *path = trial_file(&t, "large.onnx", "\x08\x07", 2);
    cr_assert(truncate(path, 5000000000) == 0);
    const bb_status status = bb_graph_load(&graph, t.context, path);
    expect_refusal(&t, status, graph, &(refusal){"large.onnx", BB_INPUT, "5000000000", "limit"});
    trial_end(&t);
}

Test(model_errors, no_models)
{
    trial t;
    trial_begin(&t);
    expect_parse(&t, "", 0, "no nodes");
    expect_parse(&t, "this is text\n", 13, "not an ONNX model");
    expect_parse(&t, "\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, "byte 0");
    expect_parse(&t, "\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10, "runs past the end");
    expect_parse(&t, "\x3b", 1, "wire type");
    trial_end(&t);
}

static char *read_model(const char *name, size_t *length)
{
    char path[512];
    snprintf(path, sizeof(path), FOLDER "%s.onnx", name);
    char *bytes = trial_read(path, length);
    cr_assert(bytes != NULL, "%s", path);
    return bytes;
}

Test(model_errors, truncated)
{
    trial t;
    trial_begin(&t);
    size_t length;
    char *bytes = read_model("dense", &length);
    for (size_t n = 0; n < length; n++) {
        bb_graph *graph;
        char *exact = malloc(n + !n); /* so that a sanitizer sees a read behind the end */
        memcpy(exact, bytes, n);
        const bb_status status = parse(&t, exact, n, &graph);
        /* the metadata stand last: without them it is a model all the same */
        cr_expect(status != BB_OK || n + 200 > length, "%zu of %zu bytes", n, length);
        cr_expect(eq(int, status == BB_OK, graph != NULL));
        bb_graph_free(graph);
        free(exact);
    }
    free(bytes);
    trial_end(&t);
}

Test(model_errors, damaged)
{
    trial t;
    trial_begin(&t);
    size_t length;
    char *bytes = read_model("dense", &length);
    for (size_t i = 0; i < length * 8; i++) {
        bb_graph *graph;
        bytes[i / 8] ^= (char)(1 << i % 8);
        const bb_status status = parse(&t, bytes, length, &graph);
        cr_expect(eq(int, status == BB_OK, graph != NULL));
        cr_expect(status == BB_OK || *bb_context_error(t.context));
        bb_graph_free(graph);
        bytes[i / 8] ^= (char)(1 << i % 8);
    }
    free(bytes);
    trial_end(&t);
}

/* A link in the folder of the model that leads out of it. */
Test(model_errors, external_link)
{
    trial t;
    trial_begin(&t);
    size_t length;
    char *bytes = read_model("bad_external_link", &length), link[512];
    bb_graph *graph;
    snprintf(link, sizeof(link), "%s", trial_path(&t, "link.bin"));
    cr_assert(symlink(FOLDER "external.bin", link) == 0);
    const char *path = trial_file(&t, "model.onnx", bytes, length);
    bb_status status = bb_graph_load(&graph, t.context, path);
    expect_refusal(&t, status, graph,
                   &(refusal){"model.onnx", BB_INPUT, "'c0'", "'link.bin' cannot be opened"});
    cr_assert(unlink(link) == 0);
    char *data = trial_read(FOLDER "external.bin", &length);
    trial_file(&t, "link.bin", data, length); /* the file itself in its place is good */
    status = bb_graph_load(&graph, t.context, trial_path(&t, "model.onnx"));
    cr_expect(status == BB_OK, "%s", bb_context_error(t.context));
    bb_graph_free(graph);
    free(data);
    free(bytes);
    trial_end(&t);
}

Test(model_errors, external_without_a_folder)
{
    trial t;
    trial_begin(&t);
    size_t length;
    char *bytes = read_model("external", &length);
    expect_parse(&t, bytes, length, "inside the folder of the model");
    free(bytes);
    trial_end(&t);
}

typedef struct file {
    const char *path;
} file;

static bb_status load_and_free(trial *t, void *payload)
{
    const file *what = payload;
    bb_graph *graph;
    const bb_status status = bb_graph_load(&graph, t->context, what->path);
    cr_assert(eq(int, status == BB_OK, graph != NULL));
    bb_graph_free(graph);
    return status;
}

Test(model_errors, allocation_failures)
{
    static const char *const names[] = {"dense", "external", "random_spatial_factor",
                                        "weight_reactnet", "sign_bireal", "input_vector"};
    trial t;
    trial_begin(&t);
    for (size_t i = 0; i < BB_COUNT_OF(names); i++) {
        char path[512];
        snprintf(path, sizeof(path), FOLDER "%s.onnx", names[i]);
        trial_exhaust(&t, load_and_free, &(file){path});
    }
    trial_end(&t);
}
