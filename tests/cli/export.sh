#!/usr/bin/env bash
# `lectern export`: formats and types, what is there already, a full disk, and wrong usage. tests/models/test_export.c
# looks into the tensors.
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
. "$here/cli/check.sh"
cp "$here/../assets/tales.gguf" .

works export --help
refused 2 '--model is missing' export --out b.gguf
refused 2 '--out is missing' export --model tales.gguf
refused 2 '--type: "q9" is none of' export --model tales.gguf --out b.gguf --type q9
refused 2 '--type: "q4_k" is none of' export --model tales.gguf --out b.gguf --type q4_k

works export --model tales.gguf --out q8.gguf --type q8_0
says '^q8.gguf: 1.13 MB, 52 tensors: 35 F32, 17 Q8_0$'
works inspect q8.gguf
says '^  general.file_type +7$'
says '^  token_embd.weight +Q8_0 '
refused 1 'q8.gguf: it is there already; --force replaces it' export --model tales.gguf --out q8.gguf
works export --model tales.gguf --out f16.gguf --type F16 --json
says '"F16": 17'
ends 0 "$lectern" generate --model f16.gguf --prompt "Once upon a time" --max-tokens 4 --temperature 0
ends 0 "$lectern" export --model q8.gguf --out q4.gguf --type q4_0
grep -q 'note: the weights were quantised before' err || problem 'no note of quantising twice'
works export --model tales.gguf --out q8.gguf --force
works inspect q8.gguf
says '^  token_embd.weight +F32 '

# to a folder, and back
works export --model tales.gguf --out hub
has hub/config.json hub/tokenizer.json hub/tokenizer_config.json hub/model.safetensors
lacks hub.part
works inspect hub
says '^  model_type +gpt2$'
says '^  transformer.h.0.attn.c_attn.weight +F32 +\[128, 384\]'
says '^  weights +yes$'
works generate --model hub --prompt "Once upon a time" --max-tokens 12 --temperature 0
cp out of_folder
works generate --model tales.gguf --prompt "Once upon a time" --max-tokens 12 --temperature 0
same out of_folder
refused 1 'hub: it is there already' export --model tales.gguf --out hub
works export --model tales.gguf --out slash//
has slash/config.json
refused 1 'slash: it is there already' export --model tales.gguf --out slash/
works export --model tales.gguf --out hub --force
ends 0 "$lectern" export --model hub --out back.gguf --type q4_1
says '^back.gguf: .*, 52 tensors: 35 F32, 16 Q4_1, 1 Q8_0$'
ends 0 "$lectern" export --model hub/model.safetensors --out back2.gguf --type q4_1
cmp -s back.gguf back2.gguf || problem 'a file is another model than its folder'
refused 1 'safetensors hold f32 and f16, not Q8_0' export --model tales.gguf --out hub3 --type q8_0
refused 1 'safetensors become GGUF here' export --model hub --out hub3
refused 1 'hub: it is there already' export --model tales.gguf --out hub

# bad models and bad days
refused 1 'nonesuch: there is no such file' export --model nonesuch --out b.gguf
refused 1 'no model.safetensors' export --model . --out b.gguf
refused 1 'text: a header of' export --model text --out b.gguf
cp -r hub bad && echo '{"model_type": "mamba"}' >bad/config.json
refused 1 'bad/config.json: model_type is "mamba"; lectern knows' export --model bad --out b.gguf
rm bad/config.json
refused 1 'bad/config.json: cannot open' export --model bad --out b.gguf
for file in "$here"/fuzz/corpus/*/broken-*; do
    case $file in */gguf/* | */safetensors/*) refused 1 . export --model "$file" --out b.gguf ;; esac
done
ends 1 bash -c 'ulimit -f 500; trap "" XFSZ; "$@"' sh "$lectern" export --model tales.gguf --out b.gguf
grep -q '^lectern export: b.gguf: cannot write: File too large$' err || problem 'no word of the disk'
ends 1 bash -c 'ulimit -f 500; trap "" XFSZ; "$@"' sh "$lectern" export --model tales.gguf --out hub3
lacks b.gguf hub3 hub3.part
whole .
finish
