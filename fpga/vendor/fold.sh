#!/bin/sh
# SPDX-License-Identifier: MIT
# fold.sh TOP FOLDER [PE=8 SIMD=64 ...]: the RTL in FOLDER with the parameters of TOP (bb_engine or bb_board)
# set as their defaults, for tools that package or read a top as it stands.
set -eu
top=$1
out=$2
shift 2
rtl=$(cd "$(dirname "$0")/../rtl" && pwd)
mkdir -p "$out"
cp "$rtl"/*.sv "$rtl"/files* "$out/"
for setting; do
    name=${setting%%=*}
    value=${setting#*=}
    case $value in '' | *[!0-9]*) echo "fold.sh: '$setting' is not NAME=NUMBER" >&2; exit 2 ;; esac
    grep -q "^ *parameter integer $name = [0-9]*" "$out/$top.sv" ||
        { echo "fold.sh: $top has no parameter $name" >&2; exit 2; }
    sed -i "s/^\( *parameter integer $name =\) [0-9]*/\1 $value/" "$out/$top.sv"
done
