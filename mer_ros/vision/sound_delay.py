"""By how much the sound's stamps are late against the pictures', learnt from who speaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LAGS_MS = tuple(range(-200, 201, 40))
#: How well a talker's mouth goes with their own sound at each of these lags: the mean of four GRID talkers.
EXPECTED = (0.50, 0.52, 0.61, 0.78, 0.94, 1.05, 1.04, 0.98, 0.85, 0.73, 0.63)
EXPECTED_UTTERANCES = 2.0  # as many utterances that is worth, so that one alone does not move the delay far
CLEAR = 0.8  # a mouth that goes with the sound as well as that, at some lag, is taken to be the speaker's
FADING = 0.9  # share of what was learnt that an utterance leaves

Curve = NDArray[np.float64]


class SoundDelay:
    """Adds up how well mouths went with the sound at each lag; where that is highest, is the delay."""

    def __init__(self) -> None:
        self._learnt: Curve = np.zeros(len(LAGS_MS))

    @property
    def ms(self) -> int:
        """The delay: above 0 the sound's stamps are late."""
        whole = self._learnt + EXPECTED_UTTERANCES * np.array(EXPECTED)
        return LAGS_MS[int(whole.argmax())]

    def learn(self, curve: Curve) -> None:
        """Take what was found of the likeliest speaker of an utterance, float64 [lags]; an unclear one is left out."""
        if curve.max() >= CLEAR:
            self._learnt = FADING * self._learnt + curve
