#!/usr/bin/env bash
# `embed`: a line for a line, whatever the lines are; tests/models/test_embedder.c looks into the numbers.
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
. "$here/cli/check.sh"
cp -r "$here/models/fixtures/bert" .

# embeds INPUT ARGUMENT…: printf's format on standard input
embeds() {
    local input=$1
    shift
    count=$((count + 1))
    # shellcheck disable=SC2059
    printf "$input" | timeout 60 "$lectern" embed "$@" >out 2>err || problem "embed $*: exit code $?"
}
quiet() { [ ! -s err ] || problem 'it said something on standard error'; }
complains() { [ "$(wc -l <err)" = 1 ] && grep -qE -- "^lectern embed: $1" err || problem "no line with '$1'"; }
lines() { [ "$(wc -l <out)" = "$1" ] || problem "$(wc -l <out) lines, not $1"; }

works embed --help
says 'usage: lectern embed'
says '^example: '
says 'From a GGUF file all have length 1'
refused 2 '--model is missing' embed
refused 2 'there is no option --nonesuch' embed --nonesuch
refused 1 'nonesuch: there is no such file' embed --model nonesuch
refused 1 'no model.safetensors' embed --model .
cp "$here/../assets/tales.gguf" .
refused 1 'tales.gguf: gpt2 writes texts' embed --model tales.gguf
refused 1 'bert reads whole texts and writes none; .lectern embed.' generate --model bert --prompt a

embeds '' --model bert
quiet
lines 0
embeds 'the cat sat\n\nA DOG ran' --model bert # the last line has no end
quiet
lines 3
[ "$(head -n 1 out | tr -cd , | wc -c)" = 23 ] || problem 'not 24 numbers'
cp out three
embeds 'the cat sat\n\nA DOG ran\n' --model bert/model.safetensors
same out three
embeds 'A DOG ran\n' --model bert
[ "$(cut -c 1-8 out)" = "$(tail -n 1 three | cut -c 1-8)" ] || problem 'alone it is another vector'

# A GGUF file holds the same model
ends 0 "$lectern" export --model bert --out bert.gguf
grep -q 'note: .* texts are cut at 16 tokens instead of 12$' err || problem 'no note of the lengths'
embeds 'the cat sat\n\nA DOG ran\n' --model bert.gguf
quiet
same out three

# and so does a folder, but for the vocabulary
cp -r bert first && echo '{"pooling_mode": "cls"}' >first/1_Pooling/config.json
ends 0 "$lectern" export --model first --out first.gguf
ends 0 "$lectern" export --model first.gguf --out hub
has hub/modules.json hub/1_Pooling/config.json
cp bert/vocab.txt hub
embeds 'the cat sat\n\nA DOG ran\n' --model first
cp out wanted
cmp -s wanted three && problem 'the first token is the mean'
embeds 'the cat sat\n\nA DOG ran\n' --model hub
quiet
same out wanted

# So do a run's folder and an asset, and nothing that lies in the working folder says how they are used
mkdir run assets
cp bert.gguf run/best.gguf
cp bert.gguf assets/asset.gguf
mkdir 1 && echo '{"pooling_mode": "cls"}' >1/config.json
echo '[{"type": "Transformer", "path": ""}, {"type": "Pooling", "path": "1"}]' >modules.json
embeds 'the cat sat\n\nA DOG ran\n' --model run
quiet
same out three
export LECTERN_ASSETS=$PWD/assets
embeds 'the cat sat\n\nA DOG ran\n' --model asset.gguf
quiet
same out three
rm modules.json

# Lines that are cut or are no UTF-8: said, by number
embeds 'a cat\nthe the the the the the the the the the the\n' --model bert
complains 'line 2: 13 tokens are cut to the model.s 12$'
lines 2
embeds 'a\na \377cat\n' --model bert
complains 'line 2: bytes that are no UTF-8 are left out$'
embeds 'a cat\n' --model bert
cp out clean
embeds 'a \377cat\n' --model bert
same out clean

# JSON in and out
embeds '"a\\ncat"\n"the the the the the the the the the the the"\n' --model bert --json
lines 2
says '^\{"tokens": 4, "cut": false, "embedding": \[-?[0-9]'
says '^\{"tokens": 13, "cut": true, "embedding": \[-?[0-9]'
count=$((count + 1))
printf '"a cat"\nplain\n"a"\n' | "$lectern" embed --model bert --json >out 2>err && problem 'a line that is no JSON string'
complains 'line 2: it is no JSON string$'
lines 1

# More lines than are read at once, in their order
for i in {1..600}; do printf '%*s\n' $((i % 7 * 4)) '' | sed 's/    / cat/g'; done >many
ends 0 sh -c '"$1" embed --model bert <many' sh "$lectern"
lines 600
[ "$(cut -c 1-7 out | sort -u | wc -l)" -le 14 ] || problem 'equal lines have different vectors'
[ "$(sed -n 3p out | cut -c 1-7)" = "$(sed -n 563p out | cut -c 1-7)" ] || problem 'lines out of order'

# A reader that leaves, a full disk, Ctrl-C
count=$((count + 3))
yes 'the cat' | timeout 60 "$lectern" embed --model bert 2>err | head -n 1 >out
lines 1
[ ! -s err ] || grep -q 'Broken pipe' err || problem 'a reader that left'
yes 'the cat' | timeout 60 "$lectern" embed --model bert >/dev/full 2>err && problem 'a full disk'
complains 'standard output: No space left on device$'
yes 'the cat' | timeout --foreground --preserve-status -s INT 3 "$lectern" embed --model bert >out 2>err
[ "${PIPESTATUS[1]}" = 1 ] || problem 'Ctrl-C: another exit code'
complains "stopped after line $(wc -l <out)\$"
finish
