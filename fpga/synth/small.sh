#!/bin/sh
# SPDX-License-Identifier: MIT
# small.sh FOLDER: bb_small for an iCE40. Its RTL and its netlist after synthesis against plain
# popcounts; place and route for the hx8k with four seeds; a bitstream. Fails below FMAX (100 MHz).
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
rtl=${RTL:-$top/fpga/rtl}
out=$1
bits=${BITS:-20000}
fmax=${FMAX:-100}
mkdir -p "$out"
out=$(cd "$out" && pwd)
sources=$(for part in regs count memory lane matrix small; do echo "$rtl/bb_$part.sv"; done | tr '\n' ' ')

# shellcheck disable=SC2086
simulate() { # name, files
    name=$1
    shift
    verilator --cc --exe --build -O3 -Wno-fatal -Wno-lint -Wno-MULTITOP --timescale 1ns/1ns \
        -DNO_ICE40_DEFAULT_ASSIGNMENTS --bbox-unsup -j 1 --Mdir "$out/$name" --top-module bb_small -CFLAGS "-O1 -I$top" \
        -o small "$@" "$top/fpga/sim/small.cpp" >"$out/$name.log" 2>&1 ||
        { tail -20 "$out/$name.log"; exit 1; }
    printf '%s: ' "$name"
    "$out/$name/small" "$bits" 1
}

# shellcheck disable=SC2086
simulate rtl $sources
yosys -q -l "$out/yosys.log" -p "read_verilog -sv $sources;
    synth_ice40 -top bb_small -json $out/small.json; write_verilog -noattr $out/netlist.v; tee -o $out/stat.txt stat"
if [ "${NETLIST_FAULT:-0}" = 1 ]; then # for fpga/sim/faults.sh: an exclusive-or that is not
    sed -i "0,/LUT_INIT(16'h6996)/s//LUT_INIT(16'h6997)/; 0,/LUT_INIT(16'h9600)/s//LUT_INIT(16'h9601)/" "$out/netlist.v"
fi
simulate netlist "$out/netlist.v" "$(dirname "$(command -v yosys)")/../share/yosys/ice40/cells_sim.v"
[ "${PLACE:-1}" = 1 ] || exit 0
for seed in 1 2 3 4; do
    timeout 200 nextpnr-ice40 -q --hx8k --package ct256 --json "$out/small.json" \
        --asc "$out/small-$seed.asc" --freq 90 --timing-allow-fail --pcf-allow-unconstrained \
        --seed $seed --report "$out/report-$seed.json" >"$out/nextpnr-$seed.log" 2>&1
done
icepack "$out/small-1.asc" "$out/small.bin"
python3 - "$out" "$fmax" <<'END'
import json, statistics, sys
reports = [json.load(open(f"{sys.argv[1]}/report-{seed}.json")) for seed in (1, 2, 3, 4)]
fmax = [next(iter(report["fmax"].values()))["achieved"] for report in reports]
used = reports[0]["utilization"]
print("hx8k ct256: " + ", ".join(f"{used[kind]['used']} of {used[kind]['available']} {kind}"
                                 for kind in ("ICESTORM_LC", "ICESTORM_RAM", "SB_IO")))
print("fmax by seed: " + ", ".join(f"{f:.1f}" for f in fmax) +
      f" MHz; median {statistics.median(fmax):.1f}, floor {sys.argv[2]}")
sys.exit(statistics.median(fmax) < float(sys.argv[2]))
END
