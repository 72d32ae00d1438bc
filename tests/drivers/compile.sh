#!/usr/bin/env bash
# compile.sh GPU LECTERN: compiles every kernel for a GPU that is not there (tests/drivers/run --list names them). Fails if one
# does not compile, or if one that the GPU is given spills and is not yet in spills.txt ("GPU kernel" a line).
set -u -o pipefail
here=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
gpu=${1:?the GPU} lectern=$(realpath "${2:?the program}")
said=$("$here/run" "$gpu" "$lectern" doctor --compile)
status=$?
[ "$status" -le 1 ] && grep -q ' 0 do not compile' <<<"$said" || { printf '%s\n' "$said"; exit 1; }
# columns: kernel, taken, group, width, regs, scalars, spills, scratch, …
spilling=$(awk -v gpu="$gpu" '$2 == "yes" && ($7 + 0 > 0 || $8 + 0 > 0) { print gpu, $1 }' <<<"$said" | LC_ALL=C sort)
new=$(comm -23 <(printf '%s\n' "$spilling") <(LC_ALL=C sort "$here/spills.txt"))
tail -n 1 <<<"$said"
[ -z "$new" ] || { printf 'these spill now and are not in tests/drivers/spills.txt:\n%s\n' "$new"; exit 1; }
