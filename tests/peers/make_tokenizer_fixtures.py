#!/usr/bin/env python3
"""Makes tests/text/fixtures/hf_*.json and sentencepiece.json: small tokenizers and the ids that Hugging Face
`tokenizers` and `sentencepiece` give with them for random Unicode strings. test_tokenizer_json.c and
test_sentencepiece.c load the ones and must give the others.

SmolLM2's and MiniLM's are the real ones, cut down to the tokens and merges that these strings can meet; the others are
learnt here with the rules of Llama 3 and Qwen2 and with added tokens of every kind.

    tests/peers/venv.sh tokenizers
    build/peers/tokenizers/bin/python tests/peers/make_tokenizer_fixtures.py --smollm2 FILE.gguf --minilm FOLDER
"""
import argparse
import io
import json
import os
import random

import sentencepiece
import tokenizers
from tokenizer_ids import HERE, WORDS, minilm, smollm2, text
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
          r"\s+(?!\S)|\s+")


def save(name, kind, tokenizer, cases):
    path = os.path.join(HERE, "../text/fixtures", name + ".json")
    with open(path, "w") as out:
        json.dump({"made_by": kind, "tokenizer": tokenizer, "cases": cases}, out, separators=(",", ":"))
        out.write("\n")
    print(os.path.basename(path), os.path.getsize(path), "bytes,", len(cases), "cases")


def save_hf(name, peer, strings):
    definition = json.loads(peer.to_str())
    peer = Tokenizer.from_str(json.dumps(definition))
    save(name, f"tokenizers {tokenizers.__version__}", definition, [{"text": s, "ids": peer.encode(s).ids} for s in strings])


def short(specials, n, longest=150):
    found = []
    while len(found) < n:
        s = text(specials)
        if len(s) <= longest:
            found.append(s)
    return found


def cut_bpe(peer, strings):
    """The same tokenizer with those merges alone that these strings come by on their way, and their tokens."""
    definition = json.loads(peer.to_str())
    ranks = {tuple(m): i for i, m in enumerate(definition["model"]["merges"])}
    kept = set()
    for string in strings:
        for word, _ in peer.pre_tokenizer.pre_tokenize_str(string):
            symbols = [c for c in word if c in definition["model"]["vocab"]]
            while True:
                pairs = [(ranks[p], i) for i, p in enumerate(zip(symbols, symbols[1:])) if p in ranks]
                kept.update(r for r, _ in pairs)
                if not pairs:
                    break
                i = min(pairs)[1]
                symbols[i:i + 2] = [symbols[i] + symbols[i + 1]]
    merges = [m for i, m in enumerate(definition["model"]["merges"]) if i in kept]
    tokens = {t for m in merges for t in (*m, "".join(m))} | {a["content"] for a in definition["added_tokens"]}
    definition["model"]["merges"] = merges
    definition["model"]["vocab"] = {t: i for t, i in definition["model"]["vocab"].items() if len(t) == 1 or t in tokens}
    return check_cut(peer, definition, strings)


def cut_wordpiece(peer, strings):
    """Tokens that these strings don't become were never the longest."""
    definition = json.loads(peer.to_str())
    used = {i for s in strings for i in peer.encode(s).ids} | {a["id"] for a in definition["added_tokens"]}
    definition["model"]["vocab"] = {t: i for t, i in definition["model"]["vocab"].items() if i in used}
    return check_cut(peer, definition, strings)


def check_cut(peer, definition, strings):
    cut = Tokenizer.from_str(json.dumps(definition))
    assert all(cut.encode(s).ids == peer.encode(s).ids for s in strings)
    return cut


def learnt(numbers, normalizer, ignore_merges, begin, strings):
    peer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        peer.normalizer = normalizer
    peer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3 % numbers), "isolated"),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    peer.decoder = decoders.ByteLevel()
    peer.train_from_iterator(strings, trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<|begin|>", "<|end|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    peer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False), AddedToken("<|end|>of", normalized=False)])
    peer.add_tokens([AddedToken("Right", rstrip=True, normalized=False), AddedToken("Ünï", normalized=True),
                     AddedToken("word", single_word=True, normalized=False), AddedToken("both", lstrip=True, rstrip=True),
                     AddedToken("Ǎ", normalized=True), AddedToken("alone", single_word=True, normalized=True)])
    if begin:
        peer.post_processor = processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", 0)])
    return peer


ADDED = ["<|begin|>", "<|end|>", "<|end|>of", "  <mask>", "\n<mask> ", "Right  ", "Right\u3000x", "Ünï", "U\u0308ni\u0308",
         "word", "words", " word.", "sword word", "  both  ", "Ǎ", "A\u030c", "alone", "alonely", "é" + "word", "<|en"]


def sentencepiece_fixture(strings, add_space):
    model = io.BytesIO()
    corpus = ["".join(random.choice(WORDS) + random.choice(["", " ", "  "]) for _ in range(20)) for _ in range(800)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_writer=model, model_type="bpe", vocab_size=700, byte_fallback=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=add_space,
        character_coverage=0.98, user_defined_symbols=["<|user|>"], minloglevel=2)
    sp = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    kinds = [(sp.IsUnknown, 2), (sp.IsControl, 3), (sp.IsByte, 6)]
    n = sp.GetPieceSize()
    tokens = [sp.IdToPiece(i) for i in range(n)]
    types = [next((kind for test, kind in kinds if test(i)), 4 if tokens[i] == "<|user|>" else 1) for i in range(n)]
    # A text that begins with a user's symbol gets no second space there: sentencepiece puts one before the whole text,
    # Llama's tokenizers before each part of it. So the symbol comes last here.
    cases = [{"text": s, "ids": sp.EncodeAsIds(s)} for s in (*strings, "", " ", "a cute teddy<|user|>")]
    return {"tokens": tokens, "scores": [sp.GetScore(i) for i in range(n)], "types": types, "space_prefix": add_space,
            "unk": sp.unk_id()}, cases


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--smollm2", required=True)
    options.add_argument("--minilm", required=True)
    o = options.parse_args()
    for name, load, path, cut in (("smollm2", smollm2, o.smollm2, cut_bpe), ("minilm", minilm, o.minilm, cut_wordpiece)):
        random.seed(3)
        peer, specials = load(path)
        strings = short(specials, 200, 100)
        save_hf("hf_" + name, cut(peer, strings), strings)
    random.seed(4)
    corpus, strings = [text(["the "]) for _ in range(1500)], short(ADDED, 250)
    strings += [a + b for a in ADDED for b in random.sample(ADDED, 5)]
    save_hf("hf_llama3", learnt(r"\p{N}{1,3}", None, True, True, corpus), strings)
    save_hf("hf_qwen2", learnt(r"\p{N}", normalizers.NFC(), False, False, corpus), strings)
    random.seed(5)
    strings = [s for s in short(["the "], 200, 60) if "\0" not in s]
    for add_space in (True, False):
        tokenizer, cases = sentencepiece_fixture(strings, add_space)
        save("sentencepiece" + ("" if add_space else "_no_prefix"), f"sentencepiece {sentencepiece.__version__}", tokenizer, cases)


if __name__ == "__main__":
    main()
