"""Who is speaking: the motion of each mouth in view against the loudness of what is heard."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.utterance import SAMPLE_RATE, Box
from mer_ros.vision.tracker import FacesInFrame

Values = NDArray[np.float64]

MS = 1_000_000
SIZE = (40, 48)  # width and height to which a face's box is scaled, pixels
#: Rows and columns of it, for boxes from the hairline to the chin: the eyes and nose, and the mouth.
UPPER = (slice(6, 28), slice(5, 35))
MOUTH = (slice(30, 46), slice(9, 31))
PERIOD_NS = 30 * MS  # mouths are measured at most so often
HOP = 320  # samples of the loudness's steps, 20 ms
LEAST_MEASURES = 12  # of a face during an utterance; with fewer nothing is said of it
STILL = 0.01  # root-mean-square motion of a mouth below which what it follows is mostly the camera's noise
#: Score of "somebody out of view" and steepness of the probabilities. On four GRID talkers the score of the
#: talker's own sound, three seconds, is 0.8 to 1.0, that of another talker's sound 0.15 to 0.95.
OUT_OF_VIEW = 0.6
STEEPNESS = 4.0


@dataclass(frozen=True)
class Loudness:
    """values: float64 [n], logarithm of the root mean square of each 20 ms; the first begins at start_ns."""

    start_ns: int
    values: Values

    @classmethod
    def of(cls, start_ns: int, samples: NDArray[np.int16]) -> Loudness:
        """samples: int16 [n], 16 kHz mono."""
        whole = samples[: len(samples) // HOP * HOP].astype(np.float64).reshape(-1, HOP)
        return cls(start_ns, np.log(np.sqrt((whole**2).mean(axis=1)) + 1.0))

    def at(self, stamps_ns: NDArray[np.int64]) -> Values:
        """The loudness at these times, over 120 ms each."""
        smooth = _smooth(self.values, 6)
        middles = (np.arange(len(smooth)) + 0.5) * HOP / SAMPLE_RATE
        return np.asarray(np.interp((stamps_ns - self.start_ns) / 1e9, middles, smooth), np.float64)


@dataclass(frozen=True)
class Speaking:
    """Who speaks. faces: track id -> probability. out_of_view: that it is none of them. Together they are 1."""

    faces: Mapping[int, float]
    out_of_view: float


class MouthMotion:
    """Measures the mouths in view, about thirty numbers a second for each, kept for buffer_ns.

    A measure is the mean change of the mouth region from the frame before, over the face's contrast, less that of
    the upper face; the shift of the head and the change of the light, fitted on the upper face, are taken out.
    """

    def __init__(self, buffer_ns: int) -> None:
        self._buffer_ns = buffer_ns
        self._measures: deque[tuple[int, dict[int, float]]] = deque(maxlen=buffer_ns // PERIOD_NS + 1)
        self._last: dict[int, tuple[Box, Values]] = {}
        self._last_ns = 0

    def clear(self) -> None:
        """Forget all."""
        self._measures.clear()
        self._last.clear()

    def see(self, stamp_ns: int, image: NDArray[np.uint8], faces: FacesInFrame) -> None:
        """Take the next frame, uint8 [height, width, 3], with the faces found in it."""
        if self._last and stamp_ns - self._last_ns < PERIOD_NS:
            return
        measures = {}
        for face in faces.faces:
            if face.id in self._last:
                box, before = self._last[face.id]
                # The same place in both frames, so that a box that jumps moves nothing.
                measures[face.id] = mouth_motion(before, face_grey(image, box))
        if measures:  # stamped midway, as a change is from one frame to the next
            self._measures.append(((self._last_ns + stamp_ns) // 2, measures))
        self._last = {face.id: (face.box, face_grey(image, face.box)) for face in faces.faces}
        self._last_ns = stamp_ns
        while self._measures and self._measures[0][0] < stamp_ns - self._buffer_ns:
            self._measures.popleft()

    def weigh(self, loudness: Loudness, end_ns: int) -> Speaking | None:
        """Who spoke from the loudness's start to end_ns; None when there is too little to tell."""
        start_ns = loudness.start_ns
        inside = [(stamp, faces) for stamp, faces in self._measures if start_ns <= stamp < end_ns]
        scores = {}
        for track in sorted({track for _, faces in inside for track in faces}):
            seen = [(stamp, faces[track]) for stamp, faces in inside if track in faces]
            # Of a face in view for a small part of the utterance nothing is known.
            if len(seen) < max(LEAST_MEASURES, len(inside) // 2) or not len(loudness.values):
                continue
            stamps = np.array([stamp for stamp, _ in seen], np.int64)
            scores[track] = agreement(np.array([value for _, value in seen]), loudness.at(stamps))
        return probabilities(scores) if scores else None


def face_grey(image: NDArray[np.uint8], box: Box) -> Values:
    """A face's box in grey: float64 [48, 40], 0..255."""
    inner = image[box.y : box.y + box.height, box.x : box.x + box.width]
    grey = cv2.cvtColor(cv2.resize(inner, SIZE, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.float64)


def mouth_motion(before: Values, after: Values) -> float:
    """How much the mouth moved between two grey faces, float [48, 40], beyond the move of the head."""
    change = after - before
    down, across = np.gradient(before)
    flat = np.ones_like(before)
    parts = np.stack([across, down, before, flat], axis=-1)
    fitted, *_ = np.linalg.lstsq(parts[UPPER].reshape(-1, 4), change[UPPER].ravel(), rcond=None)
    left = np.abs(change - parts @ fitted)
    return float((left[MOUTH].mean() - left[UPPER].mean()) / max(before.std(), 4.0))


def agreement(motion: Values, loudness: Values) -> float:
    """How well a mouth's motion goes with the sound, -2..2: both with how loud it is and with how that changes.

    motion, loudness: [n] at the same times. The mouth moves while there is sound, and most where the sound begins,
    ends and changes; so the two correlations are added. A mouth that is still agrees with nothing.
    """
    motion = _smooth(np.maximum(motion, 0.0), 3)
    moved = float(np.sqrt((motion**2).mean()))
    changes = _smooth(np.abs(np.gradient(loudness)), 3)
    return (_correlation(motion, loudness) + _correlation(motion, changes)) * moved / (moved + STILL)


def probabilities(scores: Mapping[int, float]) -> Speaking:
    """Softmax of the faces' scores and that of somebody out of view."""
    raised = {track: math.exp(STEEPNESS * score) for track, score in scores.items()}
    nobody = math.exp(STEEPNESS * OUT_OF_VIEW)
    total = nobody + sum(raised.values())
    return Speaking({track: value / total for track, value in raised.items()}, nobody / total)


def _smooth(values: Values, width: int) -> Values:
    width = min(width, len(values))
    if width < 2:
        return values
    kernel = np.ones(width)
    return np.convolve(values, kernel, "same") / np.convolve(np.ones(len(values)), kernel, "same")


def _correlation(a: Values, b: Values) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size > 1e-9 else 0.0
