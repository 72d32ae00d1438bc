#!/usr/bin/env python3
"""Holds a quantised model, as lectern runs it, against llama.cpp: greedy text after 20 prompts, log-probabilities, and the
perplexity of a text. llama.cpp's processor backend quantises activations where weights are quantised, so the oracle is
the same weights as floats (lectern export --type f32), with a cache of floats.

    tests/peers/venv.sh llama_cpp
    build/peers/llama_cpp/bin/python tests/peers/quantized_llama_cpp.py MODEL.gguf [--text FILE --bytes 51200]

Two sums in different orders: where the texts part, llama.cpp's logits of the two tokens must lie within 0.01.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

import llama_cpp
import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
TOKENS = 64
WINDOW = 512
PROMPTS = [
    "The capital of France is", "Once upon a time", "Water boils at", "def fibonacci(n):", "The three primary colors are",
    "In 1969, humans first", "To make bread you need", "The largest planet in the solar system is", "Dear Sir or Madam,",
    "A list of animals:\n1.", "If x + 3 = 10, then x =", "The mitochondria is", "She opened the door and",
    "Photosynthesis is the process", "My favourite book is", "The opposite of hot is", "Roses are red,",
    "import numpy as np\n", "The doctor said that", "Il était une fois",
]


def lectern(*words):
    result = subprocess.run([os.path.join(ROOT, "build/lectern"), *words], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"lectern {' '.join(words)}: {result.stderr}")
    return result.stdout


def open_peer(path, n_ctx, all_logits=False):
    return llama_cpp.Llama(path, n_ctx=n_ctx, n_batch=n_ctx, n_threads=2, n_threads_batch=2, logits_all=all_logits,
                           type_k=0, type_v=0, flash_attn=False, verbose=False)


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def greedy(peer, ids):
    """The peer's own greedy tokens and the logits that each came from."""
    peer.reset()
    peer.eval(ids)
    tokens, rows = [], []
    while len(tokens) < TOKENS:
        row = np.array(peer.scores[peer.n_tokens - 1])
        tokens.append(int(row.argmax()))
        rows.append(row)
        if tokens[-1] == peer.token_eos():
            break
        peer.eval([tokens[-1]])
    return tokens, rows


def hold_greedy(model, peer):
    equal, parted, off = 0, [], []
    for prompt in PROMPTS:
        made = json.loads(lectern("generate", "--model", model, "--prompt", prompt, "--max-tokens", str(TOKENS),
                                  "--temperature", "0", "--json"))
        ours = [t["id"] for t in made["tokens"]]
        theirs, rows = greedy(peer, made["prompt_ids"])
        if theirs and theirs[-1] == peer.token_eos():
            theirs.pop()
        first = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), None)
        same = first if first is not None else min(len(ours), len(theirs))
        for i in range(same):
            off.append(abs(made["tokens"][i]["logprob"] - log_softmax(rows[i])[ours[i]]))
        if first is None and len(ours) == len(theirs):
            equal += 1
        else:
            at = same
            other = ours[at] if at < len(ours) else peer.token_eos()
            parted.append((prompt, at, float(rows[at].max() - rows[at][other])))
    print(f"{equal} of {len(PROMPTS)} prompts: the same {TOKENS} tokens; log-probabilities differ by {np.mean(off):.2e} in "
          f"the mean and {np.max(off):.2e} at most")
    for prompt, at, gap in parted:
        print(f"  parted after {at} tokens of {prompt!r}: llama.cpp's logits differ by {gap:.4f}")
    return all(gap <= 0.01 for _, _, gap in parted)


def hold_logits(model, peer, name):
    """Logits behind each prompt: the mean absolute difference, and that of log-probabilities."""
    differences, logs = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "logits.npy")
        for prompt in PROMPTS:
            lectern("probe", "--model", model, "--prompt", prompt, "--name", "logits", "--npy", path)
            ours = np.load(path).reshape(-1, peer.n_vocab())[-1]
            peer.reset()
            peer.eval(peer.tokenize(prompt.encode(), add_bos=False))
            theirs = np.array(peer.scores[peer.n_tokens - 1])
            differences.append(np.abs(ours - theirs).mean())
            logs.append(np.abs(log_softmax(ours) - log_softmax(theirs)).mean())
    print(f"logits against {name}: mean absolute difference {np.mean(differences):.2e}, of log-probabilities "
          f"{np.mean(logs):.2e}")


def perplexity(peer, ids):
    """llama.cpp's rule: windows, whose tokens behind the middle count."""
    total, count = 0.0, 0
    for at in range(0, len(ids) - WINDOW + 1, WINDOW):
        window = ids[at:at + WINDOW]
        peer.reset()
        peer.eval(window)
        logs = log_softmax(np.array(peer.scores[WINDOW // 2:WINDOW - 1]))
        nexts = window[WINDOW // 2 + 1:]
        total -= logs[np.arange(len(nexts)), nexts].sum()
        count += len(nexts)
    return math.exp(total / count)


def apart(section, *arguments):
    """In a process of its own: llama-cpp-python does not always survive a second model. True if it succeeds."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        good = False
        try:
            good = section(*arguments) is not False
        finally:
            sys.stdout.flush()
            os._exit(0 if good else 1)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        print(f"{section.__name__}: llama.cpp ended with signal {os.WTERMSIG(status)}")
    return status == 0


def beside_floats(model, floats):
    peer = open_peer(floats, 1024, True)
    good = hold_greedy(model, peer)
    hold_logits(model, peer, "the floats")
    return good


def beside_blocks(model):
    hold_logits(model, open_peer(model, 1024, True), "the quantised file")


def hold_perplexity(ours, name, path, text, bound):
    peer = open_peer(path, WINDOW, True)
    with open(text, "rb") as source:
        theirs = perplexity(peer, peer.tokenize(source.read(), add_bos=False))
    print(f"perplexity: lectern {ours:.4f}, llama.cpp with the {name} {theirs:.4f} ({ours / theirs - 1:+.3%})")
    return abs(ours / theirs - 1) <= bound


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--text")
    parser.add_argument("--bytes", type=int, default=51200)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        floats, short = os.path.join(folder, "floats.gguf"), os.path.join(folder, "text")
        lectern("export", "--model", a.model, "--out", floats, "--type", "f32")
        good = apart(beside_floats, a.model, floats)
        good &= apart(beside_blocks, a.model)
        if a.text:
            with open(a.text, "rb") as source, open(short, "wb") as target:
                target.write(source.read(a.bytes))
            ours = json.loads(lectern("eval", "perplexity", "--model", a.model, "--data", short, "--window", str(WINDOW),
                                      "--json"))["perplexity"]
            good &= apart(hold_perplexity, ours, "quantised file", a.model, short, 0.005)
            good &= apart(hold_perplexity, ours, "floats", floats, short, 0.005)
    sys.exit(not good)


if __name__ == "__main__":
    main()
