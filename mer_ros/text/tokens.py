"""Words as GloVe knows them: cleaned of what transcripts suffer from, lower case, split as its corpus was."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError, OptionError

TOKENS = 20

# cp1252 text that was read as Latin-1 leaves C1 controls (0x80-0x9f); five of those codes mean nothing.
_C1 = {code: bytes([code]).decode("cp1252", "replace").replace("\ufffd", " ") for code in range(0x80, 0xA0)}
_QUOTES = dict.fromkeys(map(ord, "‘’‚‛`´′ʼ"), "'") | dict.fromkeys(map(ord, '“”„‟«»″"'), " ")
_DASHES = {ord("…"): " ... ", ord("—"): " -- ", ord("―"): " -- ", ord("–"): "-", ord("‐"): "-", ord("‑"): "-"}

_TOKEN = re.compile(
    r"""
    \d+(?:[.,:]\d+)*                            # 5  1,000  3.5  5:30
  | (?:[a-z]\.){2,}                             # u.s.  a.m.
  | \b(?:mr|mrs|ms|dr|st|jr|sr|vs)\.            # titles keep their stop
  | (?<!\w)'(?:em|til|cause|tis|twas)\b         # 'em
  | [^\W\d_]+(?:['-][^\W\d_]+)*                 # words, with apostrophes and hyphens inside
  | \.{2,} | -{2,} | [.,!?;:$%&]
    """,
    re.VERBOSE,
)
# The clitics of the Penn Treebank, on whose conventions GloVe's corpus was split.
_CLITIC = re.compile(r"(?<=\w)(?=(?:n't|'(?:s|re|ve|ll|d|m))(?![^\W\d_]))")
_LONG_RUN = re.compile(r"([^\W\d_])\1{2,}")
_DROPPED_G = re.compile(r"(?<=[a-z]{2})in'(?!\w)")  # goin'
_YOU = re.compile(r"\by'(?=know\b|all\b)")
_REPEATED_MARK = re.compile(r"([!?,;:])\1+")


def clean(text: str) -> str:
    """The text with plain quotes, dashes and ellipses, with no control characters, and single spaces."""
    if not isinstance(text, str):
        raise InputError(f"the text is a {type(text).__name__}, not a string; pass the words as str")
    text = text.translate(_C1).translate(_QUOTES).translate(_DASHES)
    text = unicodedata.normalize("NFC", text)
    return " ".join("".join(" " if unicodedata.category(c)[0] == "C" else c for c in text).split())


def tokenize(text: str) -> list[str]:
    """Lower-case words and marks: "You can't!" gives you, ca, n't, !

    Contractions are split as GloVe 6B was (Penn Treebank): n't, 's, 're, 've, 'll, 'd, 'm.
    Letters that are drawn out ("sooo") count once, repeated marks ("!!!") too; stutters ("wh-what") are parted;
    quotes and brackets are left out.
    """
    text = _REPEATED_MARK.sub(r"\1", _LONG_RUN.sub(r"\1", clean(text).lower()))
    text = _DROPPED_G.sub("ing", _YOU.sub("you ", text))
    tokens: list[str] = []
    for token in _TOKEN.findall(text):
        if token.startswith(".."):
            tokens.append("...")
        elif token.startswith("--"):
            tokens.append("--")
        else:
            for word in _stutters(token):
                tokens.extend(_CLITIC.split(word))
    return tokens


def _stutters(word: str) -> list[str]:
    """The parts of "no-no" or "wh-what"; other hyphenated words stay whole, as GloVe has them."""
    parts = word.split("-")
    return parts if any(b.startswith(a) or a.startswith(b) for a, b in pairwise(parts)) else [word]


def is_word(token: str) -> bool:
    """Whether a token is a word or a number, and no mark."""
    return any(character.isalnum() for character in token)


def token_row(text: str, length: int = TOKENS) -> NDArray[np.object_]:
    """The first `length` tokens of a text, as str [length], padded with "" (what text models take in)."""
    if length < 1:
        raise OptionError(f"the length of a row of tokens is {length}; use 1 or more")
    row = np.full(length, "", dtype=object)
    tokens = tokenize(text)[:length]
    row[: len(tokens)] = tokens
    return row
