"""Writes Sources/Corpus/Text/UnicodeRanges.swift: the characters that tiktoken's regular expressions
take for letters, numbers and white space.

Run with tiktoken installed: python3 unicode_ranges.py > ../../../Sources/Corpus/Text/UnicodeRanges.swift
"""

import tiktoken

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def members(pattern):
    """The scalars that match: tiktoken drops what its pattern does not match."""
    encoding = tiktoken.Encoding(
        "members", pat_str=pattern, special_tokens={},
        mergeable_ranks={bytes([b]): b for b in range(256)})
    found = set()
    for start in range(0, len(SCALARS), 4096):
        text = "".join(map(chr, SCALARS[start:start + 4096]))
        found |= set(map(ord, bytes(encoding.encode_ordinary(text)).decode()))
    return found


def ranges(scalars):
    """Closed ranges, as one flat list. Surrogates are no scalars, so nothing spans them."""
    bounds = []
    for c in sorted(scalars):
        if bounds and bounds[-1] == c - 1:
            bounds[-1] = c
        else:
            bounds += [c, c]
    return bounds


def declaration(name, comment, scalars):
    lines, line = [], "       "
    for bound in ranges(scalars):
        word = f" 0x{bound:X},"
        if len(line) + len(word) > 100:
            lines.append(line)
            line = "       "
        line += word
    lines.append(line)
    return (f"    /// {comment}\n    static let {name}: [UInt32] = [\n"
            + "\n".join(lines) + "\n    ]\n")


if __name__ == "__main__":
    print("""\
/// Closed ranges of scalars, first and last in turn, in ascending order (Unicode 16).
///
/// Fixed here rather than taken from the standard library: a newer Unicode has more letters, and would
/// cut the same text into other tokens. Written by Tests/CorpusTests/Golden/unicode_ranges.py.
enum UnicodeRanges {""")
    print("\n".join([
        declaration("letters", r"`\p{L}`", members(r"\p{L}")),
        declaration("numbers", r"`\p{N}`", members(r"\p{N}")),
        declaration("spaces", r"`\s`: the property White_Space", members(r"\s")).rstrip("\n"),
    ]))
    print("}")
