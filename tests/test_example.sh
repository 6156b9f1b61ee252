#!/usr/bin/env bash
# The example program against the installed library, found by pkg-config; and what installation gives.
# SPDX-License-Identifier: MIT
set -euo pipefail
cd "$(dirname "$0")/.." || exit 1

prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "$BB_BUILD_FOLDER" --prefix "$prefix" >/dev/null

for wanted in bin/bitbayes include/bitbayes/engine.h share/man/man1/bitbayes.1; do
    [ -s "$prefix/$wanted" ] || { echo "not installed: $wanted" >&2; exit 1; }
done
pc=$(find "$prefix" -name bitbayes.pc)
[ -n "$pc" ] || { echo "not installed: bitbayes.pc" >&2; exit 1; }

export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$pc")
read -ra flags <<<"$(pkg-config --cflags --libs bitbayes)"
read -ra extra <<<"${BB_LINK_FLAGS:-}"
"${CC:-cc}" -std=c11 -Wall -Wextra -Werror tests/example/score.c "${extra[@]}" "${flags[@]}" \
    -o "$prefix/score"
LD_LIBRARY_PATH=$(dirname "$(dirname "$pc")") "$prefix/score" models/digits-mlp-scale.onnx models/digits/test-images.npy ref >"$prefix/scores.txt"
lines=$(wc -l <"$prefix/scores.txt")
head -n 3 "$prefix/scores.txt"
[ "$lines" -eq 500 ] || { echo "$lines lines, expected 500" >&2; exit 1; }

# It agrees with the program.
"$prefix/bin/bitbayes" score models/digits-mlp-scale.onnx --data models/digits/test-images.npy \
    -d ref --out "$prefix/out" --resamples 0 -q >/dev/null
diff <(cut -f 2 "$prefix/scores.txt") <(tail -n +2 "$prefix/out/scores.csv" | cut -d, -f 2)

# The man page tells every command.
for command in devices doctor info import verify score; do
    grep -q "^.SS bitbayes $command" "$prefix/share/man/man1/bitbayes.1"
done
