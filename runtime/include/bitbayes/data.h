/* SPDX-License-Identifier: MIT */
/** @file data.h  Data sets and labels in; scores and arrays out.
 *
 * Formats are told apart by content, never by name: IDX (the MNIST format, every element type),
 * NumPy .npy (versions 1 to 3, C order, booleans, integers of 1 to 8 bytes, 4- and 8-byte floats)
 * and CSV (numbers only). Each may be wrapped in gzip. Errors name the file, the place, what was
 * found and what was expected.
 */
#ifndef BITBAYES_DATA_H
#define BITBAYES_DATA_H

#include <bitbayes/context.h>
#include <bitbayes/statistics.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reading inputs ------------------------------------------------------------------------- */

/** Inputs of one shape, readable at any place. One thread at a time. */
typedef struct bb_dataset bb_dataset;

/** What bb_dataset_read() delivers. */
typedef enum bb_data_type {
    BB_DATA_U8, /**< the file holds unsigned bytes or booleans */
    BB_DATA_F32 /**< everything else, rounded to float32 where it is wider; always finite */
} bb_data_type;

/**
 * Open a data set.
 *
 * A file holds n inputs, first axis first, each in the order channel, row, column (NCHW), as
 * PyTorch users store them. Axes of length 1 do not count: [n, 28, 28] and [n, 1, 28, 28] both fit
 * (1, 28, 28), and [n, 64] fits (64, 1, 1). A flat [n, C*H*W] also fits where C is 1, and always in
 * CSV, where each row is one input in that order. The first CSV row is a header if none of its
 * cells is a number. Labels never stand among the inputs: see bb_labels_read().
 *
 * Plain IDX and .npy files stay on disk, so they may exceed memory; CSV and gzip are held whole.
 *
 * @param out    Receives the data set, NULL on failure. Free with bb_dataset_free().
 * @param path   Kept open (plain IDX and .npy) until bb_dataset_free().
 * @param shape  Channels, height and width that the model wants; see bb_graph_input_shape().
 * @return BB_OK
 *         BB_INPUT  unreadable, malformed, empty, or of another shape
 *         BB_MEMORY
 */
bb_status bb_dataset_open(bb_dataset **out, bb_context *context, const char *path,
                          const uint32_t shape[3]);

/** The same from memory. `name` stands in messages. Keeps no pointer to `bytes`. */
bb_status bb_dataset_parse(bb_dataset **out, bb_context *context, const void *bytes, size_t length,
                           const char *name, const uint32_t shape[3]);

void bb_dataset_free(bb_dataset *dataset); /**< takes NULL */

/** Number of inputs, from 1 to 2^32 - 1. */
uint64_t bb_dataset_count(const bb_dataset *dataset);

bb_data_type bb_dataset_type(const bb_dataset *dataset);

/** Bytes of one input as delivered: C*H*W times 1 or 4. */
size_t bb_dataset_input_size(const bb_dataset *dataset);

/** Path or name that it was opened under; borrowed. */
const char *bb_dataset_name(const bb_dataset *dataset);

/**
 * Read inputs first .. first + n - 1.
 *
 * @param out  [n][height][width][channel] (NHWC), tightly packed, uint8_t or float as
 *             bb_dataset_type() says; n * bb_dataset_input_size() bytes. Undefined on failure.
 * @return BB_OK
 *         BB_ARGUMENT  the range does not lie within the data set
 *         BB_INPUT     a value is not finite, or the file shrank; the text says where
 */
bb_status bb_dataset_read(bb_dataset *dataset, uint64_t first, uint64_t n, void *out);

/** XXH3 of the file's bytes as they lie on disk, compressed or not. Reads the file once.
 * BB_OK, BB_INPUT, BB_MEMORY. */
bb_status bb_dataset_hash(uint64_t *out, bb_dataset *dataset);

/* ---- reading labels ------------------------------------------------------------------------- */

/**
 * Read one class number per input: a file of integers of shape [n] ([n, 1] too), or CSV with one
 * integer per row and an optional header.
 *
 * @param out         Receives [n_expected] labels, NULL on failure. Release with bb_labels_free().
 * @param n_expected  Number of inputs of the data set that they belong to.
 * @param n_classes   Every label must be below it.
 * @return BB_OK
 *         BB_INPUT  unreadable, malformed, not integers, another count, a label out of range
 *         BB_MEMORY
 */
