/* SPDX-License-Identifier: MIT */
/* Reading data sets and labels: every format, every shape rule, every way to be malformed. */
#include "check/blob.h"
#include "check/trial.h"

#include "base/base.h"
#include "data/number.h"
#include "data/source.h"

#include <bitbayes/data.h>
#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static trial t;

static void begin(void)
{
    trial_begin(&t);
}

static void end(void)
{
    trial_end(&t);
}

TestSuite(data, .init = begin, .fini = end);

/* ---- reading -------------------------------------------------------------------------------- */

static bb_dataset *parse(const blob *b, uint32_t channels, uint32_t height, uint32_t width)
{
    const uint32_t shape[3] = {channels, height, width};
    bb_dataset *dataset;
    const bb_status status =
        bb_dataset_parse(&dataset, t.context, b->bytes, b->length, "x", shape);
    cr_assert(status == BB_OK, "%s", bb_context_error(t.context));
    return dataset;
}

static void expect_refusal(const blob *b, const uint32_t shape[3], const char *fragment)
{
    bb_dataset *dataset = (bb_dataset *)&t;
    const bb_status status =
        bb_dataset_parse(&dataset, t.context, b->bytes, b->length, "x", shape);
    cr_expect(status == BB_INPUT && dataset == NULL, "%s: %s", fragment, bb_status_name(status));
    cr_expect(strstr(bb_context_error(t.context), fragment), "'%s' does not say '%s'",
              bb_context_error(t.context), fragment);
    cr_expect(!strncmp(bb_context_error(t.context), "x: ", 3));
    if (status == BB_OK)
        bb_dataset_free(dataset);
}

static void expect_floats(const blob *b, uint32_t n, const float *expected)
{
    bb_dataset *dataset = parse(b, 1, 1, n);
    float found[64];
    cr_assert(n <= 64 && bb_dataset_type(dataset) == BB_DATA_F32);
    cr_assert(bb_dataset_read(dataset, 0, bb_dataset_count(dataset), found) == BB_OK, "%s",
              bb_context_error(t.context));
    for (uint64_t i = 0; i < n * bb_dataset_count(dataset); i++)
        cr_expect(found[i] == expected[i], "value %d: %.9g, expected %.9g", (int)i,
                  (double)found[i], (double)expected[i]);
    bb_dataset_free(dataset);
}

Test(data, idx_bytes_become_nhwc)
{
    uint8_t planar[2 * 3 * 2 * 2];
    for (uint8_t i = 0; i < sizeof(planar); i++)
        planar[i] = i;
    const uint32_t axes[] = {2, 3, 2, 2};
    const blob b = idx(0x08, 4, axes, planar, sizeof(planar));
    bb_dataset *dataset = parse(&b, 3, 2, 2);
    cr_expect(bb_dataset_count(dataset) == 2 && bb_dataset_type(dataset) == BB_DATA_U8);
    cr_expect(bb_dataset_input_size(dataset) == 12 && !strcmp(bb_dataset_name(dataset), "x"));
    uint8_t found[12];
    const uint8_t expected[12] = {12, 16, 20, 13, 17, 21, 14, 18, 22, 15, 19, 23};
    cr_assert(bb_dataset_read(dataset, 1, 1, found) == BB_OK);
    cr_expect(!memcmp(found, expected, sizeof(found)));
    bb_dataset_free(dataset);
}

Test(data, floats_become_nhwc)
{
    const float planar[] = {1, 2, 3, 4};
    const blob b = npy("<f4", "(1, 2, 1, 2)", planar, sizeof(planar));
    bb_dataset *dataset = parse(&b, 2, 1, 2);
    float found[4];
    const float expected[] = {1, 3, 2, 4};
    cr_assert(bb_dataset_read(dataset, 0, 1, found) == BB_OK);
    cr_expect(!memcmp(found, expected, sizeof(found)));
    bb_dataset_free(dataset);
}

