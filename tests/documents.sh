#!/usr/bin/env bash
# documents.sh FILE.md…: runs every command of these files that starts with ./lectern, as a reader would, without a
# terminal. Those of ```sh blocks run as they stand, in the repository; `./lectern test` is left to whoever calls this.
# Those of ```text blocks need what a reader has: they run in a folder with stand-ins for the reader's files, and what
# takes long is made short. Fails at the first that fails.
set -u -o pipefail
cd "${BASH_SOURCE[0]%/*}/.." || exit 1
root=$PWD
count=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The reader's files, by the names that the documents give them.
stand_ins() {
    ln -s "$root/lectern" lectern
    cp "$root/assets/tales.gguf" model.gguf
    cp model.gguf SmolLM2-135M-Instruct.Q4_1.gguf
    cp model.gguf small.gguf
    ./lectern export --model model.gguf --out my-llama && cp -r my-llama MiniLM-folder &&
        ./lectern data tales --bytes 300k >book.txt && head -n 4 book.txt >lines.txt
}

# left_out COMMAND: why it is not run; empty for one that is
left_out() {
    case $1 in
    *…*) echo 'the reader completes it' ;;
    *'./lectern fetch'*) echo 'it needs the network; tests/cli/fetch.sh has a stand-in' ;;
    './lectern chat'*) echo 'it needs a model that was trained on conversations; tests/cli/chat.sh makes one' ;;
    './lectern bench'*) echo 'its naive rungs take minutes without a GPU; tests/cli/others.sh runs it of another op' ;;
    './lectern --install'*) echo 'the system is the reader'"'"'s' ;;
    esac
}
# shorter COMMAND: options for its end; the last of two of a name holds
shorter() {
    case $1 in
    './lectern train'*) echo '--steps 2 --eval-batches 1' ;;
    './lectern doctor'*) echo '--op softmax' ;;
    esac
}

# commands LANGUAGE FILE: those of its blocks in that language, one a line
commands() {
    awk -v fence="\`\`\`$1" '/^```/ { inside = ($0 == fence) } inside && /^\.\/lectern / && !/^\.\/lectern test/' "$2" |
        sed 's/ *#.*//'
}

# runs FOLDER COMMAND
runs() {
    local output
    count=$((count + 1))
    printf '%s: %s\n' "$file" "$2"
    output=$(cd "$1" && timeout 600 bash -c "$2" 2>&1 </dev/null) ||
        { printf '%s\ndocuments.sh: %s: failed (exit %d): %s\n' "$output" "$file" $? "$2" >&2; exit 1; }
}

(cd "$folder" && stand_ins >/dev/null 2>&1) || { echo 'documents.sh: the stand-ins cannot be made' >&2; exit 1; }
for file; do
    [ -f "$file" ] || { echo "documents.sh: $file: there is no such file" >&2; exit 1; }
    while IFS= read -r command; do
        runs "$root" "$command"
    done < <(commands sh "$file")
    while IFS= read -r command; do
        why=$(left_out "$command")
        if [ -n "$why" ]; then
            printf '%s: not run: %s (%s)\n' "$file" "$command" "$why"
        else
            runs "$folder" "$command $(shorter "$command")"
        fi
    done < <(commands text "$file")
done
echo "$count commands ran"
[ "$count" -gt 0 ]
