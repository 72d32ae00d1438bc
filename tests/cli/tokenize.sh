#!/usr/bin/env bash
# `tokenize`: lines to ids, pieces and back, with a model trained here and with files of other kinds.
. "$(dirname "${BASH_SOURCE[0]}")/check.sh"

# tokenizes INPUT ARGUMENT…: printf's format on standard input
tokenizes() {
    local input=$1
    shift
    count=$((count + 1))
    # shellcheck disable=SC2059
    printf "$input" | "$lectern" tokenize "$@" >out 2>err || { problem "tokenize $*: exit code $?"; return; }
    [ ! -s err ] || problem "tokenize $*: it said something on standard error"
}
prints() { [ "$(cat out)" = "$1" ] || problem "it prints '$(cat out)', not '$1'"; }
complains() { # complains PATTERN: the last command ended with one such line
    [ "$(wc -l <err)" = 1 ] && grep -qE -- "^lectern tokenize: .*($1)" err || problem "no line with '$1'"
}

works tokenize --help
says 'usage: lectern tokenize'
says '^example: '
refused 2 '--model is missing' tokenize
refused 2 'exclude each other' tokenize --model x --text --decode
refused 1 'nonesuch' tokenize --model nonesuch
refused 1 'there is no tokenizer.json, vocab.json or vocab.txt' tokenize --model .

# A GGUF
works train "${tiny[@]}" --steps 1 --out run
model=run/model.gguf
ends 0 "$lectern" tokenize --model $model
prints ''
tokenizes 'the cat\n\nthe\377' --model $model
[ "$(sed -n 2p out)" = '[]' ] && [ "$(wc -l <out)" = 3 ] || problem 'not a list for each line'
cp out ids
tokenizes "$(head -n 2 ids | sed 's/%/%%/g')\n" --model $model --decode
prints "the cat"
tokenizes 'the cat\033\n' --model $model --text
says '^\[t\]\[h\]\[e\]\[ \]\[c\]\[a\]\[t\]'
tokenizes '<|endoftext|>\n' --model $model --special
[ "$(tr -cd , <out)" = '' ] || problem '--special: not one token'
tokenizes '<|endoftext|>\n' --model $model
[ "$(tr -cd , <out)" != '' ] || problem 'a special token without --special'

# WordPiece, from a file and from its folder
printf '%s\n' '[UNK]' '[CLS]' '[SEP]' a cute te '##d' '##dy' >vocab.txt
tokenizes 'A cute teddy\n' --model vocab.txt
prints '[1, 3, 4, 5, 6, 7, 2]'
tokenizes 'A cute teddy é\n' --model . --text
prints '[[CLS]] [a] [cute] [te] [##d] [##dy] [[UNK]] [[SEP]]'
tokenizes '[1, 3, 4, 5, 6, 7, 2]\n' --model . --decode
prints 'a cute teddy'
tokenizes '"a\\nteddy"\n' --model . --json
prints '{"ids": [1, 3, 5, 6, 7, 2], "pieces": ["[CLS]", "a", "te", "##d", "##dy", "[SEP]"]}'
tokenizes '[3, 7]\n' --model . --json --decode
prints '"ady"'
# transformers' word for "no limit"
echo '{"model_max_length": 1000000000000000019884624838656}' >tokenizer_config.json
tokenizes 'a\n' --model .
prints '[1, 3, 2]'
rm tokenizer_config.json

# Lines that are no lists of ids
for bad in x '{}' '[1.5]' '["a"]' '[8]' '[-1]' '[1'; do
    count=$((count + 1))
    printf '[1]\n%s\n' "$bad" | "$lectern" tokenize --model vocab.txt --decode >out 2>err
    [ $? = 1 ] || problem "'$bad' is taken"
    complains 'line 2: '
done
count=$((count + 1))
echo plain | "$lectern" tokenize --model vocab.txt --json >out 2>err && problem 'a line that is no JSON string'
complains 'line 1: it is no JSON string'
count=$((count + 1))
yes a | head -n 100000 | "$lectern" tokenize --model vocab.txt >/dev/full 2>err && problem 'a full disk'
[ "$(wc -l <err)" = 1 ] || problem 'a full disk: more than one line'

# Colours on a terminal only, and not with NO_COLOR
if command -v script >/dev/null; then
    count=$((count + 2))
    echo a | TERM=xterm-256color NO_COLOR= script -qec "$lectern tokenize --model vocab.txt --text" /dev/null >out
    grep -q $'\033\[38;5;16;48;5;153m\[' out || problem 'no colours on a terminal'
    echo a | TERM=xterm-256color NO_COLOR=1 script -qec "$lectern tokenize --model vocab.txt --text" /dev/null >out
    grep -q $'\033' out && problem 'colours with NO_COLOR'
fi
finish
