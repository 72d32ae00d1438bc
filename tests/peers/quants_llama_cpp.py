#!/usr/bin/env python3
"""Holds src/formats/quants.c against llama.cpp's reference quantisers, block for block: a million random blocks of each
type, and the edge cases that tests/formats/fixtures/quants.json keeps for test_quants.c. It writes that fixture.

    tests/peers/venv.sh llama_cpp && build/peers/llama_cpp/bin/python tests/peers/quants_llama_cpp.py

Where a quantiser's 1/d overflows (all of a block below about 1e-38), C leaves the result open; what is compared is what
x86 gives. Blocks with NaN or infinities, or whose scale overflows, are refused by ours and not compared.
"""
import ctypes
import glob
import json
import os
import subprocess
import sys
import tempfile

import llama_cpp
import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
ROUNDS, BLOCKS = 20, 50_000
FIXTURE = os.path.join(ROOT, "tests/formats/fixtures/quants.json")
# name: (number in files, elements, bytes, whether ours writes it)
TYPES = {"BF16": (30, 1, 2, True), "F16": (1, 1, 2, True), "Q8_0": (8, 32, 34, True), "Q4_0": (2, 32, 18, True),
         "Q4_1": (3, 32, 20, True), "Q5_0": (6, 32, 22, True), "Q5_1": (7, 32, 24, True), "Q4_K": (12, 256, 144, False),
         "Q5_K": (13, 256, 176, False), "Q6_K": (14, 256, 210, False)}


def theirs():
    folder = os.path.dirname(llama_cpp.__file__)
    return ctypes.CDLL(glob.glob(os.path.join(folder, "lib", "libggml-base.so"))[0])


def ours(folder):
    out = os.path.join(folder, "quants.so")
    subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-I",
                    os.path.join(ROOT, "src"), "-o", out]
                   + [os.path.join(ROOT, "src", f) for f in ("formats/quants.c", "base/error.c", "base/memory.c")] + ["-lm"],
                   check=True)
    return ctypes.CDLL(out)


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


