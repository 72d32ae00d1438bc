#!/usr/bin/env python3
"""Holds models that transformers wrote against the same folders in lectern: small GPT-2s, Llamas and Qwen2s of random numbers, in
f32, f16 and bf16, tied and not, in one file and in shards; the logits of one text.

    tests/peers/venv.sh sentence
    build/peers/sentence/bin/python tests/peers/folders_transformers.py
"""
import json
import os
import subprocess
import sys
import tempfile

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

LECTERN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/lectern")
TEXT = "Once upon a time"
VOCAB = 256


def save_tokenizer(folder):
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    fast.save_pretrained(folder)
    return fast


def gpt2(tied):
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCAB, n_positions=64, n_embd=32, n_layer=2, n_head=4, n_inner=72,
                                      tie_word_embeddings=tied, bos_token_id=None, eos_token_id=None))


def llama(tied):
    return LlamaForCausalLM(LlamaConfig(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
                                        tie_word_embeddings=tied, bos_token_id=None, eos_token_id=None))


def qwen2(tied):
    return Qwen2ForCausalLM(Qwen2Config(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
                                        tie_word_embeddings=tied, bos_token_id=None, eos_token_id=None))


def scaled_llama(tied):
    return LlamaForCausalLM(LlamaConfig(vocab_size=VOCAB, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
                                        rope_scaling={"rope_type": "linear", "factor": 4.0}, tie_word_embeddings=tied,
                                        bos_token_id=None, eos_token_id=None))


def difference(make, tied, dtype, shard):
    torch.manual_seed(5)
    model = make(tied).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2 + (1.0 if "ln_" in name or "norm" in name else 0.0))
    model = model.to(dtype)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = save_tokenizer(folder)
        model.save_pretrained(folder, max_shard_size=shard)
        again = type(model).from_pretrained(folder, dtype=torch.float32)  # its rotary frequencies in f32
        shards = len([name for name in os.listdir(folder) if name.endswith(".safetensors")])
        out = subprocess.run([LECTERN, "probe", "--model", folder, "--prompt", TEXT, "--name", "logits", "--json"], check=True,
                             stdout=subprocess.PIPE).stdout
    said = json.loads(out)
    ids = tokenizer(TEXT)["input_ids"]
    with torch.no_grad():
        theirs = again(torch.tensor([ids])).logits.flatten()
    if [token["id"] for token in said["tokens"]] != ids:
        return shards, float("inf")
    return shards, (torch.tensor(said["activations"][0]["values"]) - theirs).abs().max().item() / theirs.abs().max().item()


def main():
    failed = False
    for make in gpt2, llama, scaled_llama, qwen2:
        for tied in True, False:
            for dtype in torch.float32, torch.float16, torch.bfloat16:
                for shard in "1GB", "20KB":
                    shards, off = difference(make, tied, dtype, shard)
                    failed |= off > 2e-5 or (shard == "20KB") != (shards > 1)
                    print(f"{make.__name__} {'tied' if tied else 'untied'} {dtype} in {shards} files: {off:.1e} of the largest")
    sys.exit(int(failed))


main()
