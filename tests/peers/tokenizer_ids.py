#!/usr/bin/env python3
"""Holds `lectern tokenize` against Hugging Face `tokenizers`, for SmolLM2 (built there from the GGUF's own vocabulary and
merges with the model's pre-tokenizer) and MiniLM (its tokenizer.json): ids of 10,000 random Unicode strings, of every
single character (--characters), and of text files; then the speed on these. make_tokenizer_fixtures.py makes what the
ordinary tests hold.

    tests/peers/venv.sh tokenizers
    build/peers/tokenizers/bin/python tests/peers/tokenizer_ids.py --smollm2 FILE.gguf --minilm FOLDER [TEXT …]
"""
import argparse
import json
import os
import random
import subprocess
import sys
import time
import unicodedata

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import gguf
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = [(0x20, 0x7F), (0x20, 0x7F), (0xA0, 0x250), (0x250, 0x370), (0x370, 0x530), (0x531, 0x600), (0x600, 0x700),
           (0x900, 0xE00), (0xE01, 0xFFF), (0x10A0, 0x1100), (0x1100, 0x1200), (0x1E00, 0x2000), (0x2000, 0x2070),
           (0x2070, 0x2190), (0x2190, 0x2C00), (0x3000, 0x3100), (0x4E00, 0x9FFF), (0xAC00, 0xD7A4), (0xF900, 0xFB00),
           (0xFB00, 0xFF00), (0xFF00, 0xFFF0), (0x10400, 0x10450), (0x1D400, 0x1D800), (0x1F300, 0x1FB00),
           (0x20000, 0x20100), (0x2F800, 0x2FA20)]
# No marks that came after Unicode 12: to the NFC of tokenizers 0.23.3 they have no combining class.
MARKS = [(0x300, 0x370), (0x483, 0x488), (0x591, 0x5C8), (0x64B, 0x660), (0x93C, 0x94E), (0x1AB0, 0x1ABF),
         (0x20D0, 0x20F1), (0x302A, 0x3030), (0xFE00, 0xFE10), (0xFE20, 0xFE30)]
SPACES = [" ", " ", "\n", "\r\n", "\t", "\v", "\f", "\x85", "\xa0", "\u1680", "\u180e", "\u2003", "\u2028", "\u202f",
          "\u3000", "\u200b", "\ufeff"]
WORDS = ["the", " king", " and", "He'll", "we've", "I'm", "DON'T", "'re", " 'D", "x'llama", "12345678", " 56", "7th", "½",
         "Ⅷ", "١٢٣", "é", "e\u0301", "naïve", " Ünïcödé", "İstanbul", "ǅ", "ß", "ΣΑΣ", "👩\u200d🔬", "🏳️\u200d🌈", "👨‍👩‍👧‍👦",
         "👍🏽", "🇫🇷", "...", " --", "#!", "$5.00", "a_b", "x+y=z", "http://a.b/c?d=e", "hello", " world", "の", "日本語",
         "한국어", "ไทย", "हिन्दी", "العربية", "<|en", "[", "]", "##ing", "unaffable", "\u017f", "don\u2019t"]


def characters(low, high, n):
    found = []
    while len(found) < n:
        c = chr(random.randrange(low, high))
        if unicodedata.category(c) not in ("Cn", "Cs"):
            found.append(c)
    return "".join(found)


def text(specials):
    parts = []
    for _ in range(random.randint(1, 12)):
        kind = random.random()
        if kind < 0.30:
            parts.append(random.choice(WORDS))
        elif kind < 0.45:
            parts.append(random.choice(SPACES) * random.choice([1, 1, 1, 2, 5, 40, 300]))
        elif kind < 0.50:
            parts.append("".join(chr(random.choice([*range(32), *range(127, 160)])) for _ in range(random.randint(1, 4))))
        elif kind < 0.55:
            parts.append("".join(random.choice("0123456789") for _ in range(random.randint(1, 12))))
        elif kind < 0.65:
            parts.append("".join(characters(*random.choice(SCRIPTS), 1) + characters(*random.choice(MARKS), random.randint(1, 4))
                                 for _ in range(random.randint(1, 4))))
        elif kind < 0.72:
            parts.append(random.choice(specials))
        elif kind < 0.75:
            parts.append(random.choice("aZ#é語") * random.choice([30, 99, 100, 101, 500]))
        elif kind < 0.78:
            parts.append(characters(0, 0x110000, random.randint(1, 6)))
        else:
            parts.append(characters(*random.choice(SCRIPTS), random.randint(1, 8)))
    return "".join(parts)