bb_status bb_labels_read(uint32_t **out, bb_context *context, const char *path,
                         uint64_t n_expected, uint32_t n_classes);

/** The same from memory. `name` stands in messages. Keeps no pointer to `bytes`. */
bb_status bb_labels_parse(uint32_t **out, bb_context *context, const void *bytes, size_t length,
                          const char *name, uint64_t n_expected, uint32_t n_classes);

void bb_labels_free(bb_context *context, uint32_t *labels); /**< takes NULL */

/* ---- writing scores ------------------------------------------------------------------------- */

/** A CSV file with one row per input, in the making. One thread at a time. */
typedef struct bb_scores bb_scores;

typedef struct bb_scores_options {
    uint32_t n_classes;         /**< needed with `probabilities` only */
    unsigned labels : 1;        /**< add a column `label` */
    unsigned probabilities : 1; /**< add columns `p_0` .. of the mean probabilities */
} bb_scores_options;

/**
 * Begin a score file with the header
 * `index,class,probability,predictive_entropy_nats,expected_entropy_nats,mutual_information_nats,`
 * `variation_ratio,top_class_std,distinct_leaves`, then `label` and `p_0,p_1,...` where asked for.
 * Numbers are written with %.9g and a point in every locale. Nothing stands under `path` before
 * bb_scores_commit(): until then it is PATH.part.
 *
 * @param out  Receives the writer, NULL on failure. Free with bb_scores_free().
 * @return BB_OK, BB_OUTPUT (cannot be created or written), BB_MEMORY
 */
bb_status bb_scores_create(bb_scores **out, bb_context *context, const char *path,
                           const bb_scores_options *options);

/** Append a row. `mean` is [n_classes], may be NULL without `probabilities`. An input without a
 * label leaves its cell empty. BB_OK, BB_OUTPUT, BB_MEMORY. */
bb_status bb_scores_add(bb_scores *scores, uint64_t index, const bb_prediction *prediction,
                        const double *mean);

/** Finish the file and give it its name. No rows may follow. BB_OK; BB_OUTPUT: nothing is left. */
bb_status bb_scores_commit(bb_scores *scores);

/** Takes NULL. What was not committed is removed. */
void bb_scores_free(bb_scores *scores);

/* ---- writing arrays ------------------------------------------------------------------------- */

typedef enum bb_array_type {
    BB_ARRAY_U8,  /**< uint8_t */
    BB_ARRAY_U32, /**< uint32_t */
    BB_ARRAY_F32, /**< float */
    BB_ARRAY_F64  /**< double */
} bb_array_type;

/** Axes that an array may have at most. */
#define BB_ARRAY_AXES 8

/** A .npy file of a shape known beforehand, in the making. One thread at a time. */
typedef struct bb_array bb_array;

/**
 * Begin a .npy file (version 1.0, little-endian, C order). As with scores, PATH.part until commit.
 *
 * @param out    Receives the writer, NULL on failure. Free with bb_array_free().
 * @param shape  [n_axes], slowest axis first; n_axes from 0 to BB_ARRAY_AXES.
 * @return BB_OK, BB_OUTPUT, BB_ARGUMENT (the size overflows), BB_MEMORY
 */
bb_status bb_array_create(bb_array **out, bb_context *context, const char *path,
                          bb_array_type type, uint32_t n_axes, const uint64_t *shape);

/** Append `n` elements in C order. BB_OK, BB_OUTPUT, BB_ARGUMENT (more than the shape holds). */
bb_status bb_array_add(bb_array *array, const void *elements, size_t n);

/** Finish the file and give it its name. BB_OK; BB_ARGUMENT (elements are missing) or BB_OUTPUT:
 * nothing is left. */
bb_status bb_array_commit(bb_array *array);

/** Takes NULL. What was not committed is removed. */
void bb_array_free(bb_array *array);

#ifdef __cplusplus
}
#endif
#endif
