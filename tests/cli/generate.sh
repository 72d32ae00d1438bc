#!/usr/bin/env bash
# `generate` with models and prompts of every kind.
. "$(dirname "${BASH_SOURCE[0]}")/check.sh"

works train "${tiny[@]}" --seq-len 64 --steps 60 --lr 0.02 --out run
model=run/model.gguf
g() { works generate --model $model --prompt 'the cat' "$@"; }

g --max-tokens 20 --seed 3
[ "$(wc -m <out)" -le 22 ] || problem 'more than 20 characters'
cp out first
g --max-tokens 20 --seed 3
same out first
g --max-tokens 20 --seed 4
cmp -s out first && problem 'another seed gives the same text'
g --temperature 0 --max-tokens 40
cp out greedy
g --temperature 0 --max-tokens 40 --seed 9
same out greedy
g --top-k 1 --max-tokens 40
same out greedy
g --top-p 0 --max-tokens 40
same out greedy
g --min-p 1 --max-tokens 40
same out greedy
g --temperature 0 --max-tokens 40 --echo
[ "$(cat out)" = "the cat$(cat greedy)" ] || problem '--echo'

# The stop text may lie across tokens, begin and break off, or be the whole answer.
text=$(cat greedy)
for cut in 0 1 3; do
    g --temperature 0 --max-tokens 40 --stop "${text:$cut:4}"
    before=${text%%"${text:$cut:4}"*}
    [ "$(cat out)" = "$before" ] || problem "--stop '${text:$cut:4}' leaves '$(cat out)', not '$before'"
done
g --temperature 0 --max-tokens 40 --stop "${text:0:3}§"
same out greedy

# More than the context of 64
refused 1 '[0-9]+ tokens do not fit: the model.s context is 64' generate --model $model --prompt "$(head -c 70 text)"
[ ! -s out ] || problem 'it printed something before that'
refused 0 'the model.s context of 64 tokens is full' generate --model $model --prompt 'the' --max-tokens 1000
works generate --model $model --prompt 'the' --max-tokens 1000 --json && says '"ended_by": "context"'
works generate --model $model --prompt 'the' --max-tokens 3 --json && says '"ended_by": "length"'

# JSON, of the same text
if command -v python3 >/dev/null; then
    g --temperature 0 --max-tokens 40 --json
    python3 - greedy <<'END' || problem 'the JSON is not the text'
import json, sys
made, text = json.load(open("out")), open(sys.argv[1]).read()[:-1]
tokens = made["tokens"]
assert made["text"] == text == "".join(t["text"] for t in tokens), made
assert len(made["prompt_ids"]) == 7 and all(t["logprob"] <= 0 for t in tokens), made
END
    works train "${tiny[@]}" --tokenizer byte --steps 5 --out bytes
    works generate --model bytes/model.gguf --prompt 'é' --temperature 20 --json --seed 1
    python3 -m json.tool out >/dev/null || problem 'pieces of characters break the JSON'
fi

# A draft changes no greedy token, and its vocabulary is the model's.
works train "${tiny[@]}" --n-layer 2 --seq-len 64 --steps 30 --lr 0.02 --out small
for drafts in 1 4 100; do
    refused 0 '[0-9]+ of [0-9]+ drafted tokens accepted \([0-9]+ %\), [0-9]+ passes of the model' generate --model $model \
        --draft small/model.gguf --draft-tokens $drafts --prompt 'the cat' --temperature 0 --max-tokens 40
    same out greedy
done
refused 0 '([0-9]+) of \2 drafted tokens accepted \(100 %\)' generate --model $model --draft $model --prompt 'the cat' \
    --temperature 0 --max-tokens 40
same out greedy
works generate --model $model --draft small/model.gguf --prompt 'the cat' --max-tokens 20 --json && says '"accepted": [0-9]+'
works train "${tiny[@]}" --tokenizer byte --steps 1 --out bytes.run
refused 1 'bytes.run/model.gguf: a draft needs the vocabulary of .*: 257 tokens and [0-9]+' generate --model $model \
    --draft bytes.run/model.gguf --prompt a
tr a-z b-za <text >shifted
works train "${tiny[@]}" --data shifted --steps 1 --out shifted.run
refused 1 'a draft needs the vocabulary of .*: token [0-9]+ is ".*" and ".*"' generate --model $model \
    --draft shifted.run/model.gguf --prompt a
refused 1 'nothere: there is no such file' generate --model $model --draft nothere --prompt a
refused 2 '--draft-tokens: 0 is out of range' generate --model $model --draft $model --draft-tokens 0

