#!/usr/bin/env bash
# The arrows: who may include whom, who may print, where OpenCL is seen (README, the pipeline).
# SPDX-License-Identifier: MIT
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
failed=0
complain() { echo "FAILED: $*" >&2; failed=1; }

# Down this list; parts of one line may include each other.
order="base
model
plan
sampling
board
execute reference opencl
statistics
data
energy"

rank_of() { # folder of runtime/ -> line number in the list, empty if it has none
    grep -nw -- "$1" <<<"$order" | cut -d: -f1
}

# The folder that implements a public header.
folder_of_header() {
    case $1 in
        status | context) echo base ;;
        device | engine | limits) echo execute ;;
        *) echo "$1" ;;
    esac
}

check_include() { # file folder included-path
    local target
    case $3 in
        bitbayes/*) target=$(folder_of_header "$(basename "$3" .h)") ;;
        fpga/regs/bb_regs.h) target=board ;; # generated beside the RTL's package
        host/* | bench/* | tests/* | fpga/*) complain "$1 includes $3: the library knows none of those"; return ;;
        kernels/*) target=plan ;;
        */*) target=${3%%/*} ;;
        *) return ;;
    esac
    local mine theirs
    mine=$(rank_of "$2") theirs=$(rank_of "$target")
    [ -n "$theirs" ] || return
    [ "$theirs" -le "$mine" ] || complain "$1 ($2) includes $3 ($target): the arrow points up"
}

checked=0
for file in runtime/*/*.[ch]; do
    folder=$(basename "$(dirname "$file")")
    [ -n "$(rank_of "$folder")" ] || complain "$file: folder $folder stands in no layer"
    while read -r included; do
        check_include "$file" "$folder" "$included"
        checked=$((checked + 1))
    done < <(sed -n 's/^ *# *include *[<"]\([^>"]*\)[>"].*/\1/p' "$file")
done

# Only these folders see OpenCL.
while read -r file; do
    case $file in
        runtime/opencl/* | fpga/icd/*) ;;
        *) complain "$file includes an OpenCL header" ;;
    esac
done < <(grep -lE '^ *# *include *[<"]CL/' -r runtime host bench fpga tests kernels --include='*.[ch]' 2>/dev/null)

# The library neither prints nor ends the process.
while read -r line; do
    complain "$line: only host/ and bench/ print, and the library never ends the process"
done < <(grep -nE '(^|[^a-z_A-Z.>])(printf|puts|putchar|perror|abort|exit|_exit)\(|\b(stderr|stdout)\b' runtime/*/*.[ch])

# The program sees the public headers and, beside them, files, JSON, .npy headers and the graph.
while IFS=: read -r file included; do
    case $included in
        */*)
            case $included in
                bitbayes/* | sys/* | base/base.h | data/json.h | data/layout.h | model/graph.h) ;;
                *) complain "$file includes $included, which is private" ;;
            esac
            ;;
    esac
done < <(sed -sn '/^ *# *include/{F;s/^ *# *include *[<"]\([^>"]*\)[>"].*/\1/p}' host/*.[ch] | paste -d: - -)

echo "$checked includes checked"
[ "$checked" -gt 50 ] && [ "$failed" -eq 0 ]
