#!/usr/bin/env bash
# A run's folder may hold anything: files that a stranger wrote, pipes, links, names that only look like checkpoints.
# Resuming answers with one line or goes on, and never waits, removes or believes what is not the run's.
. "$(dirname "${BASH_SOURCE[0]}")/check.sh"

works train "${tiny[@]}" --steps 12 --checkpoint-interval 6 --out run
says '^step 10 +loss .* val .* tokens/s$'
grep -q '^warm-up' out && problem 'a warm-up of 0 is not cut'
works train "${tiny[@]}" --steps 12 --warmup 12 --val-fraction 0 --out cut
says '^warm-up +cut to 11 steps from 12: the run has 12$'
says '^done: 12 steps in 0:[0-9]{2}$'
says '^try it: lectern generate --model cut/model.gguf$'
works train "${tiny[@]}" --steps 12 --out json --json
command -v python3 >/dev/null && { python3 -c 'import json; j = json.load(open("out")); assert j["finished"] and j["seconds"] > 0' || problem JSON; }
mkfifo pipe
truncate -s 70000000 long

# broken PATTERN COMMAND…: a copy of the run, changed by a command in it, is refused with one line and stays as it is
broken() {
    local pattern=$1
    shift
    rm -rf broken && cp -r run broken && (cd broken && "$@") || problem "$pattern: the test itself"
    refused 1 "broken/$pattern" train --out broken --resume --steps 20
    lacks broken/step-20
    whole broken
}
set_run() { python3 - "$@" <<<'import json, sys; j = json.load(open("run.json")); j[sys.argv[1]] = json.loads(sys.argv[2]); json.dump(j, open("run.json", "w"))'; }
put() { printf "$2" >"$1"; }
broken 'run.json: "n-layer" is 99999; it must be a whole number from 1 to 1024' set_run n-layer 99999
broken 'run.json: "n-layer" is -1; it must be' set_run n-layer -1
broken 'run.json: "n-layer" is 1.0; it must be a whole number' set_run n-layer 1.0
broken 'run.json: "n-layer" is 9223372036854775807; it must be' set_run n-layer 9223372036854775807
broken 'run.json: "d-model" is true; it must be a whole number' set_run d-model true
broken 'run.json: "lr" is "1"; it must be a number from 0 to 100' set_run lr '"1"'
broken 'run.json: "lr" is 1e300; it must be' set_run lr 1e300
broken 'run.json: "data" is \[\[\]\]; it must be a text' set_run data '[[]]'
broken 'run.json: "data" is null; it must be a text' set_run data null
broken 'run.json: "seed" is -1; it must be a whole number from 0 to 1000000000000000' set_run seed -1
broken 'run.json: "seed" is \{"seed":1\}; it must be' set_run seed '{"seed": 1}'
broken 'run.json: "arch" is missing' sed -i '/"arch"/d' run.json
broken 'run.json: line 3: duplicate object key' sed -i 's/"data-bytes"/"data"/' run.json
broken 'run.json: line [0-9]+: control character 0x0' sed -i 's/text/te\x00t/' run.json
broken 'run.json: line 2: unable to decode byte 0xff' sed -i 's/text/te\xfft/' run.json
broken 'run.json: line [0-9]+: invalid token near .NaN' sed -i 's/"lr": 0.001/"lr": NaN/' run.json
broken 'run.json: line 1: it does not start with \{' put run.json '[1, 2]'
broken 'run.json: line 1: ' put run.json ''
broken 'run.json: it has 70000000 bytes; at most 67108864' cp ../long run.json
broken 'run.json: is a device or pipe, not a file' ln -sf ../pipe run.json
broken 'run.json: is a device or pipe, not a file' ln -sf /dev/zero run.json
broken 'step-12/state.json: is a device or pipe, not a file' ln -sf /dev/zero step-12/state.json
broken 'step-12/state.json: it has 70000000 bytes' cp ../long step-12/state.json
broken 'step-12/state.json: best_loss is -1; it must be' sed -i 's/"best_loss": [0-9.]*/"best_loss": -1/' step-12/state.json
broken 'step-12/model.gguf: is a device or pipe' ln -sf /dev/zero step-12/model.gguf
broken 'log.jsonl: is a device or pipe, not a file' ln -sf ../pipe log.jsonl
broken 'log.jsonl: is a device or pipe, not a file' ln -sf /dev/zero log.jsonl
broken 'samples.txt: is a device or pipe, not a file' ln -sf /dev/zero samples.txt

