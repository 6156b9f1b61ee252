#!/bin/sh
# SPDX-License-Identifier: MIT
# folding.sh FOLDER [-GPE=4 ...]: VGG-Small and LFC on the Verilated engine, FOLDER/folding; see folding.c.
# `folding.sh FOLDER model`: the cycle model alone, for any engine.
set -eu
out=$1
shift
top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
rtl=${RTL:-$top/fpga/rtl}
flags="-std=gnu11 -O2 -ffp-contract=off -I$top -I$top/runtime -I$top/runtime/include"
if [ "${1:-}" = model ]; then
    # shellcheck disable=SC2086
    exec ${CC:-cc} $flags -DMODEL_ONLY "$top/fpga/sim/folding.c" "$top/fpga/model.c" \
        "$top/runtime/board/driver.c" -o "$out/folding"
fi
for file in fpga/sim/folding fpga/model runtime/board/driver runtime/reference/stage; do
    # shellcheck disable=SC2086
    ${CC:-cc} $flags -c "$top/$file.c" -o "$out/$(basename "$file")-c.o"
done
# shellcheck disable=SC2046
verilator --cc --exe --build -O3 --x-assign unique --x-initial unique -Wno-SYMRSVDWORD -j 1 \
    -MAKEFLAGS OPT_FAST=-O2 --Mdir "$out" --top-module bb_engine "$@" \
    -CFLAGS "-I$top -I$top/fpga/sim" -o folding $(sed "s|^|$rtl/|" "$rtl/files") "$top/fpga/sim/folding.cpp" \
    "$out/folding-c.o" "$out/model-c.o" "$out/driver-c.o" "$out/stage-c.o" >"$out/build.log" 2>&1 ||
    { tail -20 "$out/build.log"; exit 1; }
