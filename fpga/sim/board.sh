#!/bin/sh
# SPDX-License-Identifier: MIT
# board.sh FOLDER LIBRARY: digits through bb_board and the program that a board's owner runs
# (fpga/vendor/open), the serial line a pseudo-terminal. LIBRARY is libbitbayes.a. RTL: other sources.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
rtl=${RTL:-$top/fpga/rtl}
mkdir -p "$1"
out=$(cd "$1" && pwd)
"$top/fpga/vendor/open/board.sh" "$out" "$2"
# shellcheck disable=SC2046
verilator --cc --exe --build -O3 -j 1 --Mdir "$out" --top-module bb_board -GCLOCKS=4 \
    -CFLAGS "-O2 -DCLOCKS=4" -o board_sim $(sed "s|^|$rtl/|" "$rtl/files.board") "$top/fpga/sim/board.cpp" \
    >"$out/build.log" 2>&1 || { tail -20 "$out/build.log"; exit 1; }
models=$top/models
"$out/board_sim" "$out/board" 1000000 "$models/digits-mlp-scale.onnx" "$models/digits/test-images.npy" \
    "${COUNT:-5}" "${T:-4}"
