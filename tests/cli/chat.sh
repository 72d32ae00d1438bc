#!/usr/bin/env bash
# `chat` by lines of a file and at a terminal.
. "$(dirname "${BASH_SOURCE[0]}")/check.sh"

works train "${tiny[@]}" --seq-len 256 --steps 60 --lr 0.02 --out run
model=run/model.gguf
chat=("$lectern" chat --model $model --chat-template zephyr --temperature 0 --max-tokens 12)

# answers INPUT ARGUMENT…: what chat answers to a file of lines
answers() {
    local input=$1
    shift
    count=$((count + 1))
    printf "$input" | timeout 120 "${chat[@]}" "$@" >out 2>err || problem "chat $*: exit code $?"
    [ ! -s err ] || problem "chat $*: it said something on standard error"
}

answers 'the cat\nthe dog\n'
[ "$(wc -l <out)" = 2 ] || problem 'not one line for each message'
cp out two
answers 'the cat\n'
[ "$(cat out)" = "$(head -n 1 two)" ] || problem 'the first answer depends on the second message'
answers 'the cat\nthe dog' # no line break at the end
same out two
answers ''
[ ! -s out ] || problem 'an answer to nothing'
answers '\n' --json # an empty message is one
says '"ended_by":"(end|length)"'
answers 'the cat\nthe dog\n' --json
[ "$(wc -l <out)" = 2 ] || problem '--json: not one object a line'
if command -v python3 >/dev/null; then
    python3 - <<'END' || problem 'the JSON is not the text'
import json
made = [json.loads(line) for line in open("out")]
assert [m["text"] for m in made] == open("two").read().split("\n")[:-1], made
assert all("".join(t["text"] for t in m["tokens"]) == m["text"] for m in made), made
END
fi
answers 'the cat\n/reset\n' # not a command there
[ "$(wc -l <out)" = 2 ] || problem '/reset was no message'

# The stop text is not shown, and the model does not remember it: the next message begins behind what was shown.
first=$(head -n 1 two)
{ echo 'the cat' && head -c 300 text | tr '\n' ' ' && echo; } >stopping
for cut in 0 3 8; do
    count=$((count + 1))
    "${chat[@]}" --stop "${first:$cut:3}" <stopping >out 2>err
    before=${first%%"${first:$cut:3}"*}
    [ "$(head -n 1 out)" = "$before" ] || problem "--stop '${first:$cut:3}' leaves '$(head -n 1 out)', not '$before'"
    # 7 characters, 25 of the template, those of the answer
    grep -q "line 2: the message needs .* of the context's 256, and $((256 - 32 - ${#before})) are left" err ||
        problem "the room behind --stop '${first:$cut:3}'"
done

# The context: what does not fit is said, never dropped.
head -c 300 text | tr '\n' ' ' >long
echo >>long
count=$((count + 1))
"${chat[@]}" <long >out 2>err
[ $? = 1 ] || problem 'a message over the context'
grep -qE '^lectern chat: line 1: the message needs 3[0-9]+ tokens of the context.s 256, and 256 are left: ' err ||
    problem 'the message over the context is not named'
printf 'the cat\nthe dog\nthe mat\nthe cat\nthe dog\n' >five
count=$((count + 1))
"${chat[@]}" --context 150 <five >out 2>err
[ $? = 1 ] || problem 'a conversation over the context'
# A message has 7 characters and 25 of the template, and 2 more behind an answer of 12: 150 - 44 - 46 - 46 are left.
grep -qE "^lectern chat: line 4: the message needs 34 tokens of the context's 150, and 14 are left: " err ||
    problem 'the conversation over the context is not named'
[ "$(wc -l <out)" = 3 ] || problem 'not three answers before the context was full'
count=$((count + 1))
printf 'the cat\n' | "${chat[@]}" --max-tokens 1000 >out 2>err || problem 'an answer up to the end of the context'
grep -q 'the context of 256 tokens is full' err || problem 'the end of the context is not said'

