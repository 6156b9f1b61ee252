#!/bin/bash
# SPDX-License-Identifier: MIT
# Kernels under Oclgrind: out-of-bounds accesses, races, unset data, wrong API calls. Its exit status says
# nothing, hence the log, which must stay empty. Optimised code holds instructions that its
# --uninitialized does not know.
set -u
folder=${BB_BUILD_FOLDER:-build}
if ! command -v oclgrind > /dev/null; then
    echo "skipped: oclgrind is not installed"
    exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export BB_TEST_SMALL=1 BB_TEST_SEED=${BB_TEST_SEED:-1} BITBAYES_CACHE=
failed=0
for operation in bits bytes bytes_scaled bits_real real pool_bits pool_real; do
    oclgrind --build-options -cl-opt-disable --log "$log" --check-api --data-races --uninitialized \
        "$folder/tests/test_kernels" -j1 --filter "kernels/$operation" || failed=1
    if [ -s "$log" ]; then
        echo "$operation: Oclgrind found:"
        head -c 2000 "$log"
        failed=1
    fi
    : > "$log"
done
exit $failed
