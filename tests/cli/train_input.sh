#!/usr/bin/env bash
# What a user can give `train` that it cannot use: one line, the right exit code, and no folder is made.
. "$(dirname "${BASH_SOURCE[0]}")/check.sh"

: >empty
head -c 5000 /dev/zero >binary
printf 'caf\351 au lait\n%.0s' {1..200} >latin
printf 'ab' >short
printf 'a' >a

no() { refused 1 "$1" train "${tiny[@]}" --steps 10 --out new "${@:2}"; lacks new; }
usage() { refused 2 "$1.*lectern train --help" train "${tiny[@]}" --steps 10 --out new "${@:2}"; lacks new; }

no 'nothere: cannot open' --data nothere
no 'empty: is empty; name a file' --data empty
no 'binary: byte 0 is 0.*UTF-8' --data binary
no 'latin: byte 3 \(0xe9\) is not UTF-8; convert' --data latin
no '\.: is a folder' --data .
no 'short.*2 bytes is shorter than one batch.*--batch' --data short
no 'training.*: 1 byte is shorter than one batch' --data a --val-fraction 0
no 'validation.*shorter than one batch.*give a larger --val-fraction \(0: no validation\).*--seq-len' --seq-len 5000 --batch 1
no 'text: not a GGUF file' --tokenizer text
no 'there is no device 77: the last one is [0-9]+' --device 77
no 'no device that can be used has "nonesuch"' --device nonesuch

usage '--tokenizer bpe:100: .*vocabulary of 100 is too small: 256 bytes' --tokenizer bpe:100
usage '--tokenizer bpe:x.*as in bpe:2048' --tokenizer bpe:x
usage '--tokenizer bpe:.*as in bpe:2048' --tokenizer bpe:
usage '--tokenizer word: it is none of char, byte, bpe:N' --tokenizer word
usage '--n-head 3 does not divide --d-model 128: 1, 2, 4, 8, 16, 32, 64 and 128 do' --n-head 3 --d-model 128
usage '--n-kv-head 3 does not divide --n-head 4: 1, 2 and 4 do' --n-head 4 --n-kv-head 3
usage '--n-head 8 leaves a head 1 channels, .*: 1, 2 and 4 do' --arch llama --n-head 8
usage '--d-model 7 is odd' --arch llama --n-head 1 --d-model 7
usage '--arch bert: lectern trains gpt2 and llama' --arch bert
usage '--arch qwen2: lectern trains' --arch qwen2
usage '--arch : lectern trains' --arch ''
usage '--data is empty: it takes the name of a FILE' --data ''
usage '--out is empty: it takes the name of a FOLDER' --out=
usage 'there is no option -x' -x
usage 'there is no option --nope' --nope
usage '--steps needs a value' --steps
usage '--resume takes no value' --resume=yes
usage '--resume and --force exclude each other' --resume --force
usage '"more" is one argument too many' more
usage '--seq-len: "x" is not a whole number' --seq-len x
usage '--seq-len: "8k" is not a whole number' --seq-len 8k
usage '--n-head: 0 is out of range \(1 to 1024\)' --n-head 0
usage '--lr: nan is out of range' --lr nan
usage '--lr: -1 is out of range' --lr=-1
usage '--steps: "99999999999999999999" is not a whole number' --steps 99999999999999999999

# Too large for any machine: said at once, with what would fit, before memory is taken on the device or the host.
large() {
    local pattern=$1
    shift
    (
        (ulimit -v 8000000; "$lectern" --help >/dev/null 2>&1) && ulimit -v 8000000 # not with AddressSanitizer
        no "needs [0-9.]+ GB or more and .* has [0-9.]+ GB.*$pattern" "$@"
        exit "$failed"
    ) || failed=1
    count=$((count + 1))
}
large 'the largest --batch that fits is [1-9][0-9]*' --seq-len 256 --batch 65536 --d-model 1024
large '(the largest --batch that fits|make --seq-len or --n-layer smaller)' --seq-len 1048576 --batch 65536
large 'the largest --d-model that fits, with --batch 1, is [1-9][0-9]*' --n-layer 24 --d-model 65536
large 'the largest --d-model that fits, with --batch 1, is [1-9][0-9]*' --n-layer 1024 --d-model 65536 --n-head 1
large 'make --seq-len or --n-layer smaller' --seq-len 1048576 --n-layer 1024 --n-head 1024 --d-model 65536
if "$lectern" devices | head -n 1 | grep -q llvmpipe; then # its loops are bounded
    head -c 5000000 /dev/zero | tr '\0' 'a' >long
    no 'attention.*make them shorter' --data long --seq-len 300000 --batch 1
fi
refused 2 'min-lr 0.0001 is above --lr 1e-05' train "${tiny[@]}" --lr 1e-5 --out run
lacks run

finish
