#!/usr/bin/env python3
"""Makes tests/train/fixtures/loss_curve.json: the losses of 50 steps of training in PyTorch, for a GPT-2 and a Llama that
start from the weights that lectern draws and see the batches that lectern draws. test_loss_curve.c takes the same steps
on the GPU and must find the same losses.

The models are written down here once more, from the papers, so that a mistake in src/ is not made twice. The draws are
those of src/base/random.c, src/nn/parameters.c and src/data/batches.c.

    tests/peers/venv.sh torch && build/peers/torch/bin/python tests/peers/loss_curve.py
"""
import json
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

STEPS = 50

# `config` and `options` are read by the test too. Sizes are odd where the kernels' tails and grouped heads need it.
RUNS = [
    {
        "arch": "gpt2",
        "config": {"n_layers": 2, "n_heads": 2, "n_kv_heads": 2, "d_model": 128, "d_ff": 512, "vocab_size": 259,
                   "seq_len": 64, "tied": True},
        "options": {"batch": 2, "grad_accum": 1, "warmup": 5, "lr": 2e-3, "min_lr": 2e-4, "beta1": 0.9, "beta2": 0.99,
                    "weight_decay": 0.1, "clip": 2.0, "seed": 11},
    },
    {
        "arch": "llama",
        "config": {"n_layers": 3, "n_heads": 4, "n_kv_heads": 2, "d_model": 48, "d_ff": 136, "vocab_size": 67,
                   "seq_len": 33, "tied": False},
        "options": {"batch": 3, "grad_accum": 2, "warmup": 5, "lr": 4e-3, "min_lr": 4e-4, "beta1": 0.9, "beta2": 0.99,
                    "weight_decay": 0.1, "clip": 1.5, "seed": 12},
    },
]


# ---- lectern's draws ----------------------------------------------------------------------------------------------------

def philox(key, counter):
    """Philox 4x32-10 (Salmon et al. 2011, section 3): counters u64 [n] → u32 [4, n]."""
    counter = np.asarray(counter, np.uint64)
    low = np.uint64(0xFFFFFFFF)
    c = [counter & low, counter >> np.uint64(32), np.zeros_like(counter), np.zeros_like(counter)]
    k = [key & 0xFFFFFFFF, key >> 32]
    for _ in range(10):
        p = np.uint64(0xD2511F53) * c[0]
        q = np.uint64(0xCD9E8D57) * c[2]
        c = [(q >> np.uint64(32)) ^ c[1] ^ np.uint64(k[0]), q & low, (p >> np.uint64(32)) ^ c[3] ^ np.uint64(k[1]), p & low]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c)


def key_of(seed, name):
    hash_ = 0xCBF29CE484222325 ^ (seed * 0x9E3779B97F4A7C15 & (2**64 - 1))
    for byte in name.encode():
        hash_ = (hash_ ^ byte) * 0x100000001B3 & (2**64 - 1)
    return hash_


def normals(seed, name, shape, std):
    w = philox(key_of(seed, name), np.arange(math.prod(shape)))
    unit = [((w[i] << np.uint64(32) | w[i + 1]) >> np.uint64(11)).astype(np.float64) * 2.0**-53 for i in (0, 2)]
    values = std * np.sqrt(-2 * np.log(1 - unit[0])) * np.cos(2 * math.pi * unit[1])
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


class Batches:
    """Windows of the ids that begin anywhere."""

    def __init__(self, ids, config, options):
        self.ids, self.rows, self.T = ids, options["batch"], config["seq_len"]
        self.key, self.counter = key_of(key_of(options["seed"], "batches"), "batches"), 0

    def u64(self):
        words = philox(self.key, [self.counter >> 2])[:, 0]
        high, low = (int(words[(self.counter & 3) + i]) for i in (0, 1))
        self.counter += 2
        return high << 32 | low

    def below(self, n):
        limit = 2**64 - 1 - 2**64 % n
        x = self.u64()
        while x > limit:
            x = self.u64()
        return x % n

    def next(self):
        starts = [self.below(len(self.ids) - self.T) for _ in range(self.rows)]
        rows = torch.tensor([self.ids[s:s + self.T + 1] for s in starts])
        return rows[:, :-1], rows[:, 1:]


