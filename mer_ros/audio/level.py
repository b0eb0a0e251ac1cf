"""How loud frames are, and the signal-to-noise ratio that follows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# Rounding to integers alone makes noise of 1/12 (in units of the last bit, squared): digital silence is not quieter.
ROUNDING_POWER = 1 / 12


def frame_power(frame: NDArray[np.int16]) -> float:
    """Mean square of a frame about its mean, in units of the last bit, squared."""
    return max(float(np.var(frame, dtype=np.float64)), ROUNDING_POWER)


class NoiseFloor:
    """Running power of the frames without speech: falls within 0.3 s, rises within 1 s.

    Rising slowly keeps out the first and last weak sounds of speech that a detector calls silence.
    """

    FALL_S = 0.3
    RISE_S = 1.0

    def __init__(self, frame_s: float) -> None:
        self._fall = 1 - math.exp(-frame_s / self.FALL_S)
        self._rise = 1 - math.exp(-frame_s / self.RISE_S)
        self.power = math.nan

    def update(self, power: float) -> None:
        """Take one frame without speech."""
        if math.isnan(self.power):
            self.power = power
        self.power += (power - self.power) * (self._fall if power < self.power else self._rise)

    def snr_db(self, speech_power: float) -> float:
        """Of speech of that power, noise included, within -20..80; NaN before any frame without speech."""
        signal = max(speech_power / self.power - 1, 0.01)
        return min(10 * math.log10(signal), 80.0)
