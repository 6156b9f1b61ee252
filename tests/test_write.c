/* SPDX-License-Identifier: MIT */
/* Writing scores, arrays and JSON; that nothing half-written is left. */
#include "check/trial.h"

#include "base/base.h"
#include "data/json.h"

#include <bitbayes/data.h>
#include <criterion/criterion.h>
#include <math.h>
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

TestSuite(write, .init = begin, .fini = end);

static const bb_prediction sample = {.top_class = 1,
                                     .label = 2,
                                     .n_leaves = 3,
                                     .probability = 2.0 / 3.0,
                                     .predictive_entropy = 0.5,
                                     .expected_entropy = 0.25,
                                     .mutual_information = 1e-17,
                                     .variation_ratio = 0.1,
                                     .top_class_std = 0};

#define HEADER                                                                                   \
    "index,class,probability,predictive_entropy_nats,expected_entropy_nats,"                     \
    "mutual_information_nats,variation_ratio,top_class_std,distinct_leaves"
#define ROW "1,0.666666667,0.5,0.25,1e-17,0.1,0,3"

static void expect_content(const char *path, const char *expected)
{
    char *found = trial_read(path, NULL);
    cr_assert(found != NULL);
    cr_expect(!strcmp(found, expected), "found:\n%s\nexpected:\n%s", found, expected);
    free(found);
}

static void expect_nothing(void)
{
    cr_expect(!trial_exists(trial_path(&t, "a")) && !trial_exists(trial_path(&t, "a.part")));
}

Test(write, scores)
{
    const double mean[] = {0.125, 2.0 / 3.0, 1.0 / 3.0};
    const struct {
        bb_scores_options options;
        const char *expected;
    } cases[] = {
        {{0}, HEADER "\n7," ROW "\n4294967295," ROW "\n"},
        {{.labels = 1}, HEADER ",label\n7," ROW ",2\n4294967295," ROW ",\n"},
        {{.labels = 1, .probabilities = 1, .n_classes = 3},
         HEADER ",label,p_0,p_1,p_2\n7," ROW ",2,0.125,0.666666667,0.333333333\n"
                "4294967295," ROW ",,0.125,0.666666667,0.333333333\n"},
    };
    for (size_t i = 0; i < BB_COUNT_OF(cases); i++) {
        bb_scores *scores;
        bb_prediction unlabelled = sample;
        unlabelled.label = BB_NO_LABEL;
        const char *path = trial_path(&t, "a");
        cr_assert(bb_scores_create(&scores, t.context, path, &cases[i].options) == BB_OK);
        cr_assert(bb_scores_add(scores, 7, &sample, mean) == BB_OK);
        cr_assert(bb_scores_add(scores, UINT32_MAX, &unlabelled, mean) == BB_OK);
        cr_assert(bb_scores_commit(scores) == BB_OK);
        bb_scores_free(scores);
        expect_content(path, cases[i].expected);
        cr_expect(!trial_exists(trial_path(&t, "a.part")));
    }
}

Test(write, scores_not_committed_leave_nothing)
{
    bb_scores *scores;
    const bb_scores_options options = {0};
    cr_assert(bb_scores_create(&scores, t.context, trial_path(&t, "a"), &options) == BB_OK);
    cr_expect(trial_exists(trial_path(&t, "a.part")) && !trial_exists(trial_path(&t, "a")));
    bb_scores_free(scores);
    expect_nothing();
    bb_scores_free(NULL);
}

static void check_array(bb_array_type type, uint32_t n_axes, const uint64_t *shape,
                        const void *elements, size_t n, size_t bytes, const char *header)
{
    bb_array *array;
    size_t length;
    const char *path = trial_path(&t, "a");
    cr_assert(bb_array_create(&array, t.context, path, type, n_axes, shape) == BB_OK);
    cr_assert(bb_array_add(array, elements, n / 2) == BB_OK);
    const size_t half = n ? bytes / n * (n / 2) : 0;
    cr_assert(bb_array_add(array, (const char *)elements + half, n - n / 2) == BB_OK);
    cr_expect(bb_array_add(array, elements, 1) == BB_ARGUMENT);
    cr_assert(bb_array_commit(array) == BB_OK, "%s", bb_context_error(t.context));
    bb_array_free(array);
    char *found = trial_read(path, &length);
    cr_assert(found != NULL && length == 128 + bytes, "%zu bytes", length);
    cr_expect(!memcmp(found, "\x93NUMPY\1\0\x76\0", 10));
    cr_expect(!strncmp(found + 10, header, strlen(header)), "%.118s", found + 10);
    cr_expect(found[127] == '\n' && !memcmp(found + 128, elements, bytes));
    free(found);
}

