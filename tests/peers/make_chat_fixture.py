#!/usr/bin/env python3
"""Makes tests/text/fixtures/chat.json: conversations as Jinja renders them with the chat templates of models, and the
ids of SmolLM2's (with the vocabulary of hf_smollm2.json). test_chat.c must write the same.

FOLDER holds a file for each model: smollm2.jinja, qwen2.jinja, qwen2.5.jinja, chatml.jinja, llama-2.jinja, llama-3.jinja,
llama-3.1.jinja, zephyr.jinja and gemma.jinja: the "chat_template" of the tokenizer_config.json that stands beside the
model on the Hugging Face hub (SmolLM2-135M-Instruct, Qwen2-7B-Instruct, Qwen2.5-7B-Instruct, OpenHermes-2.5,
Llama-2-7b-chat-hf, Meta-Llama-3-8B-Instruct, Llama-3.1-8B-Instruct, zephyr-7b-beta, gemma-2-9b-it). The environment is
that of transformers' apply_chat_template.

    tests/peers/venv.sh tokenizers
    build/peers/tokenizers/bin/python tests/peers/make_chat_fixture.py FOLDER
"""
import json
import os
import sys

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "../text/fixtures")
SPECIALS = {"smollm2": ("<|im_start|>", "<|im_end|>"), "qwen2": ("<|endoftext|>", "<|im_end|>"),
            "qwen2.5": ("<|endoftext|>", "<|im_end|>"), "chatml": ("<s>", "<|im_end|>"), "llama-2": ("<s>", "</s>"),
            "llama-3": ("<|begin_of_text|>", "<|eot_id|>"), "llama-3.1": ("<|begin_of_text|>", "<|eot_id|>"),
            "zephyr": ("<s>", "</s>"), "gemma": ("<bos>", "<eos>")}


def turns(*texts, system=None):
    messages = [] if system is None else [{"role": "system", "content": system}]
    return messages + [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


CONVERSATIONS = [
    turns("Hello!"),
    turns("What is 7 times 6?", "42.", "And plus one?"),
    turns("Count to three.", "one\ntwo\nthree", "Thanks.", "You are welcome.", "Bye"),
    turns("Who are you?", system="You are a lighthouse keeper."),
    turns("Bonjour, ça va ?", "Très bien 🙂", "日本語で", system="Answer in the\nlanguage of the question."),
    turns("  white space\n\n", "\t also here \n", "\u3000\u00a0\x1cx\x1f\u2003", system=" \n around the system too\t"),
    turns("\n\nfirst line breaks", "\n", "\n\n\nlast"),
    turns("é at the end é", "combining e\u0301", "👩\u200d🔬"),
    turns("x" * 300, "y " * 100, "done"),
    turns("", "an empty message", "more"),
    turns("1", "2"),
]


def main():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])

    def refuse(message):
        raise jinja2.exceptions.TemplateError(message)

    env.globals["raise_exception"] = refuse
    with open(os.path.join(FIXTURES, "hf_smollm2.json")) as file:
        smollm2 = Tokenizer.from_str(json.dumps(json.load(file)["tokenizer"]))
    cases = []
    for name, (bos, eos) in SPECIALS.items():
        with open(os.path.join(sys.argv[1], name + ".jinja")) as file:
            template = env.from_string(file.read())
        for messages in CONVERSATIONS:
            if name == "gemma" and messages[0]["role"] == "system":
                continue
            ask = messages[-1]["role"] == "user"
            text = template.render(messages=messages, bos_token=bos, eos_token=eos, add_generation_prompt=ask)
            case = {"template": name, "bos": bos, "eos": eos, "messages": messages, "ask": ask, "text": text}
            if name == "smollm2":
                case["ids"] = smollm2.encode(text, add_special_tokens=False).ids
            cases.append(case)
    path = os.path.join(FIXTURES, "chat.json")
    with open(path, "w") as out:
        json.dump({"made_by": f"jinja2 {jinja2.__version__}", "cases": cases}, out, separators=(",", ":"))
        out.write("\n")
    print(os.path.getsize(path), "bytes,", len(cases), "cases")


main()
