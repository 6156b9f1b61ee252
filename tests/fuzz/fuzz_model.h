/* SPDX-License-Identifier: MIT */
/* What both model readers are fuzzed with: an error with a text, or a graph that passes its check. */
#ifndef TESTS_FUZZ_MODEL_H
#define TESTS_FUZZ_MODEL_H

#include "model/graph.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* No single block above 256 MiB, so that an input that only asks for much is no finding. */
static void *fuzz_allocate(void *payload, size_t bytes)
{
    (void)payload;
    return bytes > (size_t)256 << 20 ? NULL : malloc(bytes);
}

static void *fuzz_resize(void *payload, void *block, size_t bytes)
{
    (void)payload;
    return bytes > (size_t)256 << 20 ? NULL : realloc(block, bytes);
}

static void fuzz_release(void *payload, void *block)
{
    (void)payload;
    free(block);
}

static void read_model(const uint8_t *bytes, size_t length)
{
    static const bb_allocator allocator = {fuzz_allocate, fuzz_resize, fuzz_release, NULL};
    bb_context *context;
    bb_graph *graph;
    if (bb_context_create(&context, &(bb_context_options){.allocator = &allocator}) != BB_OK)
        return;
    const bb_status status = bb_graph_parse(&graph, context, bytes, length, "fuzz", NULL);
    if ((status == BB_OK) != (graph != NULL))
        abort();
    if (status != BB_OK && !*bb_context_error(context))
        abort();
    if (graph && bb_graph_check(graph) != BB_OK)
        abort();
    bb_graph_free(graph);
    bb_context_free(context);
}

#endif
