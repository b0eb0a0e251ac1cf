"""Median flow: where boxes have moved from one frame to the next (Kalal et al., ICPR 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

WORK_WIDTH_PX = 320
GRID = 5  # points a side inside of each box
PATCH_PX = 11
LEVELS = 2
MAX_RETURN_ERROR = 0.06  # of the box's size: how far forth-and-back may miss
MIN_POINTS = 0.4  # of the grid that must be found again


@dataclass(frozen=True)
class Motion:
    """A move of a box about its middle: by (dx, dy) pixels and a change of size."""

    dx: float
    dy: float
    scale: float


def _lucas_kanade(before: Image, after: Image, points: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    none: Any = None  # OpenCV's type hints do not know that the guess may be absent
    ends, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, none, winSize=(PATCH_PX, PATCH_PX), maxLevel=LEVELS
    )
    return ends, found


class MedianFlow:
    """Follows boxes between frames by sparse optical flow on a grey frame of at most 320 pixels width."""

    def __init__(self) -> None:
        self._last: Image | None = None
        self._shape: tuple[int, int] | None = None
        self.grey: Image = np.zeros((1, 1), np.uint8)
        self.scale = 1.0

    def reset(self) -> None:
        """Forget the last frame."""
        self._last = self._shape = None

    def push(self, image: Image, boxes: Sequence[NDArray[np.float64]]) -> list[Motion | None]:
        """Take the next frame, uint8 [height, width, 3]; returns the motion of each box, None where it is lost.

        boxes: float [4] each, (middle x, middle y, width, height) in the frame before.
        """
        height, width = image.shape[:2]
        self.scale = min(1.0, WORK_WIDTH_PX / width)
        size = (max(8, round(width * self.scale)), max(8, round(height * self.scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR) if self.scale < 1.0 else image
        self.grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        before, last_shape = self._last, self._shape
        self._last, self._shape = self.grey, (height, width)
        if before is None or last_shape != (height, width):
            return [None] * len(boxes)
        if not boxes:
            return []
        return self._follow(before, self.grey, np.stack(boxes) * self.scale)

    def _follow(self, before: Image, after: Image, boxes: NDArray[np.float64]) -> list[Motion | None]:
        steps = (np.arange(GRID) + 0.5) / GRID - 0.5
        grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * 0.8
        points = (boxes[:, None, :2] + grid[None] * boxes[:, None, 2:]).astype(np.float32)
        corner, part = _around(boxes, before.shape)
        before, after = before[part], after[part]
        points -= corner
        start = np.ascontiguousarray(points.reshape(-1, 1, 2))
        there, found = _lucas_kanade(before, after, start)
        back, returned = _lucas_kanade(after, before, there)
        missed = np.linalg.norm(back - start, axis=-1).reshape(len(boxes), -1)
        ok = ((found & returned) != 0).reshape(len(boxes), -1)
        ends = there.reshape(len(boxes), -1, 2)
        sizes = np.sqrt(boxes[:, 2] * boxes[:, 3])
        ok &= missed <= np.maximum(1.0, MAX_RETURN_ERROR * sizes)[:, None]
        return [
            self._median(points[n][ok[n]], ends[n][ok[n]]) if ok[n].mean() >= MIN_POINTS else None
            for n in range(len(boxes))
        ]

    def _median(self, start: NDArray[np.float32], end: NDArray[np.float32]) -> Motion:
        dx, dy = median(end - start).tolist()
        first, second = _pairs(len(start))
        before = np.linalg.norm(start[first] - start[second], axis=1)
        after = np.linalg.norm(end[first] - end[second], axis=1)
        # A frame apart a face cannot grow by much; the limit keeps a slip from running away.
        change = float(np.clip(median(after / np.maximum(before, 1e-6)), 0.9, 1.1))
        return Motion(dx / self.scale, dy / self.scale, change)


def _around(boxes: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[NDArray[np.float32], tuple[slice, slice]]:
    """The part of a picture that the boxes lie in, with room to move, and its corner (x, y): all that is looked at."""
    margin, step = PATCH_PX << LEVELS, 1 << LEVELS
    half = boxes[:, 2:] / 2
    first = (
        np.clip((boxes[:, :2] - half).min(axis=0) - margin, 0, np.array(shape[1::-1]) - 1).astype(int) // step * step
    )
    last = np.clip((boxes[:, :2] + half).max(axis=0) + margin, first + step, shape[1::-1]).astype(int)
    return first.astype(np.float32), (slice(first[1], last[1]), slice(first[0], last[0]))


@cache
def _pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The numbers of all pairs of so many points."""
    first, second = np.triu_indices(count, 1)
    return first, second


def median(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """As np.median along the first axis, to the bit, and faster for so few values."""
    ordered = np.sort(values, axis=0)
    last = len(values) - 1
    return np.asarray((ordered[last // 2] + ordered[(last + 1) // 2]) / np.float32(2), np.float32)
