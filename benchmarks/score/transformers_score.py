"""What benchmarks/score/run asks of transformers: the log-likelihood of every choice of a task's first items, as
lm-evaluation-harness computes it (HFLM.loglikelihood), each alone; prints JSON lines."""
import argparse
import itertools
import json
import pathlib

import torch
import transformers

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("directory", type=pathlib.Path)
parser.add_argument("--task", type=pathlib.Path, required=True)
parser.add_argument("--limit", type=int, required=True)
parser.add_argument("--threads", type=int, default=1)
options = parser.parse_args()
torch.set_num_threads(options.threads)
tokenizer = transformers.AutoTokenizer.from_pretrained(options.directory)
model = transformers.AutoModelForCausalLM.from_pretrained(options.directory, dtype=torch.float32).eval()
longest = model.config.max_position_embeddings


def encode(text):
    return tokenizer.encode(text, add_special_tokens=False)


def encode_pair(context, continuation):
    spaces = len(context) - len(context.rstrip())
    if spaces:
        context, continuation = context[:-spaces], context[-spaces:] + continuation
    before = encode(context)
    return before, encode(context + continuation)[len(before):]


@torch.no_grad()
def score(context, continuation):
    """log p of the continuation, and whether it is greedy."""
    before, own = encode_pair(context, continuation)
    inputs = (before + own)[-(longest + 1):][:-1]
    logits = model(torch.tensor([inputs]), use_cache=False).logits[0, -len(own):].log_softmax(-1)
    target = torch.tensor(own)
    return {"loglikelihood": logits.gather(1, target[:, None]).double().sum().item(),
            "greedy": bool((logits.argmax(-1) == target).all()), "tokens": len(own)}


for line in itertools.islice(open(options.task, encoding="utf-8"), options.limit):
    item = json.loads(line)
    if "text" in item:
        words = item["text"].split(" ")
        context, choices = " ".join(words[:-1]), words[-1:]
    else:
        context, choices = item["context"], item["choices"]
    scores = [score(context, " " + choice) for choice in choices]
    print(json.dumps({"choices": scores, "characters": [len(choice) for choice in choices]}), flush=True)
