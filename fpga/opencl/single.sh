#!/bin/sh
# SPDX-License-Identifier: MIT
# fpga/opencl/single.sh FILE [NAME=VALUE ...]: write the folded kernels as one file of OpenCL C, as aoc and v++ want
# it. PE=16 SIMD=2 DRAWS=4 ... stand for -D BB_PE=16 and so on; what is not given is what kernels/variants.inc
# builds, and -D on the compiler's command line wins over both. Limits: kernels/README.md.
set -eu
kernels=$(cd "$(dirname "$0")/../../kernels" && pwd)
[ $# -gt 0 ] || { sed -n '3,5s/^# //p' "$0" >&2; exit 2; }
file=$1
shift

# the first line of this variant: its defines, then its first set of tunables
options=$(awk '/^VARIANT\(stage, *folded,/ {on = 1} on {print} on && /\)$/ {exit}' "$kernels/variants.inc" |
    sed 's/|.*//' | grep -o 'BB_[A-Z]*=[0-9]*')
[ -n "$options" ] || { echo "$kernels/variants.inc: no line for the folded kernels" >&2; exit 1; }
for given in "$@"; do
    name=BB_${given%%=*}
    case $given in *[!A-Z0-9=]* | =* | *= | *=*=*) name= ;; esac
    if [ -z "$name" ] || ! echo "$options" | grep -q "^$name="; then
        echo "$given: expected NAME=VALUE with a NAME of: $(echo "$options" | sed 's/^BB_\(.*\)=.*/\1/' | tr '\n' ' ')" >&2
        exit 2
    fi
    options=$(echo "$options" | sed "s/^$name=.*/BB_$given/")
done

part=$file.part
{
    echo "/* SPDX-License-Identifier: MIT */"
    echo "/* Written by fpga/opencl/single.sh from kernels/; do not edit. */"
    echo "$options" | sed 's/\(.*\)=\(.*\)/#ifndef \1\n#define \1 \2\n#endif/'
    echo "#define BB_KERNEL bb_stage__folded"
    for name in shared.h bits.cl folded.cl; do
        echo "#line 1 \"kernels/$name\""
        cat "$kernels/$name"
    done
} >"$part"
mv "$part" "$file"
