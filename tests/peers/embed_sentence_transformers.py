#!/usr/bin/env python3
"""Holds `lectern embed` against sentence-transformers: the cosine of 200 lines' embeddings, and the time of both.

    tests/peers/venv.sh sentence
    build/peers/sentence/bin/python tests/peers/embed_sentence_transformers.py MINILM-FOLDER TEXT [TEXT …]
    build/peers/sentence/bin/python tests/peers/embed_sentence_transformers.py MINILM-FOLDER --fixture

The lines are spread evenly over the texts: lines of a plain file, questions of a .jsonl. --fixture writes
tests/models/fixtures/minilm.json instead: a few sentences and the first numbers of their embeddings.
"""
import json
import os
import subprocess
import sys
import time

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
LINES = 200
FIXTURE = ["A cute teddy bear is reading.", "Ein Teddybär liest ein Buch; 読書 is fun!", "", "naïve café — 3.14% of $1,000,000",
           "teddy " * 400, "unbelievably antidisestablishmentarian wordpieces"]
NUMBERS = 16


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line)["question"].replace("\n", " ") if path.endswith(".jsonl") else line.rstrip("\n") for line in file]
    return [line for line in lines if len(line) > 20]


def spread(paths):
    share = LINES // len(paths)
    out = []
    for path in paths:
        lines = read_lines(path)
        out += lines[::len(lines) // share][:share]
    return out


def main():
    torch.set_num_threads(2)
    folder = sys.argv[1]
    model = SentenceTransformer(folder, device="cpu")
    if sys.argv[2] == "--fixture":
        vectors = model.encode(FIXTURE)
        rows = [{"text": text, "embedding": [float(f"{x:.7g}") for x in v[:NUMBERS].tolist()]} for text, v in zip(FIXTURE, vectors)]
        with open(os.path.join(ROOT, "tests/models/fixtures/minilm.json"), "w") as file:
            file.write(json.dumps({"sentences": rows}, indent=0) + "\n")
        return
    lines = spread(sys.argv[2:])
    start = time.time()
    theirs = model.encode(lines)
    middle = time.time()
    text = "".join(line + "\n" for line in lines).encode()
    out = subprocess.run([os.path.join(ROOT, "build/lectern"), "embed", "--model", folder], input=text, check=True,
                         stdout=subprocess.PIPE).stdout
    end = time.time()
    ours = np.array([json.loads(line) for line in out.splitlines()])
    cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    print(f"{len(lines)} lines: least cosine {cosine.min():.9f}, largest difference {abs(ours - theirs).max():.1e}; "
          f"sentence-transformers {middle - start:.1f} s, lectern {end - middle:.1f} s with its start")
    sys.exit(int(len(ours) != len(lines) or cosine.min() < 0.9999))


main()
