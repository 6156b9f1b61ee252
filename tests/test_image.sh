#!/bin/bash
# SPDX-License-Identifier: MIT
# The way of a board, on devices that are here: one file of OpenCL C, a compiler that makes a binary of it, a host that
# only loads that. Foldings against the reference, whole models from one image, and images that do not fit, in words.
set -u
folder=${BB_BUILD_FOLDER:-build}
program=${BB_PROGRAM:-$folder/bitbayes}
offline=$folder/fpga/offline
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BITBAYES_CACHE=
failed=0
complain() { echo "FAILED: $*" >&2; failed=1; }

device=$("$program" devices --json 2> /dev/null | tr ',' '\n' | sed -n 's/.*"id": *"\([0-9]*:[0-9]*\)".*/\1/p' | head -n 1)
if [ ! -x "$offline" ] || [ -z "$device" ]; then
    echo "skipped: no OpenCL device"
    exit 0
fi

image() { # NAME OPTION...: $work/NAME.img from the folded kernels
    local name=$1
    shift
    sh fpga/opencl/single.sh "$work/$name.cl" "$@" || return 1
    $under "$offline" "$device" "$work/$name.cl" "$work/$name.img" "$build" || return 1
}

kernels() { # NAME OPERATION: what an image computes against the reference
    BB_TEST_IMAGE=$work/$1.img BB_TEST_DEVICE=$device BB_TEST_VARIANT=folded:0:0 BB_TEST_SEED=${BB_TEST_SEED:-1} \
        $under "$folder/tests/test_kernels" -j1 --filter "kernels/$2"
}

refused() { # TEXT IMAGE [MODEL]: the program says TEXT and does not run
    local said
    said=$("$program" score "${3:-models/digits-mlp-scale.onnx}" --data "${4:-models/digits/test-images.npy}" -d "$device" \
        --image "$work/$2" --limit 1 2>&1) &&
        complain "$2 was taken"
    grep -qF -- "$1" <<< "$said" || complain "$2: expected '$1', got: $said"
}

under="" build=-cl-std=CL1.2
for fold in "1 1" "8 2" "32 4" "64 1"; do
    read -r pe simd <<< "$fold"
    image "$pe-$simd" PE="$pe" SIMD="$simd" INPUT=32768 || { complain "no image of PE $pe, SIMD $simd"; continue; }
    for operation in bits bytes; do
        BB_TEST_SMALL=$([ "$fold" = "32 4" ] || echo 1) kernels "$pe-$simd" "$operation" > "$work/log" 2>&1 ||
            { complain "PE $pe, SIMD $simd, $operation"; tail -n 20 "$work/log" >&2; }
    done
done

# kernels with a fault must not pass
sed 's/(sums.p. >= (int)entry.x)/(sums[p] > (int)entry.x)/' "$work/8-2.cl" > "$work/fault.cl"
cmp -s "$work/fault.cl" "$work/8-2.cl" && complain "no fault was planted"
$offline "$device" "$work/fault.cl" "$work/fault.img" && BB_TEST_SMALL=1 kernels fault bits > "$work/log" 2>&1 &&
    complain "> for >= at the threshold was not noticed"

# a board holds one image for a whole model
for model in models/*.onnx; do
    name=$(basename "$model" .onnx)
    "$program" score "$model" --data "models/$name.check/inputs.npy" --limit 8 -d "$device" --image "$work/32-4.img" \
        --out "$work/board" -q > /dev/null || complain "$name from an image"
    "$program" score "$model" --data "models/$name.check/inputs.npy" --limit 8 -d ref --out "$work/ref" -q > /dev/null
    cmp "$work/board/scores.csv" "$work/ref/scores.csv" || complain "$name from an image: other scores"
    "$program" verify "$model" -d "$device" --image "$work/8-2.img" --limit 4 > "$work/log" || complain "$name: verify"
done

mnist=models/mnist-conv-scale.check/inputs.npy
awk 'BEGIN {for (i = 0; i < 72; i++) printf "%s0", i ? "," : ""; print ""}' > "$work/zeros.csv"
image small WINDOW=2 INPUT=16 && refused "its kernel is larger than the memory for weights (it needs 4 words" small.img
image small WINDOW=64 && refused "its kernel is larger than the memory for weights (it needs 98" small.img \
    models/mnist-conv-scale.onnx "$mnist"
image narrow INPUT=128 && refused "its map is larger than the memory for inputs" narrow.img models/mnist-conv-scale.onnx "$mnist"
refused "the folded kernels do not take its sum, and it has none of bb_real__plain" 8-2.img \
    tests/data/onnx/layer_averagepool.onnx "$work/zeros.csv"
sed 's/out.0. = BB_FOLDED_LAYOUT/out[0] = 99/' "$work/8-2.cl" > "$work/layout.cl"
$offline "$device" "$work/layout.cl" "$work/layout.img" && refused "take layout 99" layout.img
echo '__kernel void other(__global int *x) { *x = 1; }' > "$work/other.cl"
$offline "$device" "$work/other.cl" "$work/other.img" && refused "it lacks bb_stage__folded" other.img
refused "It holds other" other.img
head -c 9000 "$work/8-2.img" > "$work/cut.img" && refused "cut off or changed" cut.img
sed '1,/BBPROG1/s/driver/drover/' "$work/8-2.img" > "$work/board.img" && refused "built for (" board.img
echo "not a program" > "$work/text.img" && refused "the driver does not take it as a program of device" text.img
$offline "$device" "$work/text.img" "$work/no.img" 2> "$work/log" && complain "a text was built"
grep -q "clBuildProgram" "$work/log" || complain "building a text: $(cat "$work/log")"
sh fpga/opencl/single.sh "$work/odd.cl" PE=3 && $offline "$device" "$work/odd.cl" "$work/odd.img" 2> "$work/log" &&
    complain "PE 3 was built"
grep -q "BB_PE must divide 64" "$work/log" || complain "PE 3: $(cat "$work/log")"

if command -v oclgrind > /dev/null; then
    under="oclgrind --log $work/grind" device=0:0 build=-cl-opt-disable # what it does not know, optimised code holds
    for fold in "4 1" "32 2" "16 4" "64 8"; do
        read -r pe simd <<< "$fold"
        operation=bits
        [ "$fold" = "32 2" ] && operation=bytes
        image grind PE="$pe" SIMD="$simd" > "$work/log" 2>&1 && BB_TEST_SMALL=1 kernels grind "$operation" >> "$work/log" 2>&1 ||
            { complain "Oclgrind, PE $pe, SIMD $simd, $operation"; tail -n 20 "$work/log" >&2; }
        [ ! -s "$work/grind" ] || { complain "Oclgrind, PE $pe, SIMD $simd, found:"; head -c 2000 "$work/grind" >&2; }
    done
    device=$("$program" devices --json 2> /dev/null | tr ',' '\n' | sed -n 's/.*"id": *"\([0-9]*:[0-9]*\)".*/\1/p' | head -n 1)
    refused "built for (" grind.img
else
    echo "not run under Oclgrind: it is not installed"
fi
exit $failed
