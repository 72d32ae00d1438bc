#!/usr/bin/env bash
# documents.sh FILE.md…: runs every command that stands in a ```sh block of these files and starts with ./lectern, as a
# reader would, without a terminal; `./lectern test` is left to whoever calls this. Fails at the first that fails.
# What a reader must fill in belongs in a ```text block.
set -u -o pipefail
cd "${BASH_SOURCE[0]%/*}/.." || exit 1
count=0
for file; do
    [ -f "$file" ] || { echo "documents.sh: $file: there is no such file" >&2; exit 1; }
    while IFS= read -r command; do
        count=$((count + 1))
        printf '%s: %s\n' "$file" "$command"
        output=$(timeout 600 bash -c "$command" 2>&1 </dev/null) ||
            { printf '%s\ndocuments.sh: %s: failed (exit %d): %s\n' "$output" "$file" $? "$command" >&2; exit 1; }
    done < <(awk '/^```/ { inside = ($0 == "```sh") } inside && /^\.\/lectern / && !/^\.\/lectern test/' "$file" | sed 's/ *#.*//')
done
echo "$count commands ran"
[ "$count" -gt 0 ]