# ---- The models ---------------------------------------------------------------------------------------------------------

def attend(q, k, v):
    """softmax(q kᵀ / √d) v over what is not in the future: q [B, H, T, D], k and v [B, Hkv, T, D] (Vaswani et al. 2017,
    section 3.2.1; a group of heads shares keys and values: Ainslie et al. 2023)."""
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    future = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool).triu(1)
    return scores.masked_fill(future, -math.inf).softmax(-1) @ v


def split(x, heads):  # [B, T, H·D] → [B, H, T, D]
    return x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)


def join(x):
    return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], -1)


def weights(run, dtype):
    """Drawn N(0, 0.02²), what writes to the residual stream at 0.02/√(2·layers); gains 1, biases 0."""
    c, seed, gpt2 = run["config"], run["options"]["seed"], run["arch"] == "gpt2"
    d, ff, V = c["d_model"], c["d_ff"], c["vocab_size"]
    kv = c["n_kv_heads"] * d // c["n_heads"]
    shapes = {"token_embd": (V, d)}
    if gpt2:
        shapes["position_embd"] = (c["seq_len"], d)
    for i in range(c["n_layers"]):
        b = f"blk.{i}."
        if gpt2:
            shapes |= {b + "attn_qkv": (d + 2 * kv, d)}
        else:
            shapes |= {b + "attn_q": (d, d), b + "attn_k": (kv, d), b + "attn_v": (kv, d), b + "ffn_gate": (ff, d)}
        shapes |= {b + "attn_output": (d, d), b + "ffn_up": (ff, d), b + "ffn_down": (d, ff),
                   b + "attn_norm": (d,), b + "ffn_norm": (d,)}
    shapes["output_norm"] = (d,)
    if not c["tied"]:
        shapes["output"] = (V, d)
    w = {}
    for name, shape in shapes.items():
        full = name + ".weight"
        residual = name.endswith(("attn_output", "ffn_down"))
        std = 0.02 / math.sqrt(2 * c["n_layers"]) if residual else 0.02
        w[full] = torch.ones(shape) if len(shape) == 1 else normals(seed, full, shape, std)
        if gpt2 and name not in ("token_embd", "position_embd"):
            w[name + ".bias"] = torch.zeros(shape[0])
    return {name: x.to(dtype).requires_grad_() for name, x in w.items()}


def gpt2(w, c, ids):
    """Radford et al. 2019, section 2.3: norms before the sublayers and one behind them all."""
    def linear(x, name):
        return x @ w[name + ".weight"].T + w[name + ".bias"]

    def norm(x, name):
        x = x - x.mean(-1, keepdim=True)
        return x / torch.sqrt(x.square().mean(-1, keepdim=True) + 1e-5) * w[name + ".weight"] + w[name + ".bias"]

    def gelu(x):  # Hendrycks & Gimpel 2016, section 2
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    x = w["token_embd.weight"][ids] + w["position_embd.weight"][:ids.shape[1]]
    for i in range(c["n_layers"]):
        b = f"blk.{i}."
        q, k, v = linear(norm(x, b + "attn_norm"), b + "attn_qkv").chunk(3, -1)
        x = x + linear(join(attend(*(split(y, c["n_heads"]) for y in (q, k, v)))), b + "attn_output")
        x = x + linear(gelu(linear(norm(x, b + "ffn_norm"), b + "ffn_up")), b + "ffn_down")
    return norm(x, "output_norm") @ w["token_embd.weight"].T


