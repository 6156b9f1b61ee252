#!/bin/sh
# SPDX-License-Identifier: MIT
# Proves the popcount tree for every input, for each SIMD that the engine takes.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
rtl=${RTL:-$top/fpga/rtl}
for simd in ${SIMD:-8 16 32 64}; do
    log=$(timeout 300 yosys -p "read_verilog -sv $rtl/bb_count.sv $top/fpga/synth/count_proof.sv;
        chparam -set SIMD $simd count_proof; hierarchy -top count_proof; proc; flatten; opt;
        sat -verify -prove same 1 -show-inputs count_proof" 2>&1) ||
        { echo "popcount of $simd bits: NOT proved"; exit 1; }
    printf '%s\n' "$log" | grep -q 'SAT proof finished - no model found: SUCCESS' || exit 1
    echo "popcount of $simd bits: proved"
done