# Without a prompt: a text without documents has no token for their beginning, and the model starts behind a line break.
refused 0 'context of 64 tokens is full' generate --model $model
refused 0 'context of 64 tokens is full' generate --model $model --prompt ''
works inspect $model
grep -q bos_token_id out && problem 'a token for a beginning that the training never saw'
json() { works "$@" --json && tr -d ' \n' <out >flat && mv flat out; }
works tokenize --model $model </dev/null
printf '"\\n"\n' | "$lectern" tokenize --model $model --json | sed 's/, "pieces.*//; s/{"ids": //; s/ //g' >ids
json generate --model $model --max-tokens 2
says "\"prompt_ids\":$(sed 's/[][]/\\&/g' ids),"
json generate --model tales.gguf --max-tokens 2
says '"prompt_ids":\[1023\],'
tr '\n' ' ' <text >flat
works train "${tiny[@]}" --data flat --steps 2 --out flatrun
refused 1 'neither a token for the beginning nor a line break: give a --prompt' generate --model flatrun

# One rule for the names of models: a file, a run's folder, one of assets/
json generate --model run/best.gguf --prompt 'the cat' --seed 3 --max-tokens 9
cp out best
json generate --model run --prompt 'the cat' --seed 3 --max-tokens 9
same out best
mkdir other && cp $model other
json generate --model other --prompt 'the cat' --seed 3 --max-tokens 9
for name in run other tales.gguf; do
    works inspect $name
    says '^GGUF version 3'
    works tokenize --model $name
    works export --model $name --out $name.copy.gguf
    refused 1 '(run/best|other/model|assets/tales).gguf: gpt2 writes texts' embed --model $name
done
works inspect run
says 'run/best.gguf$'

# What a vocabulary lacks is said once
refused 0 'note: the model.s vocabulary lacks 4 characters of the prompt \("é", "Z"\): it reads <unk> instead$' \
    generate --model $model --prompt 'éthe Zéé cat' --max-tokens 3
refused 0 'lacks 1 character of the prompt \("."\): it reads' generate --model $model --prompt $'the \xff' --max-tokens 3
works generate --model tales.gguf --prompt 'éthe ÿ' --max-tokens 3
refused 1 'nothere: there is no such file' generate --model nothere
mkdir hollow
refused 1 'hollow: no model.safetensors' generate --model hollow
refused 2 '--model is missing.*lectern generate --help' generate
refused 1 'nothere: there is no such file, nor an asset of that name' generate --model nothere
refused 1 'no model.safetensors' generate --model .
refused 1 'text: not a GGUF file' generate --model text
: >empty
refused 1 'empty: ' generate --model empty
refused 1 'step-60/optimizer.gguf.*general.architecture is "lectern-adamw"; lectern runs gpt2, llama' \
    generate --model run/step-60/optimizer.gguf
for size in 4 20 24 100 1000 2500 $(($(stat -c %s $model) - 1)); do
    head -c "$size" $model >cut
    refused 1 'cut: ' generate --model cut --prompt a
done
# One number of the file is changed: it is refused, or the model still runs; it never crashes.
for at in 10 16 40 60 100 200 300 500 900 1500; do
    cp $model changed
    printf '\377\377\377\177' | dd of=changed bs=1 seek=$at conv=notrunc 2>/dev/null
    timeout 60 "$lectern" generate --model changed --prompt a --max-tokens 3 >out 2>err
    code=$?
    count=$((count + 1))
    [ $code -le 1 ] && [ "$(wc -l <err)" -le 1 ] || problem "byte $at changed: exit code $code"
done
head -c $(($(stat -c %s $model) - 4000)) $model >nan # every weight NaN
head -c 4000 /dev/zero | tr '\0' '\377' >>nan
refused 1 "the model's logits are not finite" generate --model nan --prompt a

refused 2 '--top-k: -1 is out of range' generate --model $model --top-k -1
refused 2 '--top-p: 1.5 is out of range' generate --model $model --top-p 1.5
refused 2 '--min-p: -0.1 is out of range' generate --model $model --min-p=-0.1
refused 2 '--temperature: -1 is out of range' generate --model $model --temperature=-1
refused 2 '--temperature: "warm" is not a number' generate --model $model --temperature warm
refused 2 '--repeat-penalty: 0 is out of range' generate --model $model --repeat-penalty 0
refused 2 '--max-tokens: 0 is out of range' generate --model $model --max-tokens 0
refused 2 '"words" is one argument too many' generate --model $model words
refused 1 'there is no device 77' generate --model $model --device 77
ends 1 sh -c '"$@" >/dev/full' sh "$lectern" generate --model $model --prompt a
grep -q 'standard output' err || problem '/dev/full is not named'

"$lectern" generate --model $model --prompt a --max-tokens 7 --validate >out 2>err || problem '--validate'
finish
