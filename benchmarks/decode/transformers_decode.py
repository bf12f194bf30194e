"""What benchmarks/decode/run asks of transformers, about the model in a Hugging Face directory; prints JSON."""
import argparse
import json
import pathlib
import time

import torch
import transformers


def loaded(options):
    return transformers.AutoModelForCausalLM.from_pretrained(
        options.directory, attn_implementation="sdpa", dtype=torch.float32).eval()


def cut(options):
    """Writes the first `count` tokens of a text; says what the model's weights take."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.directory)
    text = options.text.read_text(encoding="utf-8")
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    if len(offsets) < options.count:
        raise SystemExit(f"{options.text} has {len(offsets)} tokens, fewer than {options.count}")
    options.to.write_text(text[: offsets[options.count - 1][1]], encoding="utf-8")
    # Parameters that are shared count once: each is read once a token, but for the rows of the embedding, of which one is.
    return {"weight_bytes": sum(p.numel() * p.element_size() for p in loaded(options).parameters())}


def decode(options):
    """Tokens a second of a prompt, and of the tokens after the first."""
    tokenizer, model = transformers.AutoTokenizer.from_pretrained(options.directory), loaded(options)
    ids = tokenizer(options.prompt.read_text(encoding="utf-8"), add_special_tokens=False, return_tensors="pt")["input_ids"]

    def seconds(count):
        start = time.monotonic()
        with torch.no_grad():
            model.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=False, min_new_tokens=count, max_new_tokens=count,
                pad_token_id=0)
        return time.monotonic() - start

    seconds(2)
    first, all_of_them = seconds(1), seconds(options.count)
    return {"prefill": ids.numel() / first, "decode": (options.count - 1) / (all_of_them - first), "bandwidth": bandwidth(),
            "torch": torch.__version__, "transformers": transformers.__version__}


def bandwidth():
    """Bytes a second that a sum reads, the best of five."""
    numbers = torch.ones(1 << 28)

    def seconds():
        start = time.monotonic()
        numbers.sum()
        return time.monotonic() - start

    return numbers.numel() * 4 / min(seconds() for _ in range(5))


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("directory", type=pathlib.Path)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("work", choices=["cut", "decode"])
parser.add_argument("--text", type=pathlib.Path)
parser.add_argument("--to", type=pathlib.Path)
parser.add_argument("--prompt", type=pathlib.Path)
parser.add_argument("--count", type=int, required=True)
options = parser.parse_args()
torch.set_num_threads(options.threads)
print(json.dumps({"cut": cut, "decode": decode}[options.work](options)))
