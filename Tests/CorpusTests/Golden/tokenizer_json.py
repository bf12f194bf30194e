"""Trains a small tokenizer for each pre-tokenizer that is read, and says what Hugging Face's tokenizers makes of texts.

    python3 tokenizer_json.py                        writes tokenizer-json/NAME.json and tokenizer-json/ids.json
    python3 tokenizer_json.py encode NAME.json       answers a JSON list of texts on standard input with their ids

Needs tokenizers; nothing is downloaded. Ids are those of `encode(text, add_special_tokens=False)` with
`encode_special_tokens`, which leaves the text of special tokens text.
"""

import json
import pathlib
import random
import sys
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
SIZE = 400
CONTRACTIONS, REST = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|", r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
WORDS = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def split(digits):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(CONTRACTIONS + digits + REST), "isolated"), BYTES])


# Name: pre-tokenizer, normaliser, special tokens, others, changes of the model, whether merges are pairs.
KINDS = {
    "gpt2": (WORDS, None, ["<|endoftext|>"], [], {}, False),
    "smollm2": (pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), WORDS]), None,
                ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], [], {"without": [0x04, 0x06, 0xF1, 0xF2]}, True),
    "llama3": (split(r"\p{N}{1,3}"), None, ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"], [],
               {"ignore_merges": True}, True),
    "qwen2": (split(r"\p{N}"), normalizers.NFC(), ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
              [AddedToken("<tool_call>", normalized=False), AddedToken("</tool_call>", normalized=False),
               AddedToken("=é=", normalized=True), AddedToken("<|endoftext|", normalized=False)], {}, False),
}


# Merges that show where text is cut: of digits, signs, spaces and line ends beside each other.
PROBES = [("1", "2"), ("12", "3"), ("123", "4"), ("Ġ", "1"), ("1", "a"), ("a", "1"), ("Ċ", "Ċ"), ("Ġ", "Ċ"), ("!", "Ċ"), ("Ġ", "!"),
          ("!", "a"), ("ĉ", "a"), ("č", "Ċ"), ("'", "S"), ("'", "s"), ("'", "x")]


