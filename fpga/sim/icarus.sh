#!/bin/sh
# SPDX-License-Identifier: MIT
# icarus.sh FOLDER [BITS [SEED]]: the same random runs in Icarus Verilog, PE 4 and SIMD 32. RTL names
# another folder of sources. The folder keeps the files of the runs.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
out=$1
bits=${2:-10000}
seed=${3:-1}
rtl=${RTL:-$top/fpga/rtl}
mkdir -p "$out"
rm -f "$out"/*.mem "$out"/*.args
# shellcheck disable=SC2086
${CC:-cc} -std=gnu11 -O2 -ffp-contract=off -I"$top" -I"$top/runtime" -I"$top/runtime/include" \
    -I"$top/tests" "$top/fpga/sim/dump.c" "$top/fpga/sim/case.c" "$top/runtime/board/driver.c" \
    "$top/fpga/model.c" "$top/runtime/reference/stage.c" "$top/tests/check/stages.c" \
    "$top/tests/check/check.c" -o "$out/dump"
"$out/dump" "$out" "$bits" "$seed" 4 32 256 2048 2048 256 32 4 128 | tee "$out/runs"
# shellcheck disable=SC2046
iverilog -g2012 -s bench -o "$out/bench" $(sed "s|^|$rtl/|" "$rtl/files") "$top/fpga/sim/bench.sv" \
    2>"$out/iverilog.log" || { cat "$out/iverilog.log"; exit 1; }
runs=$(cut -d' ' -f1 "$out/runs")
vvp -n "$out/bench" "+folder=$out" +first=0 "+last=$((runs - 1))" 2>/dev/null | grep -v '^WARNING' |
    tee "$out/result"
grep -q 'equal$' "$out/result"
