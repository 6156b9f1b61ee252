#!/usr/bin/env bash
# The shipped models: `verify` on the reference, on the default device and under Oclgrind, from .onnx and from the
# packed .bbm. The interpreter takes minutes for an MNIST image, so those run there only with BB_TEST_FULL=1.
# SPDX-License-Identifier: MIT
set -uo pipefail
program=${BB_PROGRAM:-build/bitbayes}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

check() { # what, command...
    local what=$1
    shift
    if "$@" >"$folder/out" 2>&1; then
        echo "passed: $what"
    else
        cat "$folder/out"
        echo "FAILED: $what"
        failed=1
    fi
}

# Oclgrind exits 0 whatever it finds; its log tells.
under_oclgrind() {
    rm -f "$folder/log"
    oclgrind --log "$folder/log" --check-api --data-races --build-options -cl-opt-disable "$@" || return 1
    [ ! -s "$folder/log" ] || { cat "$folder/log"; return 1; }
}

for model in models/*.onnx; do
    name=$(basename "$model" .onnx)
    cp -r "models/$name.check" "$folder/$name.check"
    check "$name: packed" "$program" import "$model" -o "$folder/$name.bbm" -q
    for form in "$model" "$folder/$name.bbm"; do
        check "$form on ref" "$program" verify "$form" -d ref --limit 4
        check "$form on the default device" "$program" verify "$form"
        if [ "${name#digits}" = "$name" ] && [ -z "${BB_TEST_FULL:-}" ]; then
            echo "skipped: $form under Oclgrind (BB_TEST_FULL=1 runs it)"
        elif command -v oclgrind >/dev/null; then
            check "$form under Oclgrind" under_oclgrind "$program" verify "$form" --limit 1 --cache ''
        else
            echo "skipped: $form under Oclgrind (it is not installed)"
        fi
    done
done
exit $failed
