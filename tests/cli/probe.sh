#!/usr/bin/env bash
# `probe`: names, shapes and numbers of activations, in models of each family.
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
. "$here/cli/check.sh"
cp -r "$here/models/fixtures/bert" .
cp "$here/../assets/tales.gguf" .
p() { works probe --model tales.gguf --prompt 'Once upon a time' "$@"; }

works probe --help
says 'usage: lectern probe'
says '^example: '
refused 2 '--model is missing' probe --prompt a
refused 2 '--prompt is missing' probe --model tales.gguf
refused 2 '--npy needs the --name' probe --model tales.gguf --prompt a --npy a.npy
refused 1 'nonesuch: there is no such file' probe --model nonesuch --prompt a
refused 1 '--prompt: it has no tokens' probe --model tales.gguf --prompt ''
refused 1 '--prompt: it has [0-9]+ tokens; the model.s context is 256' probe --model tales.gguf --prompt "$(head -c 3000 text)"
refused 1 '--name blocks.9.hook_resid_pre: the model has no such activation' \
    probe --model tales.gguf --prompt a --name blocks.9.hook_resid_pre
refused 1 'that is 4 activations, blocks.0.attn.hook_pattern and more; a file holds one' \
    probe --model tales.gguf --prompt a --name 'blocks.*.attn.hook_pattern' --npy a.npy
refused 1 'none/a.npy' probe --model tales.gguf --prompt a --name hook_embed --npy none/a.npy
lacks a.npy

# every family
p
says '^hook_embed +\[1, 5, 128\]$'
says '^blocks.3.attn.hook_q +\[1, 5, 4, 32\]$'
says '^blocks.3.attn.hook_pattern +\[1, 4, 5, 5\]$'
says '^ln_final.hook_normalized +\[1, 5, 128\]$'
says '^logits +\[1, 5, 1024\]$'
p --name 'blocks.*.attn.hook_pattern'
[ "$(wc -l <out)" = 4 ] || problem 'not one pattern for each layer'
works train "${tiny[@]}" --arch llama --steps 1 --out run
works probe --model run/model.gguf --prompt 'the cat'
says '^blocks.0.attn.hook_rot_q +\[1, 7, 2, 4\]$'
works probe --model bert --prompt 'the cat'
says '^embed.hook_token_type_embed +\[1, 4, 24\]$'
says '^blocks.1.hook_normalized_resid_post +\[1, 4, 24\]$'

# the numbers: a pattern's rows sum to 1, and nobody sees the future
p --name blocks.3.attn.hook_pattern --npy a.npy
[ ! -s out ] || problem '--npy prints something'
[ "$(head -c 6 a.npy | tail -c 5)" = NUMPY ] && [ "$(wc -c <a.npy)" = $((128 + 4 * 4 * 5 * 5)) ] || problem 'no .npy file'
p --name blocks.3.attn.hook_pattern --json
if command -v python3 >/dev/null; then
    count=$((count + 1))
    mv out said
    python3 - <<'PYTHON' >out 2>err || problem 'the numbers'
import json, struct
said = json.load(open("said"))
one, = said["activations"]
values = one["values"]
assert one["shape"] == [1, 4, 5, 5] and [t["text"] for t in said["tokens"]] == ["Once", " up", "on", " a", " time"], said["tokens"]
data = open("a.npy", "rb").read()
assert struct.pack("<100f", *values) == data[128:]
for row in range(20):
    assert abs(sum(values[5 * row:5 * row + 5]) - 1) < 1e-5
    assert not any(values[5 * row + row % 5 + 1:5 * row + 5])
PYTHON
fi

# what is not finite is null: every weight of this model is NaN
{ head -c $(($(stat -c %s run/model.gguf) - 4000)) run/model.gguf && head -c 4000 /dev/zero | tr '\0' '\377'; } >nan
works probe --model nan --prompt 'the cat' --name ln_final.hook_normalized --json
says '^ +null'
[ "$(grep -c '^ *null,\?$' out)" = 56 ] || problem 'not 7 times 8 numbers'

# Ctrl-C: nobody reads the pipe, whose opening waits for that
mkfifo pipe
count=$((count + 1))
set -m # in the background SIGINT is ignored without
"$lectern" probe --model tales.gguf --prompt 'Once' --name hook_embed --npy pipe >out 2>err &
for ((i = 0; i < 300; i++)); do
    grep -q '^SigCgt:.*[2367abef]$' /proc/$!/status && break # it listens
    sleep 0.1
done
sleep 1
kill -INT $!
wait $!
[ $? = 1 ] && [ "$(cat err)" = 'lectern probe: stopped' ] || problem 'Ctrl-C'
set +m
rm pipe
whole .
finish
