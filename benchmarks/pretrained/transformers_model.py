"""What benchmarks/pretrained/run asks of transformers, about the model in a Hugging Face directory; prints JSON."""
import argparse
import json
import pathlib
import sys
import time

import torch
import transformers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import gpt2  # noqa: E402

ATTENTION = "sdpa"


class Losses(torch.nn.Module):
    """A language model as a function of tokens and targets: their negative log-likelihood."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, tokens, targets, reduction="mean"):
        logits = self.model(tokens, use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction=reduction)


def peak_resident_bytes():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10


def cut(options):
    """Writes the first lines of a text that hold so many tokens; says what the first of these are."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.directory)
    text = options.text.read_text(encoding="utf-8")
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    if len(encoded["input_ids"]) < options.count:
        sys.exit(f"{options.text} has {len(encoded['input_ids'])} tokens, fewer than {options.count}")
    end = text.find("\n", encoded["offset_mapping"][options.count - 1][1])
    options.to.write_text(text if end < 0 else text[: end + 1], encoding="utf-8")
    return encoded["input_ids"][:64]


def nll(options):
    """The summed negative log-likelihood of each window of tokens, of which the first is only read."""
    model = Losses(transformers.AutoModelForCausalLM.from_pretrained(
        options.directory, attn_implementation=ATTENTION, dtype=torch.float32).eval())
    with torch.no_grad():
        windows = (torch.tensor([window]) for window in json.loads(options.windows.read_text()))
        return [model(w[:, :-1], w[:, 1:], reduction="none").double().sum().item() for w in windows]


def timed(options):
    """Training steps or forward passes on random tokens, with fresh weights, so that no file counts as memory."""
    config = transformers.AutoConfig.from_pretrained(options.directory)
    torch.manual_seed(1)
    model = Losses(transformers.AutoModelForCausalLM.from_config(
        config, attn_implementation=ATTENTION, dtype=torch.float32))
    optimizer = None if options.forward else gpt2.adamw(model, lr=1e-4)[0]
    model.train(not options.forward)
    seconds, loss = [], 0.0
    for piece in range(options.warmup + options.steps):
        ids = torch.randint(config.vocab_size, (1, options.context + 1))
        start = time.monotonic()
        if options.forward:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
                loss = model(ids[:, :-1], ids[:, 1:]).item()
        else:
            loss = gpt2.train_step(model, optimizer, ids[:, :-1], ids[:, 1:], bf16=options.bf16)
        if piece >= options.warmup:
            seconds.append(time.monotonic() - start)
    return {"torch": torch.__version__, "transformers": transformers.__version__, "seconds": seconds, "loss": loss,
            "tokens_per_second": [options.context / s for s in seconds], "peak_rss": peak_resident_bytes()}


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("directory", type=pathlib.Path)
parser.add_argument("--threads", type=int, default=2)
commands = parser.add_subparsers(required=True)
command = commands.add_parser("cut", help=cut.__doc__)
command.add_argument("--text", type=pathlib.Path, required=True)
command.add_argument("--count", type=int, required=True)
command.add_argument("--to", type=pathlib.Path, required=True)
command.set_defaults(run=cut)
command = commands.add_parser("nll", help=nll.__doc__)
command.add_argument("--windows", type=pathlib.Path, required=True, help="JSON: a list of lists of token ids")
command.set_defaults(run=nll)
command = commands.add_parser("time", help=timed.__doc__)
command.add_argument("--context", type=int, required=True)
command.add_argument("--steps", type=int, default=2)
command.add_argument("--warmup", type=int, default=1)
command.add_argument("--forward", action="store_true", help="forward passes in place of training steps")
command.add_argument("--bf16", action="store_true", help="under bfloat16 autocast")
command.set_defaults(run=timed)
options = parser.parse_args()
torch.set_num_threads(options.threads)
print(json.dumps(options.run(options)))
