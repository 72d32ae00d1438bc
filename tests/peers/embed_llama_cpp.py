#!/usr/bin/env python3
"""Exports a BERT's folder to GGUF, and holds the vectors that llama.cpp makes with the file against `lectern embed` with it.

    tests/peers/venv.sh llama_cpp
    build/peers/llama_cpp/bin/python tests/peers/embed_llama_cpp.py MINILM-FOLDER TEXT

40 lines, spread over the text. llama.cpp's CPU backend rounds activations (GELU through a table of 16-bit floats), so the
cosines are not as near to 1 as those to sentence-transformers.
"""
import json
import os
import subprocess
import sys
import tempfile

import llama_cpp
import numpy as np

LECTERN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/lectern")
LINES = 40


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file if len(line) > 20]
    lines = lines[::len(lines) // LINES][:LINES]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.gguf")
        subprocess.run([LECTERN, "export", "--model", sys.argv[1], "--out", path], check=True, stdout=subprocess.DEVNULL)
        text = "".join(line + "\n" for line in lines).encode()
        out = subprocess.run([LECTERN, "embed", "--model", path], input=text, check=True, stdout=subprocess.PIPE).stdout
        model = llama_cpp.Llama(path, embedding=True, n_ctx=512, n_threads=2, verbose=False)
        theirs = np.array([model.embed(line) for line in lines])
    ours = np.array([json.loads(line) for line in out.splitlines()])
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    print(f"{len(lines)} lines: least cosine {cosine.min():.7f}")
    sys.exit(int(len(ours) != len(lines) or cosine.min() < 0.9999))


main()
