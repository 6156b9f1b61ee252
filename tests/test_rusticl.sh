#!/bin/bash
# SPDX-License-Identifier: MIT
# A second driver that compiles for real: Mesa's rusticl over llvmpipe. It knows neither PoCL's compiler nor inline
# assembly, and stands nearest to what a GPU's driver does with the kernels. `./run test-rusticl` installs it.
set -u
folder=${BB_BUILD_FOLDER:-build}
library=${BB_RUSTICL:-$(ls /usr/lib/*/libRusticlOpenCL.so.1 2> /dev/null | head -n 1)}
if [ -z "$library" ]; then
    echo "skipped: rusticl is not installed (Debian: mesa-opencl-icd)"
    exit 0
fi
vendors=$(mktemp -d)
trap 'rm -rf "$vendors"' EXIT
echo "$library" > "$vendors/rusticl.icd"
export OCL_ICD_VENDORS=$vendors RUSTICL_ENABLE=llvmpipe,swrast BB_TEST_SEED=${BB_TEST_SEED:-1} BITBAYES_CACHE=
if ! "$folder/bitbayes" devices 2> /dev/null | grep -q llvmpipe; then
    echo "skipped: rusticl shows no llvmpipe device"
    exit 0
fi
failed=0
# llvmpipe ends a work-item silently after 65,535 turns of all its loops (LP_MAX_TGSI_LOOP_ITERATIONS in Mesa's
# sources): hence small shapes, and not the one work-item of `folded`. `tile32` is not served there.
echo "left out here: folded, tile32"
export BB_TEST_WITHOUT=folded,tile32
BB_TEST_SMALL=1 "$folder/tests/test_kernels" -j1 || failed=1
for model in models/*.onnx; do
    "$folder/bitbayes" verify "$model" -d llvmpipe --limit 4 || failed=1
done
exit $failed
