#!/usr/bin/env python3
"""Exports a GGUF file to a folder of safetensors and holds that folder, in Hugging Face transformers, against the file in
llama.cpp: a text's ids, the log-probability of each, and 16 greedy tokens after it.

    tests/peers/venv.sh transformers && tests/peers/venv.sh llama_cpp
    build/peers/transformers/bin/python tests/peers/export_transformers.py MODEL.gguf [TEXT]

llama.cpp runs in its own environment; quantised files are first exported to f32, since its CPU backend rounds activations
for quantised weights.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
LLAMA_CPP = """
import json, sys, llama_cpp, numpy as np
l = llama_cpp.Llama(sys.argv[1], n_ctx=128, n_batch=128, n_threads=2, logits_all=True, verbose=False,
                    type_k=llama_cpp.GGML_TYPE_F32, type_v=llama_cpp.GGML_TYPE_F32)
ids = l.tokenize(sys.argv[2].encode(), add_bos=False)
l.eval(ids)
s = l.scores[:len(ids)].astype(np.float64)
s = s - s.max(axis=1, keepdims=True)
s = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
greedy = []
for _ in range(16):
    greedy.append(int(l.scores[l.n_tokens - 1].argmax()))
    l.eval(greedy[-1:])
print(json.dumps([ids, [s[i][ids[i + 1]] for i in range(len(ids) - 1)], greedy]))
"""


def lectern(*words):
    subprocess.run([os.path.join(ROOT, "build/lectern"), "export", *words], check=True, stdout=subprocess.DEVNULL)


def transformers_says(folder, text):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    greedy = []
    with torch.no_grad():
        log_p = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
        for _ in range(16):  # not generate(), which stops at an end of text
            greedy.append(model(torch.tensor([ids + greedy])).logits[0, -1].argmax().item())
    return ids, [log_p[i, ids[i + 1]].item() for i in range(len(ids) - 1)], greedy


def main():
    text = sys.argv[2] if len(sys.argv) > 2 else "Once upon a time there was a dog"
    folder = tempfile.mkdtemp()
    try:
        f32, hub = os.path.join(folder, "f32.gguf"), os.path.join(folder, "hub")
        lectern("--model", sys.argv[1], "--out", f32, "--type", "f32")
        lectern("--model", sys.argv[1], "--out", hub)
        python = os.path.join(ROOT, "build/peers/llama_cpp/bin/python")
        theirs = json.loads(subprocess.run([python, "-c", LLAMA_CPP, f32, text], check=True, stdout=subprocess.PIPE,
                                           stderr=subprocess.DEVNULL).stdout)
        ours = transformers_says(hub, text)
    finally:
        shutil.rmtree(folder)
    off = max((abs(a - b) for a, b in zip(ours[1], theirs[1])), default=0)
    good = ours[0] == theirs[0] and ours[2] == theirs[2] and off < 2e-3
    print(f"{len(ours[0])} ids {'equal' if ours[0] == theirs[0] else 'DIFFER'}; log-probabilities differ by {off:.1e} at most; "
          f"16 greedy tokens {'equal' if ours[2] == theirs[2] else 'DIFFER'}")
    sys.exit(not good)


main()
