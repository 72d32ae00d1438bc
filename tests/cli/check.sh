# check.sh: what the tests of the command line share. Sourced; the program is the test's argument.
set -u
lectern=$(realpath "${1:?the program}")
folder=$(mktemp -d)
trap 'cd /; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failed=0
count=0

# A text, and a run so small that its steps take a millisecond.
for i in {1..400}; do echo "the cat $((i * 7 % 13)) sat on the mat $i and the dog ran."; done >text
tiny=(--data text --tokenizer char --n-layer 1 --n-head 2 --d-model 8 --seq-len 8 --batch 2 --warmup 0
    --eval-interval 10 --eval-batches 1 --checkpoint-interval 50)

problem() {
    failed=1
    printf 'FAILED: %s\n' "$*"
    sed 's/^/    stdout: /' out | tail -n 5
    sed 's/^/    stderr: /' err | tail -n 5
}

# ends CODE COMMAND…: its exit code; what it said is in out and err
ends() {
    local code=$1 got
    shift
    count=$((count + 1))
    timeout 120 "$@" >out 2>err </dev/null
    got=$?
    [ "$got" = "$code" ] || { problem "$*: exit code $got, not $code"; return 1; }
}
works() { ends 0 "$lectern" "$@" && { [ ! -s err ] || problem "lectern $*: it said something on standard error"; }; }

# refused CODE PATTERN ARGUMENT…: lectern ends with CODE and one line that the pattern matches (grep -E)
refused() {
    local code=$1 pattern=$2
    shift 2
    ends "$code" "$lectern" "$@" || return
    [ "$(wc -l <err)" = 1 ] || { problem "lectern $*: $(wc -l <err) lines on standard error"; return; }
    grep -qE -- "^lectern $1: .*($pattern)" err || problem "lectern $*: its message does not say '$pattern'"
}

says() { grep -qE -- "$1" out || problem "it does not print '$1'"; }
has() { for file; do [ -e "$file" ] || problem "there is no $file"; done; }
lacks() { for file; do [ ! -e "$file" ] || problem "there is a $file"; done; }
same() { cmp -s "$1" "$2" || problem "$1 and $2 differ"; }
# whole FOLDER: nothing in it is half-written
whole() { [ -z "$(find "$1" -name '*.part*')" ] || problem "half-written: $(find "$1" -name '*.part*' | tr '\n' ' ')"; }

finish() {
    echo "$count commands"
    [ "$failed" = 0 ] && [ "$count" -gt 0 ]
    exit
}
