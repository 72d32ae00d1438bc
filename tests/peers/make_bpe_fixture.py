#!/usr/bin/env python3
"""Makes tests/text/fixtures/byte_bpe.json: a small byte-level BPE vocabulary learnt by Hugging Face `tokenizers`, and
the words (by length in bytes) and ids that
library gives for random Unicode strings. test_tokenizer.c loads the one and must give the other.

    pip install tokenizers && tests/peers/make_bpe_fixture.py
"""
import json
import os
import random
import sys
import unicodedata

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

random.seed(1)
SCRIPTS = [range(0x20, 0x7F), range(0xA0, 0x250), range(0x370, 0x530), range(0x5D0, 0x6D0), range(0x900, 0x980),
           range(0xE01, 0xE5C), range(0x3041, 0x3100), range(0x4E00, 0x9FFF), range(0xAC00, 0xD7A4),
           range(0x1F300, 0x1F650), range(0x2000, 0x2070), range(0x2150, 0x2190), range(0x10400, 0x10450),
           range(0x1D7CE, 0x1D800), range(0xFE00, 0xFE10)]
SPACES = [" ", "  ", "\n", "\r\n", "\t", "\v", "\f", "\x85", "\xa0", "\u1680", "\u180e", "\u2003", "\u2028", "\u3000",
          "\u200b", "\x1c", "\x1f", "\x00", "\ufeff"]
WORDS = ["the", " king", " and", "He'll", "we've", "I'm", "it's", "DON'T", "'re", " 'd", "x'llama", "1234", " 56", "7th",
         "½", "Ⅷ", "é", "e\u0301", "naïve", " Ünïcödé", "👩\u200d🔬", " 🏳️\u200d🌈", "...", " --", "#!", "hello", " world",
         "<|endoftext|>", "<|endof", "   ", "\n\n", "の", "日本語", "한국어", "ไทย", "हिन्दी"]


def assigned(code):
    return unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")


def text(n):
    parts = []
    for _ in range(n):
        kind = random.random()
        if kind < 0.45:
            parts.append(random.choice(WORDS))
        elif kind < 0.65:
            parts.append(random.choice(SPACES) * random.choice([1, 1, 1, 2, 5]))
        else:
            script = random.choice(SCRIPTS)
            parts.append("".join(chr(c) for c in random.choices(script, k=random.randint(1, 6)) if assigned(c)))
    return "".join(parts)


tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
tokenizer.train_from_iterator(
    [text(40) for _ in range(1500)],
    trainers.BpeTrainer(vocab_size=900, special_tokens=["<|endoftext|>"], show_progress=False,
                        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
tokenizer.add_tokens([AddedToken("DON'T", normalized=False), AddedToken("日本", normalized=False)])

model = json.loads(tokenizer.to_str())["model"]
merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
tokens = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
types = [3 if t == "<|endoftext|>" else 1 if t in model["vocab"] else 4 for t in tokens]
cases = []
for _ in range(400):
    string = text(random.randint(1, 12))
    words = [len(word) for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(string)]  # a character is a byte here
    cases.append({"text": string, "words": words, "ids": tokenizer.encode(string).ids})

path = os.path.join(os.path.dirname(__file__), "../text/fixtures/byte_bpe.json")
with open(path, "w") as out:
    json.dump({"made_by": f"tokenizers {tokenizers.__version__}", "tokens": tokens, "types": types, "merges": merges,
               "cases": cases}, out, ensure_ascii=True, separators=(",", ":"))
    out.write("\n")
print(os.path.getsize(path), "bytes,", len(tokens), "tokens,", len(merges), "merges", file=sys.stderr)
