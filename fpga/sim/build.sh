#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh FOLDER [-GPE=4 ...]: the Verilated engine and its test bench in FOLDER/cosim.
set -eu
out=$1
shift
top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
flags="-std=gnu11 -O2 -ffp-contract=off -I$top -I$top/runtime -I$top/runtime/include -I$top/tests"
for file in fpga/sim/case.c runtime/board/driver.c fpga/model.c runtime/reference/stage.c \
            tests/check/stages.c tests/check/check.c; do
    # shellcheck disable=SC2086
    ${CC:-cc} $flags -c "$top/$file" -o "$out/$(basename "$file" .c)-c.o"
done
rtl=${RTL:-$top/fpga/rtl}
# shellcheck disable=SC2046
verilator --cc --exe --build -O3 --x-assign unique --x-initial unique -Wno-SYMRSVDWORD -j 1 -MAKEFLAGS OPT_FAST=-O2 \
    --Mdir "$out" --top-module bb_engine "$@" -CFLAGS "-O2 -I$top -I$top/fpga/sim" -o cosim \
    $(sed "s|^|$rtl/|" "$rtl/files") "$top/fpga/sim/cosim.cpp" "$out/case-c.o" "$out/driver-c.o" \
    "$out/model-c.o" "$out/stage-c.o" "$out/stages-c.o" "$out/check-c.o" >"$out/build.log" 2>&1 ||
    { tail -20 "$out/build.log"; exit 1; }
