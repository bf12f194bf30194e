#!/usr/bin/env python3
"""Writes golden.json: what the logits processors of Hugging Face transformers make of some logits.

Needs torch and transformers; golden.json names the version that wrote it. Each case has the options of a sampler and, by
token, the score that `generate` would draw from, null where a filter has removed it. The processors and their order are
those that `generate` itself builds."""
import json
import pathlib

import torch
import transformers
from transformers import GenerationConfig, LogitsProcessorList
from transformers.generation.logits_process import (
    MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

V = 60
generator = torch.Generator().manual_seed(3)
logits = 2.5 * torch.randn(V, generator=generator)
logits[7] = logits[21] = logits[33]  # equals
seen = [3, 3, 7, 11, 40]
OPTIONS = {
    "repetition_penalty": RepetitionPenaltyLogitsProcessor, "temperature": TemperatureLogitsWarper, "top_k": TopKLogitsWarper,
    "top_p": TopPLogitsWarper, "min_p": MinPLogitsWarper,
}
CASES = [
    {}, {"temperature": 0.7}, {"temperature": 1.9}, {"top_k": 1}, {"top_k": 13}, {"top_k": 59}, {"top_k": 60}, {"top_p": 0.01},
    {"top_p": 0.5}, {"top_p": 0.93}, {"top_p": 0.9999}, {"min_p": 0.02}, {"min_p": 0.3}, {"min_p": 1.0},
    {"repetition_penalty": 1.3}, {"repetition_penalty": 0.6}, {"temperature": 0.8, "top_k": 20, "top_p": 0.9},
    {"temperature": 1.4, "top_p": 0.8, "min_p": 0.1},
    {"repetition_penalty": 1.2, "temperature": 0.6, "top_k": 30, "top_p": 0.95, "min_p": 0.05},
]
# Equals at the border of top-k.
rank = int((logits > logits[7]).sum()) + 1
CASES.append({"top_k": rank})

golden = {"transformers": transformers.__version__, "logits": logits.tolist(), "seen": seen, "cases": []}
for case in CASES:
    processors = LogitsProcessorList(kind(case[name]) for name, kind in OPTIONS.items() if name in case)
    scores = processors(torch.tensor([seen]), logits[None].clone())[0]
    golden["cases"].append({**case, "scores": [None if s == -torch.inf else s for s in scores.tolist()]})

# The same order as generate's own list.
model = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=V, n_positions=8, n_embd=8, n_layer=1, n_head=1))
everything = GenerationConfig(
    do_sample=True, repetition_penalty=1.2, temperature=0.6, top_k=30, top_p=0.95, min_p=0.05, max_new_tokens=1,
    pad_token_id=0, bos_token_id=0, eos_token_id=None)
own = model._get_logits_processor(everything, input_ids_seq_length=1, device="cpu")
assert [type(p) for p in own] == list(OPTIONS.values()), own

path = pathlib.Path(__file__).with_name("golden.json")
path.write_text(json.dumps(golden) + "\n")
print(f"{path.name}: {len(CASES)} cases")
