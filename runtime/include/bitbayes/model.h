/* SPDX-License-Identifier: MIT */
/** @file model.h  Models: reading ONNX and packed .bbm files, writing .bbm. */
#ifndef BITBAYES_MODEL_H
#define BITBAYES_MODEL_H

#include <bitbayes/context.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A checked model with every shape known. Immutable; may be read by several threads. */
typedef struct bb_graph bb_graph;

/** How stored data become network input: (x * scale - mean) / std, in float32, one mean and std for
 * all channels (n == 1) or one per channel. Absent in a model: scale 1, mean 0, std 1. */
typedef struct bb_preprocess {
    float scale;
    uint32_t n; /**< length of mean and std: 1 or the number of channels */
    const float *mean;
    const float *std;
} bb_preprocess;

/**
 * Read a model file, ONNX or .bbm, told apart by content.
 *
 * @param out   Receives the model, NULL on failure. Free with bb_graph_free().
 * @param path  External data of an ONNX file are looked for beside it, and nowhere else.
 * @return BB_OK
 *         BB_INPUT        the file cannot be read, or is malformed; the text says where
 *         BB_UNSUPPORTED  a node is not supported; the text names it, the reason and the remedy
 *         BB_MEMORY
 */
bb_status bb_graph_load(bb_graph **out, bb_context *context, const char *path);

/** The same from memory. `name` stands in messages; `folder` (may be NULL: none allowed) is where
 * external data lie. Keeps no pointer to `bytes`. */
bb_status bb_graph_parse(bb_graph **out, bb_context *context, const void *bytes, size_t length,
                         const char *name, const char *folder);

/** Write the packed form: versioned, checksummed, one bit per binary weight. A plan folded from it
 * equals the plan folded from the original. BB_OK, BB_OUTPUT, BB_MEMORY. */
bb_status bb_graph_save(const bb_graph *graph, bb_context *context, const char *path);

void bb_graph_free(bb_graph *graph); /**< takes NULL */

/** Channels, height and width of one input. */
void bb_graph_input_shape(const bb_graph *graph, uint32_t shape[3]);

/** The preprocessing that the model asks for; borrowed. */
const bb_preprocess *bb_graph_preprocess(const bb_graph *graph);

uint32_t bb_graph_class_count(const bb_graph *graph);

/** Name of a class, "0", "1", ... where the model has none; borrowed. */
const char *bb_graph_class_name(const bb_graph *graph, uint32_t index);

/** XXH3 of the model file's bytes (of the ONNX file that a .bbm came from). */
uint64_t bb_graph_hash(const bb_graph *graph);

/** What the reader recognised and rewrote, lines separated by '\n'; borrowed, never NULL. */
const char *bb_graph_recognised(const bb_graph *graph);

#ifdef __cplusplus
}
#endif
#endif
