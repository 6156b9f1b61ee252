#!/bin/sh
# SPDX-License-Identifier: MIT
# test.sh FOLDER PROGRAM: the ordinary program (build/bitbayes) on the Verilated engine as an OpenCL
# device, in both modes, and what the driver refuses. Exit 1 if anything is not as expected.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
program=$(realpath "$2")
models=$top/models
failed=0
export OCL_ICD_VENDORS="$out/driver" BITBAYES_CACHE="$out/cache"
unset BITBAYES_FPGA_MODE BITBAYES_FPGA_PORT BITBAYES_FPGA_BOARD BITBAYES_FPGA_MHZ BITBAYES_FPGA_LOG

complain() { echo "FAILED: $*"; failed=1; }

expect() { # what, exit code, pattern, command...: its output holds the pattern
    what=$1 code=$2 pattern=$3
    shift 3
    "$@" >"$out/said" 2>&1
    found=$?
    [ "$found" -eq "$code" ] || complain "$what: exit code $found, expected $code: $(tail -2 "$out/said")"
    if grep -qe "$pattern" "$out/said"; then
        [ -z "${SHOW:-}" ] || grep -e "$pattern" "$out/said" | tail -1 | sed "s|^bitbayes: ||; s|$out/||; s|^|$what: |"
    else
        complain "$what: no '$pattern' in: $(cat "$out/said")"
    fi
}

score() { # folder, device, model, data, inputs, option...
    to=$out/$1 device=$2 model=$3 data=$4 n=$5
    shift 5
    "$program" score "$models/$model.onnx" -d "$device" --data "$data" --limit "$n" -T 20 --out "$to" \
        --no-deterministic --save-passes --resamples 0 -q "$@" >"$out/said" 2>&1 ||
        complain "score $model on $device: $(cat "$out/said")"
}

# Logits of every pass and all scores, beside the reference's; cycles beside the model's.
same_scores() { # mode, model, data, inputs, option...
    mode=$1 model=$2 data=$3 n=$4
    shift 4
    rm -f "$out/log"
    begun=$(date +%s%N)
    BITBAYES_FPGA_LOG=$out/log score device sim "$model" "$data" "$n" "$@"
    taken=$((($(date +%s%N) - begun) / 1000000))
    score reference ref "$model" "$data" "$n"
    for file in logits.npy scores.csv; do
        cmp "$out/device/$file" "$out/reference/$file" || complain "$mode, $model: $file differs"
    done
    awk -v what="$mode, $model" -v passes=$((n * 20)) -v ms="$taken" '
        { cycles += $6; model += $8 }
        END {
            printf "%s: %d passes equal ref, %d cycles (model %d), %.0f a pass; %.1f s, %.0f passes/s\n",
                what, passes, cycles, model, cycles / passes, ms / 1000, passes * 1000 / ms
            exit !(NR && cycles == model) }' "$out/log" || complain "$mode, $model: cycles"
}

custom_mode() {
    digits=$models/digits/test-images.npy
    SHOW=1 expect devices 0 'bitbayes-sim, PE 8, SIMD 32' "$program" devices
    expect doctor 0 'device 0:0 .*equal to the reference' "$program" doctor
    expect "verify, custom" 0 'equal the reference bit for bit' \
        "$program" verify "$models/digits-mlp-scale.onnx" -d custom --limit 20
    same_scores custom digits-mlp-scale "$digits" 100
    expect "kernels refused" 3 'no kernels to measure' "$program" bench limits -d sim
    expect "variants refused" 2 'neither kernel variants' \
        "$program" verify "$models/digits-mlp-scale.onnx" -d sim --popcount portable
    expect "calls, custom" 0 'BuiltInKernels: works' "$out/driver/check"
}

# Random models with awkward shapes, stage by stage: the tests that every OpenCL device passes.
random_models() {
    tests=$(dirname "$program")/tests/test_engine
    [ -x "$tests" ] || { echo "random models: skipped, $tests was not built"; return 0; }
    rm -f "$out/random.log"
    BB_TEST_SEED=${BB_TEST_SEED:-1} BITBAYES_FPGA_LOG=$out/random.log "$tests" -j1 >"$out/said" 2>&1 ||
        complain "random models: $(cat "$out/said")"
    awk '{ cycles += $6; model += $8 }
        END { printf "random models: %d runs equal ref, %d cycles (model %d)\n", NR, cycles, model
              exit !(NR && cycles == model) }' "$out/random.log" || complain "random models: cycles"
}

