"""Makes a folder for each small random model: what transformers says of it.

A folder is a Hugging Face directory as save_pretrained writes it (config.json, model.safetensors in float32), and beside
it, in expected.safetensors and expected.json, what the model gives for one batch: logits, loss, every parameter's gradient,
and the losses of ten AdamW steps on that batch. Weights, biases and gains are all random and larger than a fresh model's,
so that logits and attention are far from flat. The models compute in float64 but where transformers itself goes down to
float32 (RMSNorm, rotary angles, softmax of the Llama family), with eager attention.

    python -m venv venv && venv/bin/pip install torch transformers safetensors && venv/bin/python make_golden.py [CASE ...]
"""

import json
import math
import shutil
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

VOCABULARY, CONTEXT, BATCH, STEPS = 96, 24, 2, 10
ADAMW = dict(lr=1e-3, betas=(0.9, 0.95), eps=1e-8)
DECAY, CLIP = 0.1, 1.0
COMMON = dict(vocab_size=VOCABULARY, max_position_embeddings=CONTEXT, bos_token_id=None, eos_token_id=None)

CASES = {
    "gpt2": transformers.GPT2Config(
        vocab_size=VOCABULARY, n_positions=CONTEXT, n_embd=36, n_head=3, n_layer=2, activation_function="gelu_new",
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, bos_token_id=None, eos_token_id=None),
    # Three queries share a key; the head is the embedding.
    "llama": transformers.LlamaConfig(
        **COMMON, hidden_size=72, num_attention_heads=9, num_key_value_heads=3, num_hidden_layers=2,
        intermediate_size=100, tie_word_embeddings=True, rms_norm_eps=1e-5,
        rope_parameters=dict(rope_type="default", rope_theta=100_000.0)),
    # Heads wider than hidden / heads, biases everywhere, and frequencies of which some are kept, some scaled, one between.
    "llama-untied": transformers.LlamaConfig(
        **COMMON, hidden_size=40, num_attention_heads=4, num_key_value_heads=2, head_dim=16, num_hidden_layers=2,
        intermediate_size=72, tie_word_embeddings=False, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-6,
        rope_parameters=dict(
            rope_type="llama3", rope_theta=10_000.0, factor=8.0, low_freq_factor=0.5, high_freq_factor=2.0,
            original_max_position_embeddings=16)),
    "qwen2": transformers.Qwen2Config(
        **COMMON, hidden_size=48, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=2,
        intermediate_size=80, tie_word_embeddings=True, use_sliding_window=False, rms_norm_eps=1e-6,
        rope_parameters=dict(rope_type="default", rope_theta=1_000_000.0)),
    # All queries share one key.
    "mistral": transformers.MistralConfig(
        **COMMON, hidden_size=40, num_attention_heads=5, num_key_value_heads=1, num_hidden_layers=2,
        intermediate_size=72, sliding_window=None, rms_norm_eps=1e-5,
        rope_parameters=dict(rope_type="linear", rope_theta=10_000.0, factor=2.0)),
}


def make_model(config, seed):
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() > 1:
                # GPT-2's maps are stored [in, out], tables and all others [out, in].
                is_transposed = config.model_type == "gpt2" and not name.endswith(("wte.weight", "wpe.weight"))
                inner = parameter.shape[0 if is_transposed else 1]
                parameter.copy_(noise / math.sqrt(inner))
            else:
                is_gain = name.endswith("weight")
                parameter.copy_((1.0 if is_gain else 0.0) + 0.2 * noise)
    return model.eval()


def loss_of(model, tokens):
    logits = model(tokens[:, :-1], use_cache=False).logits
    return logits, torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def train(model, tokens):
    """The losses of ten steps, each before its update, and the norms of their gradients before clipping."""
    optimizer = torch.optim.AdamW(
        [dict(params=[p for p in model.parameters() if p.dim() > 1], weight_decay=DECAY),
         dict(params=[p for p in model.parameters() if p.dim() == 1], weight_decay=0.0)], **ADAMW)
    losses, norms = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        _, loss = loss_of(model, tokens)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
        optimizer.step()
        losses.append(loss.item())
    return losses, norms


def make(case, seed):
    folder = Path(__file__).parent / case
    shutil.rmtree(folder, ignore_errors=True)
    model = make_model(CASES[case], seed)
    model.save_pretrained(folder)
    # How text is drawn is none of the model's weights.
    (folder / "generation_config.json").unlink(missing_ok=True)
    model = model.double()
    tokens = torch.randint(VOCABULARY, (BATCH, CONTEXT + 1), generator=torch.Generator().manual_seed(seed + 1))
    logits, loss = loss_of(model, tokens)
    loss.backward()
    arrays = {"tokens": tokens.int(), "logits": logits.detach().float(), "loss": loss.detach()}
    arrays |= {f"gradient.{name}": parameter.grad.float() for name, parameter in model.named_parameters()}
    losses, norms = train(model, tokens)
    arrays["losses"] = torch.tensor(losses, dtype=torch.float64)
    save_file({name: array.contiguous() for name, array in arrays.items()}, folder / "expected.safetensors")
    (folder / "expected.json").write_text(json.dumps(dict(
        tokens=tokens.tolist(), loss=loss.item(), losses=losses, gradientNorms=norms,
        adamW=dict(learningRate=ADAMW["lr"], beta1=ADAMW["betas"][0], beta2=ADAMW["betas"][1], epsilon=ADAMW["eps"],
                   weightDecay=DECAY), clip=CLIP)) + "\n")
    print(f"{case}: {sum(p.numel() for p in model.parameters())} parameters, losses {losses[0]:.6f} to {losses[-1]:.6f}, "
          f"gradient norm {norms[0]:.4f}, deviation of the logits {logits.std().item():.3f}")


if __name__ == "__main__":
    for number, case in enumerate(CASES):
        if case in (sys.argv[1:] or CASES):
            make(case, 20261127 + 10 * number)
