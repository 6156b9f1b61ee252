#!/usr/bin/env bash
# The FPGA's generated registers and layouts agree with kernels/shared.h; `./run test-fpga` runs the rest.
# SPDX-License-Identifier: MIT
set -eu
if ! command -v python3 >/dev/null; then
    echo "skipped: python3 is not installed"
    exit 0
fi
FPGA_ONLY=registers exec sh fpga/test.sh
