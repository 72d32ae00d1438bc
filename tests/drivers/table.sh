#!/usr/bin/env bash
# table.sh LECTERN > compiled.tsv   what AMD's and Intel's compilers make of each kernel, for ten GPUs that are not there
#
# One row a kernel and GPU; `lectern doctor --compile` explains the columns. "taken" says if the GPU is given this kernel;
# the others are rungs that it could be given instead. Run it again when a kernel or a ladder changes.
set -euo pipefail
here=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
lectern=$(realpath "${1:?the program}")
number=0
for driver in $("$here/run" --list compile); do
    number=$((number + 1))
    { "$here/run" "$driver" "$lectern" doctor --compile || [ $? = 1 ]; } | # 1: a kernel that is taken spills
        awk -v OFS='\t' -v driver="$driver" -v number="$number" '
            $1 == "kernel" && $2 == "taken" { inside = 1; $1 = "kernel\tgpu"; if (number == 1) print "", 0, $0; next }
            inside && $2 ~ /^(yes|no|FAILS)$/ { name = $1; $1 = $1 OFS driver; $1 = $1; print name, number, $0; rows++ }
            END { exit !rows }'
done | LC_ALL=C sort -t "$(printf '\t')" -k1,1 -k2,2n | cut -f 3-