def smollm2(path):
    fields = gguf.GGUFReader(path).fields
    tokens, types, merges = (fields["tokenizer.ggml." + key].contents() for key in ("tokens", "token_type", "merges"))
    assert fields["tokenizer.ggml.pre"].contents() == "smollm"
    peer = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, [tuple(m.split(" ")) for m in merges]))
    peer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    peer.decoder = decoders.ByteLevel()
    specials = [t for t, kind in zip(tokens, types) if kind == 3]
    peer.add_special_tokens([AddedToken(t, normalized=False) for t in specials])
    return peer, specials


def minilm(folder):
    peer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    peer.no_truncation()
    peer.no_padding()
    return peer, ["[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]"]


def lectern(program, model, strings):
    lines = "".join(json.dumps(s) + "\n" for s in strings)
    run = subprocess.run([program, "tokenize", "--model", model, "--special", "--json"], input=lines.encode(),
                         stdout=subprocess.PIPE, check=True)
    return [json.loads(line)["ids"] for line in run.stdout.splitlines()]


def compare(what, program, model, peer, strings, tell=5):
    theirs = [e.ids for e in peer.encode_batch(strings)]
    ours = lectern(program, model, strings)
    assert len(ours) == len(theirs), (len(ours), len(theirs))
    different = [i for i in range(len(strings)) if ours[i] != theirs[i]]
    print(f"{what}: {len(strings)} texts, {sum(map(len, theirs))} ids, {len(different)} texts differ")
    for i in different[:tell]:
        at = next((j for j, (a, b) in enumerate(zip(ours[i], theirs[i])) if a != b), min(len(ours[i]), len(theirs[i])))
        print(f"  {strings[i][:60]!r} at {at}: {ours[i][at:at + 8]} here, {theirs[i][at:at + 8]} there")
    return different


def every_character():
    """Each alone, and between letters, digits and spaces."""
    return ["%sa%s%s b%sc %s 1'%s" % (c, c, c, c, c, c) for c in map(chr, range(0x110000)) if not 0xD800 <= ord(c) < 0xE000]


def ranges(codes):
    out = []
    for c in codes:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return " ".join(f"{a:04X}" if a == b else f"{a:04X}-{b:04X}" for a, b in out)


def speed(program, model, peer, path):
    """Of 1, 2 and 4 million characters as one text; lectern's time is the command's without its start."""
    data = open(path, encoding="utf-8").read()[:1000000]
    start = min(timed(lambda: lectern(program, model, [""])) for _ in range(3))
    for n in (1, 2, 4):
        string = data * n
        theirs = min(timed(lambda: peer.encode(string)) for _ in range(3))
        ours = min(timed(lambda: lectern(program, model, [string])) for _ in range(3)) - start
        print(f"  {len(string)} characters: tokenizers {theirs:.2f} s, lectern {ours:.2f} s")


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--smollm2")
    options.add_argument("--minilm")
    options.add_argument("--lectern", default=os.path.join(HERE, "../../build/lectern"))
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--texts", type=int, default=10000)
    options.add_argument("--characters", action="store_true", help="every character of Unicode too")
    options.add_argument("files", nargs="*", help="texts to compare whole and line by line")
    o = options.parse_args()
    failed = 0
    for name, load, model in (("smollm2", smollm2, o.smollm2), ("minilm", minilm, o.minilm)):
        if not model:
            continue
        peer, specials = load(model)
        random.seed(o.seed)
        strings = [text(specials) for _ in range(o.texts)]
        failed += len(compare(f"{name}, random strings", o.lectern, model, peer, strings))
        for path in o.files:
            whole = open(path, encoding="utf-8", newline="").read()
            failed += len(compare(f"{name}, {os.path.basename(path)} whole", o.lectern, model, peer, [whole]))
            failed += len(compare(f"{name}, {os.path.basename(path)} by line", o.lectern, model, peer, whole.split("\n")))
            speed(o.lectern, model, peer, path)
        if o.characters:
            codes = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
            print(" ", ranges([codes[i] for i in compare(f"{name}, every character", o.lectern, model, peer, every_character())]))
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
