"""Who is speaking: the motion and the opening of each mouth in view against the loudness of what is heard."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.utterance import SAMPLE_RATE, Box
from mer_ros.vision.sound_delay import LAGS_MS, SoundDelay
from mer_ros.vision.tracker import FacesInFrame

Values = NDArray[np.float64]

MS = 1_000_000
SIZE = (40, 48)  # width and height to which a face's box is scaled, pixels
#: Rows and columns of it, for boxes from the hairline to the chin: the eyes and nose, and the mouth.
UPPER = (slice(6, 28), slice(5, 35))
MOUTH = (slice(30, 46), slice(9, 31))
PERIOD_NS = 30 * MS  # mouths are measured at most so often
HOP = 320  # samples of the loudness's steps, 20 ms
LONGEST_S = 120  # of an utterance, that are heard while it goes on; it is cut far earlier
LEAST_MEASURES = 12  # of a face during an utterance; with fewer nothing is said of it
STILL = 0.01  # root-mean-square motion of a mouth below which what it follows is mostly the camera's noise
DARK = 25  # per cent of the mouth's region that an open mouth darkens
FOLLOWING = 0.3  # share by which the place where the opening is measured follows the face's box, which jumps
#: A logistic curve on the score. On four GRID talkers, in windows of 1.5 to 3 seconds, the talker's own sound scores
#: 0.85 (standard deviation 0.35), another talker's 0.29 (0.41): two normal curves of one width would give 4 and 0.57.
STEEPNESS = 4.0
MIDDLE = 0.57
WHOLE_S = 2.0  # what is seen for less tells less
#: Frames a second: so few tell nothing, and with so many all can be seen of syllables, four to seven a second. On the
#: same talkers a talker's own sound scores more than another's in 0.89 of the cases at 25 frames a second, in 0.82 at
#: 12.5, in 0.75 at 8.3 and in 0.55 at 5 to 6.
BLIND_HZ, CLEAR_HZ = 5.0, 15.0
PRIOR_OUT_OF_VIEW = 0.5  # before anything is seen or heard


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


class OpenLoudness:
    """The loudness of an utterance that goes on, from its pieces."""

    def __init__(self, start_ns: int) -> None:
        self.start_ns = start_ns
        self._values: list[Values] = []
        self._rest: NDArray[np.int16] = np.zeros(0, np.int16)
        self._heard = 0

    def hear(self, first_sample: int, samples: NDArray[np.int16]) -> None:
        """Take the next piece, int16 [n], which begins with that sample of the utterance. What was lost is silence.

        Pieces beyond LONGEST_S are left out, wherever they say that they begin.
        """
        if max(first_sample, self._heard) + len(samples) > LONGEST_S * SAMPLE_RATE:
            return
        lost = max(0, first_sample - self._heard) if len(samples) else 0
        self._heard += lost + len(samples)
        rest = np.concatenate([self._rest, np.zeros(lost, np.int16), samples])
        whole = len(rest) // HOP * HOP
        self._values.append(Loudness.of(0, rest[:whole]).values)
        self._rest = rest[whole:]

    def so_far(self) -> Loudness:
        """What has been heard."""
        return Loudness(self.start_ns, np.concatenate([*self._values, np.zeros(0)]))


@dataclass(frozen=True)
class Speaking:
    """Who speaks. faces: track id -> probability. out_of_view: that it is none of them. Together they are 1."""

    faces: Mapping[int, float]
    out_of_view: float


@dataclass(frozen=True)
class MouthMeasure:
    """Of a mouth at a time. motion: see `mouth_motion`. opening: see `mouth_opening`."""

    motion: float
    opening: float


@dataclass
class _LastFace:
    """A face in the last frame. place: middle x and y, width, height of its box, following it slowly."""

    box: Box
    grey: Values
    place: Values
    opening: float


class MouthMotion:
    """Measures the mouths in view, up to thirty times a second, kept for buffer_ns."""

    def __init__(self, buffer_ns: int) -> None:
        self._buffer_ns = buffer_ns
        self._measures: deque[tuple[int, dict[int, MouthMeasure]]] = deque(maxlen=buffer_ns // PERIOD_NS + 1)
        self._last: dict[int, _LastFace] = {}
        self._last_ns = 0
        self._delay = SoundDelay()

    @property
    def sound_delay_ms(self) -> int:
        """By how much the sound's stamps are late against the pictures', as far as it was learnt."""
        return self._delay.ms

    def clear(self) -> None:
        """Forget all that was seen."""
        self._measures.clear()
        self._last.clear()

    def see(self, stamp_ns: int, image: NDArray[np.uint8], faces: FacesInFrame) -> None:
        """Take the next frame, uint8 [height, width, 3], with the faces found in it."""
        if self._last and stamp_ns - self._last_ns < PERIOD_NS:
            return
        measures, now = {}, {}
        for face in faces.faces:
            place, before = _place(face.box), self._last.get(face.id)
            if before is not None:
                place = before.place + FOLLOWING * (place - before.place)
                # The same place in both frames, so that a box that jumps moves nothing.
                motion = mouth_motion(before.grey, face_grey(image, before.box))
            opening = mouth_opening(_grey_at(image, place))
            if before is not None:
                measures[face.id] = MouthMeasure(motion, (before.opening + opening) / 2)
            now[face.id] = _LastFace(face.box, face_grey(image, face.box), place, opening)
        if measures:  # stamped midway, as a change is from one frame to the next
            self._measures.append(((self._last_ns + stamp_ns) // 2, measures))
        self._last, self._last_ns = now, stamp_ns
        while self._measures and self._measures[0][0] < stamp_ns - self._buffer_ns:
            self._measures.popleft()

    def weigh(self, loudness: Loudness, end_ns: int, *, learn: bool = False) -> Speaking | None:
        """Who spoke from the loudness's start to end_ns; None when there is too little to tell.

        learn: of a whole utterance, to learn by how much the sound's stamps are late.
        """
        start_ns = loudness.start_ns
        inside = [(stamp, faces) for stamp, faces in self._measures if start_ns <= stamp < end_ns]
        lags_ms = np.array(LAGS_MS if learn else (self._delay.ms,), np.int64)
        curves: dict[int, Values] = {}
        for track in sorted({track for _, faces in inside for track in faces}):
            seen = [(stamp, faces[track]) for stamp, faces in inside if track in faces]
            # Of a face in view for a small part of the utterance nothing is known.
            if len(seen) < max(LEAST_MEASURES, len(inside) // 2) or not len(loudness.values):
                continue
            stamps = np.array([stamp for stamp, _ in seen], np.int64)
            motion, opening = np.array([(mouth.motion, mouth.opening) for _, mouth in seen]).T
            curves[track] = np.array([agreement(motion, opening, loudness.at(stamps + lag * MS)) for lag in lags_ms])
        if not curves:
            return None
        seconds = (inside[-1][0] - inside[0][0]) / 1e9
        certain = certainty(seconds, (len(inside) - 1) / seconds)
        known = int(np.flatnonzero(lags_ms == self._delay.ms)[0])
        if learn and certain == 1.0:  # for the utterances after this one
            self._delay.learn(max(curves.values(), key=lambda curve: float(curve.max())))
        return probabilities({track: float(curve[known]) for track, curve in curves.items()}, certain)


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


def mouth_opening(face: Values) -> float:
    """How dark the darkest of the mouth's region is against the rest of it, for an open mouth is dark inside.

    face: float [48, 40]. The difference of two percentiles, over the face's mean: light changes nothing.
    """
    middle, dark = np.percentile(face[MOUTH], (50, DARK))
    return float((middle - dark) / max(face.mean(), 4.0))


def agreement(motion: Values, opening: Values, loudness: Values) -> float:
    """How well a mouth goes with the sound, -3..3.

    motion, opening, loudness: [n] at the same times. The mouth moves while there is sound, and most where the sound
    begins, ends and changes; and it is open where the sound is loud: the three correlations are added. A mouth that
    is still agrees with nothing.
    """
    motion, opening = _smooth(np.maximum(motion, 0.0), 3), _smooth(opening, 3)
    moved = float(np.sqrt((motion**2).mean()))
    changes = _smooth(np.abs(np.gradient(loudness)), 3)
    found = _correlation(motion, loudness) + _correlation(motion, changes) + _correlation(opening, loudness)
    return found * moved / (moved + STILL)


def certainty(seconds: float, rate_hz: float) -> float:
    """How much the scores tell, 0..1, of mouths that were seen for so long, so often."""
    return min(1.0, seconds / WHOLE_S) * min(1.0, max(0.0, (rate_hz - BLIND_HZ) / (CLEAR_HZ - BLIND_HZ)))


def probabilities(scores: Mapping[int, float], certain: float = 1.0) -> Speaking:
    """Bayes' rule: one of the faces speaks, each as likely as any other before, or somebody out of view.

    certain: how much the scores tell, 0..1.
    """
    each = (1 - PRIOR_OUT_OF_VIEW) / max(len(scores), 1)
    steepness = STEEPNESS * certain
    raised = {track: each * math.exp(steepness * (score - MIDDLE)) for track, score in scores.items()}
    total = PRIOR_OUT_OF_VIEW + sum(raised.values())
    nobody = PRIOR_OUT_OF_VIEW / total if scores else 1.0
    return Speaking({track: value / total for track, value in raised.items()}, nobody)


def _place(box: Box) -> Values:
    return np.array([box.x + box.width / 2, box.y + box.height / 2, box.width, box.height], np.float64)


def _grey_at(image: NDArray[np.uint8], place: Values) -> Values:
    """As `face_grey`, at a place between pixels."""
    x, y, width, height = place.tolist()
    left, top = max(0, math.floor(x - width / 2)), max(0, math.floor(y - height / 2))
    inner = image[top : top + math.ceil(height) + 2, left : left + math.ceil(width) + 2]
    across, down = SIZE[0] / width, SIZE[1] / height
    move = np.array([[across, 0, across * (left - x) + SIZE[0] / 2], [0, down, down * (top - y) + SIZE[1] / 2]])
    grey = cv2.warpAffine(cv2.cvtColor(inner, cv2.COLOR_RGB2GRAY), move, SIZE, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(grey, np.float64)


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
