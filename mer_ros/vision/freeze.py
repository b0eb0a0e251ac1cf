"""Whether a camera gives the same picture again and again: what is seen in it is not new."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MS = 1_000_000
ACROSS = 120  # pixels that are compared, at least, along the shorter side


class FreezeWatch:
    """Compares pictures with the one before, pixel by pixel, on a grid.

    The noise of a sensor changes most pixels of each raw picture, so that not one that differs is no coincidence.
    Decoded video of what stands still may repeat itself all the same (H.264 skips blocks: RTSP cameras, video calls,
    screen recordings), as does a simulated camera without noise: both then look frozen.
    frozen_ms: the same picture is frozen when it has come for so long; 0 for never.
    """

    def __init__(self, frozen_ms: int) -> None:
        self._frozen_ns = frozen_ms * MS
        self._last: NDArray[np.uint8] | None = None
        self._since_ns = 0

    @property
    def since_ns(self) -> int:
        """The stamp at which the last picture came for the first time."""
        return self._since_ns

    def reset(self) -> None:
        """Forget the last picture."""
        self._last = None

    def push(self, stamp_ns: int, image: NDArray[np.uint8]) -> bool:
        """Take the next picture, uint8 [height, width, 3]; returns whether the camera is frozen."""
        if not self._frozen_ns:
            return False
        step = max(1, min(image.shape[:2]) // ACROSS)
        grid = image[::step, ::step]
        if self._last is None or grid.shape != self._last.shape or not np.array_equal(grid, self._last):
            self._last, self._since_ns = grid.copy(), stamp_ns
        return stamp_ns - self._since_ns >= self._frozen_ns