def llama(w, c, ids):
    """Touvron et al. 2023, section 2.2."""
    def linear(x, name):
        return x @ w[name + ".weight"].T

    def norm(x, name):  # Zhang & Sennrich 2019
        return x / torch.sqrt(x.square().mean(-1, keepdim=True) + 1e-5) * w[name + ".weight"]

    def turn(x):  # pairs of neighbouring channels as complex numbers (Su et al. 2021, section 3.2.2)
        D, T = x.shape[-1], x.shape[-2]
        angles = torch.outer(torch.arange(T), 10000.0 ** (-torch.arange(0, D, 2, dtype=torch.float64) / D))
        cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)

    x = w["token_embd.weight"][ids]
    for i in range(c["n_layers"]):
        b = f"blk.{i}."
        h = norm(x, b + "attn_norm")
        q, k = (turn(split(linear(h, b + n), heads)) for n, heads in (("attn_q", c["n_heads"]), ("attn_k", c["n_kv_heads"])))
        x = x + linear(join(attend(q, k, split(linear(h, b + "attn_v"), c["n_kv_heads"]))), b + "attn_output")
        h = norm(x, b + "ffn_norm")
        x = x + linear(F.silu(linear(h, b + "ffn_gate")) * linear(h, b + "ffn_up"), b + "ffn_down")
    return norm(x, "output_norm") @ w["output.weight"].T


# ---- The run ------------------------------------------------------------------------------------------------------------

def rate(o, step):  # Loshchilov & Hutter 2017, eq. 5, behind a linear rise
    if step < o["warmup"]:
        return o["lr"] * (step + 1) / (o["warmup"] + 1)
    done = (step - o["warmup"]) / (STEPS - o["warmup"])
    return o["min_lr"] + 0.5 * (1 + math.cos(math.pi * done)) * (o["lr"] - o["min_lr"])


def ids_of(vocab_size):
    """4000 ids with something to learn; the test makes the same."""
    return [(i * i + i // 7) % min(vocab_size, 50) for i in range(4000)]


def train(run, dtype):
    torch.use_deterministic_algorithms(True)
    c, o = run["config"], run["options"]
    w = weights(run, dtype)
    groups = [{"params": [x for x in w.values() if x.dim() > 1], "weight_decay": o["weight_decay"]},
              {"params": [x for x in w.values() if x.dim() == 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=1e-8)
    batches, model = Batches(ids_of(c["vocab_size"]), c, o), {"gpt2": gpt2, "llama": llama}[run["arch"]]
    losses, grad_norms, rates = [], [], []
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = rate(o, step)
        optimizer.zero_grad()
        total = 0.0
        for _ in range(o["grad_accum"]):
            inputs, targets = batches.next()
            loss = F.cross_entropy(model(w, c, inputs).flatten(0, 1), targets.flatten())
            (loss / o["grad_accum"]).backward()
            total += loss.item() / o["grad_accum"]
        grad_norms.append(torch.nn.utils.clip_grad_norm_(list(w.values()), o["clip"]).item())
        losses.append(total)
        rates.append(rate(o, step))
        optimizer.step()
    return losses, grad_norms, rates


def main():
    torch.set_num_threads(1)
    for run in RUNS:
        losses, grad_norms, rates = train(run, torch.float32)
        run |= {"losses": [round(x, 8) for x in losses], "grad_norms": [round(x, 8) for x in grad_norms],
                "rates": [float(f"{x:.9g}") for x in rates]}
        exact = train(run, torch.float64)[0]
        off = max(abs(a - b) / b for a, b in zip(losses, exact))
        clipped = sum(x > run["options"]["clip"] for x in grad_norms)
        print(f"{run['arch']}: loss {losses[0]:.4f} → {losses[-1]:.4f}, clipped in {clipped} of {STEPS} steps; "
              f"PyTorch's float32 is {off:.1e} (relative) from its float64", file=sys.stderr)
    path = os.path.join(os.path.dirname(__file__), "../train/fixtures/loss_curve.json")
    with open(path, "w") as out:
        json.dump({"made_by": f"PyTorch {torch.__version__}", "runs": RUNS}, out, separators=(",", ":"))
        out.write("\n")
    print(os.path.getsize(path), "bytes", file=sys.stderr)


main()
