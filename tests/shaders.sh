#!/usr/bin/env bash
# shaders.sh valid|metal FOLDER: checks every compiled shader (*.spv) in FOLDER: against the rules of SPIR-V for
# Vulkan 1.2, or that SPIRV-Cross turns it into Metal's language, as MoltenVK does on a Mac.
set -u
case "${1-}" in
valid) check() { spirv-val --target-env vulkan1.2 "$1"; } ;;
metal) check() { spirv-cross "$1" --msl --msl-version 20300 --output /dev/null; } ;;
*) echo "usage: shaders.sh valid|metal FOLDER" >&2; exit 2 ;;
esac
count=0 failed=0
while IFS= read -r -d '' file; do
    count=$((count + 1))
    message=$(check "$file" 2>&1) || { failed=$((failed + 1)); printf '%s: not %s\n%s\n' "$file" "$1" "$message"; }
done < <(find "${2:?a folder}" -name '*.spv' -print0)
echo "$count shaders, $failed not $1"
[ "$count" -gt 0 ] && [ "$failed" = 0 ]
