"""Makes weights.f32, expected.f32 and golden.json: what PyTorch says of a small GPT-2.

A Hugging Face GPT2LMHeadModel in float64, dropout off, with weights drawn larger than its initial ones so that logits
and attention are far from flat. Recorded: logits, loss and every parameter's gradient of the first batch, then the
losses of ten AdamW steps. Floats are little-endian float32, in golden.json's order; offsets count floats.

    python -m venv venv && venv/bin/pip install torch transformers && venv/bin/python make_golden.py
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

MODEL = dict(vocabularySize=67, context=24, width=24, heads=4, layers=3)
BATCH, STEPS, IGNORED = 2, 10, -1
RATE = dict(peak=5e-3, floor=5e-4, warmup=3, steps=STEPS)
ADAMW = dict(beta1=0.9, beta2=0.95, epsilon=1e-8, weightDecay=0.1)
CLIP = 1.0


def batch(step):
    """Tokens and targets of a step, [BATCH, context]: an integer formula that the test repeats."""
    rows = np.arange(BATCH)[:, None]
    columns = np.arange(MODEL["context"] + 1)[None, :]
    text = (step * 31 + rows * 17 + columns * columns * 7 + columns * (step + rows + 3)) % MODEL["vocabularySize"]
    tokens, targets = text[:, :-1], text[:, 1:].copy()
    targets[:, 5::11] = IGNORED
    return torch.tensor(tokens), torch.tensor(targets)


def rate(step):
    """Linear warm-up, then a cosine to the floor; steps count from 1."""
    if step <= RATE["warmup"]:
        return RATE["peak"] * step / RATE["warmup"]
    progress = (step - RATE["warmup"]) / (RATE["steps"] - RATE["warmup"])
    return RATE["floor"] + (RATE["peak"] - RATE["floor"]) * 0.5 * (1 + math.cos(math.pi * progress))


def make_model():
    config = GPT2Config(
        vocab_size=MODEL["vocabularySize"], n_positions=MODEL["context"], n_embd=MODEL["width"],
        n_head=MODEL["heads"], n_layer=MODEL["layers"], activation_function="gelu_new",
        resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, attn_implementation="eager", bos_token_id=None,
        eos_token_id=None)
    model = GPT2LMHeadModel(config)
    generator = torch.Generator().manual_seed(20251129)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() > 1:
                inner = parameter.shape[1] if "wte" in name or "wpe" in name else parameter.shape[0]
                parameter.copy_(noise / math.sqrt(inner))
            else:
                gain = ".ln_" in name and name.endswith(".weight")
                parameter.copy_((1.0 if gain else 0.0) + 0.2 * noise)
    # Drawn in float32, so that the file holds exactly these weights.
    return model.double()


def loss_of(model, step):
    tokens, targets = batch(step)
    logits = model(tokens).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
    return logits, loss


def train(model):
    """The losses of ten steps, each before its update."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW(
        [dict(params=matrices, weight_decay=ADAMW["weightDecay"]), dict(params=vectors, weight_decay=0.0)],
        betas=(ADAMW["beta1"], ADAMW["beta2"]), eps=ADAMW["epsilon"])
    losses, norms = [], []
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        _, loss = loss_of(model, step)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
        for group in optimizer.param_groups:
            group["lr"] = rate(step)
        optimizer.step()
        losses.append(loss.item())
    return losses, norms


def write(path, arrays):
    """Writes the arrays one after another; returns their (name, shape, offset) list."""
    index, offset = [], 0
    with open(path, "wb") as file:
        for name, array in arrays:
            index.append(dict(name=name, shape=list(array.shape), offset=offset))
            file.write(array.detach().numpy().astype("<f4").tobytes())
            offset += array.numel()
    return index


def main():
    folder = Path(__file__).parent
    model = make_model()
    logits, loss = loss_of(model, 1)
    loss.backward()
    weights = write(folder / "weights.f32", list(model.named_parameters()))
    expected = write(
        folder / "expected.f32",
        [("logits", logits)] + [(name, parameter.grad) for name, parameter in model.named_parameters()])
    first = loss.item()
    losses, norms = train(model)
    golden = dict(
        model=MODEL, batch=BATCH, rate=RATE, adamW=ADAMW, clip=CLIP, loss=first, losses=losses,
        gradientNorms=norms, weights=weights, expected=expected)
    (folder / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
    print("losses", losses)
    print("gradient norms", norms)
    print("deviation of the logits", logits.std().item())


if __name__ == "__main__":
    main()
