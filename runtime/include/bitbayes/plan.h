/* SPDX-License-Identifier: MIT */
/** @file plan.h  Plans: a model folded into stages of packed weights, thresholds and affine maps.
 */
#ifndef BITBAYES_PLAN_H
#define BITBAYES_PLAN_H

#include <bitbayes/model.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A folded model. Immutable; may be read by several threads. */
typedef struct bb_plan bb_plan;

/** Element type of the data that a plan is folded for. */
typedef enum bb_input_type {
    BB_INPUT_BYTES, /**< unsigned bytes; the first layer is an exact integer sum where its weights
                       are binary */
    BB_INPUT_FLOATS /**< float32; preprocessing is applied on the host */
} bb_input_type;

typedef struct bb_fold_options {
    bb_input_type input_type;        /**< default BB_INPUT_BYTES */
    const bb_preprocess *preprocess; /**< NULL: the model's own */
} bb_fold_options;

/**
 * Fold a model into a plan.
 *
 * @param out      Receives the plan, NULL on failure. Free with bb_plan_free().
 * @param graph    Only read during the call.
 * @param options  NULL means defaults.
 * @return BB_OK
 *         BB_UNSUPPORTED  a sequence of nodes that no stage can hold; the text names the node
 *         BB_ARGUMENT     mean and std do not fit the model's channels, or a std is not positive
 *         BB_MEMORY
 */
bb_status bb_plan_fold(bb_plan **out, bb_context *context, const bb_graph *graph,
                       const bb_fold_options *options);

void bb_plan_free(bb_plan *plan); /**< takes NULL */

uint32_t bb_plan_stage_count(const bb_plan *plan);
uint32_t bb_plan_site_count(const bb_plan *plan);
uint32_t bb_plan_class_count(const bb_plan *plan);
bb_input_type bb_plan_input_type(const bb_plan *plan);

/** Channels, height and width of one input. */
void bb_plan_input_shape(const bb_plan *plan, uint32_t shape[3]);

/** XXH3 over all that determines results: tells two plans apart. */
uint64_t bb_plan_hash(const bb_plan *plan);

/** One stage as `info` shows it. Texts are borrowed from the plan. */
typedef struct bb_stage_info {
    const char *name; /**< of the model's node that holds the weights */
    const char *sum;  /**< "bits", "bytes", "bytes scaled", "bits x float", "float", "pool bits",
                         "pool float", "max float", "join bits" or "join float" */
    const char *emit; /**< "bits", "real" or "real, bits" */
    uint32_t in_shape[3];      /**< channels, height, width */
    uint32_t kernel[2];        /**< height, width */
    uint32_t step[2];          /**< stride, height and width */
    uint32_t pool[2];          /**< window of the fused max pool; 1 1: none */
    uint32_t out_shape[3];     /**< channels, height, width behind the pool */
    uint32_t fan_in;           /**< taps x input channels of one output, of its group */
    uint32_t n_draws;          /**< bank entries that a draw selects */
    uint32_t n_border_classes; /**< 1: none */
    uint32_t n_sites;          /**< sites that enter here, the mask site included */
    const uint32_t *sites;     /**< their numbers; the mask site, if any, first */
    bool masked;
    uint32_t input;       /**< stage whose output is read; UINT32_MAX: the network's input */
    uint32_t second;      /**< the same of the second operand */
    bool has_second;      /**< a join's second map; of other sums the residual that is added */
    uint32_t groups;      /**< 1: none */
    uint32_t dilation[2]; /**< height and width */
    uint64_t
        operations; /**< 2 x taps x input channels x outputs before pooling, padding included */
    uint64_t valid_operations; /**< the same over taps inside the map only */
    uint64_t weight_bytes;     /**< packed */
    uint64_t bank_bytes;
    uint64_t slot_bytes; /**< of one output slot */
} bb_stage_info;

void bb_plan_stage(const bb_plan *plan, uint32_t index, bb_stage_info *out);

/** One site. */
typedef struct bb_site_info {
    const char *name;
    const char *kind;     /**< "drop", "member" or "mask" */
    double p;             /**< drop probability; 0 for "member" */
    uint32_t n_draws;     /**< 2 or M; 0 for a mask */
    uint32_t n_elements;  /**< bits of a mask; else 0 */
    uint32_t first_stage; /**< first stage that reads it */
} bb_site_info;

void bb_plan_site(const bb_plan *plan, uint32_t index, bb_site_info *out);

#ifdef __cplusplus
}
#endif
#endif
