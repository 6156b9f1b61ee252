#!/usr/bin/env bash
# bench/measure.sh [STEP...] [-- OPTION...]: what the table of targets is made of, step by step, in build/bench/.
# Options go to every `bitbayes bench` call. A step that cannot run leaves its reason in STEP.reason.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.."

program=${BB_PROGRAM:-build/bitbayes}
out=build/bench
data=${BITBAYES_DATA:-../shared/data}
steps=(limits kernels layers narrow vgg-small resnet18-cifar mnist-conv-scale memory mnist peers)
peers=build/peers/bin/python
export POCL_AFFINITY=${POCL_AFFINITY:-1} # each thread keeps its core

fail() { # REASON: of the step under way
    printf '%s\n' "$1" >"$out/$step.reason"
    printf '%s: not measured: %s\n' "$step" "$1" >&2
    return 1
}

fail_by_log() { fail "$(tail -n 1 "$out/$step.log" | sed 's/^bitbayes: //')"; }

# Run a command; if it fails its last line on stderr is the reason.
try() { "$@" 2>"$out/$step.log" || fail_by_log; }

bench() { # WORD... : rows as $step.json. Wrong rows fail the command, but their file says so.
    "$program" bench "$@" --tune quick "${options[@]}" --json -o "$out/$step.json" 2>"$out/$step.log" ||
        [ -s "$out/$step.json" ] || fail_by_log
}

step_limits() { bench limits; }
step_kernels() { bench kernels targets -b 16,64 --time 0.7; }
step_layers() { bench kernels vgg-small resnet18-cifar lfc-1024 word-edges -b 64 --time 0.3; }
step_narrow() { bench kernels targets -b 64 --time 0.5 --popcount avx2; }
step_vgg-small() { bench model vgg-small -b 64 -T 1,20,100 --time 3; }
step_resnet18-cifar() { bench model resnet18-cifar -b 64 -T 1,20 --time 3; }
step_mnist-conv-scale() { bench model models/mnist-conv-scale.onnx -b 1,1000 -T 20 --time 3; }

score() { # NAME MODEL DATA OPTION... : summary and scores in $step/NAME
    local name=$1
    shift
    mkdir -p "$out/$step/$name"
    try "$program" score "$1" --data "${@:2}" --no-deterministic --energy off --out "$out/$step/$name" >/dev/null
}

# 10,000 images of noise, as IDX: resident memory does not depend on what they show.
write_images() {
    printf '\x00\x00\x08\x04\x00\x00\x27\x10\x00\x00\x00\x03\x00\x00\x00\x20\x00\x00\x00\x20'
    head -c $((10000 * 3 * 32 * 32)) /dev/urandom
}

step_memory() {
    model=$out/vgg-small.bbm images=$out/images.idx # not local: the trap reads them
    try "$program" bench save vgg-small -o "$model"
    write_images >"$images"
    score free "$model" "$images" -T 100 --memory 2G
    score limited "$model" "$images" -T 100 --memory 256M
    score one "$model" "$images" -T 1 --limit 1
    cold=$(mktemp -d)
    trap 'rm -rf "$cold" "$images"' EXIT # of the step's own shell
    POCL_CACHE_DIR=$cold BITBAYES_CACHE=$cold score cold "$model" "$images" -T 100 --memory 256M
}

step_mnist() {
    local images=$data/mnist/train-images-idx3-ubyte.gz
    local labels=$data/mnist/train-labels-idx1-ubyte.gz
    [ -r "$images" ] || fail "no $images (BITBAYES_DATA names another folder)"
    local i
    for i in 1 2 3; do # other work may come in between: the median counts
        score intervals$i models/mnist-conv-scale.onnx "$images" --labels "$labels" -T 20
    done
    score bare models/mnist-conv-scale.onnx "$images" --labels "$labels" -T 20 --resamples 0
}

step_peers() {
    [ -x $peers ] || fail "the peers are not installed: ./run bench-peers"
    try $peers bench/peers/run.py --out "$out" >/dev/null
}

wanted=()
while [ $# -gt 0 ] && [ "$1" != -- ] && [ "${1#-}" = "$1" ]; do
    wanted+=("$1")
    shift
done
[ "${1:-}" != -- ] || shift
options=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=("${steps[@]}")
mkdir -p "$out"
for step in "${wanted[@]}"; do
    declare -F "step_$step" >/dev/null || { echo "no step $step; there are: ${steps[*]}" >&2; exit 2; }
    rm -rf "${out:?}/$step.json" "${out:?}/$step.reason" "${out:?}/$step/"
    begun=$SECONDS
    set +e # in a condition, `set -e` would not hold inside the step
    (set -e; "step_$step")
    [ $? -ne 0 ] || printf '%s: %d s\n' "$step" $((SECONDS - begun)) >&2
    set -e
done