Test(data, element_types)
{
    const int8_t i1[] = {-128, 127};
    const int16_t i2[] = {-300, 300};
    const uint16_t u2[] = {0, 65535};
    const int32_t i4[] = {-70000, 16777217};
    const uint32_t u4[] = {0, UINT32_MAX};
    const int64_t i8[] = {INT64_MIN, 5};
    const uint64_t u8[] = {UINT64_MAX, 5};
    const double f8[] = {0.1, -1e-300};
    const uint8_t big_i2[] = {0x01, 0x02, 0xff, 0xfe}, big_f4[] = {0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0};
    const uint8_t big_f8[] = {0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0};
    const uint32_t axes[] = {1, 2};
    const struct {
        blob b;
        float expected[2];
    } cases[] = {
        {npy("|i1", "(1, 2)", i1, sizeof(i1)), {-128, 127}},
        {npy("<i2", "(1, 2)", i2, sizeof(i2)), {-300, 300}},
        {npy("<u2", "(1, 2)", u2, sizeof(u2)), {0, 65535}},
        {npy("<i4", "(1, 2)", i4, sizeof(i4)), {-70000, 16777216}},
        {npy("=u4", "(1, 2)", u4, sizeof(u4)), {0, 4294967296.0f}},
        {npy("<i8", "(1, 2)", i8, sizeof(i8)), {-9223372036854775808.0f, 5}},
        {npy("<u8", "(1, 2)", u8, sizeof(u8)), {18446744073709551616.0f, 5}},
        {npy("<f8", "(1, 2)", f8, sizeof(f8)), {0.1f, -0.0f}},
        {npy(">i2", "(1, 2)", big_i2, sizeof(big_i2)), {258, -2}},
        {npy(">f4", "(1, 2)", big_f4, sizeof(big_f4)), {1, -2}},
        {idx(0x09, 2, axes, i1, sizeof(i1)), {-128, 127}},
        {idx(0x0b, 2, axes, big_i2, sizeof(big_i2)), {258, -2}},
        {idx(0x0d, 2, axes, big_f4, sizeof(big_f4)), {1, -2}},
        {idx(0x0e, 2, axes, big_f8, sizeof(big_f8)), {1.5f, -2}},
    };
    for (size_t i = 0; i < BB_COUNT_OF(cases); i++)
        expect_floats(&cases[i].b, 2, cases[i].expected);
    const uint8_t flags[] = {1, 0};
    const blob b = npy("|b1", "(1, 2)", flags, sizeof(flags));
    bb_dataset *dataset = parse(&b, 1, 1, 2);
    cr_expect(bb_dataset_type(dataset) == BB_DATA_U8);
    bb_dataset_free(dataset);
}

Test(data, npy_headers_that_are_good)
{
    const char *const headers[] = {
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1), }",
        "{\"shape\":(1,1,),\"descr\":\"<u1\",\"fortran_order\":False}",
        "  { 'fortran_order' : False ,\n'shape' : ( 1 , 1 ) , 'descr' : '=u1' }   \n",
    };
    for (size_t i = 0; i < BB_COUNT_OF(headers); i++)
        for (uint8_t version = 1; version <= 3; version++) {
            blob b = npy_header(version, headers[i]);
            put(&b, "\7", 1);
            bb_dataset_free(parse(&b, 1, 1, 1));
        }
}

