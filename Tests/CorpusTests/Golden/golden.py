"""Writes golden.json: token ids that the Swift tests must reproduce.

    python3 golden.py DATA > golden.json

DATA holds gpt2/{encoder.json,vocab.bpe} and wikitext-2/wiki.{valid,test}.tokens. Needs tiktoken and
tokenizers; nothing is downloaded. Three vocabularies are used:

gpt2     GPT-2's own files.
trained  learned here from sample.txt by Hugging Face's trainer; ours must learn the same files.
probe    merges a letter, digit, sign or tab with any byte behind it, so that the ids tell of every
         character whether pre-tokenization takes it for a letter, a number, something else or space.

Every id is computed by tiktoken and, from the same files, by Hugging Face: they must agree.
"""

import hashlib
import json
import os
import pathlib
import random
import struct
import sys
import tempfile

import tiktoken
from tiktoken.load import data_gym_to_mergeable_bpe_ranks
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

# By default tiktoken keeps what it reads, by path, and would not see the next vocabulary.
os.environ["TIKTOKEN_CACHE_DIR"] = ""

PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
END = "<|endoftext|>"
HERE = pathlib.Path(__file__).parent


def cases():
    draw = random.Random(1)
    letters = "".join(draw.choice("abcdeé東 ").strip() or "t" for _ in range(400))
    return [
        "", " ", "  ", "a", " a", "  a", "a ", "a  ", "\n", "\n\n", "a\nb", "a\n\nb", "a \n b", " \n \n = Title = \n",
        "\t", "\ta", "a\tb", " \t x", "x \t", "\r\n", "a\r\nb\r\n\r\n", "\v\f", "a\vb\fc",
        "\x00", "a\x00b", "\x01\x02\x1b[0m", "\x1c\x1d\x1e\x1f", "a\x1cb", "\x7f", "\x80\x9f", "a\x85b", " \x85 b",
        "\u00a0", "a\u00a0b", "\u00a0\u00a0b", " \u00a0b", "\u2003\u2003x", "x\u2028y\u2029z", "\u3000東", "\u200bx", "\ufeffx",
        "\u180ex", "\u1680x", "\u202fx \u205fy", "\u00adx",
        "don't", "DON'T", "it's we're I've I'm he'll she'd", "'s't're've'm'll'd", "''s", " 's", "'", "' s", "'x", "'re'r'v'l", "o'clock", "’s",
        "he'", "x'l", "x'r", "x'v", "'ſ",
        "123", " 123", "1 2  3", "12,345.67", "1st", "x2y3", "½⅓Ⅷ②", "٣٤٥", "1½a", "²³",
        "!!!", " !!!", "a!b", "?!\n", "...", " ...x", "<|endoftext|>", "a<|endoftext|>b", "<unk> @-@ @,@ @.@", "$€£¥", "a_b-c/d\\e", "\"q\"",
        "naïve café", "cafe\u0301", "Größe ẞ", "Ελλάδα", "дом и сад", "東京の橋", "한국어 텍스트", "हिन्दी भाषा", "ไทย", "عربي نص", "עברית",
        "ǅ ʰ ª º ᾼ", "𝔘𝔫𝔦", "𐍈𐌰", "\U0001f44d\U0001f3fd", "👩‍👩‍👧 family", "🇩🇪", "é̂̃", "\u0300a", "a\u0300\u0301 b",
        "\ud7ff\ue000\ufffd\uffff", "\U0010ffff", "\U000e0001x",
        "a" * 95, "a" * 96, "a" * 97, "ab" * 150, "=" * 300, " " * 300, "\n" * 257, "7" * 250, " " * 100 + "x", letters, "the" * 60,
    ]


def load(encoder, merges):
    """(tiktoken, Hugging Face) from the same two files."""
    ranks = data_gym_to_mergeable_bpe_ranks(vocab_bpe_file=str(merges), encoder_json_file=str(encoder))
    fast = tiktoken.Encoding("golden", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={END: len(ranks)})
    other = Tokenizer(models.BPE.from_file(str(encoder), str(merges)))
    other.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return fast, other


