#!/usr/bin/env bash
# What can be measured of the style: licence line, file length, line length, blanks.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
failed=0
complain() { echo "FAILED: $*" >&2; failed=1; }

n=0
while read -r file; do
    n=$((n + 1))
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || complain "$file: no SPDX line"
    [ "$(wc -l <"$file")" -le 600 ] || complain "$file: more than 600 lines"
    ! grep -nP '\t' "$file" || complain "$file: a tab"
    ! grep -nE ' +$' "$file" || complain "$file: blanks at the end of a line"
    [ -z "$(tail -c 1 "$file")" ] || complain "$file: no newline at the end"
    long=$(LC_ALL=C.UTF-8 awk 'length($0) > 100 {print FILENAME ":" FNR}' "$file")
    [ -z "$long" ] || complain "lines above 100 columns: $long"
done < <(find runtime kernels host fpga bench tests cmake -path '*/build*' -prune -o \
    \( -name '*.[ch]' -o -name '*.cl' -o -name '*.inc' \) -print)
echo "$n files checked"
[ "$n" -gt 50 ] && [ "$failed" -eq 0 ]
