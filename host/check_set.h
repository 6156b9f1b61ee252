/* SPDX-License-Identifier: MIT */
/* Check sets: inputs, draws and expected logits that lie beside a model in NAME.check/. */
#ifndef BITBAYES_HOST_CHECK_SET_H
#define BITBAYES_HOST_CHECK_SET_H

#include "invocation.h"

#include <bitbayes/data.h>
#include <bitbayes/sampling.h>

/* Zero-initialised; free with check_set_free(). */
typedef struct check_set {
    bb_context *context;
    bb_dataset *data;
    void *inputs; /* n inputs as the data set delivers them */
    uint32_t n;
    uint8_t *rows;    /* [n][samples][row], NULL: none recorded */
    float *expected;  /* [n][samples][classes], NULL: none */
    uint32_t samples; /* of rows or expected; 0 with neither */
} check_set;

/* "DIR/NAME.onnx" and FILE give "DIR/NAME.check/FILE". */
char *check_set_path(bb_context *context, const char *model, const char *file);

/* Open and read the inputs; at most `limit` of them. */
bb_status check_set_inputs(check_set *set, bb_context *context, const bb_graph *graph,
                           const char *path, uint64_t limit);

/* Read draws and expected logits for the inputs; either path may be NULL. */
bb_status check_set_recorded(check_set *set, const bb_plan *plan, const char *draws,
                             const char *expected);

void check_set_free(check_set *set);

#endif
