"""Trains a plain PyTorch GPT-2 on the token shards of a drrl-train run; prints one JSON line an evaluation."""
import argparse
import itertools
import json
import math
import pathlib
import sys
import time

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import gpt2  # noqa: E402


def read_shard(path):
    """Tokens (256 int32 of header, then uint16 in version 1, uint32 in version 2) and what the sidecar says of them."""
    header = np.fromfile(path, dtype="<i4", count=256)
    width = {1: 2, 2: 4}.get(header[1] if len(header) > 1 else 0)
    if header[:1] != 20240520 or not width:
        sys.exit(f"{path}: not a token shard; run drrl-train first")
    tokens = np.fromfile(path, dtype=f"<u{width}", offset=1024)
    if header[2] != len(tokens):
        sys.exit(f"{path}: not a whole token shard; run drrl-train first")
    return torch.from_numpy(tokens.astype(np.int64)), json.load(open(f"{path}.json"))


def samples(count, seed):
    """Window numbers without end, each once an epoch."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield from torch.randperm(count, generator=generator).tolist()


def rate(step, o):
    if step <= o.warmup:
        return o.lr * step / o.warmup
    progress = (step - o.warmup) / (o.steps - o.warmup)
    return o.min_lr + (o.lr - o.min_lr) * 0.5 * (1 + math.cos(math.pi * progress))


@torch.no_grad()
def evaluate(model, tokens, described, o):
    """Windows of one context that do not overlap: every token but the first is predicted once."""
    total = 0.0
    for first in range(0, len(tokens) - 1, o.context):
        window = tokens[first : first + o.context + 1][None]
        total += model(window[:, :-1], window[:, 1:], reduction="sum").item()
    return {"valid_perplexity": math.exp(total / (len(tokens) - 1)),
            "valid_word_perplexity": math.exp(total / described["words"]),
            "valid_bits_per_byte": total / math.log(2) / described["bytes"]}


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("data", help="directory of train.bin and valid.bin")
for name in ["layers", "heads", "width", "context", "batch", "steps", "warmup", "eval-every", "seed", "threads"]:
    parser.add_argument("--" + name, type=int, required=True)
for name in ["lr", "min-lr", "weight-decay", "clip"]:
    parser.add_argument("--" + name, type=float, required=True)
o = parser.parse_args()

torch.set_num_threads(o.threads)
torch.manual_seed(o.seed)
train, described = read_shard(f"{o.data}/train.bin")
valid = read_shard(f"{o.data}/valid.bin")
model = gpt2.GPT2(described["vocabulary_size"], o.context, o.width, o.heads, o.layers)
optimizer, _ = model.adamw(o.lr, o.weight_decay)
order = samples((len(train) - 1) // o.context, o.seed)
start = time.monotonic()
for step in range(1, o.steps + 1):
    for group in optimizer.param_groups:
        group["lr"] = rate(step, o)
    drawn = itertools.islice(order, o.batch)
    batch = torch.stack([train[i * o.context : (i + 1) * o.context + 1] for i in drawn])
    loss = gpt2.train_step(model, optimizer, batch[:, :-1], batch[:, 1:], o.clip)
    if step % max(1, o.steps // 40) == 0:
        print(f"PyTorch step {step}/{o.steps}  loss {loss:.4f}", file=sys.stderr, flush=True)
    if step == o.steps or step % o.eval_every == 0:
        line = {"step": step, "loss": loss, **evaluate(model, *valid, o), "seconds": time.monotonic() - start}
        print(json.dumps(line), flush=True)
