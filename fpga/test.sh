#!/bin/sh
# SPDX-License-Identifier: MIT
# fpga/test.sh [FOLDER]: the FPGA port with open tools. Environment: FPGA_BITS (output bits at each of
# three foldings, in all about 10 million), FPGA_ONLY (a step's name), FPGA_JOBS (steps side by side; default:
# the number of processors), BB_PROGRAM (build/bitbayes) and BB_LIBRARY (build/libbitbayes.a), for
# whole networks. A step whose tools are missing is skipped by name. Exit 1 if one fails.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
fpga=$top/fpga
out=${1:-$(mktemp -d)}
mkdir -p "$out"
share=${FPGA_BITS:-10000000}
failed=0
flags="-Wall -Wno-DECLFILENAME -Wno-UNUSEDPARAM -Wno-UNUSEDSIGNAL -Wno-SYMRSVDWORD"

names=

step() { # name, tools, command
    name=$1
    tools=$2
    shift 2
    names="$names $name"
    [ "${FPGA_ONLY:-}" = "$name" ] || return 0
    for tool in $tools; do
        command -v "$tool" >/dev/null || { echo "skip $name: no $tool"; return 0; }
    done
    begun=$(date +%s)
    "$@" >"$out/$name.out" 2>&1 || failed=1
    {
        sed 's/^/    /' "$out/$name.out"
        [ $failed -eq 1 ] && echo "FAILED $name" || echo "ok $name ($(($(date +%s) - begun)) s)"
    } >"$out/$name.said"
    cat "$out/$name.said"
}

registers() {
    python3 "$fpga/regs/generate.py" --check || return 1
    # a table that has moved on must be noticed
    for change in "s/in_channels, in_h/in_h, in_channels/ kernels/shared.h" \
                  "s/m_axi_rlast/m_axi_rfirst/ fpga/rtl/bb_engine.sv"; do
        rm -rf "$out/regs"
        mkdir -p "$out/regs/fpga" && cp -r "$fpga/regs" "$fpga/rtl" "$out/regs/fpga/" || return 1
        cp -r "$top/kernels" "$out/regs/" || return 1
        python3 "$out/regs/fpga/regs/generate.py" --check || return 1
        sed -i "${change% *}" "$out/regs/${change##* }"
        if python3 "$out/regs/fpga/regs/generate.py" --check 2>/dev/null; then
            echo "a change of ${change##* } was not noticed"
            return 1
        fi
    done
}

lint() {
    rtl=$fpga/rtl
    # shellcheck disable=SC2046,SC2086
    for fold in "4 32" "2 8" "32 64" "8 16"; do
        set -- $fold
        verilator --lint-only $flags -GPE="$1" -GSIMD="$2" --top-module bb_engine \
            $(sed "s|^|$rtl/|" "$rtl/files") || return 1
    done
    # shellcheck disable=SC2046,SC2086
    verilator --lint-only $flags --top-module bb_board $(sed "s|^|$rtl/|" "$rtl/files.board") || return 1
    # shellcheck disable=SC2086
    verilator --lint-only $flags --top-module bb_bernoulli "$rtl/bb_bernoulli.sv"
}

cosimulation() { # random stalls until the bits are reached, then fixed latency against the cycle model
    cosimulate 16-64 $((share / 2)) -GPE=16 -GSIMD=64 &&
        cosimulate 4-32 $((share * 43 / 100)) &&
        cosimulate 2-8 $((share * 7 / 100)) -GPE=2 -GSIMD=8 -GWINDOW=1024 -GWEIGHTS=16384 \
            -GINPUT=8192 -GMASKS=1024
}

cosimulate() {
    where=$out/cosim-$1
    bits=$2
    shift 2
    "$fpga/sim/build.sh" "$where" "$@" && "$where/cosim" 70 "$bits" 2026 &&
        "$where/cosim" 60 0 1 1 0 && "$where/cosim" 30 0 2 20 1
}

opencl_device() { # the ordinary program with the Verilated engine as its device
    program=${BB_PROGRAM:-}
    [ -x "$program" ] || { echo "skipped: BB_PROGRAM names no bitbayes"; return 0; }
    printf '#include <CL/cl_icd.h>\n' | ${CC:-cc} -E -x c - >/dev/null 2>&1 ||
        { echo "skipped: no OpenCL headers"; return 0; }
    "$fpga/icd/test.sh" "$out/icd" "$program"
}