def train(name, text):
    pre_tokenizer, normalizer, special, others, changes, pairs = KINDS[name]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator([text], trainers.BpeTrainer(
        vocab_size=SIZE, min_frequency=2, show_progress=False, special_tokens=special if name == "smollm2" else [],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer = Tokenizer(with_probes(json.loads(tokenizer.to_str())["model"]))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(others)
    if name == "llama3":
        start = special[0]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{start} $A", special_tokens=[(start, tokenizer.token_to_id(start))])
    file = json.loads(tokenizer.to_str())
    model = file["model"]
    if changes.get("ignore_merges"):
        # Words that no merge makes: without the setting they are their letters.
        model["ignore_merges"] = True
        made = {"".join(merge) for merge in model["merges"][-56:-16]}
        model["merges"] = [m for m in model["merges"] if "".join(m) not in made and not made & set(m)]
    if not pairs:
        model["merges"] = [" ".join(merge) for merge in model["merges"]]
    if "without" in changes:
        without(file, changes["without"])
    return file


def with_probes(trained):
    """The model with the probes in place of its last merges."""
    merges = [tuple(merge) for merge in trained["merges"]]
    start = [name for name, _ in sorted(trained["vocab"].items(), key=lambda item: item[1])][:SIZE - len(merges)]
    while len(start) + len(dict.fromkeys(merges + PROBES)) > SIZE:
        merges = merges[:-1]
    merges = list(dict.fromkeys(merges + PROBES))
    names = start + ["".join(merge) for merge in merges]
    assert len(set(names)) == SIZE
    return models.BPE(vocab={name: number for number, name in enumerate(names)}, merges=merges)


def without(file, numbers):
    """Takes bytes out of the vocabulary: some files lack those that their training text did not have."""
    spelling = {b: c for b, c in zip(order(), sorted(pre_tokenizers.ByteLevel.alphabet(), key=ord))}
    gone = {spelling[n] for n in numbers}
    vocabulary = file["model"]["vocab"]
    names = [name for name, _ in sorted(vocabulary.items(), key=lambda item: item[1]) if name not in gone]
    assert not any(gone & set("".join(merge)) for merge in file["model"]["merges"])
    file["model"]["vocab"] = {name: number for number, name in enumerate(names)}
    for token in file["added_tokens"]:
        token["id"] = file["model"]["vocab"][token["content"]]


def order():
    """Bytes in the order of the characters that spell them."""
    printable = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    return printable + [b for b in range(256) if b not in printable]


def encode(file, texts):
    tokenizer = Tokenizer.from_str(json.dumps(file))
    tokenizer.encode_special_tokens = True
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


def cases():
    draw = random.Random(3)
    scalars = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn"]
    texts = [
        "", " ", "  ", "a", " a", "  a", "a ", "\n", "\n\n", "a\nb", "a \n b", "a\r\nb\r\n\r\n", " \n\n  x", "x \t\n\t y", "\ta", ".\n\nb", "!?\r\n a",
        "don't DON'T He'LL we'Re I'vE 'ſ x'ſy 'sam 'Test", "''s '", "'x", "o'clock’s", "123", " 123", "1234", "a123", "12a", "1 2  3", "!\n\n", "x!\r\n\r\na", " \n\n\n", "12,345.67", "1234567", "1st x2y3", "½⅓Ⅷ②",
        "٣٤٥", "a  1", "a \n1", "  12", "\n12", "७८ 9", "x\U00011de0\U00016ff4y", "!!!", " !!!", "a!b", "?!\n", " ...x", "=\n=", "a<|endoftext|>b",
        "<|im_start|>user\n<|im_end|>", "<|begin_of_text|>x", "<tool_call>x</tool_call>", "x<tool_call>\u0338", "=é= =e\u0301=", "<|endoftext| x",
        "naïve café", "cafe\u0301", "Größe ẞ", "Ελλάδα", "дом", "東京の橋", "한국어", "\u1112\u1161\u11ab\u1100\u1173\u11af", "हिन्दी", "ไทย", "क\u093c\u094d",
        "\u212b \u2126 \u1e9b\u0323 q\u0307\u0323 e\u030a\u0301", "\u0344 \u0f73\u0301 a\u0315\u0300", "\uf900\U0002f800 \u0958 \U0001d15e", "a\u07fd\u0301", "\u0300a\n\u0301b",
        "\x00\x04\x06\x1d", "a\x04b", "th\x04e", "\x04" * 200 + "the", "\u00a0\u00a0b", " \u00a0b", "\u2003x", "\u3000東", "\ufeffx", "👩‍👩‍👧 🇩🇪", "\U00050000\U000e0001",
        "the " * 40, "ab" * 150, " " * 300, " " * 100 + "x", "7" * 250, "\n" * 257, "The river , and the tower of the city in 1234 .",
    ]
    return texts + ["".join(chr(draw.choice(scalars)) for _ in range(draw.randrange(1, 24))) for _ in range(40)]


def main():
    folder = HERE / "tokenizer-json"
    folder.mkdir(exist_ok=True)
    text = (HERE / "sample.txt").read_text(encoding="utf-8")
    texts = cases()
    golden = {"texts": texts, "ids": {}, "ends": {}}
    for name in KINDS:
        file = train(name, text)
        # As the library itself writes it, so that it is known to read it.
        (folder / f"{name}.json").write_text(json.dumps(file, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        golden["ids"][name] = encode(file, texts)
        golden["ends"][name] = Tokenizer.from_str(json.dumps(file)).token_to_id(
            "<|end_of_text|>" if name == "llama3" else "<|endoftext|>")
    (folder / "ids.json").write_text(json.dumps(golden, ensure_ascii=True).replace("], [", "],\n[") + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["encode"]:
        source = pathlib.Path(sys.argv[2]).read_text(encoding="utf-8")
        json.dump(encode(json.loads(source), json.load(sys.stdin)), sys.stdout)
    else:
        main()
