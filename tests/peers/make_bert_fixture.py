#!/usr/bin/env python3
"""Makes tests/models/fixtures/bert: a tiny BERT of random numbers as transformers keeps it (config.json,
model.safetensors, vocab.txt, and the settings of sentence-transformers), and in expected.json what transformers and
sentence-transformers compute with it.

    tests/peers/venv.sh sentence
    build/peers/sentence/bin/python tests/peers/make_bert_fixture.py
"""
import json
import os
import shutil

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from transformers import BertConfig, BertModel

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
FOLDER = os.path.join(ROOT, "tests/models/fixtures/bert")
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a the cat dog sat ran on mat and ##s ##ed . , b c ##t".split()
MAX_TEXT = 12  # tokens, less than the model's positions: what is longer is cut

# Two rows: a pair of parts, and one part with padding behind it.
IDS = [[2, 6, 7, 9, 11, 6, 12, 3, 5, 8, 10, 3], [2, 5, 7, 14, 3, 0, 0, 0, 0, 0, 0, 0]]
SEGMENTS = [[0] * 8 + [1] * 4, [0] * 12]
MASK = [[1] * 12, [1] * 5 + [0] * 7]
TEXTS = ["the cat sat on the mat .", "A DOG ran, and cats ran", "", "zebra", "the the the the the the the the the the the the"]


def write(name, value):
    path = os.path.join(FOLDER, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(value if isinstance(value, str) else json.dumps(value, indent=1) + "\n")


def numbers(tensor):
    return [float(f"{x:.7g}") for x in tensor.flatten().tolist()]


def make_model():
    torch.manual_seed(11)
    config = BertConfig(vocab_size=len(WORDS), hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
                        max_position_embeddings=16, type_vocab_size=2, hidden_act="gelu", layer_norm_eps=1e-12)
    model = BertModel(config).eval()
    with torch.no_grad():  # larger than BERT's first weights, so that every part matters
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3 + (1.0 if "LayerNorm.weight" in name else 0.0))
    model.save_pretrained(FOLDER)
    path = os.path.join(FOLDER, "model.safetensors")
    save_file(load_file(path), path)  # without the writer's version
    os.chmod(path, 0o644)
    for name in os.listdir(FOLDER):
        if name not in ("model.safetensors", "config.json"):
            os.remove(os.path.join(FOLDER, name))
    write("config.json", {key: value for key, value in config.to_diff_dict().items() if key != "transformers_version"} |
          {"model_type": "bert", "hidden_act": "gelu", "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0})
    return model


def hidden_states(model):
    with torch.no_grad():
        out = model(input_ids=torch.tensor(IDS), token_type_ids=torch.tensor(SEGMENTS), attention_mask=torch.tensor(MASK),
                    output_hidden_states=True)
    return [numbers(h) for h in out.hidden_states]


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    model = make_model()
    write("vocab.txt", "\n".join(WORDS) + "\n")
    write("tokenizer_config.json", {"do_lower_case": True, "tokenizer_class": "BertTokenizer", "model_max_length": 16})
    write("modules.json", [{"idx": i, "name": str(i), "path": path, "type": "sentence_transformers.models." + kind}
                           for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])])
    write("sentence_bert_config.json", {"max_seq_length": MAX_TEXT, "do_lower_case": False})
    expected = {"ids": IDS, "segments": SEGMENTS, "mask": MASK, "hidden_states": hidden_states(model), "texts": TEXTS,
                "embeddings": {}}
    for mode in ("cls", "mean"):  # the last stays
        write("1_Pooling/config.json", {"word_embedding_dimension": 24, "pooling_mode_cls_token": mode == "cls",
                                        "pooling_mode_mean_tokens": mode == "mean", "pooling_mode_max_tokens": False,
                                        "pooling_mode_mean_sqrt_len_tokens": False})
        os.makedirs(os.path.join(FOLDER, "2_Normalize"), exist_ok=True)
        sentences = SentenceTransformer(FOLDER, device="cpu")
        expected["embeddings"][mode] = [numbers(torch.tensor(e)) for e in sentences.encode(TEXTS)]
    os.rmdir(os.path.join(FOLDER, "2_Normalize"))
    with open(os.path.join(FOLDER, "expected.json"), "w") as file:
        file.write(json.dumps(expected) + "\n")


main()
