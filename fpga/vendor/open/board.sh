#!/bin/sh
# SPDX-License-Identifier: MIT
# board.sh FOLDER LIBRARY: the host's program for a board with bb_board, FOLDER/board. LIBRARY is libbitbayes.a.
set -eu
top=$(cd "$(dirname "$0")/../../.." && pwd)
mkdir -p "$1"
open=$top/fpga/vendor/open
# shellcheck disable=SC2046
${CC:-cc} -std=gnu11 -O2 -Wall -Wextra -Werror -ffp-contract=off -I"$top" -I"$top/runtime" \
    -I"$top/runtime/include" "$open/board.c" "$open/serial.c" "$open/small.c" "$2" \
    $(pkg-config --libs libprotobuf-c libxxhash zlib) ${OPENCL_LIBS--lOpenCL} -lpthread -lm -o "$1/board"
