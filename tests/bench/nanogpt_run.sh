#!/bin/sh
# nanoGPT's small character run (its README's settings for a computer without a GPU: 1.88 there), by lectern: 2,000 steps on
# tinyshakespeare. Prints the best validation loss and the time; exit code 1 if the loss is over 1.90.
#
#   tests/bench/nanogpt_run.sh tinyshakespeare.txt [FOLDER]      FOLDER: build/peers/nanogpt of this repository
set -e
[ -f "$1" ] || { echo "usage: $0 tinyshakespeare.txt [FOLDER]" >&2 && exit 2; }
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
lectern=$root/build/lectern
out=${2:-$root/build/peers/nanogpt}
mkdir -p "$out"
start=$(date +%s)
"$lectern" train --data "$1" --tokenizer char --arch gpt2 --n-layer 4 --n-head 4 --d-model 128 --seq-len 64 --batch 12 \
    --steps 2000 --lr 1e-3 --min-lr 1e-4 --warmup 100 --beta1 0.9 --beta2 0.99 --weight-decay 0.1 --clip 1 --dropout 0 \
    --val-fraction 0.1 --eval-interval 250 --eval-batches 20 --checkpoint-interval 2000 --out "$out" --force --json >"$out.json"
end=$(date +%s)
python3 - "$out.json" $((end - start)) <<'PYTHON'
import json, sys
loss = json.loads(open(sys.argv[1]).read().splitlines()[-1])["best_val_loss"]
print(f"validation loss {loss:.4f} (at most 1.90) in {sys.argv[2]} s")
sys.exit(loss > 1.90)
PYTHON
