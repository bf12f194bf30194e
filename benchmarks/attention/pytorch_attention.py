"""Times the same attention as attention-benchmark in PyTorch: a line of JSON for each context read."""
import argparse
import json
import statistics
import sys
import time

import torch
from torch.nn import functional as F

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--width", type=int, default=512, help="width of the residual stream (512)")
parser.add_argument("--heads", type=int, default=8, help="attention heads (8)")
parser.add_argument("--threads", type=int, default=1, help="threads (1)")
parser.add_argument("--seconds", type=float, default=0.3, help="seconds for which a case is repeated (0.3)")
parser.add_argument("--cpu-time", action="store_true", help="processor time, summed over threads, in place of the clock's")
options = parser.parse_args()
now = time.process_time if options.cpu_time else time.monotonic
torch.set_num_threads(options.threads)
torch.manual_seed(1)


def median(body):
    samples = []
    while not samples or sum(samples) < options.seconds:
        start = now()
        body()
        samples.append(now() - start)
    return statistics.median(samples)


def passes(forward, leaves, output_gradient):
    """Seconds forward, and forward and backward; once before, untimed."""
    def alone():
        with torch.no_grad():
            forward()

    def both():
        for leaf in leaves:
            leaf.grad = None
        forward().backward(output_gradient)

    both()
    return {"forward": median(alone), "both": median(both)}


def times(length):
    heads, width = options.heads, options.width
    q, k, v = (torch.randn(1, heads, length, width // heads, requires_grad=True) for _ in range(3))
    x = torch.randn(1, length, width, requires_grad=True)
    c_attn, c_proj = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)

    def attention():
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    def sublayer():
        split = (part.view(1, length, heads, -1).transpose(1, 2) for part in c_attn(x).split(width, dim=2))
        attended = F.scaled_dot_product_attention(*split, is_causal=True)
        return c_proj(attended.transpose(1, 2).reshape(1, length, width))

    return {
        "attention": passes(attention, [q, k, v], torch.randn(1, heads, length, width // heads)),
        "sublayer": passes(
            sublayer, [x, *c_attn.parameters(), *c_proj.parameters()], torch.randn(1, length, width))}


for line in sys.stdin:
    print(json.dumps(times(int(line))), flush=True)
