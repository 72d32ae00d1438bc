#!/usr/bin/env python3
"""Decoding and prefill of a quantised model: lectern and llama.cpp on the same Vulkan driver and file, in turns, and
llama.cpp's processor backend on 2 threads for scale.

    tests/peers/venv.sh llama_vulkan
    tests/bench/generate_peers.py MODEL.gguf [--turns 3] [--prefill 512] [--decode 32]

Each turn runs every program once as a process of its own; rates of the processes, medians over the turns. lectern's are by
differences of whole runs: prefill is the time of a prompt of `prefill` + 1 tokens less that of one of 1 token, decoding the
time of `decode` + 1 tokens less that of 1.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
WORD = " the"  # one token in most vocabularies


def lectern(model, words, tokens):
    start = time.perf_counter()
    out = subprocess.run([f"{ROOT}/build/lectern", "generate", "--model", model, "--prompt", WORD * words, "--max-tokens",
                          str(tokens), "--temperature", "0", "--json"], capture_output=True, text=True,
                         check=True).stdout
    made = json.loads(out)
    return time.perf_counter() - start, len(made["prompt_ids"]), len(made["tokens"])


def run_lectern(model, prefill, decode):
    lectern(model, prefill, 2)  # the shader cache is filled
    once, n_once, _ = lectern(model, 1, 1)
    long, n_long, _ = lectern(model, prefill + 1, 1)
    many, _, made = lectern(model, 1, decode + 1)
    return (n_long - n_once) / (long - once), (made - 1) / (many - once)


def run_peer(model, prefill, decode, layers):
    import llama_cpp
    peer = llama_cpp.Llama(model, n_ctx=prefill + decode + 64, n_batch=512, n_threads=2, n_threads_batch=2,
                           n_gpu_layers=layers, verbose=False)
    ids = peer.tokenize((WORD * prefill).encode(), add_bos=False)[:prefill]
    peer.eval(ids[:8])  # compiles
    peer.eval(ids[:1])
    peer.reset()
    start = time.perf_counter()
    peer.eval(ids)
    peer._ctx.get_logits()  # waits
    filled = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(decode):
        peer.eval([ids[0]])
        peer._ctx.get_logits()
    return len(ids) / filled, decode / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=32)
    parser.add_argument("--run")  # of this script's own children
    a = parser.parse_args()
    if a.run:
        rates = run_peer(a.model, a.prefill, a.decode, 99 if a.run == "vulkan" else 0)
        print(*rates)
        return
    python = f"{ROOT}/build/peers/llama_vulkan/bin/python"
    runs = {"lectern": lambda: run_lectern(a.model, a.prefill, a.decode)}
    for name in ("vulkan", "cpu"):
        def peer(name=name):
            environment = dict(os.environ, **({"GGML_VK_VISIBLE_DEVICES": ""} if name == "cpu" else
                                              {"GGML_VK_VISIBLE_DEVICES": "0"}))
            out = subprocess.run([python, os.path.abspath(__file__), a.model, "--prefill", str(a.prefill), "--decode",
                                  str(a.decode), "--run", name], capture_output=True, text=True, env=environment,
                                 check=True).stdout
            return tuple(float(x) for x in out.split()[-2:])
        runs[f"llama.cpp {name}"] = peer
    rates = {name: [] for name in runs}
    for turn in range(a.turns):
        for name, run in runs.items():
            rates[name].append(run())
        print(f"turn {turn + 1}: " + ", ".join(f"{n} {r[-1][0]:.1f} / {r[-1][1]:.1f}" for n, r in rates.items()),
              "tokens/s of prefill / decoding", flush=True)
    median = {n: [statistics.median(x[i] for x in r) for i in (0, 1)] for n, r in rates.items()}
    ours = median["lectern"]
    for name, theirs in median.items():
        print(f"{name:18} prefill {theirs[0]:8.1f}   decoding {theirs[1]:7.1f} tokens/s   lectern is "
              f"{ours[0] / theirs[0]:.2f}x and {ours[1] / theirs[1]:.2f}x")


if __name__ == "__main__":
    sys.exit(main())