# The folded kernels as a vendor's compiler gets them, with each vendor's macros, from an image that the program loads.
folded() {
    program=${BB_PROGRAM:-}
    offline=$(dirname "$program")/fpga/offline
    [ -x "$program" ] && [ -x "$offline" ] || { echo "skipped: BB_PROGRAM names no bitbayes with OpenCL"; return 0; }
    device=$("$program" devices --json 2>/dev/null | sed -n 's/.*"id": *"\([0-9]*:[0-9]*\)".*/\1/p' | head -n 1)
    [ -n "$device" ] || { echo "skipped: no OpenCL device"; return 0; }
    for fold in "16 2 BB_NO_VENDOR" "8 4 INTELFPGA_CL" "32 1 __xilinx__"; do
        # shellcheck disable=SC2086
        set -- $fold
        sh "$fpga/opencl/single.sh" "$out/folded.cl" PE="$1" SIMD="$2" INPUT=32768 &&
            "$offline" "$device" "$out/folded.cl" "$out/folded.img" "-cl-std=CL1.2 -D$3" 2>"$out/folded.log" ||
            { cat "$out/folded.log"; return 1; }
        for model in "$top"/models/*.onnx; do
            "$program" verify "$model" -d "$device" --image "$out/folded.img" --limit 4 >"$out/folded.said" 2>&1 ||
                { cat "$out/folded.said"; return 1; }
            echo "$3, PE $1, SIMD $2: $(head -n 1 "$out/folded.said" | sed 's|.*/||'): equal"
        done
    done
}

# The open boards: a bitstream with every pin constrained; the owner's program against the RTL; and both
# must notice a fault.
board() {
    library=${BB_LIBRARY:-}
    open=$fpga/vendor/open
    make -s -C "$open" BOARD=hx8k BUILD="$out/open" && make -s -C "$open" BOARD=ulx3s BUILD="$out/open" \
        "$out/open/ulx3s/bb_board.json" || return 1
    echo "hx8k.pcf: bitstream of $(wc -c <"$out/open/hx8k/bb_board.bin") bytes"
    grep -v ' tx ' "$open/hx8k.pcf" >"$out/open/hx8k/short.pcf"
    if nextpnr-ice40 -q --hx8k --package ct256 --json "$out/open/hx8k/bb_board.json" \
        --pcf "$out/open/hx8k/short.pcf" --asc /dev/null 2>"$out/open/short.log"; then
        echo "a port without a pin was not noticed"
        return 1
    fi
    [ -f "$library" ] || { echo "skipped: BB_LIBRARY names no libbitbayes.a"; return 0; }
    "$fpga/sim/board.sh" "$out/board" "$library" || return 1
    cp -r "$fpga/rtl" "$out/board/"
    sed -i 's/wire reached = total >=/wire reached = total >/' "$out/board/rtl/bb_matrix.sv"
    if RTL=$out/board/rtl COUNT=4 T=2 "$fpga/sim/board.sh" "$out/board/faulty" "$library" >"$out/board/said"; then
        echo "a fault in the RTL was not noticed"
        return 1
    fi
    sed -n 's/^stage/fault: stage/p' "$out/board/said" | grep .
}

step cosimulation verilator cosimulation
step budget "yosys python3" "$fpga/synth/budget.py"
step foldings "yosys verilator python3" "$fpga/synth/table.py" "$out/foldings" --check
step faults "verilator iverilog yosys" "$fpga/sim/faults.sh" "$out/faults"
step small "yosys verilator nextpnr-ice40 icepack python3" "$fpga/synth/small.sh" "$out/small"
step board "verilator yosys nextpnr-ice40 icepack make" board
step icd "verilator c++" opencl_device
step icarus iverilog "$fpga/sim/icarus.sh" "$out/icarus" 10000
step bernoulli "verilator iverilog" "$fpga/sim/bernoulli.sh" "$out/bernoulli"
step folded sed folded
step proof yosys "$fpga/synth/proof.sh"
step vendor "python3 tclsh make" "$fpga/vendor/check.py" "$out/vendor"
step lint verilator lint
step registers python3 registers
if [ -z "${FPGA_ONLY:-}" ]; then # the list above, longest first: several at a time
    begun=$(date +%s)
    # shellcheck disable=SC2086
    printf '%s\n' $names |
        xargs -P "${FPGA_JOBS:-$(nproc)}" -I '{}' env FPGA_ONLY='{}' sh "$0" "$out" || failed=1
    echo "fpga: $(echo $names | wc -w) steps in $(($(date +%s) - begun)) s, $([ $failed -eq 0 ] && echo none failed || echo FAILED)"
elif ! echo "$names " | grep -q " $FPGA_ONLY "; then
    echo "fpga/test.sh: no step '$FPGA_ONLY'; steps:$names"
    failed=1
fi
[ $# -gt 0 ] || rm -rf "$out"
exit $failed
