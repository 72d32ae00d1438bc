#!/usr/bin/env bash
# A full disk, a folder that may not be written, a loss that is no number: training stops with one line, and the last
# good checkpoint survives.
. "$(dirname "${BASH_SOURCE[0]}")/check.sh"

# survives FOLDER: the last checkpoint is whole, and training goes on from it
survives() {
    whole "$1"
    has "$1"/step-*/state.json "$1/model.gguf"
    same "$1"/step-*/model.gguf "$1/model.gguf"
    grep -qF "the last good checkpoint is $(echo "$1"/step-*)" err || problem "$1: the last good checkpoint is not named"
}

# A file may not become larger: the log and the curve reach 40 kB before a checkpoint does.
full() { (ulimit -f 40; refused 1 "$@"; exit "$failed") || failed=1; }
full 'limited/[a-z.]+: cannot write: File too large' train "${tiny[@]}" --steps 3000 --out limited
survives limited
works train --out limited --resume --steps 500 --eval-interval 1000
says 'resumed +at step [0-9]+'

# A disk that fills, and one that can only be read (where this user may mount one)
mkdir disk
if mount -t tmpfs -o size=120k tmpfs disk 2>/dev/null; then
    trap 'cd /; umount "$folder/disk"; rm -rf "$folder"' EXIT
    refused 1 'disk/run/.*: cannot write: No space left' train "${tiny[@]}" --steps 3000 --out disk/run
    survives disk/run
    mount -o remount,size=2m disk
    works train --out disk/run --resume --steps 500
    mount -o remount,ro disk
    refused 1 'disk/run.*: cannot write: Read-only file system' train --out disk/run --resume --steps 700
    refused 1 'disk/new: cannot create the folder: Read-only' train "${tiny[@]}" --out disk/new
    refused 1 'disk/run/.*: Read-only file system' train "${tiny[@]}" --out disk/run --force
    has disk/run/step-500/state.json disk/run/model.gguf
else
    echo "no mount here: without the tests of a full and of a read-only disk"
fi

# A folder without permission; root has it always
if [ "$(id -u)" != 0 ]; then
    mkdir closed
    chmod 555 closed
    refused 1 'closed/run: cannot create the folder: Permission denied' train "${tiny[@]}" --out closed/run
fi
refused 1 'text/run: cannot create the folder: Not a directory' train "${tiny[@]}" --out text/run

# The loss grows without bounds
refused 1 'step [0-9]+: the (loss|gradient.s norm) is (not a number|infinite); a lower learning rate' \
    train "${tiny[@]}" --steps 2000 --checkpoint-interval 2 --lr 100 --clip 0 --out far
survives far
refused 1 'step [0-9]+: the .* is .*; no checkpoint was written yet' \
    train "${tiny[@]}" --steps 2000 --checkpoint-interval 5000 --lr 100 --clip 0 --out far2
lacks far2/model.gguf far2/step-*

# Nobody reads what it prints
ends 1 sh -c '"$@" >/dev/full' sh "$lectern" train "${tiny[@]}" --steps 10 --out printed
grep -q 'standard output' err || problem '/dev/full is not named'
has printed/step-10/state.json
finish
