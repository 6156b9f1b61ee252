/* SPDX-License-Identifier: MIT */
/** @file engine.h  Engines: a plan made ready on one device; running inputs; verifying. */
#ifndef BITBAYES_ENGINE_H
#define BITBAYES_ENGINE_H

#include <bitbayes/device.h>
#include <bitbayes/plan.h>
#include <bitbayes/sampling.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Belongs to one thread at a time; several engines of one plan may run side by side, each with a
 * context of its own. */
typedef struct bb_engine bb_engine;

typedef struct bb_engine_options {
    const char *device;    /**< see device.h; NULL: the first OpenCL device; "ref": plain C */
    uint64_t memory_bytes; /**< budget for activations, lists and masks on the device; 0: a quarter
                              of its memory, at most 256 MiB */
    bb_device_options backend; /**< variants, popcount path, image, cache, trial runs */
} bb_engine_options;

/**
 * Make a plan ready on a device: choose kernels, build them, upload weights (slow).
 *
 * @param out   Receives the engine, NULL on failure. Free with bb_engine_free().
 * @param plan  Must outlive the engine.
 * @return BB_OK; BB_NO_DEVICE; BB_DEVICE (build log in the text); BB_ARGUMENT; BB_MEMORY;
 *         BB_UNSUPPORTED (no kernel, or nothing in the image, can run a stage; a big-endian
 * device); BB_INPUT (the image is damaged, or for something else); BB_CHECK (no kernel that was
 * tried equals the reference); BB_INTERRUPTED (during trial runs)
 */
bb_status bb_engine_create(bb_engine **out, bb_context *context, const bb_plan *plan,
                           const bb_engine_options *options);
void bb_engine_free(bb_engine *engine); /**< takes NULL */

/** Which kernel runs a stage, with its sizes, and why; borrowed. */
const char *bb_engine_variant(const bb_engine *engine, uint32_t stage);

/** The device's name and driver as listed, "ref" for the reference; borrowed. */
const char *bb_engine_device_id(const bb_engine *engine);
const char *bb_engine_device_name(const bb_engine *engine);
const char *bb_engine_driver(const bb_engine *engine);

/** All that is known about the device; borrowed. */
const bb_device_info *bb_engine_device(const bb_engine *engine);

/** How many inputs one call of bb_engine_run() should get so that chunks fit the memory budget and
 * launches are large; at least 1. */
uint32_t bb_engine_batch(const bb_engine *engine, const bb_sampling *sampling);

/**
 * Run all passes of some inputs.
 *
 * @param inputs       n tightly packed NHWC inputs, bytes or float32 as the plan was folded for.
 * @param first_index  Global index of the first input; first_index + n <= 2^32.
 * @return BB_OK; BB_ARGUMENT (samples out of range, too many leaves for EXACT, index out of range,
 * replayed rows with a bank index out of range); BB_MEMORY (not even one pass of one input fits the
 * budget: the text says what would); BB_DEVICE; BB_INTERRUPTED.
 * Results of the previous run are gone in every case.
 */
bb_status bb_engine_run(bb_engine *engine, const void *inputs, uint64_t first_index, uint32_t n,
                        const bb_sampling *sampling);

/** What one input's passes gave. Borrowed from the engine until its next run. */
typedef struct bb_leaves {
    uint32_t n_leaves;            /**< distinct leaves, in order of the first pass that met them */
    uint32_t n_passes;            /**< T; n_leaves for EXACT */
    const float *logits;          /**< [n_leaves][classes] */
    const uint32_t *counts;       /**< passes per leaf, sum n_passes; NULL for EXACT */
    const double *weights;        /**< probability per leaf for EXACT, sum 1; else NULL */
    const uint32_t *leaf_of_pass; /**< [n_passes] */
} bb_leaves;

void bb_engine_leaves(const bb_engine *engine, uint32_t i, bb_leaves *out);

/** Counted since the engine was made. */
typedef struct bb_engine_counts {
    uint64_t inputs, passes, leaves, chunks;
    const uint64_t
        *stage_evaluations; /**< [stages] work entries run; borrowed, grows with each run */
    double compile_seconds, transfer_seconds, compute_seconds,
        list_seconds; /**< list: draws and work lists */
} bb_engine_counts;

void bb_engine_count(const bb_engine *engine, bb_engine_counts *out);

/** What bb_verify() found. */
typedef struct bb_verify_report {
    uint32_t n_inputs, n_passes, n_stages;
    bool stages_equal;  /**< every stage's output equals the reference's bit for bit */
    bool logits_within; /**< largest difference to the expectation within the tolerance, or nothing
                           expected */
    double largest_difference; /**< of logits against the expectation; 0 without one */
    uint64_t ties,
        tie_candidates; /**< outputs of `Sign` nodes whose value was exactly 0, and all of them */
    char first_difference[320]; /**< where: stage, input, pass, place, both values, and the clock
                                   cycles where the device tells; "" if none */
} bb_verify_report;

/**
 * Run inputs on a device and on the reference, stage by stage, and compare every bit; then compare
 * logits with expected ones.
 *
 * @param inputs     n NHWC inputs with global indices 0 .. n-1.
 * @param sampling   Passes to run; REPLAYED with a check set's rows.
 * @param expected   [n][samples][classes] float32, or NULL.
 * @param tolerance  Largest absolute difference allowed against `expected`.
 * @return BB_OK also when something differs: the report tells. Else as bb_engine_create() and
 *         bb_engine_run().
 */
bb_status bb_verify(bb_verify_report *out, bb_context *context, const bb_plan *plan,
                    const bb_engine_options *options, const void *inputs, uint32_t n,
                    const bb_sampling *sampling, const float *expected, double tolerance);

#ifdef __cplusplus
}
#endif
#endif