strict_mode() {
    export BITBAYES_FPGA_MODE=strict
    "$out/driver/image" "$out/good.image"
    expect doctor 0 'takes offline binaries only' "$program" doctor
    same_scores strict digits-mlp-scale "$models/digits/test-images.npy" 100 --image "$out/good.image"
    for model in mnist-conv-scale mnist-conv-spatial; do
        same_scores strict $model "$models/$model.check/inputs.npy" 4 --image "$out/good.image"
    done
    for model in digits-mlp-scale mnist-conv-scale mnist-conv-spatial; do
        SHOW=1 expect "verify $model, strict" 0 'equal the reference bit for bit' \
            "$program" verify "$models/$model.onnx" -d accelerator --image "$out/good.image" --limit 1
    done
    if [ -x "$(dirname "$program")/tests/test_engine" ]; then
        BB_TEST_SMALL=1 BB_TEST_IMAGE=$out/good.image expect "random models, strict" 0 'Failing: 0' \
            "$(dirname "$program")/tests/test_engine" -j1
    fi
    expect "calls, strict" 0 '^OpenCL 1.0, type 8, compute units 0, work-group 4294967295$' \
        "$out/driver/check" "$out/good.image"
    grep -e refused "$out/said" | cut -d: -f1 | tr '\n' ' ' >"$out/refused"
    refused="clCreateProgramWithSource clCreateProgramWithBuiltInKernels"
    refused="$refused clCreateCommandQueueWithProperties clCreateBufferWithProperties"
    [ "$(cat "$out/refused")" = "$refused clCreateUserEvent clSVMAlloc " ] ||
        complain "refused calls: $(cat "$out/refused")"
}

refusals() { # of images, in words; strict mode
    refuse() { # what, exit code, pattern, option of `image`...
        what=$1 code=$2 pattern=$3
        shift 3
        "$out/driver/image" "$@" "$out/bad.image"
        SHOW=1 expect "$what" "$code" "$pattern" "$program" verify "$models/digits-mlp-scale.onnx" -d sim \
            --image "$out/bad.image" --limit 1
    }
    refuse "wrong kind" 5 "of kind 'hw', this device takes 'sim'" --kind hw
    refuse "wrong board" 5 "for board 'alveo', this device is 'bitbayes-sim'" --board alveo
    refuse "wrong PE" 5 "has PE 4, this device's has 8" --pe 4
    refuse "wrong SIMD" 5 "has SIMD 64, this device's has 32" --simd 64
    refuse "wrong depth" 5 "has weight memory 2048, this device's has 4096" --weights 2048
    damaged() { # what, pattern; the image is at $out/bad.image
        SHOW=1 expect "$1" "$3" "$2" "$program" verify "$models/digits-mlp-scale.onnx" -d sim \
            --image "$out/bad.image" --limit 1
    }
    sed 's/board bitbayes-sim/board bitbayes-sin/' "$out/good.image" >"$out/bad.image"
    damaged "one letter changed" 'checksum is .*, expected' 3
    head -c 100 "$out/good.image" >"$out/bad.image"
    damaged "cut header" 'header is damaged' 3
    echo payload >"$out/payload"
    "$out/driver/image" --payload "$out/payload" "$out/whole.image"
    head -c -3 "$out/whole.image" >"$out/bad.image"
    damaged "cut payload" 'is cut: 5 bytes behind its header, expected 8' 3
    echo "some other binary" >"$out/bad.image"
    damaged "no image" 'clCreateProgramWithBinary: CL_INVALID_BINARY' 5
    SHOW=1 expect "no image named" 4 'has no compiler; name its offline binary with --image' \
        "$program" verify "$models/digits-mlp-scale.onnx" -d sim --limit 1
    expect "source" 0 'clCreateProgramWithSource: refused' "$out/driver/check" "$out/bad.image"
    expect "source" 0 'an engine has no compiler' "$out/driver/check" "$out/bad.image"
    expect "binary" 0 'the driver says: the binary is no engine image' "$out/driver/check" "$out/bad.image"
}

