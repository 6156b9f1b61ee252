#!/usr/bin/env bash
# Each public header compiles alone, as C11, C17 and C++17, without a warning.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fsyntax-only -Iruntime/include)
failed=0 checked=0

check() { # compiler language standard header
    if ! printf '#include <bitbayes/%s>\n' "$4" | "$1" -x "$2" "-std=$3" "${warnings[@]}" -; then
        echo "FAILED: bitbayes/$4 as $3 with $1" >&2
        failed=1
    fi
    checked=$((checked + 1))
}

for path in runtime/include/bitbayes/*.h; do
    header=$(basename "$path")
    check "${CC:-cc}" c c11 "$header"
    check "${CC:-cc}" c c17 "$header"
    if command -v "${CXX:-c++}" >/dev/null; then
        check "${CXX:-c++}" c++ c++17 "$header"
    fi
done
command -v "${CXX:-c++}" >/dev/null || echo "left out: C++17, there is no ${CXX:-c++}"
echo "$checked checks"
[ "$checked" -ge 18 ] && [ "$failed" -eq 0 ]
