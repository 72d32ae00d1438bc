#!/usr/bin/env bash
# What a person sees on a terminal: the line of a running job, in every width.
. "$(dirname "${BASH_SOURCE[0]}")/check.sh"
command -v script >/dev/null || { echo 'script is missing: no terminal to look at'; exit 1; }

# shows COLUMNS PATTERN ARGUMENT…: on a terminal so wide, the program draws a line that the pattern matches whole
shows() {
    local columns=$1 pattern=$2 most
    shift 2
    count=$((count + 1))
    TERM=xterm LANG=C.UTF-8 timeout 120 script -qec "stty cols $columns; $(printf '%q ' "$lectern" "$@")" /dev/null </dev/null >drawn ||
        problem "$*: exit code $?"
    tr '\r' '\n' <drawn | grep -a $'\x1b\\[K' | sed 's/\x1b\[K.*//' >out
    grep -qE "^([█▏▎▍▌▋▊▉░]+ )?$pattern\$" out || problem "$columns columns: no line is '$pattern'"
    most=$(LC_ALL=C.UTF-8 wc -L <out)
    [ "$most" -lt "$columns" ] || problem "a line of $most columns on a terminal of $columns"
}

rate='[0-9.]+( k)? tokens/s'
roof='[0-9.]+ [kMG]?FLOP/s \([0-9.]+%\)'
run() { shows "$1" "$2" train "${tiny[@]}" --steps 400 --eval-interval 400 --checkpoint-interval 400 --out run --force; }
run 80 "[0-9]+/400  loss [0-9]\\.[0-9]{4}  $rate  $roof  [0-9]:[0-9]{2} left"
run 40 "[0-9]+/400  loss [0-9]\\.[0-9]{4}  $rate"
run 30 '[0-9]+/400  loss [0-9]\.[0-9]{4}'
finish
