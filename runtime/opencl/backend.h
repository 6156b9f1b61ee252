/* SPDX-License-Identifier: MIT */
/* The OpenCL backend, shared by its two halves: open.c makes it ready, backend.c runs chunks. */
#ifndef BITBAYES_OPENCL_BACKEND_H
#define BITBAYES_OPENCL_BACKEND_H

#include "opencl/opencl.h"
#include "opencl/stage.h"

typedef struct opencl_backend {
    bb_backend base;
    bb_device_list *list;
    bb_cl_shared shared;
    char *identity, *cache;
    bb_cl_stage *stages;
    uint32_t n_stages;
    /* of reserve() */
    cl_mem *lanes;
    uint32_t *lane_of_stage;
    uint32_t n_lanes;
    cl_mem inputs, lists, masks;
    uint32_t *list_words; /* staging, unchanged until finish() */
    uint64_t *mask_words;
    size_t n_list_words, n_mask_words;
    /* of the chunk under way */
    uint32_t last_stage;
    double submitted;
    cl_event uploaded, computed;
} opencl_backend;

extern const bb_backend_operations bb_opencl_operations;

/* Release what reserve() made and the events of the last chunk. */
void bb_opencl_release_reserved(opencl_backend *self);

void bb_opencl_backend_free(bb_backend *backend); /* takes half-built backends */

#endif
