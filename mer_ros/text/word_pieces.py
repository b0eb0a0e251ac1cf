"""WordPiece (Wu et al. 2016, arXiv 1609.08144) as uncased BERT has it: words to the pieces of a fixed vocabulary."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

from mer_ros.errors import ModelError

PAD, UNKNOWN, START, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
RECOGNISED = "[RECOGNISED]"  # stands in turns that a recogniser heard; not every vocabulary has it
LONGEST_WORD = 100  # characters; longer ones are unknown, as in BERT's own tokeniser
_CACHED_WORDS = 20_000
_LEFT_OUT = ("Cc", "Cf", "Co", "Cs")  # control, format, private and surrogate characters
# Where BERT writes each letter apart: CJK ideographs.
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class WordPieces:
    """A vocabulary and its tokeniser. pad, unknown, start, end: the numbers of the special pieces; recognised: that of
    RECOGNISED, None in a vocabulary without it.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        """vocabulary: the pieces in the order of their numbers. Raises ModelError without the special ones."""
        numbers = {piece: number for number, piece in enumerate(vocabulary)}
        if missing := [piece for piece in (PAD, UNKNOWN, START, END) if piece not in numbers]:
            raise ModelError(f"the vocabulary of word pieces lacks {', '.join(missing)}; export the model again")
        self.pad, self.unknown, self.start, self.end = (numbers[p] for p in (PAD, UNKNOWN, START, END))
        self.recognised = numbers.get(RECOGNISED)
        self._numbers = numbers
        self._word = lru_cache(maxsize=_CACHED_WORDS)(self._pieces_of)

    def pieces(self, text: str) -> list[int]:
        """The numbers of a text's pieces, without START and END."""
        return [number for word in words(text) for number in self._word(word)]

    def _pieces_of(self, word: str) -> tuple[int, ...]:
        """The longest piece that fits, from left to right; all unknown where one place has none."""
        if len(word) > LONGEST_WORD:
            return (self.unknown,)
        found, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._numbers.get(prefix + word[start:end])
                if number is not None:
                    break
            else:
                return (self.unknown,)
            found.append(number)
            start = end
        return tuple(found)


def words(text: str) -> Iterator[str]:
    """Lower-case words without accents; each mark and each ideograph is a word."""
    for word in _plain(text).split():
        start = 0
        for i, character in enumerate(word):
            if _is_mark(character):
                if start < i:
                    yield word[start:i]
                yield character
                start = i + 1
        if start < len(word):
            yield word[start:]


def _plain(text: str) -> str:
    spaced = "".join(_spaced(character) for character in text)
    bare = (c for c in unicodedata.normalize("NFD", spaced) if unicodedata.category(c) != "Mn")
    # Letter by letter: str.lower() of a whole word writes the last sigma of a Greek one differently.
    return "".join(c.lower() for c in bare)


def _spaced(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r":
        return " "
    if code == 0xFFFD or unicodedata.category(character) in _LEFT_OUT:
        return ""
    if character.isspace():
        return " "
    return f" {character} " if any(low <= code <= high for low, high in _IDEOGRAPHS) else character


def _is_mark(character: str) -> bool:
    """Punctuation, and every ASCII character that is no letter, digit or space."""
    code = ord(character)
    return (33 <= code < 127 and not character.isalnum()) or unicodedata.category(character)[0] == "P"
