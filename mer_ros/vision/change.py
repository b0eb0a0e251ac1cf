"""Whether something new moves in the picture, beside the faces that are known and the camera's own motion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Values = NDArray[np.float32]

CELLS = 40  # across the picture
SMOOTHING = 1.0  # cells: the motion of a smooth picture can be told from its gradients
#: A cell has changed when it differs by this many grey levels, and by so many cells' worth of its gradient, from what
#: the camera's motion and the light explain. Between pictures of four still cameras, 0.2 s apart, and of one that pans
#: and zooms, the LEAST_CELLS-th cell beside the faces changes by 0.6 (median) and, but for cuts, by less than 3.
CHANGED = 3.0
ASTRAY = 0.15
STEPS = 2
RIM = 2  # cells
LEAST_CELLS = 3  # a face of 1/14 of the picture's width
#: A face's own surroundings, in sizes of its box to each side and above it; below it all is its body.
AROUND = 0.5


class ChangeWatch:
    """Compares pictures some tenths of a second apart, each with the one before, as 40 cells across.

    A pan, a zoom and a change of the light of the whole picture are fitted to it and taken out; one by more than
    about a cell, a fortieth of the picture, is not found and counts as a change. What is new but as light as what was
    there before, cell by cell, is no change.
    """

    def __init__(self) -> None:
        self._last: Values | None = None

    def reset(self) -> None:
        """Forget the last picture."""
        self._last = None

    def push(self, grey: Image, known: Sequence[NDArray[np.float64]]) -> bool:
        """Take the next picture, uint8 [height, width]; returns whether it changed outside of the known faces.

        known: float [4] each, (middle x, middle y, width, height) in the picture. The first picture is a change.
        """
        height, width = grey.shape
        rows = max(4, round(CELLS * height / width))
        small = cv2.resize(grey, (CELLS, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
        cells = np.asarray(cv2.GaussianBlur(small, (0, 0), SMOOTHING), np.float32)
        before, self._last = self._last, cells
        if before is None or before.shape != cells.shape:
            return True
        free = _free(cells.shape, known, CELLS / width, rows / height)
        if int(free.sum()) < 2 * LEAST_CELLS:
            return False
        return int((_unexplained(before, cells)[free] > CHANGED).sum()) >= LEAST_CELLS


def _free(
    shape: tuple[int, ...], known: Sequence[NDArray[np.float64]], x_scale: float, y_scale: float
) -> NDArray[np.bool_]:
    """The cells that belong to no known face or its body; nor to the rim, where a pan brings what is new."""
    free = np.zeros(shape, bool)
    free[RIM:-RIM, RIM:-RIM] = True
    for x, y, width, height in known:
        left, right = (x - (0.5 + AROUND) * width) * x_scale, (x + (0.5 + AROUND) * width) * x_scale
        top = (y - (0.5 + AROUND) * height) * y_scale
        free[max(0, int(top)) :, max(0, int(left)) : max(0, int(np.ceil(right)))] = False
    return free


def _unexplained(before: Values, after: Values) -> Values:
    """How much is left of the change when shift, zoom, gain and offset are fitted to it, less what may be astray."""
    rows, columns = before.shape
    x = (np.arange(columns, dtype=np.float32) - (columns - 1) / 2) / columns
    y = (np.arange(rows, dtype=np.float32)[:, None] - (rows - 1) / 2) / columns
    # Gauss-Newton: each step begins where the one before has moved the picture to.
    warp = np.eye(3)
    moved = before
    for _ in range(STEPS):
        across, down = _gradients(moved)
        parts: Any = np.stack([across, down, across * x + down * y, moved, np.ones_like(moved)]).reshape(5, -1)
        # A little of the identity, as a picture of one colour tells nothing of its motion.
        normal = parts @ parts.T + 1e-3 * np.eye(5, dtype=np.float32)
        fitted = np.linalg.solve(normal, parts @ (after - moved).ravel())
        right, lower, zoom = (float(value) for value in fitted[:3])
        zoom /= columns
        middle_x, middle_y = (columns - 1) / 2, (rows - 1) / 2
        warp = warp @ np.array(
            [[1 + zoom, 0, right - zoom * middle_x], [0, 1 + zoom, lower - zoom * middle_y], [0, 0, 1]]
        )
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        seen = cv2.warpAffine(before, warp[:2], (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        moved = np.asarray(seen, np.float32)
    from_mean = moved - moved.mean()
    gain = float((from_mean * after).sum()) / max(float((from_mean**2).sum()), 1e-3)
    across, down = _gradients(moved)
    left = np.abs(after - after.mean() - gain * from_mean)
    return np.asarray(left - ASTRAY * np.hypot(across, down), np.float32)


def _gradients(cells: Values) -> tuple[Values, Values]:
    across, down = np.zeros_like(cells), np.zeros_like(cells)
    across[:, 1:-1] = (cells[:, 2:] - cells[:, :-2]) / 2
    down[1:-1] = (cells[2:] - cells[:-2]) / 2
    return across, down
