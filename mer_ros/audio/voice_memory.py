"""What persons' voices are like on the whole: an emotion is heard as a departure from that."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

MOST_HEARD = 20  # utterances that the mean counts as, at most: older ones fade
MOST_PERSONS = 32


class VoiceMemory:
    """A running mean of numbers, float32 [F], for each of the persons heard last."""

    def __init__(self, most_persons: int = MOST_PERSONS) -> None:
        self._most = most_persons
        self._known: OrderedDict[str, tuple[NDArray[np.float32], int]] = OrderedDict()

    def of(self, person_id: str) -> tuple[NDArray[np.float32], int] | None:
        """The mean, and of how many utterances it is, MOST_HEARD at most; None for a person who was not heard."""
        return self._known.get(person_id)

    def add(self, person_id: str, numbers: NDArray[np.floating]) -> None:
        """One utterance more. Who was not heard for the longest is forgotten when there are too many."""
        mean, count = self._known.pop(person_id, (np.zeros(len(numbers), np.float32), 0))
        count = min(count + 1, MOST_HEARD)
        self._known[person_id] = (mean + (numbers - mean) / count).astype(np.float32), count
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def forget(self, person_id: str = "") -> None:
        """This person was not heard; nobody was for an empty id."""
        for name in [person_id] if person_id else list(self._known):
            self._known.pop(name, None)
