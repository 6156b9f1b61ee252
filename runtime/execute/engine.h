/* SPDX-License-Identifier: MIT */
/* The engine's parts, shared by its source files. */
#ifndef BITBAYES_ENGINE_INTERNAL_H
#define BITBAYES_ENGINE_INTERNAL_H

#include "execute/chunk.h"
#include <bitbayes/engine.h>

struct bb_engine {
    bb_context *context;
    const bb_plan *plan;
    bb_backend *backend;
    bb_device_list *devices; /* NULL for "ref": asking OpenCL for devices takes its time */
    const bb_device_info *device;
    uint64_t budget, preferred; /* as in bb_run */
    bb_lanes lanes;
    bb_limits limits; /* what the backend has reserved */
    size_t *lane_bytes, *wanted_bytes;
    uint32_t *n_entries, *n_masks;
    /* results of the last run */
    bb_leaf_set *leaves;
    uint32_t n_leaf_sets; /* allocated */
    uint32_t n_results;
    size_t *first_row;
    float *logits;
    size_t capacity_rows;
    double *weights; /* EXACT */
    /* counters */
    bb_engine_counts counts;
    uint64_t *stage_evaluations;
};

/* Make the backend ready for a chunk; nothing may be under way. */
bb_status bb_engine_reserve(bb_engine *engine, const bb_chunk_store *store, const bb_run *run);

#endif
