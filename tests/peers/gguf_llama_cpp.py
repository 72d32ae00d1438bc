#!/usr/bin/env python3
"""Trains small models with lectern and holds their files against llama.cpp: it must load them unchanged, cut text into
the same ids, write the same 64 greedy tokens after every prompt, and give each of them the same probability.

    tests/peers/venv.sh llama_cpp && build/peers/llama_cpp/bin/python tests/peers/gguf_llama_cpp.py [--steps N]

Bytes that a char vocabulary does not know are <unk> here and nothing there: the samples have none. llama.cpp looks GELU up
in a table of 16-bit floats, so GPT-2's probabilities differ by more than a Llama's.

The two sum in different orders, so two tokens of nearly the same probability may change places: where they part, the
script prints by how much llama.cpp prefers its own token, and fails if that is over 1e-3 nats.
"""
import argparse
import json
import os
import subprocess
import sys

import llama_cpp
import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
TOKENS = 64
MODELS = [
    ("llama, bpe:512", ["--arch", "llama", "--n-head", "4", "--n-kv-head", "2", "--tokenizer", "bpe:512"]),
    ("gpt2, char", ["--arch", "gpt2", "--n-head", "2", "--tokenizer", "char"]),
    ("llama, byte", ["--arch", "llama", "--n-head", "2", "--tokenizer", "byte"]),
    ("gpt2, bpe:400", ["--arch", "gpt2", "--n-head", "4", "--tokenizer", "bpe:400"]),
]
PROMPTS = ["Once upon a time", "The ", "\"I am sorry,\" said", "A dog and a cat went to the", "She"]
SAMPLES = [
    "It's a test: don't you see? We've  two spaces,\n\na blank line,\tand a tab. ",
    "   leading, and trailing   ",
    "1234567 apples, 3.14, 7th; x=y*(z-1) #!...",
]
PLAIN = ["\"Don't you see?\" said Mia.  She   ran, and he'll go. The end. "]  # of characters that the tales have
STRANGE = [  # for vocabularies that spell any byte
    "naïve café — “quotes” … 日本語 한국어 ไทย हिन्दी Ünïcödé ½ Ⅷ",
    "👩‍🔬 🏳️‍🌈 e\u0301 \u00a0\u2003\u3000 \u200b\ufeff x",
    "<|endoftext|> is text here, <|endof too",
    "'re 'S I'LL he'd\r\n\r\n  \n \t code();\n",
]


def lectern(*words):
    result = subprocess.run([os.path.join(ROOT, "build/lectern"), *words], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"lectern {' '.join(words)}: {result.stderr}")
    return result.stdout


def generate(model, prompt, n):
    return json.loads(lectern("generate", "--model", model, "--prompt", prompt, "--max-tokens", str(n), "--temperature",
                              "0", "--json"))


def log_softmax(logits):
    logits = logits.astype(np.float64) - logits.max()
    return logits - np.log(np.exp(logits).sum())


class Peer:
    def __init__(self, path):
        self.llama = llama_cpp.Llama(path, n_ctx=160, n_batch=160, n_threads=1, logits_all=True, verbose=False,
                                     type_k=llama_cpp.GGML_TYPE_F32, type_v=llama_cpp.GGML_TYPE_F32)

    def tokenize(self, text):
        return self.llama.tokenize(text.encode(), add_bos=False, special=False)

    def log_probabilities(self, ids):
        """Of what follows each id."""
        self.llama.reset()
        self.llama.eval(ids)
        return [log_softmax(self.llama.scores[i]) for i in range(len(ids))]


def compare_ids(peer, path, samples):
    equal = True
    for text in samples:
        ours, theirs = generate(path, text, 1)["prompt_ids"], peer.tokenize(text)
        if ours != theirs:
            equal = False
            print(f"  ids differ for {text!r}:\n    lectern   {ours}\n    llama.cpp {theirs}")
    return equal


def compare_tokens(peer, path):
    """Follows lectern's tokens through llama.cpp, which must have chosen each of them."""
    same, off, good = 0, [], True
    for prompt in PROMPTS:
        answer = generate(path, prompt, TOKENS)
        prompt_ids, ours = answer["prompt_ids"], [t["id"] for t in answer["tokens"]]
        after = peer.log_probabilities(prompt_ids + ours)[len(prompt_ids) - 1:]
        for i, (id_, token) in enumerate(zip(ours, answer["tokens"])):
            best = int(after[i].argmax())
            off.append(abs(after[i][id_] - token["logprob"]))
            if best != id_:
                gap = after[i][best] - after[i][id_]
                good = good and gap <= 1e-3
                print(f"  {prompt!r}, token {i + 1}: llama.cpp prefers {best} to {id_} by {gap:.1e} nats")
                break
        else:
            same += 1
            if len(ours) < TOKENS:  # the tale is over: the end must be llama.cpp's choice too
                end = int(after[len(ours)].argmax())
                good = good and end == peer.llama.token_eos()
                print(f"  {prompt!r}: a tale of {len(ours)} tokens; llama.cpp goes on with {end} "
                      f"(end of text: {peer.llama.token_eos()})")
    return same, off, good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", default="200")
    parser.add_argument("--out", default=os.path.join(ROOT, "build/peers/models"))
    parser.add_argument("--keep", action="store_true", help="use the models of the last run")
    args = parser.parse_args()
    failed = False
    for name, options in MODELS:
        out = os.path.join(args.out, name.replace(", ", "-").replace(":", ""))
        path = os.path.join(out, "model.gguf")
        if not (args.keep and os.path.exists(path)):
            lectern("train", "--out", out, "--force", "--data-bytes", "400000", "--n-layer", "2", "--d-model", "64",
                    "--seq-len", "160", "--batch", "2", "--steps", args.steps, "--warmup", "20", "--lr", "5e-3",
                    "--eval-batches", "2", *options)
        print(f"{name}:")
        peer = Peer(path)
        ids_equal = compare_ids(peer, path, PLAIN + ([] if "char" in name else SAMPLES + STRANGE))
        same, off, good = compare_tokens(peer, path)
        failed = failed or not (ids_equal and good)
        print(f"  ids of samples {'equal' if ids_equal else 'DIFFER'}; {same} of {len(PROMPTS)} prompts go on with the same "
              f"tokens; log-probabilities differ by {np.mean(off):.1e} on average, {np.max(off):.1e} at most")
    sys.exit(failed)


main()
