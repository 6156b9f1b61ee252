/* SPDX-License-Identifier: MIT */
/* What the three data readers are fuzzed with: read all that opens, as inputs and as labels. */
#ifndef TESTS_FUZZ_DATA_H
#define TESTS_FUZZ_DATA_H

#include <bitbayes/data.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void read_inputs(bb_context *context, const uint8_t *bytes, size_t length,
                        const uint32_t shape[3])
{
    bb_dataset *dataset;
    uint64_t hash;
    if (bb_dataset_parse(&dataset, context, bytes, length, "fuzz", shape) != BB_OK) {
        if (dataset || !*bb_context_error(context))
            abort();
        return;
    }
    const uint64_t n = bb_dataset_count(dataset);
    uint8_t *out = malloc((size_t)n * bb_dataset_input_size(dataset));
    const bb_status status = bb_dataset_read(dataset, 0, n, out);
    if (n == 0 || (status != BB_OK && bb_dataset_type(dataset) == BB_DATA_U8))
        abort();
    if (bb_dataset_read(dataset, n, 1, out) != BB_ARGUMENT ||
        bb_dataset_hash(&hash, dataset) != BB_OK)
        abort();
    free(out);
    bb_dataset_free(dataset);
}

static void read_labels(bb_context *context, const uint8_t *bytes, size_t length, uint64_t n)
{
    uint32_t *labels;
    if (bb_labels_parse(&labels, context, bytes, length, "fuzz", n, 10) != BB_OK) {
        if (labels || !*bb_context_error(context))
            abort();
        return;
    }
    for (uint64_t i = 0; i < n; i++)
        if (labels[i] >= 10)
            abort();
    bb_labels_free(context, labels);
}

static int read_everything(const uint8_t *bytes, size_t length)
{
    static const uint32_t shapes[][3] = {{1, 1, 1}, {1, 2, 2}, {2, 1, 2}, {3, 1, 1}};
    bb_context *context;
    if (bb_context_create(&context, NULL) != BB_OK)
        return 0;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
        read_inputs(context, bytes, length, shapes[i]);
    for (uint64_t n = 1; n <= 3; n++)
        read_labels(context, bytes, length, n);
    bb_context_free(context);
    return 0;
}

#endif
