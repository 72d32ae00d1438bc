#!/usr/bin/env bash
# Runs that are interrupted, killed and resumed: the same bits as one that nobody stopped; and what cannot be resumed.
. "$(dirname "${BASH_SOURCE[0]}")/check.sh"
steps=200

works train "${tiny[@]}" --steps $steps --out whole
says "^done: $steps steps in 0:[0-9]{2}, best validation loss [0-9]\\.[0-9]{4}$"
says '^try it: lectern generate --model whole/best.gguf$'
has whole/{model.gguf,best.gguf,run.json,log.jsonl,samples.txt,loss.svg,step-$steps/state.json}
whole whole

resumed() { # resumed FOLDER: goes on to the end and gives the same weights, moments and losses
    works train --out "$1" --resume --checkpoint-interval 50
    same "$1/model.gguf" whole/model.gguf
    same "$1/step-$steps/optimizer.gguf" whole/step-$steps/optimizer.gguf
    [ "$(cut -d, -f1,2 "$1/log.jsonl")" = "$(cut -d, -f1,2 whole/log.jsonl)" ] || problem "$1: another log"
    [ "$(grep -c '^--- step' "$1/samples.txt")" = "$(grep -c '^--- step' whole/samples.txt)" ] || problem "$1: samples"
    whole "$1"
}

# wait_for FOLDER STEP: until the run in the background has written so much of its log
wait_for() {
    for _ in {1..600}; do
        [ -f "$1/log.jsonl" ] && [ "$(wc -l <"$1/log.jsonl")" -ge "$2" ] && return
        sleep 0.05
    done
    problem "$1 does not reach step $2"
}

for signal in INT TERM; do
    setsid "$lectern" train "${tiny[@]}" --steps $steps --out $signal --checkpoint-interval 1000 >out 2>err &
    wait_for $signal 20
    kill -$signal $!
    wait $! || problem "$signal: exit code $?"
    says '^stopped: [0-9]+ steps in 0:[0-9]{2}, best validation loss '
    says "^go on with: lectern train --out $signal --resume$"
    [ ! -s err ] || problem "$signal: standard error"
    has $signal/step-*/state.json $signal/model.gguf
    whole $signal
    resumed $signal
done

# Killed at any moment: before the first checkpoint, while it writes one (with one at every step that is likely), later.
for moment in 1 2 60 121; do
    "$lectern" train "${tiny[@]}" --steps $steps --out kill$moment --checkpoint-interval $((moment % 2 + 1)) >out 2>err &
    wait_for kill$moment $moment
    { kill -KILL $!; wait $!; } 2>/dev/null
    resumed kill$moment
done
"$lectern" train "${tiny[@]}" --steps $steps --out early --checkpoint-interval 100000 >out 2>err &
wait_for early 5
{ kill -KILL $!; wait $!; } 2>/dev/null
lacks early/model.gguf
works train --out early --resume --steps 7
says 'resumed +at step 0: no checkpoint was written yet'
resumed_steps=$(wc -l <early/log.jsonl)
[ "$resumed_steps" = 7 ] || problem "early: $resumed_steps lines in the log, not 7"

# A finished run: more steps are asked for, or there is nothing to do.
works train --out whole --resume
says "resumed +at step $steps"
says '^done: 0 steps in 0:00, '
has whole/step-$steps
refused 1 "whole has $steps steps already, more than --steps $((steps - 1)): give a larger" train --out whole --resume --steps $((steps - 1))
works train "${tiny[@]}" --steps 12 --out more
works train --out more --resume --steps 15
has more/step-15
lacks more/step-12
works train --out more --resume
says 'resumed +at step 15'

# The best model is the best one as of the checkpoint, even if a killed run found a better one behind it.
cp more/best.gguf best
same more/step-15/best.gguf best
echo later >more/later && mv more/later more/best.gguf
works train --out more --resume
same more/best.gguf best

# The checkpoint knows what computed it.
for what in device kernels; do
    rm -rf other && cp -r more other
    sed -i "/\"origin\"/,/}/s/\"$what\": \"[0-9a-f]*\"/\"$what\": \"0123456789abcdef\"/" other/step-15/state.json
    refused 0 'note: the checkpoint was computed (on another device or driver|by other kernels) .see other/step-15/state.json.*not promised' \
        train --out other --resume --steps 16
    command -v python3 >/dev/null && python3 -c 'import json; j = json.load(open("more/step-15/state.json")); k = j["kernels"]; assert k == sorted(k) and any(n.startswith("adamw") for n in k) and j["device"]["name"]' || problem 'no kernels in state.json'
