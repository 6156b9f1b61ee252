/* SPDX-License-Identifier: MIT */
/* .npy files: the magic is put in front, so that every input gets to the header. */
#include "fuzz_data.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    uint8_t *file = malloc(length + 6);
    memcpy(file, "\x93NUMPY", 6);
    if (length)
        memcpy(file + 6, bytes, length);
    read_everything(file, length + 6);
    free(file);
    return 0;
}
