"""The memory of the dialogue: who said what with which emotion, before now and never after."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS, DialogueTurn
from mer_ros.errors import OptionError


@dataclass(frozen=True)
class DialogueOptions:
    """How long a dialogue is remembered.

    silence_s: a dialogue ends when nobody has spoken for so long.
    context_turns: turns given to the models and published with every emotion.
    remembered_turns: turns kept at most; the oldest are forgotten.
    """

    silence_s: float = 60.0
    context_turns: int = 6
    remembered_turns: int = 64

    def __post_init__(self) -> None:
        if not self.silence_s > 0:
            raise OptionError(f"silence_s is {self.silence_s}; it must be above 0 seconds")
        if not 0 <= self.context_turns <= self.remembered_turns:
            raise OptionError(
                f"context_turns is {self.context_turns}; it must lie in 0..{self.remembered_turns} (remembered_turns)"
            )


class Dialogue:
    """One dialogue at a time; a new one begins after a silence or a reset."""

    def __init__(self, options: DialogueOptions | None = None) -> None:
        self.options = options or DialogueOptions()
        self._turns: deque[DialogueTurn] = deque(maxlen=self.options.remembered_turns)
        self.id = ""
        self.count = 0  # turns since the dialogue began, also those forgotten

    def is_new(self, start_ns: int) -> bool:
        """Return whether a turn that starts then begins a new dialogue: after a silence, or when time went back."""
        if not self._turns:
            return True
        last = self._turns[-1]
        return start_ns - last.end_ns > self.options.silence_s * 1e9 or start_ns < last.start_ns

    def begin_turn(self, start_ns: int) -> None:
        """Begin a new dialogue when it is time for one."""
        if self.is_new(start_ns):
            self.reset()
        if not self.id:
            self.id = f"dialogue-{start_ns}"  # the time of its first word: unique, and the same in every replay

    def context(self) -> tuple[DialogueTurn, ...]:
        """Return the last turns, oldest first."""
        turns = self.options.context_turns
        return tuple(self._turns)[-turns:] if turns else ()

    def last(self, count: int) -> tuple[DialogueTurn, ...]:
        """Return the last `count` turns that are remembered, oldest first; all of them for 0."""
        return tuple(self._turns)[-count:]

    def history(self, person_id: str, length: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what the dialogue model reads of the past before a turn of `person_id`.

        Returns: probabilities float32 [length, 7], newest last, zeros where there was no turn;
        same speaker float32 [length], 1 where the turn was this person's.
        """
        history = np.zeros((length, len(EMOTIONS)), np.float32)
        same = np.zeros(length, np.float32)
        turns = tuple(self._turns)[-length:] if length else ()
        for row, turn in zip(range(length - len(turns), length), turns, strict=True):
            history[row] = turn.probabilities
            same[row] = turn.person_id == person_id
        return history, same

    def last_turn_of(self, person_id: str) -> DialogueTurn | None:
        """Return this person's last remembered turn; unknown speakers (an empty id) count as one person."""
        return next((turn for turn in reversed(self._turns) if turn.person_id == person_id), None)

    def add(self, turn: DialogueTurn) -> None:
        """Remember a turn."""
        self._turns.append(turn)
        self.count = turn.turn

    def forget(self, names: Collection[str]) -> int:
        """Forget the turns of a person with these names; how many there were. The others keep their numbers."""
        kept = [turn for turn in self._turns if turn.person_id not in names]
        forgotten = len(self._turns) - len(kept)
        self._turns = deque(kept, maxlen=self._turns.maxlen)
        return forgotten

    def reset(self) -> tuple[str, int]:
        """End the dialogue; return its id and how many turns it had."""
        ended = (self.id, self.count)
        self._turns.clear()
        self.id, self.count = "", 0
        return ended
