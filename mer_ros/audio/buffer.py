"""The last samples of a stretch, by their number; memory is bounded and copied seldom."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class SampleBuffer:
    """Keeps int16 samples from `first` on. The caller drops what it no longer needs before the room is full.

    capacity: the most samples that are kept at a time; twice that is allocated, so that a sample moves once at most.
    """

    def __init__(self, capacity: int) -> None:
        self._room = np.empty(2 * capacity, np.int16)
        self.clear()

    def clear(self) -> None:
        """Start again with sample 0."""
        self.first = 0
        self.end = 0
        self._offset = 0  # where sample `first` lies in the room

    def append(self, samples: NDArray[np.int16]) -> None:
        """Add samples [n]."""
        kept = self.end - self.first
        if self._offset + kept + len(samples) > len(self._room):
            self._room[:kept] = self._room[self._offset : self._offset + kept]
            self._offset = 0
        self._room[self._offset + kept : self._offset + kept + len(samples)] = samples
        self.end += len(samples)

    def drop_before(self, number: int) -> None:
        """Forget samples before that number."""
        number = min(max(number, self.first), self.end)
        self._offset += number - self.first
        self.first = number

    def read(self, first: int, end: int) -> NDArray[np.int16]:
        """A copy of samples first to end - 1, which must still be kept."""
        if not self.first <= first <= end <= self.end:
            raise IndexError(f"samples {first}..{end} of {self.first}..{self.end}")
        start = self._offset + first - self.first
        return self._room[start : start + end - first].copy()
