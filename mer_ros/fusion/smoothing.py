"""What keeps interim emotions steady: answers averaged over time, and labels that do not flicker."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import UNKNOWN, Modality, ModalityEstimate

CLEAR = 0.25  # of the time that a label must be ahead, when it leads clearly


class RunningMean:
    """The mean of one modality's answers, each weighted by its quality and by exp(-age / time constant).

    That is the exponential moving average of a series with uneven spacing (Eckner 2014, "Algorithms for unevenly
    spaced time series: moving averages and other rolling operators"), with weights.
    time_constant_ms: an answer so old counts 1/e as much as a new one.
    """

    def __init__(self, time_constant_ms: float) -> None:
        self._time_constant_ns = time_constant_ms * 1e6
        self._last: ModalityEstimate | None = None
        self._at_ns = 0
        self._weight = self._quality = 0.0
        self._sums: list[NDArray[np.float64]] = []

    def add(self, answer: ModalityEstimate, at_ns: int) -> None:
        """Take an answer that is available and of a quality above 0; one from before the last counts as of its time."""
        assert answer.probabilities is not None
        decay = math.exp(-max(0, at_ns - self._at_ns) / self._time_constant_ns) if self._last else 0.0
        rows = [row for row in (answer.probabilities, answer.sentiment) if row is not None]
        before = self._sums if len(self._sums) == len(rows) else [np.zeros(len(row)) for row in rows]
        self._sums = [decay * old + answer.quality * row for old, row in zip(before, rows, strict=True)]
        self._weight = decay * self._weight + answer.quality
        self._quality = decay * self._quality + answer.quality**2
        self._last, self._at_ns = answer, max(at_ns, self._at_ns)

    def value(self) -> ModalityEstimate | None:
        """Return the mean of probabilities, sentiment and quality; None before the first answer."""
        if self._last is None:
            return None
        probabilities, *sentiment = (row / row.sum() for row in self._sums)
        return ModalityEstimate(
            Modality(self._last.modality),
            probabilities,
            sentiment=sentiment[0] if sentiment else None,
            quality=self._quality / self._weight,
            model=self._last.model,
        )


class SteadyLabel:
    """A label that gives way to another one only when that is clear: hysteresis in time and in height.

    hold_ms: another label takes over when it has been the most probable one for so long without a break. lead: a
    quarter of that is enough when it was all the while more probable by so much than the one that holds.
    """

    def __init__(self, names: Sequence[str], lead: float, hold_ms: float) -> None:
        self._names = tuple(names)
        self._lead = lead
        self._hold_ns = hold_ms * 1e6
        self._held = self._rival = ""
        self._since_ns = 0
        self._led_since_ns: int | None = None
        self._settled, self._settled_ns = "", 0

    def settle(self, label: str, at_ns: int) -> None:
        """Take note that an utterance told a label: for hold_ms it takes over as soon as it is the most probable."""
        self._settled, self._settled_ns = label, at_ns

    def update(self, label: str, probabilities: NDArray[np.floating], at_ns: int) -> str:
        """Return the label that holds, given the most probable one (or UNKNOWN) at a time of the stamps."""
        settled = label == self._settled and 0 <= at_ns - self._settled_ns <= self._hold_ns
        if not self._held or label == self._held or settled:
            self._held, self._rival = label, ""
            return self._held
        if label != self._rival or at_ns < self._since_ns:
            self._rival, self._since_ns, self._led_since_ns = label, at_ns, None
        if self._ahead(label, probabilities) < self._lead:
            self._led_since_ns = None
        elif self._led_since_ns is None:
            self._led_since_ns = at_ns
        clear = self._led_since_ns is not None and at_ns - self._led_since_ns >= CLEAR * self._hold_ns
        if clear or at_ns - self._since_ns >= self._hold_ns:
            self._held, self._rival = label, ""
        return self._held

    def _ahead(self, label: str, probabilities: NDArray[np.floating]) -> float:
        """How far a label is ahead; one that is unknown is never."""
        if UNKNOWN in (label, self._held):
            return -math.inf
        return float(probabilities[self._names.index(label)] - probabilities[self._names.index(self._held)])
