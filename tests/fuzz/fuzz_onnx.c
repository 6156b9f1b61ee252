/* SPDX-License-Identifier: MIT */
/* ONNX files, as they are. */
#include "fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    read_model(bytes, length);
    return 0;
}
