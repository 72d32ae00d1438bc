#!/usr/bin/env python3
"""Holds `lectern export` against llama.cpp: a GGUF file in f32, quantised by both, must have the same bytes in every
tensor. The head is set to q8_0 for both (llama.cpp alone may take q6_k there).

    tests/peers/venv.sh llama_cpp
    build/peers/llama_cpp/bin/python tests/peers/export_llama_cpp.py MODEL.gguf [FOLDER]

MODEL is any model of GGUF; its f32 copy and the results go to FOLDER (build/peers/export). With more than one tensor
apart the exit code is 1.
"""
import ctypes
import json
import os
import subprocess
import sys

import llama_cpp

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
TYPES = {"q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0, "q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
         "q4_1": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_1, "f16": llama_cpp.LLAMA_FTYPE_MOSTLY_F16}
GGML_TYPE_Q8_0 = 8


def lectern(*words):
    return subprocess.run([os.path.join(ROOT, "build/lectern"), *words], check=True, stdout=subprocess.PIPE).stdout


def tensors(path):
    """Name → (type, shape, bytes): where they lie is worked out from the sizes, each rounded up to 32 from the end."""
    report = json.loads(lectern("inspect", path, "--json"))
    with open(path, "rb") as f:
        data = f.read()
    at = len(data) - sum((t["bytes"] + 31) // 32 * 32 for t in report["tensors"])
    out = {}
    for t in report["tensors"]:
        out[t["name"]] = (t["type"], t["shape"], data[at:at + t["bytes"]])
        at += (t["bytes"] + 31) // 32 * 32
    return out


def main():
    model, folder = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else os.path.join(ROOT, "build/peers/export")
    os.makedirs(folder, exist_ok=True)
    f32 = os.path.join(folder, "f32.gguf")
    lectern("export", "--model", model, "--out", f32, "--type", "f32", "--force")
    failed = False
    for name, ftype in TYPES.items():
        ours, theirs = (os.path.join(folder, f"{name}-{who}.gguf") for who in ("lectern", "llama_cpp"))
        lectern("export", "--model", f32, "--out", ours, "--type", name, "--force")
        params = llama_cpp.llama_model_quantize_default_params()
        params.ftype, params.nthread = ftype, 2
        if name != "f16":
            params.output_tensor_type = GGML_TYPE_Q8_0
        if llama_cpp.llama_model_quantize(f32.encode(), theirs.encode(), ctypes.byref(params)) != 0:
            sys.exit(f"llama.cpp could not quantise to {name}")
        a, b = tensors(ours), tensors(theirs)
        apart = [n for n in b if a.get(n) != b[n]]
        failed = failed or bool(apart) or a.keys() != b.keys()
        kinds = {}
        for kind, _, _ in b.values():
            kinds[kind] = kinds.get(kind, 0) + 1
        print(f"{name}: {len(b) - len(apart)} of {len(b)} tensors equal ({kinds})")
        for n in apart[:5]:
            print(f"  {n}: {a.get(n, ('none', []))[:2]} against {b[n][:2]}")
    sys.exit(failed)


main()
