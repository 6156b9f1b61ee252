/* SPDX-License-Identifier: MIT */
/*
 * offline DEVICE SOURCE.cl IMAGE [OPTIONS]: what a vendor's compiler is for a board. It builds one
 * file of OpenCL C (fpga/opencl/single.sh) for a device that is here, and writes the binary that
 * `score --image` loads.
 */
#include "opencl/image.h"

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s DEVICE SOURCE.cl IMAGE [OPTIONS]\n", argv[0]);
        return 2;
    }
    bb_context *context = NULL;
    bb_status status = bb_context_create(&context, NULL);
    if (status == BB_OK)
        status = bb_image_build(context, argv[1], argv[2], argc > 4 ? argv[4] : "-cl-std=CL1.2",
                                argv[3]);
    if (status != BB_OK)
        fprintf(stderr, "%s\n", context ? bb_context_error(context) : "out of memory");
    bb_context_free(context);
    return status == BB_OK ? 0 : 1;
}