# Beside another driver: the inputs split between both, and an image that is not for the other one.
beside_pocl() {
    icd=$(grep -l pocl /etc/OpenCL/vendors/*.icd 2>/dev/null | head -1)
    [ -n "$icd" ] || { echo "beside PoCL: skipped, it is not installed"; return 0; }
    mkdir -p "$out/both"
    cp "$icd" "$out/driver/bitbayes-fpga.icd" "$out/both"
    export OCL_ICD_VENDORS=$out/both BITBAYES_FPGA_MODE=custom
    digits=$models/digits/test-images.npy
    score device cpu+sim digits-mlp-scale "$digits" 40 --batch 8
    score reference ref digits-mlp-scale "$digits" 40
    cmp "$out/device/logits.npy" "$out/reference/logits.npy" || complain "beside PoCL: logits differ"
    SHOW=1 expect "image for another" 3 "an engine for board 'bitbayes-sim', but device .* is of type cpu" \
        "$program" verify "$models/digits-mlp-scale.onnx" -d cpu --limit 1 --image "$out/good.image"
}

planted_fault() {
    rm -rf "$out/rtl"
    cp -r "$top/fpga/rtl" "$out/rtl"
    sed -i 's/wire reached = total >=/wire reached = total >/' "$out/rtl/bb_matrix.sv"
    ! cmp -s "$out/rtl/bb_matrix.sv" "$top/fpga/rtl/bb_matrix.sv" || complain "nothing was planted"
    RTL=$out/rtl sh "$top/fpga/icd/build.sh" "$out/faulty" sim
    SHOW=1 OCL_ICD_VENDORS=$out/faulty BITBAYES_FPGA_MODE=custom expect "> for >= at the threshold" 1 \
        "first .*stage [0-9]* '.*channel [0-9]*: found bit [01], expected [01]; cycles [0-9]* to [0-9]*" \
        "$program" verify "$models/digits-mlp-scale.onnx" -d sim
}

# A file in place of a UIO device, and the Verilated engine as its other side. No board has been seen by this.
uio_on_files() {
    maps=$out/uio/maps
    rm -rf "$out/uio"
    mkdir -p "$maps/map0" "$maps/map1"
    echo 0x1000 | tee "$maps/map0/size" "$maps/map0/addr" >/dev/null
    echo 0x800000 >"$maps/map1/size"
    echo 0x123456000 >"$maps/map1/addr" # where the stand-in's engine has its memory
    truncate -s $((0x801000)) "$out/uio/device"
    export BITBAYES_FPGA_PORT=uio BITBAYES_FPGA_UIO="$out/uio/device" BITBAYES_FPGA_UIO_MAPS="$maps"
    export BITBAYES_FPGA_MODE=custom OCL_ICD_VENDORS="$out/uio-driver"
    sh "$top/fpga/icd/build.sh" "$out/uio-driver" uio || complain "the driver without Verilator"
    expect "uio, no engine" 0 'register MAGIC is 0x00000000, expected 0x42424631' "$program" devices
    "$out/driver/standin" "$out/uio/device" &
    standin=$!
    sleep 1
    SHOW=1 expect "uio, a stand-in" 0 'bitbayes-uio, PE 8, SIMD 32' "$program" devices
    for model in digits-mlp-scale mnist-conv-scale; do
        SHOW=1 expect "uio, a stand-in, $model" 0 'equal the reference bit for bit' \
            "$program" verify "$models/$model.onnx" -d uio --limit 1
    done
    kill $standin
    wait $standin 2>/dev/null
    SHOW=1 BITBAYES_FPGA_TIMEOUT=0.1 expect "uio, nothing answers" 5 'the engine does not end within 0.1 s' \
        "$program" verify "$models/digits-mlp-scale.onnx" -d uio --limit 1
    BITBAYES_FPGA_UIO=$out/nothing expect "uio, no device" 0 'No such file' "$program" devices
}

sh "$top/fpga/icd/build.sh" "$out/driver" sim || exit 1
${CC:-cc} -std=gnu11 "$top/fpga/icd/check.c" -lOpenCL -o "$out/driver/check" || exit 1
share=$(verilator --getenv VERILATOR_ROOT)/include
${CXX:-c++} -std=gnu++17 -O2 -w -I"$top" -I"$out/driver" -I"$share" -I"$share/vltstd" \
    "$top/fpga/icd/standin.cpp" "$out/driver/Vbb_engine__ALL.a" "$out/driver/verilated-cpp.o" \
    "$out/driver/verilated_threads-cpp.o" -lpthread -o "$out/driver/standin" || exit 1
custom_mode
random_models
strict_mode
refusals
(beside_pocl; exit $failed) || failed=1
(planted_fault; exit $failed) || failed=1
(uio_on_files; exit $failed) || failed=1
exit $failed
