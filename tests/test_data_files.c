/* SPDX-License-Identifier: MIT */
/* Data sets as files, labels, and lack of memory. */
#include "check/blob.h"
#include "check/trial.h"

#include "base/base.h"

#include <bitbayes/data.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static trial t;

static void begin(void)
{
    trial_begin(&t);
}

static void end(void)
{
    trial_end(&t);
}

TestSuite(data_files, .init = begin, .fini = end);

/* ---- files ---------------------------------------------------------------------------------- */

/* Larger than one chunk of the reader, so that pieces meet in the middle of a request. */
Test(data_files, reads_anywhere_in_a_file)
{
    enum { N = 1500, SIZE = 3 * 10 * 10 };
    char header[128];
    const int n_header = snprintf(header, sizeof(header),
                                  "{'descr': '|u1', 'fortran_order': False, "
                                  "'shape': (%d, 3, 10, 10), }\n", N);
    const size_t length = 10 + (size_t)n_header + N * SIZE;
    uint8_t *file = malloc(length), *all = malloc(N * SIZE), *part = malloc(N * SIZE);
    const uint8_t start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)n_header, 0};
    memcpy(file, start, 10);
    memcpy(file + 10, header, (size_t)n_header);
    for (size_t i = 0; i < N * SIZE; i++)
        file[length - N * SIZE + i] = (uint8_t)(i * 2654435761u >> 13);
    const uint32_t shape[3] = {3, 10, 10};
    bb_dataset *memory, *disk;
    cr_assert(bb_dataset_parse(&memory, t.context, file, length, "x", shape) == BB_OK);
    cr_assert(bb_dataset_open(&disk, t.context, trial_file(&t, "a.npy", file, length), shape) ==
              BB_OK, "%s", bb_context_error(t.context));
    cr_assert(bb_dataset_count(disk) == N);
    cr_assert(bb_dataset_read(memory, 0, N, all) == BB_OK);
    const uint64_t ranges[][2] = {{0, N}, {1, N - 1}, {700, 800}, {N - 1, 1}, {N, 0}, {871, 9}};
    for (size_t i = 0; i < BB_COUNT_OF(ranges); i++) {
        cr_assert(bb_dataset_read(disk, ranges[i][0], ranges[i][1], part) == BB_OK);
        cr_expect(!memcmp(part, all + ranges[i][0] * SIZE, ranges[i][1] * SIZE));
    }
    const uint8_t *pixel = file + length - N * SIZE + 5 * SIZE + 2 * 100 + 37;
    cr_expect(all[5 * SIZE + 37 * 3 + 2] == *pixel);
    cr_expect(bb_dataset_read(disk, N, 1, part) == BB_ARGUMENT);
    cr_expect(bb_dataset_read(disk, 1, UINT64_MAX, part) == BB_ARGUMENT);
    uint64_t hashes[2];
    cr_assert(bb_dataset_hash(&hashes[0], memory) == BB_OK);
    cr_assert(bb_dataset_hash(&hashes[1], disk) == BB_OK);
    cr_expect(hashes[0] == hashes[1] && hashes[0] == bb_hash(file, length));
    cr_assert(truncate(t.path, (off_t)length - 1) == 0);
    cr_expect(bb_dataset_read(disk, 0, 1, part) == BB_OK);
    cr_expect(bb_dataset_read(disk, N - 1, 1, part) == BB_INPUT);
    cr_expect(strstr(bb_context_error(t.context), "as when it was opened"));
    cr_expect(bb_dataset_hash(hashes, disk) == BB_INPUT);
    bb_dataset_free(memory);
    bb_dataset_free(disk);
    free(file);
    free(all);
    free(part);
}

Test(data_files, hash_is_of_the_bytes_on_disk)
{
    const uint32_t shape[3] = {1, 1, 2};
    const blob plain = text("1,2\n"), packed = gzip(&plain);
    const blob *const files[] = {&plain, &packed};
    for (int i = 0; i < 2; i++) {
        bb_dataset *dataset;
        uint64_t hash;
        const char *path = trial_file(&t, "a", files[i]->bytes, files[i]->length);
        cr_assert(bb_dataset_open(&dataset, t.context, path, shape) == BB_OK);
        cr_assert(bb_dataset_hash(&hash, dataset) == BB_OK);
        cr_expect(hash == bb_hash(files[i]->bytes, files[i]->length));
        bb_dataset_free(dataset);
    }
}

