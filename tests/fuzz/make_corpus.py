#!/usr/bin/env python3
"""Writes the seeds of tests/fuzz/corpus/: small valid files, and broken ones that each differ in one field."""
import io
import json
import math
import os
import struct
import zipfile

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)


def save(kind, name, data):
    os.makedirs(os.path.join(HERE, kind), exist_ok=True)
    with open(os.path.join(HERE, kind, name), "wb") as out:
        out.write(data)


def string(s):
    s = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(s)) + s


def value(key, kind, data):
    return string(key) + struct.pack("<I", kind) + data


def array(key, kind, count, data):
    return value(key, ARRAY, struct.pack("<IQ", kind, count) + data)


def tensor(name, dims, kind, offset):
    return string(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


def gguf(values=(), tensors=(), data=b"", version=3, magic=b"GGUF", n_values=None, n_tensors=None, alignment=32):
    head = magic + struct.pack("<IQQ", version, len(tensors) if n_tensors is None else n_tensors,
                               len(values) if n_values is None else n_values)
    head += b"".join(values) + b"".join(tensors)
    return head + bytes(-len(head) % alignment) + data


every = [value("u8", U8, b"\x01"), value("i8", I8, b"\xff"), value("u16", U16, b"\1\0"), value("i16", I16, b"\1\0"),
         value("u32", U32, b"\1\0\0\0"), value("i32", I32, b"\xff\xff\xff\xff"), value("f32", F32, b"\0\0\x80\x3f"),
         value("bool", BOOL, b"\x01"), value("s", STRING, string("text")), value("u64", U64, bytes(8)),
         value("i64", I64, b"\xff" * 8), value("f64", F64, struct.pack("<d", 0.5)),
         array("i32s", I32, 2, bytes(8)), array("f32s", F32, 1, bytes(4)), array("bools", BOOL, 2, b"\0\1"),
         array("none", STRING, 0, b""), array("strings", STRING, 2, string("a") + string("")),
         array("nested", ARRAY, 1, struct.pack("<IQ", U8, 2) + b"xy")]
save("gguf", "valid-empty", gguf())
save("gguf", "valid-values", gguf(every))
save("gguf", "valid-version-2", gguf(every[:4], version=2))
save("gguf", "valid-tensors", gguf([], [tensor("a", [4, 2], 0, 0), tensor("b", [32], 8, 32), tensor("c", [6, 1, 2], 1, 96)],
                                   bytes(range(120))))
save("gguf", "valid-alignment", gguf([value("general.alignment", U32, b"\x08\0\0\0")], [tensor("a", [2], 0, 8)],
                                     bytes(16), alignment=8))
save("gguf", "broken-nothing", b"")
save("gguf", "broken-magic", gguf(magic=b"GGML"))
save("gguf", "broken-version", gguf(version=4))
save("gguf", "broken-big-endian", gguf(version=0x03000000))
save("gguf", "broken-n-values", gguf(n_values=2**63))
save("gguf", "broken-n-tensors", gguf(n_tensors=2**60))
save("gguf", "broken-key-length", gguf([struct.pack("<Q", 2**64 - 1) + b"key"]))
save("gguf", "broken-key-twice", gguf([every[0], every[0]]))
save("gguf", "broken-value-type", gguf([value("k", 99, bytes(8))]))
save("gguf", "broken-bool", gguf([value("k", BOOL, b"\x07")]))
save("gguf", "broken-array-count", gguf([array("k", U64, 2**61 + 1, bytes(64))]))
save("gguf", "broken-string-array", gguf([array("k", STRING, 3, string("a") + struct.pack("<Q", 2**40))]))
save("gguf", "broken-nesting", gguf([array("k", ARRAY, 1, struct.pack("<IQ", ARRAY, 1) * 40)]))
save("gguf", "broken-alignment", gguf([value("general.alignment", U32, b"\x03\0\0\0")]))
save("gguf", "broken-dims", gguf([], [tensor("a", [1] * 9, 0, 0)], bytes(32)))
save("gguf", "broken-product", gguf([], [tensor("a", [2**40, 2**40], 0, 0)], bytes(32)))
save("gguf", "broken-type", gguf([], [tensor("a", [4], 31, 0)], bytes(32)))
save("gguf", "broken-block", gguf([], [tensor("a", [33], 2, 0)], bytes(64)))
save("gguf", "broken-offset", gguf([], [tensor("a", [4], 0, 2**64 - 32)], bytes(32)))
save("gguf", "broken-overlap", gguf([], [tensor("a", [16], 0, 0), tensor("b", [4], 0, 32)], bytes(64)))
save("gguf", "broken-name-twice", gguf([], [tensor("a", [4], 0, 0), tensor("a", [4], 0, 32)], bytes(64)))
save("gguf", "broken-part", gguf([value("split.count", U16, b"\2\0"), value("split.no", U16, b"\0\0")]))
save("gguf", "valid-every-type", gguf([], [tensor(name, [256], kind, offset) for name, kind, offset in [
    ("q8", 8, 0), ("q40", 2, 288), ("q41", 3, 448), ("q50", 6, 608), ("q51", 7, 800), ("q4k", 12, 992), ("q5k", 13, 1152),
    ("q6k", 14, 1344), ("bf", 30, 1568)]], bytes(range(256)) * 9))
save("gguf", "broken-cut", gguf(every, [tensor("a", [16], 0, 0)], bytes(40)))

save("tokenizer", "train", b"\x20the cat sat on the mat; the cat's hat isn't that. aaaa aaaaa aaa")
save("tokenizer", "train-unicode", b"\x80" + "naïve café \U0001f98a\u200d\U0001f98a 日本語 日本 ١٢٣ \u3000\u2028".encode())
save("tokenizer", "train-bytes", b"\xff" + bytes(range(256)) + b"\xc3\xe2\x82\xf0\x9f \xff\xff")
save("tokenizer", "characters", b"c" + "née €₭ ö\n".encode() + b"\xff\xc3")
save("tokenizer", "vocabulary", b"v1ab\n1abc\n3<|end|>\n4two words\nma b\nmab c\n\nabcab two words <|end|><|en \xff")
save("tokenizer", "vocabulary-cycle", b"v1ab\nma b\nmb a\nmab ab\n\nabab")
save("tokenizer", "vocabulary-no-bytes", b"vx\n2?\n1a\n1b\n1ab\nma b\nu\x00\n\nab ba c")
save("tokenizer", "vocabulary-empty", b"vx\n\n")
save("tokenizer", "vocabulary-drops", b"vx\n1a\n1b\n1ab\nma b\n\nab acb ba")
save("tokenizer", "vocabulary-types", b"v5unused\n6byte\n2<unk>\n7bad\n\nunused byte <unk>")


# A checkpoint's state.json: the fields as they are written, or one of them changed (None: left out).
ZERO, HASH = "0" * 16, "0123456789abcdef"
state = {"version": 1, "step": 1200, "data_hash": HASH, "batches": [HASH, ZERO, "f" * 16], "best_loss": 1.625,
         "hashes": {"model.gguf": HASH, "optimizer.gguf": ZERO}, "device": {"name": "a device", "driver": "é"},
         "settings": {"data": "text", "lr": 0.001, "seed": 1}}


def state_json(**changes):
    fields = {**state, **changes}
    return json.dumps({k: v for k, v in fields.items() if v is not None}, indent=2, ensure_ascii=False).encode()


save("checkpoint", "valid-state", state_json())
save("checkpoint", "valid-state-bare", state_json(step=0, device=None, settings=None).replace(b"1.625", b"null"))
save("checkpoint", "valid-state-best", state_json(hashes={**state["hashes"], "best.gguf": HASH}))
save("checkpoint", "broken-state-nothing", b"")
save("checkpoint", "broken-state-cut", state_json()[:120])
save("checkpoint", "broken-state-more", state_json() + b"}")
save("checkpoint", "broken-state-array", b"[" + state_json() + b"]")
save("checkpoint", "broken-state-nul", state_json().replace(b"text", b"te\0t"))
save("checkpoint", "broken-state-escaped-nul", state_json().replace(b"text", b"te\\u0000t"))
save("checkpoint", "broken-state-utf8", state_json().replace("é".encode(), b"\xe9"))
save("checkpoint", "broken-state-key-twice", state_json().replace(b'"seed"', b'"lr"'))
save("checkpoint", "broken-state-nesting", state_json().replace(b"1.625", b"[" * 5000 + b"]" * 5000))
save("checkpoint", "broken-state-nan", state_json().replace(b"1.625", b"NaN"))
save("checkpoint", "broken-state-infinity", state_json().replace(b"1.625", b"Infinity"))
save("checkpoint", "broken-state-overflow", state_json().replace(b"1.625", b"1e999"))
save("checkpoint", "broken-state-wide", state_json().replace(b"1200", b"9" * 40))
for field in "version", "step", "data_hash", "batches", "best_loss", "hashes":
    save("checkpoint", f"broken-state-without-{field}", state_json(**{field: None}))
for name, field, value in [("version-2", "version", 2), ("version-text", "version", "1"), ("step-negative", "step", -1),
                           ("step-large", "step", 2**40 + 1), ("step-real", "step", 5.0), ("step-bool", "step", True),
                           ("hash-short", "data_hash", HASH[1:]), ("hash-number", "data_hash", 7),
                           ("hash-sign", "data_hash", "-" + HASH[1:]), ("batches-two", "batches", [ZERO, ZERO]),
                           ("batches-number", "batches", [ZERO, 7, ZERO]), ("batches-object", "batches", {}),
                           ("loss-negative", "best_loss", -0.5), ("loss-text", "best_loss", "1.5"),
                           ("hashes-array", "hashes", [HASH]), ("hashes-one", "hashes", {"model.gguf": HASH}),
                           ("hashes-best", "hashes", {**state["hashes"], "best.gguf": None})]:
    save("checkpoint", f"broken-state-{name}", state_json(**{field: value}))

# Its optimizer.gguf, of a model with a.weight [2, 3] (innermost first: 3, 2) and b [4].
weights, biases = [("m.a.weight", [3, 2]), ("v.a.weight", [3, 2])], [("m.b", [4]), ("v.b", [4])]


def moments(list, kind=0):
    return gguf([], [tensor(name, dims, kind, 32 * i) for i, (name, dims) in enumerate(list)], bytes(range(128)))


save("checkpoint", "valid-moments", moments(weights + biases))
save("checkpoint", "broken-moments-none", moments([]))
save("checkpoint", "broken-moments-one", moments(weights + biases[:1]))
save("checkpoint", "broken-moments-transposed", moments([("m.a.weight", [2, 3])] + weights[1:] + biases))
save("checkpoint", "broken-moments-flat", moments([("m.a.weight", [6])] + weights[1:] + biases))
save("checkpoint", "broken-moments-rank", moments(weights + [("m.b", [4, 1]), ("v.b", [4])]))
save("checkpoint", "broken-moments-type", moments(weights + biases, kind=1))
save("checkpoint", "broken-moments-cut", moments(weights + biases)[:-40])


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


pair = {"__metadata__": {"format": "pt"}, "a": entry("F32", [2, 2], 0, 16), "b": entry("F16", [3], 16, 22)}
save("safetensors", "valid-pair", safetensors(pair, bytes(range(22))))
save("safetensors", "valid-empty", safetensors({}))
save("safetensors", "valid-padded", safetensors(b'{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}   ', b"x"))
save("safetensors", "valid-types", safetensors({
    "i64": entry("I64", [1], 0, 8), "i32": entry("I32", [1, 1], 8, 12), "bf": entry("BF16", [2], 12, 16),
    "bool": entry("BOOL", [1], 16, 17), "none": entry("F32", [0, 5], 17, 17), "f8": entry("F8_E4M3", [3], 17, 20)}, bytes(20)))
save("safetensors", "broken-nothing", b"")
save("safetensors", "broken-length", safetensors({}, length=2**64 - 1))
save("safetensors", "broken-array", safetensors(b"[]"))
save("safetensors", "broken-json", safetensors(b'{"a":'))
save("safetensors", "broken-twice", safetensors(
    b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', b"xy"))
save("safetensors", "broken-dtype", safetensors({"a": entry("F31", [1], 0, 4)}, bytes(4)))
save("safetensors", "broken-shape", safetensors({"a": entry("F32", [-1], 0, 4)}, bytes(4)))
save("safetensors", "broken-product", safetensors({"a": entry("F32", [2**40, 2**40], 0, 0)}))
save("safetensors", "broken-dims", safetensors({"a": entry("U8", [1] * 9, 0, 1)}, b"x"))
save("safetensors", "broken-end", safetensors({"a": entry("F32", [2], 0, 8)}, bytes(4)))
save("safetensors", "broken-backwards", safetensors({"a": entry("F32", [2], 8, 0)}, bytes(8)))
save("safetensors", "broken-negative", safetensors({"a": entry("F32", [2], -8, 0)}, bytes(8)))
save("safetensors", "broken-size", safetensors({"a": entry("F32", [2], 0, 4)}, bytes(4)))
save("safetensors", "broken-overlap", safetensors({"a": entry("U8", [4], 0, 4), "b": entry("U8", [4], 2, 6)}, bytes(6)))
save("safetensors", "broken-hole", safetensors({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 4, 6)}, bytes(6)))
save("safetensors", "broken-rest", safetensors({"a": entry("U8", [2], 0, 2)}, bytes(6)))
save("safetensors", "broken-metadata", safetensors({"__metadata__": {"a": 1}}))
save("safetensors", "broken-nul", safetensors(b'{"a\\u0000":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x"))
save("safetensors", "broken-deep", safetensors(b'{"a":' * 3000 + b"1" + b"}" * 3000))



def model(dtype, shapes):
    """Safetensors of those shapes, all numbers the same."""
    width, number, header, end = (4, b"\0\0\x80\x3f", {}, 0) if dtype == "F32" else (2, b"\x80\x3f", {}, 0)
    for name, shape in shapes.items():
        begin, end = end, end + width * math.prod(shape)
        header[name] = entry(dtype, shape, begin, end)
    return safetensors(header, number * (end // width))


def both(name, *shape):
    return {name + ".weight": list(shape), name + ".bias": [shape[-1]]}


# Of the sizes that fuzz_hub.c takes: width 4, 2 heads, 3 rows of ids, 2 positions, 3 inside.
H, L, B = "transformer.h.0.", "model.layers.0.", "encoder.layer.0."
OF_GPT2 = {"transformer.wte.weight": [3, 4], "transformer.wpe.weight": [2, 4], **both(H + "ln_1", 4), **both(H + "ln_2", 4),
           **both(H + "attn.c_attn", 4, 12), **both(H + "attn.c_proj", 4, 4), **both(H + "mlp.c_fc", 4, 3),
           **both(H + "mlp.c_proj", 3, 4), **both("transformer.ln_f", 4), "lm_head.weight": [3, 4]}
OF_LLAMA = {"model.embed_tokens.weight": [3, 4], "model.norm.weight": [4], "lm_head.weight": [3, 4],
            L + "input_layernorm.weight": [4], L + "post_attention_layernorm.weight": [4],
            **{L + f"self_attn.{p}_proj.weight": [4, 4] for p in "qkvo"},
            **{L + f"mlp.{p}_proj.weight": shape for p, shape in {"gate": [3, 4], "up": [3, 4], "down": [4, 3]}.items()}}
OF_QWEN2 = {**OF_LLAMA, **{L + f"self_attn.{p}_proj.bias": [4] for p in "qkv"}}
OF_BERT = {**{f"embeddings.{p}_embeddings.weight": [n, 4] for p, n in {"word": 3, "position": 2, "token_type": 2}.items()},
           **both("embeddings.LayerNorm", 4), **{k: v for p in ("query", "key", "value") for k, v in
                                                 both(B + "attention.self." + p, 4, 4).items()},
           **both(B + "attention.output.dense", 4, 4), **both(B + "attention.output.LayerNorm", 4),
           B + "intermediate.dense.weight": [3, 4], B + "intermediate.dense.bias": [3],
           B + "output.dense.weight": [4, 3], B + "output.dense.bias": [4], **both(B + "output.LayerNorm", 4)}
for name, shapes in {"gpt2": OF_GPT2, "llama": OF_LLAMA, "qwen2": OF_QWEN2, "bert": OF_BERT}.items():
    save("hub", "valid-" + name, model("F32", shapes))
    save("hub", "valid-" + name + "-bf16", model("BF16", shapes))
    first = next(iter(shapes))
    save("hub", "broken-missing-" + name, model("F32", {k: v for k, v in shapes.items() if k != first}))
    save("hub", "broken-more-" + name, model("F32", {**shapes, "more": [1]}))
save("hub", "broken-rows", model("F32", {**OF_LLAMA, L + "self_attn.q_proj.weight": [3, 4]}))
save("hub", "broken-flat", model("F32", {**OF_GPT2, H + "attn.c_attn.weight": [48]}))
save("hub", "broken-vocabulary", model("F32", {**OF_BERT, "embeddings.word_embeddings.weight": [4, 4]}))

GPT2 = {"model_type": "gpt2", "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 4, "vocab_size": 9, "n_inner": None,
        "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new"}
LLAMA = {"model_type": "llama", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
         "max_position_embeddings": 4, "vocab_size": 9, "intermediate_size": 16, "rms_norm_eps": 1e-6,
         "tie_word_embeddings": True, "head_dim": 4}
BERT = {"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 4,
        "vocab_size": 9, "intermediate_size": 16, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu",
        "position_embedding_type": "absolute"}
for name, config in {"gpt2": GPT2, "bert": BERT, "llama": {**LLAMA, "rope_theta": 1e4},
                     "qwen2": {**LLAMA, "model_type": "qwen2", "rope_theta": 1e6, "use_sliding_window": False},
                     "llama-parameters": {**LLAMA, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}},
                     "llama-scaled": {**LLAMA, "rope_theta": 1e4, "rope_scaling": {"factor": 8.0}},
                     "gpt2-large": {**GPT2, "n_embd": 10**18, "n_head": -3}}.items():
    save("config", name, json.dumps(config).encode())


def archive(*entries, comment=b""):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, data, method in entries:
            z.writestr(zipfile.ZipInfo(name), data, method)
        z.comment = comment
    return out.getvalue()


def spoil(data, at, value):
    return data[:at] + value + data[at + len(value):] if at >= 0 else spoil(data, len(data) + at, value)


entries = [("a/b.txt", b"stored", zipfile.ZIP_STORED), ("c", b"deflated " * 50, zipfile.ZIP_DEFLATED), ("", b"", 0)]
save("zip", "valid-entries", archive(*entries))
save("zip", "valid-empty", archive())
save("zip", "valid-comment", archive(*entries, comment=b"PK\5\6 is not the end"))
save("zip", "valid-dots", archive(("../../etc/x", b"x", 0), ("/abs", b"y", 0)))
save("zip", "broken-nothing", b"")
save("zip", "broken-count", spoil(archive(*entries), -12, b"\x09\0\x09\0"))
save("zip", "broken-offset", spoil(archive(*entries), -6, b"\xfe\xff\xff\xff"))
save("zip", "broken-size", spoil(archive(*entries), -10, b"\xfe\xff\xff\xff"))
save("zip", "broken-cut", archive(*entries)[:-5])
save("zip", "broken-local", spoil(archive(*entries), 0, b"XX"))


TEXT = "Aé 12  <s>ab\n\n't teddy x y\u0301\u0323 中文<mask> words".encode() + b"\xff\xc3"
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
PATTERN = r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s+(?!\S)|\s+"
BPE = {"model": {"type": "BPE", "unk_token": None, "ignore_merges": True, "merges": ["a b", ["Ġ", "ab"]],
                 "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4, "1": 5, "t": 6, "Ã": 7, "Ċ": 8}},
       "normalizer": {"type": "NFC"},
       "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
           {"type": "Digits", "individual_digits": True},
           {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated"}, BYTE_LEVEL]},
       "added_tokens": [{"id": 9, "content": "<s>", "special": True}, {"id": 11, "content": "<mask>", "lstrip": True},
                        {"id": 10, "content": "word", "single_word": True, "rstrip": True, "normalized": True}],
       "post_processor": {"type": "TemplateProcessing", "special_tokens": {"<s>": {"ids": [9]}}, "single": [
           {"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]}}
WORDPIECE = {"model": {"type": "WordPiece", "unk_token": "[UNK]", "max_input_chars_per_word": 9,
                       "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "te": 3, "##d": 4, "##dy": 5, "a": 6, "中": 7}},
             "normalizer": {"type": "BertNormalizer", "strip_accents": None, "lowercase": True},
             "pre_tokenizer": {"type": "BertPreTokenizer"}, "added_tokens": [{"id": 1, "content": "[CLS]", "special": True}],
             "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]}}
GPT2 = {**BPE, "normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True}}


def hf(name, tokenizer, text=TEXT):
    save("tokenizer", "json-" + name, b"j" + json.dumps(tokenizer, ensure_ascii=False).encode() + b"\0" + text)


hf("bpe", BPE)
hf("gpt2", GPT2)
hf("wordpiece", WORDPIECE)
hf("string-split", {**BPE, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"String": "a.b"}, "behavior": "Isolated"}, BYTE_LEVEL]}})
hf("backtracking", {**BPE, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "(a+)+(?=b)|(?=a)"}, "behavior": "Isolated"}, BYTE_LEVEL]}}, b"a" * 300)
hf("id-large", {**BPE, "added_tokens": [{"id": 2**31 - 1, "content": "x"}]})
hf("id-twice", {**BPE, "added_tokens": [{"id": 0, "content": "x"}]})
hf("nested", {**BPE, "normalizer": {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": [{"type": "NFC"}]}]}})
hf("wrong-types", {"model": {"type": "BPE", "vocab": [], "merges": {}}, "added_tokens": {}, "normalizer": 1})
save("tokenizer", "vocab-txt", b"t[UNK]\n[CLS]\r\n[SEP]\na\nte\n##d\n##dy\n##\n\0" + TEXT)
save("tokenizer", "vocab-json", b"m" + json.dumps(BPE["model"]["vocab"]).encode() + b"\0#version\na b\n\0" + TEXT)
