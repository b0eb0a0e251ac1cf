"""A camera that looks at still pictures: slow pan and zoom, sensor noise, drifting light, mouths that open."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.replay.mouths import open_mouth

NOISE_SIGMA = 3.0  # grey levels, of a webcam indoors
FACE_SHARE = 0.30  # of the frame's width that a face takes


class SceneCamera:
    """Renders frames of one of several people, or of an empty room.

    pictures: uint8 [h, w, 3] each. faces, mouths: centre x, y and width of each in its picture, in pixels.
    seats: where each sits in the frame, 0 (left) to 1.
    size: (width, height) of the frames. Equal arguments give equal frames.
    """

    def __init__(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        faces: Sequence[tuple[int, int, int]],
        mouths: Sequence[tuple[int, int, int]],
        seats: Sequence[float],
        size: tuple[int, int],
        seed: int,
    ) -> None:
        self._pictures, self._faces, self._seats, self._size = pictures, faces, seats, size
        self._mouths = mouths
        rng = np.random.default_rng(seed)
        width, height = size
        noise = rng.normal(0, NOISE_SIGMA, (height + 64, width + 64, 1)).round().astype(np.int16)
        self._noise = np.ascontiguousarray(np.broadcast_to(noise, (*noise.shape[:2], 3)))
        self._shifts = rng.integers(0, 64, (997, 2))
        fall = np.linspace(150, 70, height)[:, None] - np.linspace(0, 30, width)[None, :]
        self._room = (fall[..., None] * np.array([1.0, 0.96, 0.88])).astype(np.uint8)

    def image(self, number: int, time_s: float, person: int | None, opening: float = 0.0) -> NDArray[np.uint8]:
        """Frame `number`, taken at `time_s`: uint8 [height, width, 3], RGB, of that person or of nobody.

        opening: how far their mouth is open, 0..1.
        """
        view = self._room if person is None else self._look_at(person, time_s, opening)
        light = round(6 * np.sin(2 * np.pi * time_s / 9.0))
        across, down = self._shifts[number % len(self._shifts)]
        width, height = self._size
        grain = self._noise[down : down + height, across : across + width]
        lit = cv2.convertScaleAbs(view, alpha=1 + light / 128)
        return np.asarray(cv2.add(lit, grain, dtype=cv2.CV_8U), np.uint8)  # saturates

    def _look_at(self, person: int, time_s: float, opening: float) -> NDArray[np.uint8]:
        width, height = self._size
        x, y, face = self._faces[person]
        rows, columns = self._pictures[person].shape[:2]
        # at the least so near that the picture fills the frame at every phase of the zoom
        near = max(width * FACE_SHARE / face, 1.07 * width / columns, 1.07 * height / rows)
        scale = near * (1 + 0.05 * np.sin(2 * np.pi * time_s / 11.0))
        left = width * (self._seats[person] + 0.02 * np.sin(2 * np.pi * time_s / 7.0)) - scale * x
        top = height * (0.45 + 0.02 * np.cos(2 * np.pi * time_s / 5.0)) - scale * y
        # never look past the picture's edge
        left = min(0.0, max(left, width - scale * columns))
        top = min(0.0, max(top, height - scale * rows))
        matrix = np.array([[scale, 0, left], [0, scale, top]])
        picture = open_mouth(self._pictures[person], self._mouths[person], opening)
        looked_at = cv2.warpAffine(picture, matrix, self._size, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(looked_at, np.uint8)
