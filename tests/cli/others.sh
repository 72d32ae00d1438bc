#!/usr/bin/env bash
# The commands that only tell: `devices`, `doctor`, `bench`, `data`, and the program without a command.
. "$(dirname "${BASH_SOURCE[0]}")/check.sh"

json() { # json PROGRAM: what was printed is JSON, and the Python assertion holds of it, as `j`
    command -v python3 >/dev/null || return
    python3 -c "import json; j = json.load(open('out')); assert $1, j" || problem "the JSON: $1"
}

ends 2 "$lectern"
grep -q '^usage: lectern COMMAND' err || problem 'no usage'
works --help
ends 2 "$lectern" nonesuch
[ "$(cat err)" = 'lectern: there is no command "nonesuch" (see `lectern --help`)' ] || problem 'the message'
for command in devices doctor bench data train generate tokenize lecture; do
    works $command --help
    says "usage: lectern $command"
    cp out long
    works $command -h
    same out long
    refused 2 'there is no option --nonesuch' $command --nonesuch --device 0
    ends 1 sh -c '"$@" >/dev/full' sh "$lectern" $command --help
done

works --version
says '^lectern [0-9]+\.[0-9]+\.[0-9]+$'
works -h
says '^usage: lectern COMMAND'
works train --help
says '^  --data FILE  '
says '^  --out FOLDER  '
# an option's value asks for no help, and help tells the defaults
works generate --model tales.gguf --prompt -h --max-tokens 1 --echo
says '^-h'
works generate --model tales.gguf --max-tokens 1 --echo --prompt --help
says '^--help'
works generate --prompt -h --temperature 0.25 -h
says '^usage: lectern generate'
says '^  --temperature X .*\(0.8\)$'
works lecture attention --text -h -h
says '^of lecture 04-attention:'
refused 2 '"-h" is one argument too many' tokenize -- -h
# what a terminal could take as a command, or as another charset, is not said back
for raw in $'\e[31mred' $'\xc2\x9b31m' $'caf\xe9' $'a\rb' $'a\nb'; do
    for line in "$raw" "devices $raw" "devices --$raw" "bench $raw" "train --lr $raw"; do
        IFS=' ' read -r -d '' -a words < <(printf '%s\0' "$line")
        ends 2 "$lectern" "${words[@]}"
        [ "$(wc -l <err)" = 1 ] && ! LC_ALL=C grep -q $'[\x01-\x09\x0b-\x1f\x7f]\|\xc2[\x80-\x9f]\|f\xe9' err ||
            problem "$(printf '%q' "$line"): said back as it is"
    done
done
refused 2 'an argument is empty' inspect ''
refused 2 'model is empty: it takes the name of a MODEL' generate --model ''
refused 2 'model is empty: it takes the name of a MODEL' tokenize --model=

works devices
says '^0  .'
works devices --json
json 'j[0]["index"] == 0 and j[0]["subgroup"] > 0 and j[0]["memory_bytes"] > 0'
refused 2 '"0" is one argument too many' devices 0
ends 1 sh -c '"$@" >/dev/full' sh "$lectern" devices

works doctor --op softmax
says '^[1-9][0-9]* checked, 0 failed'
works doctor --op softmax --json
json 'j["failed"] == 0 and j["ops"] and all(o["op"] == "softmax" and o["pass"] for o in j["ops"])'
works doctor --compile --op softmax
says '^[1-9][0-9]* kernels, 0 do not compile'
works doctor --compile --op softmax --json
json 'j["failed"] == 0 and any(k["taken"] for k in j["kernels"])'
refused 2 '--op: there is no op "nonesuch"; there are: activate, .*, softmax, ' doctor --op nonesuch
refused 2 '--op: there is no op "nonesuch"' doctor --compile --op nonesuch
refused 2 '"softmax" is one argument too many' doctor softmax
refused 1 'there is no device 77' doctor --device 77
refused 1 'there is no device 77' doctor --compile --device 77

works bench softmax --seconds 0.01 --json
json 'j["roof"]["gflops"] > 0 and j["results"] and all(r["best_seconds"] > 0 for r in j["results"])'
json '{(r["pass"], r["kernel"] == "whole") for r in j["results"]} == {("forward", 0), ("backward", 0), ("backward", 1)}'
json 'j["interrupted"] is False'
# Ctrl-C within a row, and between rows: what was measured so far is printed, and is JSON
stopped() { # stopped SIGNAL OPTION…: bench is told to stop, and does within a few calls
    local signal=$1 begin code
    shift
    count=$((count + 1))
    "$lectern" bench "$@" --json >out 2>err </dev/null &
    sleep 4
    begin=$SECONDS
    kill -"$signal" $!
    wait $!
    code=$?
    [ $code = 1 ] && [ $((SECONDS - begin)) -lt 20 ] || problem "bench $*: exit code $code, $((SECONDS - begin)) s after SIG$signal"
    grep -qE '^lectern bench: stopped after [0-9]+ rows?$' err || problem 'no word of being stopped'
    json 'j["interrupted"] is True and all(r["best_seconds"] > 0 for r in j["results"])'
}
stopped TERM softmax --seconds 60
json 'len(j["results"]) <= 1'
stopped INT train --seconds 60
stopped INT --seconds 0.05
refused 2 'there is no op "nonesuch"; there are: activate, .*, topk; train and generate go too' bench nonesuch
refused 2 '--seconds: 0 is out of range' bench --seconds 0
refused 1 'there is no device 77' bench --device 77

ends 0 "$lectern" data tales --seed 1 --bytes 3k
[ "$(wc -c <out)" -ge 3000 ] && [ "$(wc -c <out)" -lt 9000 ] || problem 'the size'
grep -q '^[0-9]* bytes; who knew the grammar by heart would pay at most [0-9.]* bits a byte for them$' err || problem 'the entropy'
cp out tales
ends 0 "$lectern" data tales --seed 1 --bytes 3000
same out tales
ends 0 "$lectern" data tales --seed 1 --bytes 3k --split validation
cmp -s out tales && problem 'both splits are one'
refused 2 'name a generator' data
refused 2 'name a generator' data nonesuch
refused 2 '--bytes: "many" is no size such as' data tales --bytes many
refused 2 '--bytes: "-3" is no size' data tales --bytes=-3
refused 2 '--bytes: "9e99" is no size' data tales --bytes 9e99
refused 2 '--split: "test" is neither train nor validation' data tales --split test
refused 2 '--seed: -1 is out of range' data tales --seed -1
ends 1 sh -c '"$@" >/dev/full' sh "$lectern" data tales --bytes 1M
[ "$(wc -l <err)" = 1 ] || problem 'more than one line'
refused 2 'there is no option --json' data tales --json
works data --help
grep -q -- --json out && problem 'it promises --json'

lists='has no parameter "%s"; it has text, memory, layer, head, model .see .lectern lecture --help'
for bad in foo json; do
    refused 2 "$(printf "$lists" $bad)" lecture attention --$bad
    refused 2 "$(printf "$lists" $bad)" lecture attention --$bad --all
done
refused 2 '--layer needs a value' lecture attention --all --layer
refused 2 'no lecture "nonesuch"; there are: 04-attention' lecture nonesuch
works lecture attention --help
says '^of lecture 04-attention:'
says '^  --layer N  .*default 0'
says '^  --text TEXT  '
grep -q -- --json out && problem 'it promises --json'
# a link's target is written, the link stays
: >target.jsonl && ln -s target.jsonl link.html
works lecture attention --html link.html
[ -L link.html ] && grep -q '</html>' target.jsonl || problem 'a link was replaced'

finish