# A log and samples by a stranger: the run's own lines up to the checkpoint stay, the rest goes.
rm -rf broken && cp -r run broken
{
    printf '{"step": 1, "loss": 2.5}\n\0\0\n[[[[\n{"step": 2, "loss": 1e300, "val_loss": -1e308}\n{"step": 2.5, "loss": 1}\n'
    printf '{"step": 1e400}\n{"step": -3}\n{"step": 99999999999999999999}\n{"step": 9, "loss": null}\nnull\n7\n"step"\n\xff\n'
    printf '{"step": 13, "loss": 1}\n{"step": 3, "x": "%s"}\n{"step": 4, "lo' "$(head -c 9000 /dev/zero | tr '\0' x)"
} >broken/log.jsonl
printf -- '--- step 6\n\0\xff\n--- step x\n--- step\n--- step 12\na\n--- step 99999999999999999999999\nb\n--- step 3\nc\n' >broken/samples.txt
works train --out broken --resume --steps 13
[ "$(grep -o '^{"step": [0-9]*' broken/log.jsonl | tr -dc '0-9\n' | tr '\n' ' ')" = '1 2 9 13 ' ] || problem "the log: $(cat -v broken/log.jsonl)"
[ "$(wc -l <broken/log.jsonl)" = 4 ] || problem 'other lines in the log'
[ "$(grep -ac '^--- step' broken/samples.txt)" = 5 ] || problem "the samples: $(cat -v broken/samples.txt)"
has broken/loss.svg

# Names that only look like checkpoints are neither taken nor removed; a link goes without what it points to.
rm -rf broken && cp -r run broken
mkdir elsewhere && touch elsewhere/precious
(cd broken && mkdir step-007 step-+20 step--20 step-99999999999999999999 step-20x step- 'step- 20' step-3 && touch step-007/a &&
    mkdir step-4.part && touch step-4.part/a && ln -s ../elsewhere step-5)
works train --out broken --resume --steps 13
says 'resumed +at step 12'
has broken/step-{007/a,+20,-20,99999999999999999999,20x,,' 20',13/state.json} elsewhere/precious
lacks broken/step-{3,4.part,5,12}

# Checkpoints without settings are a run too: their weights are not taken for those of another one.
rm -rf broken && cp -r run broken && rm broken/run.json
refused 1 'broken holds a run already' train "${tiny[@]}" --steps 12 --checkpoint-interval 6 --seed 9 --out broken
refused 1 'broken: there is no run to resume' train --out broken --resume
works train "${tiny[@]}" --steps 12 --checkpoint-interval 6 --seed 9 --out broken --force
cmp -s broken/model.gguf run/model.gguf && problem 'the weights of the run before'
rm -rf broken && cp -r run broken && mkdir broken/step-12/folder
refused 1 'broken/step-12: cannot empty the folder' train "${tiny[@]}" --steps 12 --out broken --force
has broken/run.json

# A family that lectern runs and does not train.
rm -rf broken && cp -r run broken && sed -i 's/"arch": "gpt2"/"arch": "qwen2"/' broken/run.json
refused 1 '--arch qwen2: lectern trains gpt2 and llama' train --out broken --resume --steps 13

# What JSON cannot hold is refused before it is written.
cp text $'caf\xe9'
refused 1 '--data: its value is not UTF-8' train "${tiny[@]}" --data $'caf\xe9' --steps 10 --out new
lacks new
finish
