#!/usr/bin/env bash
# What can be measured of the style: licence line, file length, line length, blanks.
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
failed=0
complain() { echo "FAILED: $*" >&2; failed=1; }

n=0 n_long=0
while read -r file; do
    n=$((n + 1))
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || complain "$file: no SPDX line"
    [ "$(wc -l <"$file")" -le 600 ] || complain "$file: more than 600 lines"
    ! grep -nP '\t' "$file" || complain "$file: a tab"
    ! grep -nE ' +$' "$file" || complain "$file: blanks at the end of a line"
    [ -z "$(tail -c 1 "$file")" ] || complain "$file: no newline at the end"
    long=$(LC_ALL=C.UTF-8 awk 'length($0) > 120 {print FILENAME ":" FNR}' "$file")
    [ -z "$long" ] || complain "lines above 120 columns: $long"
    n_long=$((n_long + $(LC_ALL=C.UTF-8 awk 'length($0) > 100' "$file" | wc -l)))
done < <(find runtime kernels host fpga bench tests cmake -path '*/build*' -prune -o \
    \( -name '*.[ch]' -o -name '*.cl' -o -name '*.inc' \) -print)
echo "$n files checked; $n_long lines above 100 columns"
[ "$n" -gt 50 ] && [ "$failed" -eq 0 ]