done

# What is refused leaves the run as it was.
cp -r more before
refused 1 'more holds a run already: give --resume.*--force' train "${tiny[@]}" --steps 5 --out more
refused 1 'nothere: there is no run to resume' train --out nothere --resume
lacks nothere
refused 1 '--d-model: the run in this folder was started with another value \(see more/run.json\)' \
    train --out more --resume --d-model 16
refused 1 '--seed: the run in this folder was started with another value' train --out more --resume --seed 5
mv text moved
refused 1 'text: there is no such file: .*say where it is now with --data FILE' train --out more --resume
tac moved >text
refused 1 'state.json: the data is not what the run was trained on' train --out more --resume
mv moved text
diff -r more before >/dev/null || problem 'a refused resume changed the run'

# The data may lie elsewhere by now, if it is the same.
cp -r more "it's moved"
mkdir away && printf '\xef\xbb\xbf' | cat - text >away/book # a byte order mark is no text
(cd away && refused 1 'text: there is no such file' train --out "../it's moved" --resume && exit "$failed") || failed=1
(
    cd away && works train --out "../it's moved" --resume --data book --steps 18
    says "^try it: lectern generate --model '../it'\\\\''s moved/best.gguf'\$"
    exit "$failed"
) || failed=1
has "it's moved/step-18"
# What a killed process left half-written goes.
touch more/model.gguf.lectern-{1,77}.part more/model.gguf.{1,lectern-,lectern-x}.part more/mine.lectern-1.part
works train --out more --resume
lacks more/model.gguf.lectern-{1,77}.part
has more/model.gguf.{1,lectern-,lectern-x}.part more/mine.lectern-1.part
rm more/*.part

# broken NAME PATTERN: a copy of the run, changed by the commands on standard input, is refused
broken() {
    rm -rf broken
    cp -r more broken
    (cd broken && . /dev/stdin) || problem "$1: the test itself"
    refused 1 "broken/$1.*$2" train --out broken --resume --steps 20
    lacks broken/step-20
    whole broken
}
broken step-15/model.gguf 'truncated or edited.*put it back, or start anew with --force' <<<'truncate -s -9 step-15/model.gguf'
broken step-15/model.gguf 'truncated or edited' <<<'printf x | dd of=step-15/model.gguf bs=1 seek=3000 conv=notrunc 2>/dev/null'
broken step-15/optimizer.gguf 'truncated or edited' <<<': >step-15/optimizer.gguf'
broken step-15/optimizer.gguf 'cannot open' <<<'rm step-15/optimizer.gguf'
broken step-15/best.gguf 'truncated or edited' <<<'echo x >step-15/best.gguf'
broken step-15/state.json 'line [0-9]+: ' <<<'truncate -s 100 step-15/state.json'
broken step-15/state.json 'line 1: ' <<<': >step-15/state.json'
broken step-15/state.json 'step is 16, not 15 as the folder says' <<<'sed -i "s/\"step\": 15/\"step\": 16/" step-15/state.json'
broken step-15/state.json 'version is 2; it must be 1' <<<'sed -i "s/\"version\": 1/\"version\": 2/" step-15/state.json'
broken step-15/state.json 'hashes.model.gguf is missing' <<<'sed -i "s/model.gguf/model.ggu/" step-15/state.json'
broken step-15/state.json 'data_hash' <<<'sed -i "s/\"data_hash\": \".\{4\}/\"data_hash\": \"/" step-15/state.json'
broken step-15/state.json 'batches is \["[0-9a-f]{16}",7,' <<<'sed -i "/batches/,/]/s/\"[0-9a-f]*\",\$/7,/; 0,/ 7,/s/ 7,/ \"0000000000000001\",/" step-15/state.json'
broken run.json 'line [0-9]+' <<<'echo "{" >run.json'

works train "${tiny[@]}" --steps 6 --out more --force
has more/step-6
lacks more/step-15
finish
