/* SPDX-License-Identifier: MIT */
/* IDX files, perhaps in gzip. */
#include "fuzz_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const int other = length >= 2 && bytes[0] != 0 && bytes[0] != 0x1f;
    return other ? 0 : read_everything(bytes, length);
}
