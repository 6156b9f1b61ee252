#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh FOLDER [sim|uio] [-GPE=8 ...]: the OpenCL driver of the engine in FOLDER: the library, an .icd
# file that names it (set OCL_ICD_VENDORS=FOLDER), and `image`, which writes image files. sim holds the
# Verilated engine (and the UIO port); uio needs no Verilator. RTL names another folder of sources.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
kind=${2:-sim}
[ $# -lt 2 ] && shift || shift 2
rtl=${RTL:-$top/fpga/rtl}
warnings="-Wall -Wextra -Wshadow -Wno-cast-function-type"
flags="-O2 -fPIC -fvisibility=hidden -I$top -I$top/runtime -I$top/runtime/include -I$top/fpga/icd"
[ "$kind" = uio ] || flags="$flags -DICD_SIM=1"
objects=
for file in "$top"/fpga/icd/*.c "$top/runtime/board/driver.c" "$top/runtime/board/image.c" \
    "$top/fpga/model.c"; do
    object=$out/$(basename "$file" .c)-c.o
    case $file in
        */icd/image.c) object=$out/tool-c.o ;;
        */icd/check.c) continue ;;
    esac
    # shellcheck disable=SC2086
    ${CC:-cc} -std=gnu11 $warnings $flags -c "$file" -o "$object"
    [ "$object" = "$out/tool-c.o" ] || objects="$objects $object"
done
${CC:-cc} "$out/tool-c.o" "$out/driver-c.o" "$out/image-c.o" -lz -o "$out/image"
link=${CC:-cc}
if [ "$kind" = sim ]; then
    link=${CXX:-c++}
    share=$(verilator --getenv VERILATOR_ROOT)/include
    # shellcheck disable=SC2046
    verilator --cc --build -O3 --x-assign unique --x-initial unique -Wno-SYMRSVDWORD -j 2 \
        --Mdir "$out" --top-module bb_engine -GPE=8 -GSIMD=32 -GWINDOW=512 -GWEIGHTS=4096 -GINPUT=4096 \
        "$@" -CFLAGS "-fPIC -fvisibility=hidden" -MAKEFLAGS OPT_FAST=-O2 $(sed "s|^|$rtl/|" "$rtl/files") >"$out/build.log" 2>&1 ||
        { tail -20 "$out/build.log"; exit 1; }
    # Debian has no libverilated.a with position-independent code
    for file in "$share/verilated.cpp" "$share/verilated_threads.cpp" "$top/fpga/icd/sim.cpp"; do
        # shellcheck disable=SC2086
        $link -std=gnu++17 $flags -I"$out" -I"$share" -I"$share/vltstd" -w -c "$file" \
            -o "$out/$(basename "$file" .cpp)-cpp.o"
        objects="$objects $out/$(basename "$file" .cpp)-cpp.o"
    done
    objects="$objects $out/Vbb_engine__ALL.a"
fi
# shellcheck disable=SC2086
$link -shared $objects -lz -lpthread -o "$out/libbitbayes-fpga.so"
echo "$out/libbitbayes-fpga.so" >"$out/bitbayes-fpga.icd"
