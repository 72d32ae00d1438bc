#!/usr/bin/env bash
# style.sh: every C file stands as clang-format 14 leaves it (a later one moves things). `style.sh --fix` rewrites them.
# It runs file by file: version 14 can crash on an array of structures whose rows differ in length, and then names the file.
cd "${BASH_SOURCE[0]%/*}/.." || exit 1
tool=$(command -v clang-format-14 || command -v clang-format) || { echo "style.sh: no clang-format-14" >&2; exit 1; }
case "${1-}" in
--fix) how=(-i) ;;
'') how=(--dry-run --Werror) ;;
*) echo "usage: style.sh [--fix]" >&2; exit 2 ;;
esac
find src tests viewer lectures notebooks-c -name '*.[ch]' -print0 2>/dev/null | xargs -0 -n 1 "$tool" "${how[@]}"
