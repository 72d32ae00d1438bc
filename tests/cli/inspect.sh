#!/usr/bin/env bash
# `lectern inspect`: what it tells of good files, on narrow terminals, into pipes and to machines, and of bad files.
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
. "$here/cli/check.sh"
tales=$here/../assets/tales.gguf
corpus=$here/fuzz/corpus

# tensors NAME HEADER BYTES: a safetensors file
u64() { local n=$1 i; for i in 1 2 3 4 5 6 7 8; do printf "\\x$(printf %02x $((n & 255)))"; n=$((n >> 8)); done; }
tensors() { { u64 "${#2}"; printf '%s' "$2"; head -c "$3" /dev/zero; } >"$1"; }

works inspect --help
works inspect "$tales"
says '^GGUF version 3, 3.86 MB: '
says '^  general.architecture +gpt2$'
says '^  gpt2.attention.layer_norm_epsilon +1e-0?5$'
says '^  tokenizer.ggml.merges +767: "h e", "Ġ t", .*, …$'
says '^  blk.0.ffn_up.weight +F32 +\[512, 128\] +262 kB$'
says '^  F32 +52 +957 k +3.83 MB$'
for part in architecture weights tokenizer; do says "^  $part +yes$"; done

ends 0 env COLUMNS=40 "$lectern" inspect "$tales"
[ "$(LC_ALL=C.UTF-8 wc -L <out)" -le 40 ] || problem 'lines over 40 columns'
says '^  blk.0.ffn_up.weight$'
ends 0 bash -c '"$0" inspect "$1" | head -n 1' "$lectern" "$tales"
[ ! -s err ] && [ "$(wc -l <out)" = 1 ] || problem 'into head'
ends 1 sh -c '"$@" >/dev/full' sh "$lectern" inspect "$tales"

works inspect "$tales" --json
if command -v python3 >/dev/null; then
    python3 - <<'END' || problem 'the JSON'
import json
j = json.load(open("out"))
assert j["format"] == "GGUF" and j["version"] == 3 and j["metadata"]["gpt2.block_count"] == 4
assert j["metadata"]["tokenizer.ggml.merges"]["count"] == 767 and len(j["tensors"]) == 52
assert j["tensors"][0] == {"name": "token_embd.weight", "type": "F32", "shape": [1024, 128], "bytes": 524288}
assert j["types"]["F32"] == {"tensors": 52, "elements": sum(t["bytes"] for t in j["tensors"]) // 4,
                             "bytes": sum(t["bytes"] for t in j["tensors"])}
assert all(part["can"] for part in j["runs"].values())
END
fi

# every kind of value; what can't run says why
works inspect "$corpus/gguf/valid-values"
says '^  f64 +0.5$'
says '^  i32 +-1$'
says '^  bool +true$'
says '^  strings +"a", ""$'
says '^  architecture +no: general.architecture: the key is missing$'
works inspect "$corpus/gguf/valid-every-type"
for type in Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K BF16; do says "^  $type +1 +256 +"; done

# folders and files of safetensors
mkdir model shards
tensors model/model.safetensors '{"__metadata__":{"format":"pt"},"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}' 12
echo '{"model_type": "gpt2", "n_layer": 2}' >model/config.json
works inspect model
says '^safetensors, 1 file, 109 B: model$'
says '^  format +pt$'
says '^  n_layer +2$'
says '^  architecture +no: model/config.json: n_embd is missing$'
says '^  tokenizer +no: there is no tokenizer.json'
says '^  w +BF16 +\[2, 3\] +12 B$'
works inspect model/model.safetensors --json
says '"format": "safetensors"'
echo 'not JSON' >model/config.json
works inspect model
says '^  architecture +no: model/config.json: line 1: '
tensors shards/a.safetensors '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}' 1
tensors shards/b.safetensors '{"b":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}' 8
echo '{"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}' >shards/model.safetensors.index.json
works inspect shards
says '^safetensors, 2 files, '
works inspect shards/model.safetensors.index.json
says '^  b +I64 +\[\] +8 B$'

# names that would steer a terminal
tensors steer '{"\u001b[31m\u009b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}' 1
works inspect steer
says '^  \\x1b\[31m\\x9b +U8'

refused 2 'name a file' inspect
refused 2 'one argument too many' inspect a b
refused 1 'nonesuch: there is no such file' inspect nonesuch
refused 1 'empty: not a safetensors file' inspect "$(: >empty; echo empty)"
refused 1 'text: a header of [0-9]+ bytes, but the file has' inspect text
refused 1 'no model.safetensors and no index' inspect .
refused 1 'is a device or pipe' inspect /dev/null
for bad in "$corpus"/gguf/broken-* "$corpus"/safetensors/broken-*; do refused 1 . inspect "$bad"; done
finish
