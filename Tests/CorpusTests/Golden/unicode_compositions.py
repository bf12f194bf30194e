"""Writes Sources/Corpus/Text/UnicodeCompositions.swift: canonical compositions as Hugging Face's tokenizers make them.

Run with tokenizers installed: python3 unicode_compositions.py > ../../../Sources/Corpus/Text/UnicodeCompositions.swift
"""

import unicodedata

from tokenizers import normalizers

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and not 0xAC00 <= c < 0xD7A4]
NFC, NFD = normalizers.NFC(), normalizers.NFD()


def composed(scalars):
    return [ord(c) for c in NFC.normalize_str("".join(map(chr, scalars)))]


def decomposed(scalars):
    return [ord(c) for c in NFD.normalize_str("".join(map(chr, scalars)))]


def parts(scalar):
    """One step of its decomposition. The tables of Python may be newer, so tokenizers decides which there are."""
    step = [int(part, 16) for part in unicodedata.decomposition(chr(scalar)).split()]
    assert 1 <= len(step) <= 2 and decomposed(step) == decomposed([scalar]), hex(scalar)
    return step


def combining_class(scalar):
    """That of its Unicode character, where tokenizers knows one: U+0345 has the highest, and moves behind others."""
    number = unicodedata.combining(chr(scalar))
    moves = scalar == 0x345 or decomposed([0x345, scalar]) != [0x345] + decomposed([scalar])
    return number if moves else 0


def wrapped(numbers):
    lines, line = [], "       "
    for number in numbers:
        word = f" 0x{number:X},"
        if len(line) + len(word) > 118:
            lines.append(line)
            line = "       "
        line += word
    return "\n".join(lines + [line])


def declaration(name, comment, numbers):
    return f"    /// {comment}\n    static let {name}: [UInt32] = [\n{wrapped(numbers)}\n    ]\n"


def main():
    pairs, others, single, classes = [], [], [], []
    for c in SCALARS:
        if decomposed([c]) != [c]:
            step = parts(c)
            if len(step) == 1:
                # Runs: where they start, how many there are, what they become.
                if single and single[-1][0] + len(single[-1][1]) == c:
                    single[-1][1].append(step[0])
                else:
                    single.append((c, step))
            elif composed(step) == [c]:
                pairs += [c, *step]
            else:
                others += [c, *step]
        number = combining_class(c)
        if number:
            if classes and classes[-1][1] == c - 1 and classes[-1][2] == number:
                classes[-1][1] = c
            else:
                classes.append([c, c, number])
    print("""\
/// Unicode's canonical decompositions and combining classes, without Hangul's, which are arithmetic (Unicode 9).
///
/// Fixed here rather than taken from a library: a newer Unicode has more of them, and would give the same text other
/// tokens. Written by Tests/CorpusTests/Golden/unicode_compositions.py.
enum UnicodeCompositions {""")
    print("\n".join([
        declaration("pairs", "A character, and the two that compose to it.", pairs),
        declaration("decompositions", "A character, and the two it is decomposed to, which stay two.", others),
        declaration("singles", "Runs of characters that become one other: the first, how many, what each becomes.",
                    [n for first, run in single for n in (first, len(run), *run)]),
        declaration("classes", "First and last of a range, and its combining class, which is not 0.",
                    [n for bounds in classes for n in bounds]).rstrip("\n"),
    ]))
    print("}")


if __name__ == "__main__":
    main()