class Peer:
    def __init__(self):
        self.lib = theirs()

    def quantize(self, name, x):
        number, elements, size, _ = TYPES[name]
        out = np.zeros(x.size // elements * size, np.uint8)
        f = {"BF16": "ggml_fp32_to_bf16_row_ref", "F16": "ggml_fp32_to_fp16_row"}.get(name, f"quantize_row_{name.lower()}_ref")
        getattr(self.lib, f)(pointer(x), pointer(out), ctypes.c_int64(x.size))
        return out

    def dequantize(self, name, blocks):
        number, elements, size, _ = TYPES[name]
        out = np.zeros(blocks.size // size * elements, np.float32)
        f = {"BF16": "ggml_bf16_to_fp32_row", "F16": "ggml_fp16_to_fp32_row"}.get(
            name, f"dequantize_row_{name.lower().replace('_k', '_K')}")
        getattr(self.lib, f)(pointer(blocks), pointer(out), ctypes.c_int64(out.size))
        return out


class Ours:
    def __init__(self, folder):
        self.lib = ours(folder)
        self.lib.ggml_quantize.restype = ctypes.c_bool

    def quantize(self, name, x):
        number, elements, size, _ = TYPES[name]
        out = np.zeros(x.size // elements * size, np.uint8)
        good = self.lib.ggml_quantize(number, pointer(x), pointer(out), ctypes.c_size_t(x.size))
        return out if good else None

    def dequantize(self, name, blocks):
        number, elements, size, _ = TYPES[name]
        out = np.zeros(blocks.size // size * elements, np.float32)
        self.lib.ggml_dequantize(number, pointer(blocks), pointer(out), ctypes.c_size_t(out.size))
        return out


def edge_cases():
    """Rows of 32 floats, each with a name."""
    rng = np.random.default_rng(5)
    spread = rng.standard_normal(32).astype(np.float32)
    ramp = (np.arange(32) - 16).astype(np.float32)
    zeros = np.zeros(32, np.float32)
    one = zeros.copy()
    one[7] = 1e-3
    alternating = np.where(np.arange(32) % 2, np.float32(1), np.float32(-1)).astype(np.float32)
    tie = zeros.copy()
    tie[3], tie[20] = 2, -2
    tie_other = -tie
    halves = (np.arange(32) - 15.5).astype(np.float32)
    return {
        "spread": spread, "ramp": ramp, "halves": halves, "zeros": zeros, "negative zeros": -zeros,
        "zeros of both signs": np.where(np.arange(32) % 2, zeros, -zeros).astype(np.float32), "one": one,
        "all the same": np.full(32, 0.3, np.float32), "alternating": alternating, "tie, positive first": tie,
        "tie, negative first": tie_other, "weights": spread * np.float32(0.02), "large": spread * np.float32(1e4),
        "near the top of f16": (spread / np.abs(spread).max() * np.float32(65000 * 7.9)).astype(np.float32),
        "scale is an f16 denormal": spread * np.float32(1e-6), "scale rounds to 0": spread * np.float32(1e-9),
        "float denormals": spread * np.float32(1e-41), "one huge": np.where(np.arange(32) == 9, np.float32(4e5), spread * 1),
        "127ths": (rng.integers(-127, 128, 32) / 127).astype(np.float32),
        "quarters": (rng.integers(-8, 8, 32) / 4 + 0.125).astype(np.float32),
        **{f"random {i}": (rng.standard_normal(32) * 10.0 ** rng.uniform(-4, 3)).astype(np.float32) for i in range(12)},
    }


def random_rows(rng, n):
    x = rng.standard_normal((n, 32)) * 10.0 ** rng.uniform(-9, 4, (n, 1))
    grid = rng.random(n) < 0.2  # many ties
    x[grid] = np.round(x[grid] * 8 / np.abs(x[grid]).max(axis=1, keepdims=True)) / 8
    return np.where(rng.random((n, 32)) < 0.02, 0, x).astype(np.float32).ravel()


def finite_blocks(rng, name, n):
    """Random bytes, but f16 scales that are finite."""
    _, _, size, _ = TYPES[name]
    blocks = rng.integers(0, 256, (n, size), dtype=np.uint8)
    for at in {"Q6_K": [208]}.get(name, [0, 2] if name in ("Q4_K", "Q5_K", "Q4_1", "Q5_1") else [0]):
        blocks[:, at + 1] &= 0xBF  # the exponent is at most 15
    return blocks.ravel()


def same(a, b):
    return a is not None and a.tobytes() == b.tobytes()


def main():
    fixture = {"rows": {name: row.astype("<f4").tobytes().hex() for name, row in edge_cases().items()}, "types": {}}
    peer, bad = Peer(), 0
    rows = np.concatenate(list(edge_cases().values()))
    with tempfile.TemporaryDirectory() as folder:
        mine = Ours(folder)
        for name, (_, elements, size, writes) in TYPES.items():
            rng = np.random.default_rng(7)
            entry = fixture["types"][name] = {}
            if writes and name in ("F16", "BF16"):
                x = rows[np.abs(rows) < 6e4]
                bad += not same(mine.quantize(name, x), peer.quantize(name, x))
            elif writes:
                entry["blocks"] = {}
                for case, row in edge_cases().items():
                    blocks = peer.quantize(name, row)
                    got = mine.quantize(name, row)
                    if got is None:
                        entry["blocks"][case] = None
                        print(f"{name}: {case}: refused; d is {blocks[:2].view(np.float16)[0]}")
                        continue
                    entry["blocks"][case] = blocks.tobytes().hex()
                    if not same(got, blocks):
                        bad += 1
                        print(f"{name}: {case}: blocks differ\n  {got.tobytes().hex()}\n  {blocks.tobytes().hex()}")
            for _ in range(ROUNDS if writes else 0):
                x = random_rows(rng, BLOCKS)
                if not same(mine.quantize(name, x), peer.quantize(name, x)):
                    bad += 1
                    print(f"{name}: random blocks differ")
            some = finite_blocks(rng, name, 4 if elements < 256 else 2)
            entry["encoded"] = some.tobytes().hex()
            entry["decoded"] = peer.dequantize(name, some).astype("<f4").tobytes().hex()
            for _ in range(ROUNDS):
                blocks = finite_blocks(rng, name, BLOCKS)
                if not same(mine.dequantize(name, blocks), peer.dequantize(name, blocks)):
                    bad += 1
                    print(f"{name}: decoded values differ")
            print(f"{name}: {'differs' if bad else 'equal'}", flush=True)
    os.makedirs(os.path.dirname(FIXTURE), exist_ok=True)
    with open(FIXTURE, "w") as out:
        json.dump(fixture, out, indent=1)
        out.write("\n")
    sys.exit(bad > 0)


main()
