/* SPDX-License-Identifier: MIT */
/* Packed models: the bytes as they are, and as a payload behind a header that fits them. */
#include "fuzz_model.h"
#include "model/bbm.h"

#include <string.h>

static void put(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    read_model(bytes, length);
    /* a whole file brings its own header: leave that out */
    const size_t skip = bb_bbm_recognise(bytes, length) && length >= BB_BBM_HEADER ? BB_BBM_HEADER : 0;
    const size_t rest = length - skip;
    uint8_t *file = calloc(1, BB_BBM_HEADER + rest);
    if (!file)
        return 0;
    memcpy(file, BB_BBM_MAGIC, 8);
    put(file + 8, BB_BBM_VERSION);
    put(file + 16, rest);
    put(file + 24, bb_hash(bytes + skip, rest));
    memcpy(file + BB_BBM_HEADER, bytes + skip, rest);
    read_model(file, BB_BBM_HEADER + rest);
    free(file);
    return 0;
}