Test(data, shapes_that_fit)
{
    const uint8_t bytes[24] = {0};
    const struct {
        const char *stored;
        uint32_t wanted[3];
    } cases[] = {
        {"(2, 3, 4)", {1, 3, 4}},    {"(2, 1, 3, 4)", {1, 3, 4}}, {"(2, 12)", {12, 1, 1}},
        {"(2, 12, 1)", {12, 1, 1}},  {"(2, 12)", {1, 3, 4}},      {"(2, 3, 4, 1)", {1, 3, 4}},
        {"(24,)", {1, 1, 1}},        {"(2, 3, 2, 2)", {3, 2, 2}}, {"(1, 4, 6)", {4, 1, 6}},
        {"(2, 1, 12)", {12, 1, 1}},
    };
    for (size_t i = 0; i < BB_COUNT_OF(cases); i++) {
        const blob b = npy("|u1", cases[i].stored, bytes, sizeof(bytes));
        bb_dataset *dataset = parse(&b, cases[i].wanted[0], cases[i].wanted[1],
                                    cases[i].wanted[2]);
        cr_expect(bb_dataset_count(dataset) * bb_dataset_input_size(dataset) == 24);
        bb_dataset_free(dataset);
    }
}

Test(data, shapes_that_do_not_fit)
{
    const uint8_t bytes[24] = {0};
    const struct {
        const char *stored, *fragment;
        uint32_t wanted[3];
    } cases[] = {
        {"(2, 4, 3)", "shape [2, 4, 3], expected [n, 1, 3, 4]", {1, 3, 4}},
        {"(2, 2, 2, 3)", "the channels stand last, transpose to NCHW", {3, 2, 2}},
        {"(2, 12)", "shape [2, 12], expected [n, 3, 2, 2]: reshape it", {3, 2, 2}},
        {"(4, 6)", "the axis of inputs is missing", {1, 4, 6}},
        {"(24,)", "shape [24], expected [n, 24, 1, 1]: the axis", {24, 1, 1}},
        {"(2, 3, 4)", "expected [n, 1, 28, 28]", {1, 28, 28}},
    };
    for (size_t i = 0; i < BB_COUNT_OF(cases); i++) {
        const blob b = npy("|u1", cases[i].stored, bytes, sizeof(bytes));
        expect_refusal(&b, cases[i].wanted, cases[i].fragment);
    }
    const blob b = npy("|u1", "(2, 12)", bytes, sizeof(bytes));
    bb_dataset *dataset;
    const uint32_t none[3] = {0, 1, 1}, vast[3] = {UINT32_MAX, UINT32_MAX, UINT32_MAX};
    cr_expect(bb_dataset_parse(&dataset, t.context, b.bytes, 24, "x", none) == BB_ARGUMENT);
    cr_expect(bb_dataset_parse(&dataset, t.context, b.bytes, 24, "x", vast) == BB_ARGUMENT);
}

Test(data, malformed_npy)
{
    static const uint32_t one[3] = {1, 1, 1};
    const struct {
        const char *header, *fragment;
    } cases[] = {
        {"", "expected '{'"},
        {"{", "expected a key"},
        {"{}", "expected the keys"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,)", "expected ',' or '}'"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1", "expected ',' or ')'"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,)} x", "expected nothing more"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': 1}", "expected '('"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}", "a length below 2^64"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (18446744073709551616,)}",
         "a length below 2^64"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296, 9)}",
         "too large"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (0, 5)}", "holds nothing"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': ()}", "a single number"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}",
         "at most 8 axes"},
        {"{'descr': '|u1', 'fortran_order': True, 'shape': (1,)}", "Fortran order"},
        {"{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}", "True or False"},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}", "'<f2'"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "'|O'"},
        {"{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}", "'|f4'"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "[('a'"},
        {"{'descr': '', 'fortran_order': False, 'shape': (1,)}", "expected the type"},
        {"{'descr': '|u1', 'descr': '|u1', 'shape': (1,)}", "one each of the keys"},
        {"{'descr': '|u1', 'other': 1}", "one each of the keys"},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}", "needs 2"},
    };
    for (size_t i = 0; i < BB_COUNT_OF(cases); i++) {
        blob b = npy_header((uint8_t)(1 + i % 3), cases[i].header);
        put(&b, "\7", 1);
        expect_refusal(&b, one, cases[i].fragment);
    }
    const blob good = npy("|u1", "(1,)", "\7", 1);
    for (size_t length = 6; length < good.length; length++) {
        blob cut = good;
        cut.length = length;
        expect_refusal(&cut, one, length < 10 ? "version" : "");
    }
    blob longer = good;
    put(&longer, "\7", 1);
    expect_refusal(&longer, one, "2 bytes follow the header, shape [1] of 1-byte elements needs 1");
    blob version = good;
    version.bytes[6] = 4;
    expect_refusal(&version, one, ".npy version 4, expected 1 to 3");
    blob vast = npy_header(2, "{}");
    vast.bytes[11] = 0xff;
    expect_refusal(&vast, one, "expected at most 65536");
    uint8_t *padded = malloc(70000);
    memset(padded, ' ', 70000);
    memcpy(padded, "\x93NUMPY\2\0\1\0\1", 12); /* 65537 bytes of header */
    bb_dataset *dataset;
    cr_expect(bb_dataset_parse(&dataset, t.context, padded, 70000, "x", one) == BB_INPUT);
    cr_expect(strstr(bb_context_error(t.context), "header of 65537 bytes"));
    free(padded);
    blob zero = npy_header(1, "{'descr'?}");
    zero.bytes[18] = 0;
    expect_refusal(&zero, one, "a zero byte");
}