Test(data_files, files_that_cannot_be_read)
{
    const uint32_t shape[3] = {1, 1, 1};
    bb_dataset *dataset;
    uint32_t *labels;
    cr_expect(bb_dataset_open(&dataset, t.context, "/tmp", shape) == BB_INPUT);
    cr_expect(strstr(bb_context_error(t.context), "/tmp: a folder, expected a file"));
    cr_expect(bb_labels_read(&labels, t.context, "/tmp", 1, 1) == BB_INPUT && !labels);
    const char *path = trial_path(&t, "missing.npy");
    cr_expect(bb_dataset_open(&dataset, t.context, path, shape) == BB_INPUT && !dataset);
    cr_expect(strstr(bb_context_error(t.context), "missing.npy: No such file"));
    path = trial_file(&t, "empty.npy", "", 0);
    cr_expect(bb_dataset_open(&dataset, t.context, path, shape) == BB_INPUT);
    cr_expect(strstr(bb_context_error(t.context), "empty.npy: empty"));
    cr_expect(bb_dataset_open(&dataset, t.context, "/dev/null", shape) == BB_INPUT);
    cr_expect(strstr(bb_context_error(t.context), "/dev/null: empty"));
}

Test(data_files, shipped_digits)
{
    const char *path = BB_SOURCE_FOLDER "/models/digits/test-images.npy";
    if (!trial_exists(path))
        cr_skip_test("models/digits is absent");
    const uint32_t shape[3] = {1, 8, 8};
    bb_dataset *dataset;
    uint32_t *labels;
    cr_assert(bb_dataset_open(&dataset, t.context, path, shape) == BB_OK);
    const uint64_t n = bb_dataset_count(dataset);
    cr_assert(bb_labels_read(&labels, t.context,
                             BB_SOURCE_FOLDER "/models/digits/test-labels.npy", n, 10) == BB_OK);
    uint8_t digit[64], largest = 0;
    for (uint64_t i = 0; i < n; i++) {
        cr_assert(bb_dataset_read(dataset, i, 1, digit) == BB_OK);
        for (int j = 0; j < 64; j++)
            largest = digit[j] > largest ? digit[j] : largest;
    }
    cr_expect(largest == 16, "%u", largest);
    bb_labels_free(t.context, labels);
    bb_dataset_free(dataset);
}

/* ---- labels --------------------------------------------------------------------------------- */

static void expect_labels(const blob *b)
{
    const uint32_t expected[] = {3, 0, 9};
    uint32_t *labels;
    cr_assert(bb_labels_parse(&labels, t.context, b->bytes, b->length, "y", 3, 10) == BB_OK,
              "%s", bb_context_error(t.context));
    cr_expect(!memcmp(labels, expected, sizeof(expected)));
    bb_labels_free(t.context, labels);
}

Test(data_files, labels)
{
    const uint8_t u1[] = {3, 0, 9};
    const int64_t i8[] = {3, 0, 9};
    const uint32_t axes[] = {3};
    const uint8_t big[] = {0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9};
    const blob cases[] = {idx(0x08, 1, axes, u1, 3),
                          idx(0x0c, 1, axes, big, sizeof(big)),
                          npy("|u1", "(3,)", u1, 3),
                          npy("<i8", "(3, 1)", i8, sizeof(i8)),
                          text("3\n0\n9\n"),
                          text("label\r\n3\r\n0\r\n+9")};
    for (size_t i = 0; i < BB_COUNT_OF(cases); i++)
        expect_labels(&cases[i]);
    const blob packed = gzip(&cases[4]);
    expect_labels(&packed);
    const char *path = trial_file(&t, "y.npy", cases[3].bytes, cases[3].length);
    uint32_t *labels;
    cr_assert(bb_labels_read(&labels, t.context, path, 3, 10) == BB_OK && labels[2] == 9);
    bb_labels_free(t.context, labels);
    bb_labels_free(t.context, NULL);
}

