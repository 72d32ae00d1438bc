#!/usr/bin/env bash
# arrows.sh: a room includes only rooms below it, `data` only formats and base, and only src/gpu and the viewer call
# Vulkan. It runs with the build; one message for each include or call that breaks this.
cd "${BASH_SOURCE[0]%/*}/.." || exit 1
# shellcheck disable=SC2016
find src viewer lectures notebooks-c -name '*.[ch]' 2>/dev/null | sort | xargs -d '\n' awk '
BEGIN {
    rooms = "base | text formats gpu | data tensor | ops | nn | models | generate | train | align agents eval | stage |"
    words = split(rooms " viewer lectures notebooks-c | cli", word, " ")
    for (i = 1; i <= words; i++) if (word[i] == "|") level++; else height[word[i]] = level + 1
}
function broken(rule) { print FILENAME ":" FNR ": " $0 "\n    " rule; failed = 1 }
FNR == 1 {
    room = FILENAME; sub(/^src\//, "", room); sub(/\/.*/, "", room)
    if (!(room in height)) broken("this folder is no room of the plan")
}
/^[ \t]*#[ \t]*include[ \t]*"[^"]*\// {
    split($0, part, "\""); to = part[2]; sub(/\/.*/, "", to)
    if (!(to in height)) broken("an include is \"room/file.h\", and there is no room \"" to "\"")
    else if (to != room && height[to] >= height[room]) broken(room " may not use " to ": arrows go down only")
    else if (room == "data" && to !~ /^(data|formats|base)$/) broken("data uses formats and base alone")
}
/(^|[^A-Za-z0-9_])vk[A-Z][A-Za-z0-9]*[ \t]*\(|^[ \t]*#[ \t]*include.*(vulkan\/|volk\.h)/ {
    if (room != "gpu" && room != "viewer") broken("only src/gpu and the viewer call Vulkan")
}
END { exit failed }'