Test(data, malformed_idx)
{
    static const uint32_t one[3] = {1, 1, 1};
    const uint32_t huge[] = {0xffffffff, 0xffffffff, 0xffffffff}, none[] = {0, 5}, two[] = {2};
    const blob vast = idx(0x0e, 3, huge, "", 0), empty = idx(0x08, 2, none, "", 0);
    const blob cut = idx(0x08, 1, two, "a", 1), longer = idx(0x08, 1, two, "abc", 3);
    const blob scalar = idx(0x08, 0, two, "a", 1), axes = {{0, 0, 8, 200, 0}, 5};
    const blob type = {{0, 0, 0x0a, 1, 0, 0, 0, 1, 5}, 9}, header = {{0, 0, 8, 2, 0, 0, 0}, 7};
    const blob tiny = {{0, 0, 8}, 3}, magic = {{0, 0, 3, 1, 0}, 5}, other = {{0xff, 0xd8}, 2};
    const blob zip = {{'P', 'K', 3, 4, 0}, 5}, nothing = {{0}, 0};
    expect_refusal(&vast, one, "too large");
    expect_refusal(&empty, one, "shape [0, 5] holds nothing");
    expect_refusal(&cut, one, "1 bytes follow the header, shape [2] of 1-byte elements needs 2");
    expect_refusal(&longer, one, "3 bytes follow the header");
    expect_refusal(&scalar, one, "a single number");
    expect_refusal(&axes, one, "200 axes, expected at most 8");
    expect_refusal(&type, one, "element type 0x0a");
    expect_refusal(&header, one, "ends within the header");
    expect_refusal(&tiny, one, "ends within the header");
    expect_refusal(&magic, one, "begins with bytes 00 00 03 01, expected IDX, .npy or CSV");
    expect_refusal(&other, one, ""); /* text, as far as one can see */
    expect_refusal(&zip, one, "zip archive");
    expect_refusal(&nothing, one, "empty");
}

Test(data, not_finite)
{
    const float floats[] = {1, 2, 3, NAN};
    const double doubles[] = {1, 2, 3, 1e39};
    const blob cases[] = {npy("<f4", "(2, 2)", floats, sizeof(floats)),
                          npy("<f8", "(2, 2)", doubles, sizeof(doubles))};
    for (int i = 0; i < 2; i++) {
        bb_dataset *dataset = parse(&cases[i], 2, 1, 1);
        float found[4];
        cr_expect(bb_dataset_read(dataset, 0, 1, found) == BB_OK);
        cr_expect(bb_dataset_read(dataset, 0, 2, found) == BB_INPUT);
        cr_expect(strstr(bb_context_error(t.context), i ? "x: input 1, element 1 is infinite"
                                                        : "x: input 1, element 1 is NaN"));
        bb_dataset_free(dataset);
    }
}

