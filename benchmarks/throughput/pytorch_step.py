"""Times the same training step as throughput-benchmark in PyTorch, on random tokens; prints JSON."""
import argparse
import json
import pathlib
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import gpt2  # noqa: E402


def peak_resident_bytes():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10


parser = argparse.ArgumentParser(description=__doc__)
for name, default in [("layers", 6), ("width", 512), ("heads", 8), ("context", 1024), ("batch", 2),
                      ("vocabulary", 50257), ("threads", 2), ("steps", 10), ("warmup", 1)]:
    parser.add_argument("--" + name, type=int, default=default)
parser.add_argument("--compile", action="store_true", help="through torch.compile")
parser.add_argument("--bf16", action="store_true", help="under bfloat16 autocast")
options = parser.parse_args()

torch.set_num_threads(options.threads)
torch.manual_seed(1)
model = gpt2.GPT2(options.vocabulary, options.context, options.width, options.heads, options.layers)
optimizer, fused = model.adamw(lr=1e-4)
forward = torch.compile(model) if options.compile else model
seconds = []
for step in range(options.warmup + options.steps):
    ids = torch.randint(options.vocabulary, (options.batch, options.context + 1))
    start = time.monotonic()
    loss = gpt2.train_step(forward, optimizer, ids[:, :-1], ids[:, 1:], bf16=options.bf16)
    if step >= options.warmup:
        seconds.append(time.monotonic() - start)

print(json.dumps({
    "torch": torch.__version__, "mode": "torch.compile" if options.compile else "eager", "bf16": options.bf16, "fused_adamw": fused,
    "threads": torch.get_num_threads(), "seconds": seconds, "loss": loss,
    "tokens_per_second": [options.batch * options.context / s for s in seconds],
    "peak_rss": peak_resident_bytes()}))
