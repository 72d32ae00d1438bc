#!/usr/bin/env bash
# attention.sh LECTERN: what a learner types. A model of a few steps of training, the lecture on it at three widths and
# as a page, and one line for each mistake.
set -u -o pipefail
lectern=${1:?the program}
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
fail() { echo "attention.sh: $*" >&2; exit 1; }
unset NO_COLOR COLORTERM

"$lectern" train --steps 2 --out "$folder/run" --tokenizer char --data-bytes 20000 --n-layer 1 --n-head 2 --d-model 16 \
    --seq-len 64 --batch 1 --eval-batches 1 >"$folder/log" 2>&1 || fail "train: $(tail -1 "$folder/log")"
model=$folder/run/model.gguf
for columns in 40 80 160; do
    COLUMNS=$columns NO_COLOR=1 "$lectern" lecture attention --model "$model" --all >"$folder/text" || fail "exit $? at $columns"
    [ "$(grep -cE '^ +[0-9]+/14  ' "$folder/text")" = 14 ] || fail "not 14 steps at $columns columns"
    grep -q $'\x1b' "$folder/text" && fail "an escape sequence with NO_COLOR"
done
"$lectern" lecture attention --model "$model" --head 1 --html "$folder/page.html" || fail "--html: exit $?"
[ "$(tail -1 "$folder/page.html")" = "</html>" ] || fail "the page is cut"

"$lectern" lecture attention --model "$model" --figures "$folder/figures" || fail "--figures: exit $?"
[ "$(ls "$folder/figures" | wc -l)" -ge 10 ] || fail "few figures"
if command -v xmllint >/dev/null; then xmllint --noout "$folder"/figures/*.svg || fail "a figure is not XML"; fi

# mistake EXIT WORD OPTION…: one line with the word on standard error, nothing on standard output
mistake() {
    local want=$1 word=$2 code
    shift 2
    "$lectern" lecture attention --all "$@" >"$folder/out" 2>"$folder/err"
    code=$?
    [ "$code" = "$want" ] && [ "$(wc -l <"$folder/err")" = 1 ] && ! [ -s "$folder/out" ] && grep -qF -- "$word" "$folder/err" ||
        fail "$*: exit $code: $(cat "$folder/err")"
}
mistake 1 "it is empty" --model "$model" --text ""
mistake 1 "context is 64" --model "$model" --text "$(printf 'a ball %.0s' {1..20})"
mistake 1 'has no "ß"' --model "$model" --text "The cat saß."
mistake 1 "no such file" --model "$folder/none.gguf"
mistake 1 "heads 0 to 1" --model "$model" --head 2
mistake 2 "whole number" --model "$model" --head two
mistake 2 "no parameter" --model "$model" --heads 2
