/* SPDX-License-Identifier: MIT */
/* What the program must refuse: one clear line and the right exit code each. */
#define _GNU_SOURCE /* memmem */
#include "program.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static void begin(void)
{
    folder_make(folder);
}

static void end(void)
{
    folder_remove(folder);
}

TestSuite(bad_models, .init = begin, .fini = end, .timeout = 120);
TestSuite(bad_data, .init = begin, .fini = end, .timeout = 120);

#define SCORE "score " DIGITS_MODEL " -d ref --resamples 0 --energy off --data "

/* ---- models ---- */

static void refuse_model(const char *name, const void *bytes, size_t length, const char *text)
{
    write_file(in_folder(folder, name), bytes, length);
    char words[128];
    snprintf(words, sizeof(words), "info %%/%s", name);
    expect_refusal(folder, NULL, words, 3, text);
}

Test(bad_models, missing)
{
    expect_refusal(folder, NULL, "info %/none.onnx", 3, "none.onnx");
}

Test(bad_models, folder_instead_of_file)
{
    expect_refusal(folder, NULL, "info %", 3, "folder");
}

Test(bad_models, empty)
{
    refuse_model("empty.onnx", "", 0, "empty.onnx");
}

Test(bad_models, noise)
{
    uint8_t noise[4096];
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(i * i * 131 + 7);
    refuse_model("noise.onnx", noise, sizeof(noise), "noise.onnx");
}

Test(bad_models, text)
{
    refuse_model("text.onnx", "this is no model\n", 17, "text.onnx");
}

Test(bad_models, truncated)
{
    size_t length;
    uint8_t *const bytes = read_file(DIGITS_MODEL, &length);
    refuse_model("cut.onnx", bytes, length / 2, "cut.onnx");
    refuse_model("cut.onnx", bytes, length - 1, "cut.onnx");
    refuse_model("cut.onnx", bytes, 3, "cut.onnx");
    free(bytes);
}

Test(bad_models, oversized)
{
    write_file(in_folder(folder, "large.onnx"), "\x08\x07", 2);
    cr_assert(truncate(in_folder(folder, "large.onnx"), 5000000000) == 0);
    expect_refusal(folder, NULL, "info %/large.onnx", 3, "5000000000");
}

/* A graph in an attribute of a node of a graph ..., built from the inside out. */
Test(bad_models, nested)
{
    enum { DEPTH = 20000, ROOM = DEPTH * 12 };
    static const uint8_t tags[] = {0x32, 0x2a, 0x0a}; /* attribute.g, node.attribute, graph.node */
    uint8_t *const bytes = malloc(ROOM);
    size_t at = ROOM;
    for (size_t level = 0; level < DEPTH && at > 16; level++) {
        size_t length = ROOM - at, digits = 1;
        for (size_t rest = length; rest >= 128; rest >>= 7)
            digits++;
        at -= digits;
        for (size_t i = 0; i < digits; i++, length >>= 7)
            bytes[at + i] = (uint8_t)((length & 127) | (i + 1 < digits ? 128 : 0));
        bytes[--at] = level + 1 == DEPTH ? 0x3a : tags[level % 3];
    }
    refuse_model("nested.onnx", bytes + at, ROOM - at, "nested.onnx");
    free(bytes);
}

/* The raw data of an initializer, found by its name. */
static uint8_t *raw_data(uint8_t *bytes, size_t length, const char *name)
{
    char mark[64];
    const size_t n = (size_t)snprintf(mark, sizeof(mark), "%s\x4a", name);
    uint8_t *found = memmem(bytes, length, mark, n);
    cr_assert(found, "no initializer '%s' in the model", name);
    for (found += n; *found & 128; found++)
        ;
    return found + 1;
}

Test(bad_models, nan_weights)
{
    size_t length;
    uint8_t *const bytes = read_file(DIGITS_MODEL, &length);
    const float nan = NAN;
    memcpy(raw_data(bytes, length, "3.weight"), &nan, sizeof(nan));
    refuse_model("nan.onnx", bytes, length, "finite");
    free(bytes);
}

/* In the head: nothing behind it needs to be understood. */
Test(bad_models, unsupported_operator)
{
    static const char name[] = "BatchNormalization";
    size_t length;
    uint8_t *const bytes = read_file(DIGITS_MODEL, &length);
    uint8_t *last = NULL;
    for (uint8_t *at = bytes; (at = memmem(at, length - (size_t)(at - bytes), name, 18)); at++)
        if (at[-2] == 0x22 && at[-1] == 18) /* NodeProto.op_type */
            last = at;
    cr_assert(last);
    *last = 'Q';
    refuse_model("operator.onnx", bytes, length, "QatchNormalization");
    free(bytes);
}

