"""How text models read: single lines as GloVe's tokens, or a conversation as word pieces."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import ModelError
from mer_ros.inference import Model
from mer_ros.text.conversation import Said, latest_turns, nameless, read_turns, seen, turn_pieces
from mer_ros.text.tokens import is_word, token_row
from mer_ros.text.word_pieces import WordPieces, words

MOST_TURNS = 9  # the current one and those before it: a model sees no farther
MOST_PAST_TURNS = 15  # before the current one, of models of tokens
MOST_PIECES = 160  # of all turns together; the oldest turns are left out whole
VOCABULARY = "vocabulary"  # under this name a model's file carries its word pieces, one a line


@dataclass(frozen=True)
class Reading:
    """What a model is given, and the words of the current turn in it.

    known: for each word, whether it means something to the model. places: where the words are in `tokens`.
    """

    inputs: dict[str, NDArray[Any]]
    known: tuple[bool, ...]
    places: tuple[int, ...] = ()

    def known_by(self, outputs: Mapping[str, NDArray[Any]]) -> int:
        """How many words are known; a model's own output `known` decides where it has one."""
        told = outputs.get("known")
        return sum(self.known) if told is None else sum(bool(told[0, place]) for place in self.places)


class TokenReader:
    """For models that take `tokens`, string [B, length]: the current turn alone.

    A model with an output `known`, bool [B, length], tells which tokens it has a vector for; without it, every word
    of Latin letters or digits counts as known.
    """

    def __init__(self, model: Model) -> None:
        length = model.entry.inputs["tokens"].shape[1]
        if length is None:
            raise ModelError(f"model {model.entry.name} does not tell how many tokens it takes; export it again")
        self._length = length

    def read(self, said: Said, past: Sequence[Said]) -> Reading:
        """The first tokens of what is said now."""
        row = token_row(said.text, self._length)
        places = tuple(place for place, token in enumerate(row) if is_word(token))
        return Reading({"tokens": row[None]}, tuple(_is_latin(row[place]) for place in places), places)


class TurnsReader:
    """For models that take `tokens`, string [B, turns, length]: the current turn is the last one that has any."""

    def __init__(self, model: Model) -> None:
        shape = model.entry.inputs["tokens"].shape
        if None in shape[1:]:
            raise ModelError(f"model {model.entry.name} does not tell how many turns it takes; export it again")
        self._turns, self._length = (n or 0 for n in shape[1:])

    def read(self, said: Said, past: Sequence[Said]) -> Reading:
        """The first tokens of each turn, oldest first, from the first row on."""
        before = (token_row(turn.text, self._length) for turn in past)
        now = token_row(said.text, self._length)
        kept = [*deque((row for row in before if row[0]), maxlen=self._turns - 1), now]
        tokens = np.full((self._turns, self._length), "", object)
        tokens[: len(kept)] = kept
        places = tuple(place for place, token in enumerate(now) if is_word(token))
        return Reading({"tokens": tokens[None]}, tuple(_is_latin(now[place]) for place in places), places)


class ConversationReader:
    """For models that take `pieces`, `turns` and `speakers`, int64 [B, n]; see `Conversation`."""

    def __init__(self, model: Model) -> None:
        """Raises ModelError when the file carries no vocabulary."""
        self._pieces = WordPieces(model.metadata.get(VOCABULARY, "").split("\n"))

    def read(self, said: Said, past: Sequence[Said]) -> Reading:
        """What is said now, after as much of the past as there is room for.

        Words count as recognised as long as they have no exclamation mark: recognisers write none, and from one that
        does, a turn without tells as much as in a written text. What somebody is called does not matter.
        """
        turns = [*(turn for turn in past if turn.text), said][-MOST_TURNS:]
        if any("!" in seen(turn.text) for turn in turns):
            turns = [replace(turn, recognised=False) for turn in turns]
        rows = [turn_pieces(self._pieces, nameless(turn)) for turn in turns]
        count = latest_turns(rows, MOST_TURNS, MOST_PIECES)
        read = read_turns(rows[-count:], [turn.speaker for turn in turns[-count:]])
        inputs = {"pieces": read.pieces[None], "turns": read.turns[None], "speakers": read.speakers[None]}
        return Reading(inputs, tuple(_is_latin(word) for word in words(seen(said.text)) if is_word(word)))


def reader_of(model: Model) -> TokenReader | TurnsReader | ConversationReader:
    """The reader that a model's inputs ask for. Raises ModelError."""
    inputs = model.entry.inputs
    if set(inputs) == {"tokens"} and len(inputs["tokens"].shape) == 2:
        return TokenReader(model)
    if set(inputs) == {"tokens"} and len(inputs["tokens"].shape) == 3:
        return TurnsReader(model)
    if set(inputs) == {"pieces", "turns", "speakers"}:
        return ConversationReader(model)
    raise ModelError(
        f"model {model.entry.name} takes {', '.join(inputs)}; a text model takes tokens, or pieces, turns and speakers"
    )


def _is_latin(token: str) -> bool:
    """Whether a token is written in Latin letters (up to Latin Extended-B) or digits."""
    return all(not character.isalpha() or ord(character) < 0x250 for character in token)
