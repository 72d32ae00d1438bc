#!/usr/bin/env python3
"""Training speed beside other people's, on the processor: a GPT of 6 layers, 384 channels, 6 heads and a vocabulary of
8192 (tied), 4 rows of 256 tokens, float32, AdamW. lectern and computeml run on the Vulkan driver that is found first,
PyTorch on 2 threads. They take turns, so that a busy machine slows all alike; medians over the turns count.

    tests/peers/venv.sh torch; tests/peers/venv.sh computeml
    tests/bench/train_peers.py [--turns 3] [--seconds 10] [--without computeml] [--other NAME 'COMMAND']

A peer that is not installed is left out. COMMAND is a program of the reader's own that trains the same model and prints its
tokens/s as the last word.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
LAYERS, CHANNELS, HEADS, VOCABULARY, T, B = 6, 384, 6, 8192, 256, 4
THREADS = 2


def draw(numpy, rows=B, seed=1):
    """Weights by name as lectern draws them in spirit: N(0, 0.02²), gains 1, biases 0; and a batch of random ids."""
    rng = numpy.random.default_rng(seed)

    def matrix(*shape):
        return (0.02 * rng.standard_normal(shape)).astype(numpy.float32)

    zeros, ones = (lambda n: numpy.zeros(n, numpy.float32)), (lambda n: numpy.ones(n, numpy.float32))
    C = CHANNELS
    w = {"tokens": matrix(VOCABULARY, C), "positions": matrix(T, C), "norm.gain": ones(C), "norm.bias": zeros(C)}
    for i in range(LAYERS):
        for name, out, inner in (("q", C, C), ("k", C, C), ("v", C, C), ("o", C, C), ("up", 4 * C, C), ("down", C, 4 * C)):
            w[f"{i}.{name}"], w[f"{i}.{name}.bias"] = matrix(out, inner), zeros(out)
        for name in ("norm1", "norm2"):
            w[f"{i}.{name}.gain"], w[f"{i}.{name}.bias"] = ones(C), zeros(C)
    ids = rng.integers(0, VOCABULARY, (rows, T + 1))
    return w, ids[:, :-1], ids[:, 1:]


def measure(step, seconds, rows=B):
    """Tokens/s of the median step."""
    losses, times = [step()], []  # the first step compiles and warms up
    while sum(times) < seconds:
        start = time.perf_counter()
        losses.append(step())
        times.append(time.perf_counter() - start)
    if not losses[-1] < losses[0]:
        sys.exit(f"it does not learn: losses {losses}")
    print(rows * T / statistics.median(times))


# ---- The peers, each run by the Python of its own environment -----------------------------------------------------------

def run_torch(seconds):
    import numpy
    import torch
    import torch.nn.functional as F
    torch.set_num_threads(THREADS)
    arrays, inputs, targets = draw(numpy)
    w = {name: torch.from_numpy(x).requires_grad_() for name, x in arrays.items()}
    inputs, targets = torch.from_numpy(inputs.copy()), torch.from_numpy(targets.copy())
    groups = [{"params": [x for x in w.values() if x.dim() > 1], "weight_decay": 0.1},
              {"params": [x for x in w.values() if x.dim() == 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.99), fused=True)

    def norm(x, name):
        return F.layer_norm(x, (CHANNELS,), w[name + ".gain"], w[name + ".bias"])

    def linear(x, name):
        return F.linear(x, w[name], w[name + ".bias"])

    def step():
        x = w["tokens"][inputs] + w["positions"]
        for i in range(LAYERS):
            h = norm(x, f"{i}.norm1")
            q, k, v = (linear(h, f"{i}.{n}").view(B, T, HEADS, -1).transpose(1, 2) for n in "qkv")
            h = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, CHANNELS)
            x = x + linear(h, f"{i}.o")
            x = x + linear(F.gelu(linear(norm(x, f"{i}.norm2"), f"{i}.up"), approximate="tanh"), f"{i}.down")
        loss = F.cross_entropy((norm(x, "norm") @ w["tokens"].T).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(w.values()), 1.0)
        optimizer.step()
        return loss.item()

    measure(step, seconds)


def run_computeml(seconds):
    """With one row a step, since a step of four takes many minutes on a software driver, and without the clip, which it does
    not have. Its attention for training takes one sequence: this is the same with the rows beside the heads. Its
    cross-entropy takes 256 classes at most: the gradient of the logits z, softmax(z) minus the targets, over the number of
    tokens, goes back as that of Σ z·constant."""
    import computeml
    import numpy
    B, ops, context = 1, computeml.ops, computeml.Context()
    print(context.device_name, file=sys.stderr)
    arrays, inputs, targets = draw(numpy, B)
    w = {name: context.asarray(x) for name, x in arrays.items()}
    for x in w.values():
        x.requires_grad = True
    optimizer = computeml.optim.AdamW(list(w.values()), lr=1e-4, betas=(0.9, 0.99), weight_decay=0.1)
    ids = context.asarray(inputs.reshape(-1))
    wanted = context.asarray(numpy.eye(VOCABULARY, dtype=numpy.float32)[targets.reshape(-1)])
    positions = context.asarray(numpy.tile(numpy.arange(T), B))
    D, rows = CHANNELS // HEADS, B * HEADS
    future = context.asarray(numpy.tile(numpy.triu(numpy.full((T, T), -1e9, numpy.float32), 1), (rows, 1, 1)))

    def norm(x, name):
        return ops.layer_norm(x, w[name + ".gain"], w[name + ".bias"])

    def linear(x, name, activation=None):
        return ops.linear(x, w[name], w[name + ".bias"], activation=activation)

    def split(x, order, *shape):
        return ops.permute(x.reshape(B, T, HEADS, D), order).reshape(*shape)

    def step():
        optimizer.zero_grad()
        x = ops.embedding(ids, w["tokens"]) + ops.embedding(positions, w["positions"])
        for i in range(LAYERS):
            h = norm(x, f"{i}.norm1")
            q = split(linear(h, f"{i}.q"), (0, 2, 1, 3), rows, T, D)
            k = split(linear(h, f"{i}.k"), (0, 2, 3, 1), rows, D, T)
            v = split(linear(h, f"{i}.v"), (0, 2, 1, 3), rows, T, D)
            p = ops.softmax(ops.matmul_batched(q, k) * (1 / D**0.5) + future)
            h = ops.permute(ops.matmul_batched(p, v).reshape(B, HEADS, T, D), (0, 2, 1, 3)).reshape(B * T, CHANNELS)
            x = x + linear(h, f"{i}.o")
            x = x + linear(linear(norm(x, f"{i}.norm2"), f"{i}.up", "gelu"), f"{i}.down")
        logits = ops.matmul(norm(x, "norm"), w["tokens"], transpose_b=True)
        with context.no_grad():
            p = ops.softmax(logits)
            error, loss = (p - wanted) * (1 / (B * T)), ops.sum(ops.log(p) * wanted) * (-1 / (B * T))
        ops.sum(logits * error).backward()
        optimizer.step()
        return float(loss)

    measure(step, seconds, B)


def run_lectern(seconds):
    rows = json.loads(subprocess.run([os.path.join(ROOT, "build/lectern"), "bench", "train", "--json", "--seconds",
                                      str(seconds)], capture_output=True, text=True, check=True).stdout)["results"]
    row = next(r for r in rows if r["shape"] == f"gpt2 {LAYERS}x{CHANNELS}, {B}x{T}")
    print(B * T / row["median_seconds"])


PEERS = {"lectern": run_lectern, "torch": run_torch, "computeml": run_computeml}


# ---- The turns ----------------------------------------------------------------------------------------------------------

def command_of(name, seconds):
    """None where the peer is not installed."""
    python = sys.executable if name == "lectern" else os.path.join(ROOT, "build/peers", name, "bin/python")
    return [python, os.path.abspath(__file__), "--run", name, "--seconds", str(seconds)] if os.path.exists(python) else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--without", action="append", default=[], choices=list(PEERS))
    parser.add_argument("--other", nargs=2, action="append", default=[], metavar=("NAME", "COMMAND"))
    parser.add_argument("--run", choices=list(PEERS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        return PEERS[args.run](args.seconds)
    commands = {name: command_of(name, args.seconds) for name in PEERS if name not in args.without}
    for name in [name for name, command in commands.items() if not command]:
        print(f"{name} is not installed: tests/peers/venv.sh {name}")
        del commands[name]
    commands |= {name: ["sh", "-c", command] for name, command in args.other}
    # Some systems set these for old OpenBLAS builds; they slow a current one.
    environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    environment["OMP_NUM_THREADS"] = str(THREADS)
    speeds = {name: [] for name in commands}
    for turn in range(args.turns):
        for name, command in commands.items():
            result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
            if result.returncode != 0:
                sys.exit(f"{name}: {result.stderr or result.stdout}")
            speeds[name].append(float(result.stdout.split()[-1]))
        print(f"turn {turn + 1}: " + ", ".join(f"{name} {speeds[name][-1]:.0f}" for name in commands) + " tokens/s", flush=True)
    ours = statistics.median(speeds["lectern"])
    for name in commands:
        median = statistics.median(speeds[name])
        beside = statistics.median(a / b for a, b in zip(speeds["lectern"], speeds[name]))
        print(f"{name:12} {median:8.0f} tokens/s" + (f"   lectern is {beside:.2f} times as fast" if name != "lectern" else ""))
    return 0 if ours > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
