"""The word error rate of recognised text, as it is usual: edits over the words that were said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mer_ros.text.tokens import clean

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words_of(text: str) -> list[str]:
    """The words that count: lower case, without marks; apostrophes inside of words stay, hyphens part words."""
    return _WORD.findall(clean(text).lower())


def edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """The fewest insertions, deletions and substitutions that make one the other (Levenshtein 1966)."""
    above = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        row = [i]
        for j, other in enumerate(heard, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
        above = row
    return above[-1]


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Edits over words said, of (said, heard) texts taken together; above 1 when much was made up, 0 without words."""
    errors = total = 0
    for said, heard in pairs:
        errors += edits(words_of(said), words_of(heard))
        total += len(words_of(said))
    return errors / total if total else 0.0
