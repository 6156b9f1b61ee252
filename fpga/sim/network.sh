#!/bin/sh
# SPDX-License-Identifier: MIT
# network.sh FOLDER LIBRARY [-GPE=4 ...]: whole networks on the Verilated engine, FOLDER/network.
# LIBRARY is libbitbayes.a.
set -eu
out=$1
library=$(realpath "$2")
shift 2
top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
rtl=${RTL:-$top/fpga/rtl}
for file in fpga/sim/network fpga/model; do
    ${CC:-cc} -std=gnu11 -O2 -ffp-contract=off -I"$top" -I"$top/runtime" -I"$top/runtime/include" \
        -c "$top/$file.c" -o "$out/$(basename "$file")-c.o"
done
libraries="$(pkg-config --libs libprotobuf-c libxxhash zlib) ${OPENCL_LIBS--lOpenCL} -lpthread -lm"
# shellcheck disable=SC2046
verilator --cc --exe --build -O3 --x-assign unique --x-initial unique -Wno-SYMRSVDWORD -j 1 \
    --Mdir "$out" --top-module bb_engine "$@" -CFLAGS "-O2 -I$top -I$top/fpga/sim" \
    -LDFLAGS "-Wl,--no-as-needed $libraries" -o network $(sed "s|^|$rtl/|" "$rtl/files") \
    "$top/fpga/sim/network.cpp" "$out/network-c.o" "$out/model-c.o" "$library" \
    >"$out/build.log" 2>&1 || { tail -20 "$out/build.log"; exit 1; }