static uint8_t *packed_model(size_t *length)
{
    outcome o = run_program(folder, NULL, "import " DIGITS_MODEL " -o %/good.bbm");
    cr_assert(o.code == 0, "%s", o.err);
    outcome_free(&o);
    return read_file(in_folder(folder, "good.bbm"), length);
}

Test(bad_models, packed_truncated)
{
    size_t length;
    uint8_t *const bytes = packed_model(&length);
    refuse_model("cut.bbm", bytes, length - 7, "cut.bbm");
    refuse_model("cut.bbm", bytes, 12, "cut.bbm");
    free(bytes);
}

Test(bad_models, packed_damaged)
{
    size_t length;
    uint8_t *const bytes = packed_model(&length);
    bytes[length / 2] ^= 1;
    refuse_model("bit.bbm", bytes, length, "bit.bbm");
    free(bytes);
}

/* ---- data ---- */

static const uint8_t zeros[4096];

Test(bad_data, missing)
{
    expect_refusal(folder, NULL, SCORE "%/none.npy", 3, "none.npy");
}

Test(bad_data, wrong_shape)
{
    write_npy(in_folder(folder, "x.npy"), "|u1", "(2, 7, 8)", zeros, 112);
    expect_refusal(folder, NULL, SCORE "%/x.npy", 3, "7, 8]");
}

Test(bad_data, nothing_in_it)
{
    write_npy(in_folder(folder, "x.npy"), "|u1", "(0, 8, 8)", zeros, 0);
    expect_refusal(folder, NULL, SCORE "%/x.npy", 3, "x.npy");
    write_file(in_folder(folder, "y.npy"), "", 0);
    expect_refusal(folder, NULL, SCORE "%/y.npy", 3, "y.npy");
}

Test(bad_data, truncated)
{
    write_npy(in_folder(folder, "x.npy"), "|u1", "(3, 8, 8)", zeros, 150);
    expect_refusal(folder, NULL, SCORE "%/x.npy", 3, "192");
}

Test(bad_data, too_large_to_be_true)
{
    write_npy(in_folder(folder, "x.npy"), "<f8", "(9223372036854775807, 8, 8)", zeros, 64);
    expect_refusal(folder, NULL, SCORE "%/x.npy", 3, "9223372036854775807");
}

Test(bad_data, objects)
{
    write_npy(in_folder(folder, "x.npy"), "|O", "(2, 8, 8)", zeros, 128);
    expect_refusal(folder, NULL, SCORE "%/x.npy", 3, "|O");
}

Test(bad_data, idx_with_too_little)
{
    const uint8_t idx[16 + 64] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 8, 0, 0, 0, 8};
    write_file(in_folder(folder, "x.idx"), idx, sizeof(idx));
    expect_refusal(folder, NULL, SCORE "%/x.idx", 3, "128");
}

Test(bad_data, gzip_cut)
{
    const uint8_t gz[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x63, 0x60};
    write_file(in_folder(folder, "x.gz"), gz, sizeof(gz));
    expect_refusal(folder, NULL, SCORE "%/x.gz", 3, "x.gz");
}

Test(bad_data, words_in_csv)
{
    write_file(in_folder(folder, "x.csv"), "1,2\n3,four\n", 11);
    expect_refusal(folder, NULL, SCORE "%/x.csv", 3, "x.csv");
}

Test(bad_data, nan_among_floats)
{
    float values[64] = {0};
    values[17] = NAN;
    write_npy(in_folder(folder, "x.npy"), "<f4", "(1, 8, 8)", values, sizeof(values));
    expect_refusal(folder, NULL, SCORE "%/x.npy", 3, "x.npy");
}

Test(bad_data, label_out_of_range)
{
    uint8_t labels[500] = {0};
    labels[321] = 10;
    write_npy(in_folder(folder, "y.npy"), "|u1", "(500,)", labels, sizeof(labels));
    expect_refusal(folder, NULL, SCORE DIGITS_IMAGES " --labels %/y.npy", 3, "321");
}

Test(bad_data, label_count)
{
    write_npy(in_folder(folder, "y.npy"), "|u1", "(499,)", zeros, 499);
    expect_refusal(folder, NULL, SCORE DIGITS_IMAGES " --labels %/y.npy", 3, "499");
}

Test(bad_data, ood_of_another_shape)
{
    write_npy(in_folder(folder, "o.npy"), "|u1", "(2, 9, 9)", zeros, 162);
    expect_refusal(folder, NULL, SCORE DIGITS_IMAGES " --ood %/o.npy", 3, "o.npy");
}

Test(bad_data, recorded_draws_of_another_shape)
{
    write_npy(in_folder(folder, "d.npy"), "|u1", "(2, 3, 99)", zeros, 594);
    expect_refusal(folder, NULL, "verify " DIGITS_MODEL " -d ref --draws %/d.npy", 3, "99");
}
