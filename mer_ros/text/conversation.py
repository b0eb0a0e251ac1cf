"""What was said so far, as the network reads it: the turns one after another, each piece marked with its turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mer_ros.text.tokens import clean
from mer_ros.text.word_pieces import WordPieces

TURN_PIECES = 64  # of one turn, with the marks of its start and end; more is cut
TURN_CHARACTERS = 2000  # of one turn; there are no more in so many pieces
PERSON = "person"  # in the place of names
NOBODY = -1  # a speaker who is not known; a turn that is none (padding)


@dataclass(frozen=True)
class Said:
    """One turn. speaker: a name, an id, or empty where it is not known. recognised: heard, not written by a person."""

    text: str
    speaker: str = ""
    recognised: bool = False


@dataclass(frozen=True)
class Conversation:
    """Turns as a network reads them, all int64 [n], one value a piece.

    pieces: numbers of the vocabulary. turns: the turn a piece is of, 0 the oldest. speakers: who said it, numbered
    in the order of their first words, NOBODY where unknown.
    """

    pieces: NDArray[np.int64]
    turns: NDArray[np.int64]
    speakers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pieces)


def seen(text: str) -> str:
    """What is read of a text: cleaned, its beginning where it is very long. Raises InputError for what is no string."""
    return clean(text[:TURN_CHARACTERS] if isinstance(text, str) else text)


def nameless(said: Said) -> Said:
    """The same turn by a person without a name; who is not known stays so.

    A name says nothing of an emotion, but a network that met it in its training takes it to. That two turns are of one
    person is told beside the pieces.
    """
    return replace(said, speaker=PERSON) if said.speaker else said


def turn_pieces(word_pieces: WordPieces, said: Said, longest: int = TURN_PIECES) -> list[int]:
    """The numbers of "[CLS] speaker: text [SEP]", at most `longest`; the text is cleaned first.

    A recognised turn has the piece RECOGNISED after its start, where the vocabulary has one.
    """
    text = seen(said.text)
    inside = word_pieces.pieces(f"{seen(said.speaker)}: {text}" if said.speaker else text)
    heard = said.recognised and word_pieces.recognised is not None
    start = [word_pieces.start, word_pieces.recognised] if heard else [word_pieces.start]
    return [*start, *inside[: longest - len(start) - 1], word_pieces.end]


def read_turns(rows: Sequence[Sequence[int]], speakers: Sequence[str]) -> Conversation:
    """A conversation of turns (see `turn_pieces`) and their speakers."""
    known: dict[str, int] = {}
    numbers = [known.setdefault(speaker, len(known)) if speaker else NOBODY for speaker in speakers]
    lengths = [len(row) for row in rows]
    return Conversation(
        np.concatenate([np.asarray(row, np.int64) for row in rows]),
        np.repeat(np.arange(len(rows)), lengths),
        np.repeat(np.asarray(numbers, np.int64), lengths),
    )


def latest_turns(rows: Sequence[Sequence[int]], most_turns: int, most_pieces: int) -> int:
    """How many of the last turns fit both limits; the last one always does."""
    total, count = 0, 0
    for row in reversed(rows):
        total += len(row)
        if count and (total > most_pieces or count == most_turns):
            break
        count += 1
    return count
