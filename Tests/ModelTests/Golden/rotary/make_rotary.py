"""Makes rotary.json: the inverse frequencies that transformers gives rotary positions, and what it turns by.

    python -m venv venv && venv/bin/pip install torch transformers && venv/bin/python make_rotary.py
"""

import json
from pathlib import Path

import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

POSITIONS = [0, 1, 2, 127, 1000, 8191]
LLAMA3 = dict(rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=8192)
CASES = [
    dict(head_width=64, rope_theta=10_000.0, rope_type="default"),
    dict(head_width=64, rope_theta=100_000.0, rope_type="default"),
    dict(head_width=8, rope_theta=10_000.0, rope_type="default"),
    dict(head_width=2, rope_theta=10_000.0, rope_type="default"),
    dict(head_width=64, rope_theta=10_000.0, rope_type="linear", factor=4.0),
    dict(head_width=80, rope_theta=1_000_000.0, rope_type="linear", factor=2.5),
    dict(head_width=64, rope_theta=500_000.0, **LLAMA3),
    dict(head_width=128, rope_theta=500_000.0, **(LLAMA3 | dict(factor=8.0))),
    # An original context so small that every kind of frequency is there.
    dict(head_width=16, rope_theta=10_000.0, **(LLAMA3 | dict(factor=3.0, original_max_position_embeddings=16))),
]


def case(head_width, **parameters):
    config = LlamaConfig(
        hidden_size=2 * head_width, num_attention_heads=2, head_dim=head_width, max_position_embeddings=131_072,
        rope_parameters=parameters)
    rotary = LlamaRotaryEmbedding(config)
    cosines, sines = rotary(torch.zeros(1), torch.tensor([POSITIONS]))
    half = head_width // 2
    return dict(
        headWidth=head_width, parameters=parameters, frequencies=rotary.inv_freq.tolist(), positions=POSITIONS,
        cosines=cosines[0, :, :half].flatten().tolist(), sines=sines[0, :, :half].flatten().tolist())


if __name__ == "__main__":
    text = json.dumps([case(**each) for each in CASES])
    (Path(__file__).parent / "rotary.json").write_text(text.replace('}, {"headWidth"', '},\n{"headWidth"') + "\n")
