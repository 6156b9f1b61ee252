#!/bin/sh
# SPDX-License-Identifier: MIT
# faults.sh FOLDER: plants one fault at a time in a copy of the RTL (or the netlist) and expects each
# check to fail on it. A check that passes is an error here.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
out=$1
rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)
failed=0

plant() { # name, file, sed script
    rm -rf "$out/rtl"
    cp -r "$top/fpga/rtl" "$out/rtl"
    sed -i "$3" "$out/rtl/$2"
    if cmp -s "$out/rtl/$2" "$top/fpga/rtl/$2"; then
        echo "fault '$1': nothing was changed"
        exit 1
    fi
    fault=$1
}

expect_failure() { # check, command
    check=$1
    shift
    if "$@" >"$out/log" 2>&1; then
        echo "fault '$fault': NOT caught by $check"
        failed=1
    else
        echo "fault '$fault': caught by $check ($(tail -1 "$out/log" | cut -c1-60))"
    fi
}

verilated() {
    RTL=$out/rtl "$top/fpga/sim/build.sh" "$out/cosim" || return 0 # must be built to be caught
    "$out/cosim/cosim" 100 0 1 "${1:-0}" 0
}

plant "a carry of the popcount" bb_count.sv 's/assign counts\[3\*i + 2\] = (carry_a & carry_b) |/assign counts[3*i + 2] =/'
expect_failure "the proof" env RTL="$out/rtl" SIMD=32 "$top/fpga/synth/proof.sh"
expect_failure "Icarus" env RTL="$out/rtl" "$top/fpga/sim/icarus.sh" "$out/icarus" 3000
expect_failure "Verilator" verilated
plant "> for >= at the threshold" bb_matrix.sv 's/wire reached = total >=/wire reached = total >/'
expect_failure "Verilator" verilated
plant "padding counts" bb_gather.sv 's/read_real ? kept : {SIMD{1.b0}}/kept/'
expect_failure "Verilator" verilated
plant "the half of a pool never waits" bb_matrix.sv 's/ && !(opens && pixels_open\[1\])//'
expect_failure "Verilator" verilated
plant "one clock more behind a list entry" bb_engine.sv \
    's/if (run_started && gather_idle && matrix_idle)/if (run_started \&\& gather_idle \&\& matrix_idle \&\& cycles[0])/'
expect_failure "the cycle model" verilated 5
fault="one bit of one LUT of the netlist"
expect_failure "the netlist bench" env NETLIST_FAULT=1 PLACE=0 "$top/fpga/synth/small.sh" "$out/small"
fault="fewer lookup tables than it takes"
echo "ecp5 bb_plain PE=4,SIMD=32,WINDOW=64,WEIGHTS=512,DRAWS=4 lut 700" >"$out/budget.txt"
expect_failure "the budget" env BUDGET="$out/budget.txt" "$top/fpga/synth/budget.py"
exit $failed
