#!/usr/bin/env bash
# eval: what is measured, and what cannot be
. "${BASH_SOURCE[0]%/*}/check.sh"

works train "${tiny[@]}" --seq-len 32 --steps 60 --lr 0.02 --out run
works train "${tiny[@]}" --seq-len 32 --steps 1 --out fresh
perplexity() { works eval perplexity --data text "$@" --json && sed -n 's/.*"perplexity": \([0-9.]*\),.*/\1/p' out; }
trained=$(perplexity --model run)
untrained=$(perplexity --model fresh)
awk -v a="$trained" -v b="$untrained" 'BEGIN { exit !(a > 1 && a < 0.6 * b && b < 40) }' ||
    problem "perplexity $trained after training, $untrained before"
says '"windows": [0-9]+'
works eval perplexity --model run --data text
says '^perplexity [0-9.]+ ± [0-9.]+ over [0-9]+ tokens in [0-9]+ windows of 32$'
works eval perplexity --model run --data text --window 8
says 'windows of 8$'
refused 1 'run: .*context is 32 tokens|--window 64: the model.s context is 32 tokens' eval perplexity --model run --data text --window 64
refused 1 '--window 3' eval perplexity --model run --data text --window 3
head -c 20 text >short
refused 1 'the text has 20 tokens, less than one window of 32' eval perplexity --model run --data short
refused 1 'nothere: ' eval perplexity --model run --data nothere
refused 1 'nothere: there is no such file' eval perplexity --model nothere --data text
refused 2 'say what to measure: perplexity' eval
refused 2 'say what to measure: perplexity' eval nonesuch --model run --data text
refused 2 '--model is missing' eval perplexity --data text
refused 2 '--data is missing' eval perplexity --model run
finish