Test(data_files, malformed_labels)
{
    const int64_t i8[] = {3, -1, 9};
    const uint64_t u8[] = {3, UINT64_MAX, 9};
    const float f4[] = {3, 0, 9};
    const struct {
        blob b;
        const char *fragment;
    } cases[] = {
        {npy("<i8", "(3,)", i8, sizeof(i8)), "y: label 1 is -1, expected 0 to 9"},
        {npy("<u8", "(3,)", u8, sizeof(u8)), "label 1 is 9223372036854775807, expected 0 to 9"},
        {npy("<f4", "(3,)", f4, sizeof(f4)), "4-byte floats, expected labels that are integers"},
        {npy("<i8", "(2,)", i8, 16), "2 labels, expected 3, one per input"},
        {npy("|u1", "(2, 2)", "abcd", 4), "shape [2, 2], expected labels [n]"},
        {text("3\n0\n10\n"), "label 2 is 10, expected 0 to 9"},
        {text("3\n0\n"), "2 labels, expected 3"},
        {text("3\n0\n9\n1\n"), "more than 3 labels, expected 3"},
        {text("3\n0.5\n9\n"), "row 2, column 1: '0.5', expected an integer"},
        {text("3\n\n9\n"), "row 2, column 1: '', expected an integer"},
        {text("3\n0,1\n9\n"), "row 2, column 1: '0', expected one column of labels"},
        {text("99999999999999999999\n"), "expected an integer"},
        {text("label\n"), "0 labels, expected 3"},
    };
    for (size_t i = 0; i < BB_COUNT_OF(cases); i++) {
        uint32_t *labels = (uint32_t *)(void *)&t;
        cr_expect(bb_labels_parse(&labels, t.context, cases[i].b.bytes, cases[i].b.length, "y", 3,
                                  10) == BB_INPUT && !labels);
        cr_expect(strstr(bb_context_error(t.context), cases[i].fragment),
                  "'%s' does not say '%s'", bb_context_error(t.context), cases[i].fragment);
    }
    uint32_t *labels;
    cr_expect(bb_labels_parse(&labels, t.context, "1\n", 2, "y", UINT64_MAX, 10) == BB_INPUT);
}

/* ---- lack of memory ------------------------------------------------------------------------- */

static bb_status read_once(trial *with, void *payload)
{
    const blob *b = payload;
    const uint32_t shape[3] = {1, 1, 2};
    bb_dataset *dataset = NULL;
    uint32_t *labels = NULL;
    float values[2];
    uint64_t hash;
    bb_status status = bb_dataset_open(&dataset, with->context, with->path, shape);
    if (status == BB_OK)
        status = bb_dataset_read(dataset, 0, 1, values);
    if (status == BB_OK)
        status = bb_dataset_hash(&hash, dataset);
    bb_dataset_free(dataset);
    dataset = NULL;
    if (status == BB_OK)
        status = bb_dataset_parse(&dataset, with->context, b->bytes, b->length, "x", shape);
    bb_dataset_free(dataset);
    if (status == BB_OK)
        status = bb_labels_parse(&labels, with->context, "1\n2\n", 4, "y", 2, 3);
    bb_labels_free(with->context, labels);
    return status;
}

Test(data_files, out_of_memory)
{
    const uint32_t axes[] = {1, 2};
    const uint8_t pixels[] = {1, 2};
    blob cases[] = {npy("|u1", "(1, 2)", pixels, 2), idx(0x08, 2, axes, pixels, 2),
                    text("1,2\n"), {.length = 0}};
    cases[3] = gzip(&cases[0]);
    for (size_t i = 0; i < BB_COUNT_OF(cases); i++) {
        trial_file(&t, "a", cases[i].bytes, cases[i].length);
        trial_exhaust(&t, read_once, &cases[i]);
    }
}