Test(data, csv)
{
    const float expected[] = {1, -2.5f, 3e-3f, 0.1f};
    const char *const good[] = {
        "1,-2.5\n3e-3,.1\n",
        "a,b\n1,-2.5\n3e-3,.1",
        "\357\273\2771,-2.5\n0.003,0.1\n",
        "\xef\xbb\xbf\"first, one\",second\r\n 1 ,\t-2.5\r\n+3E-3,0.1000000000000000000\r\n\r\n \n",
        ",x\n1.,-2.5\n0.003,1e-1\n\n\n",
    };
    for (size_t i = 0; i < BB_COUNT_OF(good); i++) {
        const blob b = text(good[i]);
        expect_floats(&b, 2, expected);
    }
    const blob rows = text("1,2,3,4\n");
    bb_dataset *dataset = parse(&rows, 2, 1, 2);
    float found[4];
    const float interleaved[] = {1, 3, 2, 4};
    cr_assert(bb_dataset_read(dataset, 0, 1, found) == BB_OK);
    cr_expect(!memcmp(found, interleaved, sizeof(found)));
    bb_dataset_free(dataset);
}

Test(data, csv_header_of_numbers_is_noted)
{
    const blob b = text("0,1,2\n5,6,7\n");
    bb_dataset *dataset = parse(&b, 1, 1, 3);
    cr_expect(bb_dataset_count(dataset) == 2);
    cr_expect(strstr(t.note, "row 1 reads 0, 1, 2"));
    bb_dataset_free(dataset);
}

Test(data, malformed_csv)
{
    static const uint32_t two[3] = {1, 1, 2};
    const struct {
        const char *text, *fragment;
    } cases[] = {
        {"1,2\n3\n", "row 2: 1 columns, expected 2"},
        {"1,2\n3,4,5\n", "row 2: more than 2 columns, expected 2"},
        {"1,2,3\n", "row 1: more than 2 columns"},
        {"1,2\n\n3,4\n", "row 2, column 1: '', expected a number"},
        {"1,2\n3,x\n", "row 2, column 2: 'x', expected a number"},
        {"1,x\n", "row 1, column 2: 'x', expected a number"},
        {"1,2\n3,nan\n", "row 2, column 2: 'nan', expected a finite number"},
        {"nan,nan\n", "row 1, column 1: 'nan', expected a finite number"},
        {"1,2\n-Infinity,4\n", "row 2, column 1: '-Infinity', expected a finite"},
        {"1,2\n1e39,4\n", "row 2, column 1: '1e39', expected a finite"},
        {"1,2\n0x10,4\n", "'0x10', expected a number"},
        {"1,2\n1e,4\n", "'1e', expected a number"},
        {"1,2\n1e+,4\n", "'1e+', expected a number"},
        {"1,2\n.,4\n", "'.', expected a number"},
        {"1,2\n1 2,4\n", "'1 2', expected a number"},
        {"1,2\n--1,4\n", "'--1', expected a number"},
        {"1,2\n0123456789012345678901234567890123456789x,4\n",
         "'01234567890123456789012345678901'..., expected a number"},
        {"a,b\n", "no row of numbers"},
        {"a,b", "no row of numbers"},
        {" \n\n", "no row of numbers"},
        {"1;2\n3;4\n", "row 2, column 1: '3;4', expected a number"},
    };
    for (size_t i = 0; i < BB_COUNT_OF(cases); i++) {
        const blob b = text(cases[i].text);
        expect_refusal(&b, two, cases[i].fragment);
    }
}

Test(data, numbers_know_no_locale)
{
    char out[BB_NUMBER_SIZE];
    float value;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8"))
        cr_skip_test("no locale with a decimal comma is installed");
    cr_expect(bb_number_print(out, 0.5, 9) == 3 && !strcmp(out, "0.5"));
    cr_expect(bb_number_parse(&value, "0.25", 4) && value == 0.25f);
}

