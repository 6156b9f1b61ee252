#!/bin/sh
# SPDX-License-Identifier: MIT
# bernoulli.sh FOLDER [CLOCKS]: the Bernoulli unit. Its twin's statistics; the RTL against the twin in Verilator and
# Icarus; two planted faults, which both must see.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
out=$1
clocks=${2:-100000}
mkdir -p "$out"
out=$(cd "$out" && pwd)
${CC:-cc} -std=gnu11 -O2 -Wall -Wextra -I"$top" "$top/fpga/sim/bernoulli.c" "$top/fpga/bernoulli.c" -lm -o "$out/twin"
"$out/twin" statistics
"$out/twin" vectors "$clocks" 2026 >"$out/vectors"

compare() { # the unit's source
    rm -rf "$out/obj"
    verilator --binary --timing -Wno-fatal -j 1 --Mdir "$out/obj" --top-module bernoulli -o bernoulli \
        "$1" "$top/fpga/sim/bernoulli.sv" >"$out/verilator.log" 2>&1 || { tail -20 "$out/verilator.log"; return 1; }
    iverilog -g2012 -s bernoulli -o "$out/icarus" "$1" "$top/fpga/sim/bernoulli.sv" 2>"$out/icarus.log" ||
        { cat "$out/icarus.log"; return 1; }
    verilated=$("$out/obj/bernoulli" "+vectors=$out/vectors" | grep ' clocks, ')
    icarus=$(vvp -n "$out/icarus" "+vectors=$out/vectors" 2>/dev/null | grep ' clocks, ')
}

compare "$top/fpga/rtl/bb_bernoulli.sv"
echo "Verilator: $verilated"
echo "Icarus: $icarus"
case "$verilated $icarus" in *"0 differ: equal"*"0 differ: equal") ;; *) exit 1 ;; esac

for fault in 's/80200003/80200001/' 's/next\[15:0\] < p/next[15:0] <= p/'; do
    sed "$fault" "$top/fpga/rtl/bb_bernoulli.sv" >"$out/fault.sv"
    cmp -s "$out/fault.sv" "$top/fpga/rtl/bb_bernoulli.sv" && { echo "fault '$fault': nothing was changed"; exit 1; }
    compare "$out/fault.sv"
    case "$verilated $icarus" in
    *DIFFERENT*DIFFERENT) echo "fault '$fault': caught by both" ;;
    *) echo "fault '$fault': NOT caught ($verilated; $icarus)"; exit 1 ;;
    esac
done