Test(write, arrays)
{
    const float f4[] = {1, 2, 3, 4, 5, 6};
    const double f8[] = {1.5, 2};
    const uint32_t u4[] = {7};
    const uint64_t matrix[] = {2, 3}, vector[] = {2}, empty[] = {0, 3};
    check_array(BB_ARRAY_F32, 2, matrix, f4, 6, 24,
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  ");
    check_array(BB_ARRAY_F64, 1, vector, f8, 2, 16,
                "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }  ");
    check_array(BB_ARRAY_U32, 0, NULL, u4, 1, 4,
                "{'descr': '<u4', 'fortran_order': False, 'shape': (), }  ");
    check_array(BB_ARRAY_U8, 2, matrix, "abcdef", 6, 6,
                "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }  ");
    check_array(BB_ARRAY_U8, 2, empty, "", 0, 0,
                "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 3), }  ");
}

Test(write, arrays_are_read_back)
{
    const float values[] = {1, 2, 3, 4, 5, 6};
    const uint64_t shape[] = {2, 3};
    const uint32_t wanted[3] = {3, 1, 1};
    bb_array *array;
    bb_dataset *dataset;
    float found[6];
    const char *path = trial_path(&t, "a");
    cr_assert(bb_array_create(&array, t.context, path, BB_ARRAY_F32, 2, shape) == BB_OK);
    cr_assert(bb_array_add(array, values, 6) == BB_OK && bb_array_commit(array) == BB_OK);
    bb_array_free(array);
    cr_assert(bb_dataset_open(&dataset, t.context, path, wanted) == BB_OK);
    cr_assert(bb_dataset_read(dataset, 0, 2, found) == BB_OK);
    cr_expect(!memcmp(found, values, sizeof(values)));
    bb_dataset_free(dataset);
}

Test(write, array_refusals)
{
    bb_array *array;
    const uint64_t vast[] = {UINT64_C(1) << 32, UINT64_C(1) << 32}, two[] = {2};
    const uint64_t many[BB_ARRAY_AXES + 1] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const char *path = trial_path(&t, "a");
    cr_expect(bb_array_create(&array, t.context, path, BB_ARRAY_F32, 2, vast) == BB_ARGUMENT);
    cr_expect(bb_array_create(&array, t.context, path, BB_ARRAY_U8, 9, many) == BB_ARGUMENT);
    cr_assert(bb_array_create(&array, t.context, path, BB_ARRAY_U8, 1, two) == BB_OK);
    cr_expect(bb_array_add(array, "a", 1) == BB_OK);
    cr_expect(bb_array_commit(array) == BB_ARGUMENT);
    cr_expect(strstr(bb_context_error(t.context), "a: 1 elements are missing"));
    bb_array_free(array);
    bb_array_free(NULL);
    expect_nothing();
}

Test(write, folder_that_is_missing)
{
    bb_scores *scores;
    bb_array *array;
    const bb_scores_options options = {0};
    const char *path = trial_path(&t, "missing/a");
    cr_expect(bb_scores_create(&scores, t.context, path, &options) == BB_OUTPUT && !scores);
    cr_expect(strstr(bb_context_error(t.context), "missing/a: cannot write: No such file"), "%s",
              bb_context_error(t.context));
    cr_expect(bb_array_create(&array, t.context, path, BB_ARRAY_U8, 0, NULL) == BB_OUTPUT);
}

/* PATH.part leads to /dev/full, which takes nothing. */
static void fill_disk(void)
{
    if (!trial_exists("/dev/full"))
        cr_skip_test("there is no /dev/full");
    cr_assert(symlink("/dev/full", trial_path(&t, "a.part")) == 0);
}

Test(write, full_disk_at_the_end)
{
    bb_scores *scores;
    const bb_scores_options options = {0};
    fill_disk();
    cr_assert(bb_scores_create(&scores, t.context, trial_path(&t, "a"), &options) == BB_OK);
    cr_assert(bb_scores_add(scores, 0, &sample, NULL) == BB_OK);
    cr_expect(bb_scores_commit(scores) == BB_OUTPUT);
    cr_expect(strstr(bb_context_error(t.context), "No space left"), "%s",
              bb_context_error(t.context));
    bb_scores_free(scores);
    expect_nothing();
}

/* A failure is remembered: later rows would leave a hole before them. */
Test(write, full_disk_in_the_middle)
{
    static uint8_t bytes[1 << 16];
    const uint64_t shape[] = {2, sizeof(bytes)};
    bb_array *array;
    fill_disk();
    cr_assert(bb_array_create(&array, t.context, trial_path(&t, "a"), BB_ARRAY_U8, 2, shape) ==
              BB_OK);
    cr_expect(bb_array_add(array, bytes, sizeof(bytes)) == BB_OUTPUT);
    cr_expect(bb_array_add(array, bytes, sizeof(bytes)) == BB_OUTPUT);
    cr_expect(bb_array_commit(array) == BB_OUTPUT);
    bb_array_free(array);
    expect_nothing();
    bb_scores *scores;
    const bb_scores_options options = {0};
    bb_status status = BB_OK;
    fill_disk();
    cr_assert(bb_scores_create(&scores, t.context, trial_path(&t, "a"), &options) == BB_OK);
    for (int i = 0; i < 1000 && status == BB_OK; i++)
        status = bb_scores_add(scores, 0, &sample, NULL);
    cr_expect(status == BB_OUTPUT && bb_scores_add(scores, 0, &sample, NULL) == BB_OUTPUT);
    cr_expect(bb_scores_commit(scores) == BB_OUTPUT);
    bb_scores_free(scores);
    expect_nothing();
}

static bb_status write_once(trial *with, void *payload)
{
    (void)payload;
    bb_scores *scores = NULL;
    bb_array *array = NULL;
    const double mean[40] = {0};
    const uint64_t shape[] = {1};
    const bb_scores_options options = {.n_classes = 40, .probabilities = 1};
    bb_status status =
        bb_scores_create(&scores, with->context, trial_path(with, "a"), &options);
    if (status == BB_OK)
        status = bb_scores_add(scores, 0, &sample, mean);
    if (status == BB_OK)
        status = bb_scores_commit(scores);
    bb_scores_free(scores);
    if (status == BB_OK)
        status = bb_array_create(&array, with->context, trial_path(with, "a"), BB_ARRAY_U8, 1,
                                 shape);
    if (status == BB_OK)
        status = bb_array_add(array, "a", 1);
    if (status == BB_OK)
        status = bb_array_commit(array);
    bb_array_free(array);
    cr_expect(!trial_exists(trial_path(with, "a.part")));
    return status;
}

Test(write, out_of_memory)
{
    trial_exhaust(&t, write_once, NULL);
}

/* A row that could not be made must not be missing from a file that looks whole. */
Test(write, no_commit_after_a_lost_row)
{
    double mean[400];
    for (int i = 0; i < 400; i++)
        mean[i] = 1.23456789e-100; /* a row longer than twice the header: its text must grow */
    bb_scores *scores;
    const bb_scores_options options = {.n_classes = 400, .probabilities = 1};
    cr_assert(bb_scores_create(&scores, t.context, trial_path(&t, "a"), &options) == BB_OK);
    t.n_left = 0;
    cr_expect(bb_scores_add(scores, 0, &sample, mean) == BB_MEMORY);
    t.n_left = -1;
    cr_expect(bb_scores_add(scores, 1, &sample, mean) == BB_MEMORY);
    cr_expect(bb_scores_commit(scores) == BB_MEMORY);
    bb_scores_free(scores);
    expect_nothing();
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void write_document(bb_json *json)
{
    bb_json_begin_object(json);
    bb_json_key(json, "name");
    bb_json_string(json, "a");
    bb_json_key(json, "list");
    bb_json_begin_array(json);
    bb_json_number(json, 0.1);
    bb_json_number(json, NAN);
    bb_json_number(json, -INFINITY);
    bb_json_u64(json, UINT64_MAX);
    bb_json_bool(json, true);
    bb_json_bool(json, false);
    bb_json_string(json, NULL);
    bb_json_begin_object(json);
    bb_json_end(json);
    bb_json_begin_array(json);
    bb_json_end(json);
    bb_json_end(json);
    bb_json_end(json);
}

Test(write, json)
{
    bb_text out = {.context = t.context};
    bb_json compact = {.text = &out, .compact = true}, pretty = {.text = &out};
    write_document(&compact);
    cr_expect(!strcmp(out.bytes, "{\"name\": \"a\", \"list\": [0.1, null, null, "
                                 "18446744073709551615, true, false, null, {}, []]}"),
              "%s", out.bytes);
    out.length = 0;
    write_document(&pretty);
    cr_expect(!strcmp(out.bytes, "{\n  \"name\": \"a\",\n  \"list\": [\n"
                                 "    0.1,\n    null,\n    null,\n"
                                 "    18446744073709551615,\n    true,\n    false,\n    null,\n"
                                 "    {},\n    []\n  ]\n}\n"),
              "%s", out.bytes);
    bb_text_free(&out);
}

Test(write, json_strings)
{
    const struct {
        const char *string, *expected;
    } cases[] = {
        {"\"\\/\b\f\n\r\t\x01\x1f\x7f", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\""},
        {"\xc3\xa4 \xe2\x82\xac \xf0\x9d\x84\x9e", "\"\xc3\xa4 \xe2\x82\xac \xf0\x9d\x84\x9e\""},
        {"\xff", "\"\xef\xbf\xbd\""},
        {"\xc3", "\"\xef\xbf\xbd\""},
        {"\xc3(", "\"\xef\xbf\xbd(\""},
        {"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},             /* overlong */
        {"\xe0\x9f\xbf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* overlong */
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* surrogate */
        {"\xed\x9f\xbf\xee\x80\x80", "\"\xed\x9f\xbf\xee\x80\x80\""},
        {"\xf4\x8f\xbf\xbf", "\"\xf4\x8f\xbf\xbf\""},
        {"\xf4\x90\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf0\x8f\xbf\xbf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"", "\"\""},
    };
    for (size_t i = 0; i < BB_COUNT_OF(cases); i++) {
        bb_text out = {.context = t.context};
        bb_json json = {.text = &out, .compact = true};
        bb_json_string(&json, cases[i].string);
        cr_expect(!strcmp(out.bytes, cases[i].expected), "case %zu: %s", i, out.bytes);
        bb_text_free(&out);
    }
}

static bb_status write_json(trial *with, void *payload)
{
    (void)payload;
    bb_text out = {.context = with->context};
    bb_json json = {.text = &out};
    for (int i = 0; i < 20 && !out.failed; i++)
        write_document(&json);
    const bb_status status = out.failed ? BB_MEMORY : BB_OK;
    bb_text_free(&out);
    return status;
}

Test(write, json_out_of_memory)
{
    trial_exhaust(&t, write_json, NULL);
}

Test(write, one_writer_at_a_time)
{
    bb_file first, second;
    const char *path = trial_path(&t, "a");
    cr_assert(bb_file_create(&first, t.context, path) == BB_OK);
    cr_expect(bb_file_create(&second, t.context, path) == BB_OUTPUT);
    cr_expect(strstr(bb_context_error(t.context), "another process") != NULL);
    cr_expect(trial_exists(trial_path(&t, "a.part")));
    cr_assert(bb_file_commit(&first) == BB_OK);
    cr_assert(bb_file_create(&second, t.context, trial_path(&t, "a")) == BB_OK);
    bb_file_abandon(&second);
    cr_expect(trial_exists(trial_path(&t, "a")));
}

Test(write, devices_and_links_stay_what_they_are)
{
    bb_file file;
    cr_assert(bb_file_create(&file, t.context, "/dev/null") == BB_OK);
    cr_assert(bb_file_write(&file, "x", 1) == BB_OK);
    cr_assert(bb_file_commit(&file) == BB_OK);
    struct stat status;
    cr_assert(stat("/dev/null", &status) == 0 && S_ISCHR(status.st_mode));
    trial_file(&t, "target", "old", 3);
    cr_assert(symlink("target", trial_path(&t, "link")) == 0);
    cr_assert(bb_file_create(&file, t.context, trial_path(&t, "link")) == BB_OK);
    cr_assert(bb_file_write(&file, "new!", 4) == BB_OK);
    cr_assert(bb_file_commit(&file) == BB_OK);
    cr_assert(lstat(trial_path(&t, "link"), &status) == 0 && S_ISLNK(status.st_mode));
    size_t length;
    char *text = trial_read(trial_path(&t, "target"), &length);
    cr_expect(length == 4 && memcmp(text, "new!", 4) == 0);
    free(text);
}

Test(write, files_that_say_they_are_empty_are_read)
{
    uint8_t *bytes;
    size_t length;
    cr_assert(bb_file_read(t.context, "/proc/version", 1 << 20, &bytes, &length) == BB_OK);
    cr_expect(length > 5);
    bb_release(t.context, bytes);
}