Test(data, numbers)
{
    char out[BB_NUMBER_SIZE];
    const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},       {-1e300, "-1e+300"}, {NAN, "nan"},
                 {INFINITY, "inf"},  {-INFINITY, "-inf"}, {123456789.5, "123456790"},
                 {1e-7, "1e-07"},    {0, "0"}};
    for (size_t i = 0; i < BB_COUNT_OF(cases); i++) {
        cr_expect(bb_number_print(out, cases[i].value, 9) == strlen(cases[i].text));
        cr_expect(!strcmp(out, cases[i].text), "%s, expected %s", out, cases[i].text);
    }
    int64_t integer;
    cr_expect(bb_number_parse_integer(&integer, "-9223372036854775808", 20));
    cr_expect(integer == INT64_MIN);
    cr_expect(bb_number_parse_integer(&integer, "+9223372036854775807", 20));
    cr_expect(integer == INT64_MAX);
    cr_expect(!bb_number_parse_integer(&integer, "9223372036854775808", 19));
    cr_expect(!bb_number_parse_integer(&integer, "-9223372036854775809", 20));
    cr_expect(!bb_number_parse_integer(&integer, "", 0));
    cr_expect(!bb_number_parse_integer(&integer, "-", 1));
    cr_expect(!bb_number_parse_integer(&integer, "1.0", 3));
}

/* ---- gzip ----------------------------------------------------------------------------------- */

Test(data, gzip_of_every_format)
{
    const float values[] = {1, 2};
    const uint32_t axes[] = {1, 2};
    const uint8_t big[] = {0x3f, 0x80, 0, 0, 0x40, 0, 0, 0};
    const blob plain[] = {npy("<f4", "(1, 2)", values, sizeof(values)),
                          idx(0x0d, 2, axes, big, sizeof(big)), text("1,2\n")};
    for (int i = 0; i < 3; i++) {
        const blob packed = gzip(&plain[i]);
        expect_floats(&packed, 2, values);
    }
    const blob halves[] = {text("1,"), text("2\n")};
    blob members = gzip(&halves[0]);
    const blob second = gzip(&halves[1]);
    put(&members, second.bytes, second.length);
    expect_floats(&members, 2, values);
}

Test(data, damaged_gzip)
{
    static const uint32_t one[3] = {1, 1, 1};
    const blob plain = text("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n"), good = gzip(&plain);
    for (size_t length = 2; length < good.length; length++) {
        blob cut = good;
        cut.length = length;
        expect_refusal(&cut, one, "gzip: ends too early");
    }
    blob checksum = good, header = good, behind = good;
    checksum.bytes[good.length - 6] ^= 1;
    expect_refusal(&checksum, one, "gzip: incorrect data check");
    header.bytes[2] = 77;
    expect_refusal(&header, one, "gzip: unknown compression method");
    put(&behind, "rubbish", 7);
    expect_refusal(&behind, one, "gzip: incorrect header check");
    const blob nothing = text(""), packed = gzip(&nothing);
    expect_refusal(&packed, one, "x: empty");
}

Test(data, gzip_that_unpacks_to_too_much)
{
    blob plain = {.length = 4000};
    const blob packed = gzip(&plain);
    uint8_t *bytes;
    size_t length;
    cr_expect(bb_inflate(t.context, "x", packed.bytes, packed.length, 3999, &bytes, &length) ==
              BB_INPUT);
    cr_expect(strstr(bb_context_error(t.context), "more than the limit of 3999 bytes"));
    cr_assert(bb_inflate(t.context, "x", packed.bytes, packed.length, 4000, &bytes, &length) ==
              BB_OK);
    cr_expect(length == 4000 && !bytes[4000]);
    bb_release(t.context, bytes);
}