def encode(pair, text, compare=True):
    ids = pair[0].encode_ordinary(text)
    if compare:
        assert ids == pair[1].encode(text).ids, repr(text[:80])
    return ids


def digest(ids):
    return hashlib.sha256(struct.pack(f"<{len(ids)}H", *ids)).hexdigest()


def spelling():
    """GPT-2's character for every byte, by id."""
    printable = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    rest = [b for b in range(256) if b not in printable]
    return {**{b: chr(b) for b in printable}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


def files(folder, merges):
    """Writes GPT-2 style files and gives back their contents."""
    names = list(spelling().values()) + ["".join(m) for m in merges] + [END]
    encoder = json.dumps({name: i for i, name in enumerate(names)})
    bpe = "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges)
    (folder / "encoder.json").write_text(encoder)
    (folder / "vocab.bpe").write_text(bpe, encoding="utf-8")
    return encoder, bpe


def train(texts, size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=size - 1, min_frequency=2, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return [tuple(m) for m in json.loads(tokenizer.to_str())["model"]["merges"]]


def articles(text):
    lines = text.split("\n")
    starts, offset = [], 0
    for i, line in enumerate(lines):
        title = line.startswith(" = ") and line.endswith(" = ") and not line.startswith(" = =")
        if title and not lines[i - 1].strip() and not lines[i + 1].strip():
            starts.append(offset - len(lines[i - 1]) - 1)
        offset += len(line) + 1
    assert starts[0] == 0
    return [text[a:b] for a, b in zip(starts, starts[1:] + [len(text)])]


def sweep():
    scalars = [c for c in range(0x33400) if not 0xd800 <= c < 0xe000] + list(range(0xe0000, 0xe0200))
    return "".join(f"a{c}\n1{c}\n!{c}\n\t{c}\n" for c in map(chr, scalars))


def main(data):
    golden = {"cases": [], "files": {}}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        gpt2 = load(data / "gpt2/encoder.json", data / "gpt2/vocab.bpe")

        sample = (HERE / "sample.txt").read_text(encoding="utf-8")
        size = 700
        merges = train([sample], size)
        assert len(merges) == size - 257
        contents = files(folder, merges)
        trained = load(folder / "encoder.json", folder / "vocab.bpe")
        golden["trained"] = {
            "vocabularySize": size,
            "sha256": hashlib.sha256("".join(contents).encode()).hexdigest(),
            "sampleIDs": digest(encode(trained, sample)),
        }

        for text in cases():
            golden["cases"].append({"text": text, "gpt2": encode(gpt2, text), "trained": encode(trained, text)})

        names = spelling()
        probes = [(names[ord(a)], names[b]) for a in "a1!\t" for b in range(256)]
        contents = files(folder, probes)
        probe = load(folder / "encoder.json", folder / "vocab.bpe")
        # Hugging Face follows another version of Unicode.
        ids = encode(probe, sweep(), compare=False)
        golden["probe"] = {"encoder": contents[0], "merges": contents[1], "count": len(ids), "sha256": digest(ids)}

        for name in ["wiki.valid.tokens", "wiki.test.tokens"]:
            text = (data / "wikitext-2" / name).read_text(encoding="utf-8")
            ids = encode(gpt2, text)
            parts = articles(text)
            stream = [i for part in parts for i in encode(gpt2, part) + [50256]]
            own = train(parts, 4096)
            contents = files(folder, own)
            golden["files"][name] = {
                "count": len(ids), "sha256": digest(ids), "articles": len(parts),
                "shardCount": len(stream), "shardSHA256": digest(stream),
                "trained4096": hashlib.sha256("".join(contents).encode()).hexdigest(),
                "trained4096IDs": digest(encode(load(folder / "encoder.json", folder / "vocab.bpe"), text)),
            }
    json.dump(golden, sys.stdout, indent=0)
    print()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