# At a terminal
if command -v script >/dev/null; then
    typed() { # typed COMMAND…: standard input typed at a terminal, what it shows to out
        count=$((count + 1))
        timeout 120 script -qec "$*" /dev/null >shown 2>err || problem "at a terminal: exit code $?"
        tr -d '\r' <shown >out
    }
    shows() { # waits until the terminal shows a line with PATTERN
        for ((i = 0; i < 600; i++)); do
            grep -qE "$1" shown && return
            sleep 0.1
        done
    }
    printf 'the cat\n/reset\nthe cat\n/help\n/nothing\n/system\n' | typed "${chat[@]}"
    says '\(chat template zephyr, a context of 256 tokens; /help lists the commands\)'
    says '^> '
    says '\(a new conversation\)'
    says 'Ctrl-D leaves'
    says '\(there is no command /nothing: /help lists them\)'
    says '\(nothing\)'
    [ "$(grep -cF "$(head -n 1 two)" out)" -ge 2 ] || problem 'after /reset the same message has another answer'
    printf '/system the dog ran\nthe cat\n/system\n' | typed "${chat[@]}"
    says '^> the dog ran$'
    cp out system
    echo 'the cat' | "${chat[@]}" --system 'the dog ran' >out 2>err
    grep -qF "$(cat out)" system || problem '/system and --system differ'
    printf '%s\nthe cat\n' "$(cat long)" | typed "${chat[@]}"
    says 'tokens of the context.s 256, and 256 are left: /reset begins a new conversation'
    grep -qF "$(head -n 1 two)" out || problem 'a message that does not fit changed the conversation'

    # Ctrl-C stops an answer and not the conversation.
    for i in {1..10}; do cat text; done >large
    works train "${tiny[@]}" --data large --seq-len 16384 --batch 1 --steps 1 --out endless
    chat[3]=endless/model.gguf
    : >shown
    { printf 'the cat\n' && shows '^> .{20}' && printf '\003' && sleep 1 && printf '/help\n'; } |
        typed "${chat[@]}" --max-tokens 16000 --context 16384 --temperature 1
    says 'Ctrl-D leaves'
    grep -q 'is full\|cut after' out && problem 'the answer ended by itself: a slower one is needed here'
    chat[3]=$model
fi

# One rule for the names of models, and for the chat templates that stand in their files or beside them
works export --model run --out hub
echo "{'<|user|>' '<|system|>' '<|assistant|>' + message['content'] + eos_token }}" >hub/chat_template.jinja
printf 'the cat\n' | "$lectern" chat --model run/best.gguf --chat-template zephyr --temperature 0 --max-tokens 12 >best
for name in hub hub/model.safetensors; do
    count=$((count + 1))
    printf 'the cat\n' | "$lectern" chat --model $name --temperature 0 --max-tokens 12 >out 2>err || problem "chat --model $name"
    same out best
    works inspect $name
    says '^  chat template +zephyr$'
done
count=$((count + 1))
printf 'the cat\n' | "$lectern" chat --model run --chat-template zephyr --temperature 0 --max-tokens 12 >out 2>err
same out best
refused 1 'run/best.gguf: it has no chat template' chat --model run
refused 1 'assets/tales.gguf: it has no chat template' chat --model tales.gguf
echo '{{ other }}' >hub/chat_template.jinja
refused 1 'hub: its chat template is none that lectern knows; choose one with' chat --model hub
works inspect hub
says '^  chat template +none that lectern knows$'
works inspect run
grep -q 'chat template' out && problem 'a chat template that is not there'

refused 2 '--model is missing.*lectern chat --help' chat
refused 1 'nothere: there is no such file' chat --model nothere
refused 1 "$model: it has no chat template; choose one with --chat-template: smollm2, .*zephyr" chat --model $model
refused 2 'there is no chat template "other": smollm2, ' chat --model $model --chat-template other
refused 1 'the chat template chatml needs <\|im_start\|>' chat --model $model --chat-template chatml
refused 1 'the chat template gemma has no place for --system' chat --model $model --chat-template gemma --system a
refused 2 '--context: 0 is out of range' chat --model $model --context 0
finish
