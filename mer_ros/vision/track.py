"""One followed face: where it is and will be, how it looks, and which detections are of which face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_ros.utterance import Box
from mer_ros.vision.assignment import least_cost
from mer_ros.vision.detector import Detection

Place = NDArray[np.float64]  # middle x, middle y, width, height

GATE = 1.0  # a detection may lie this many box sizes from where a track is expected
GATE_PER_S = 1.0  # and more for each second that the track has not been seen
SLOWING_PER_S = 1.0  # an unseen face is thought to lose its speed at this rate
REFUSED = 1e6
# A face that comes back looks like itself: on the sample and on four GRID talkers one person's looks correlate by
# 0.54 to 1 (first percentile and above), two persons' by 0.41 at most, but for one pair of alike men (0.85).
STRANGER = 0.55  # 1 - correlation
#: Faces that touch, or did so lately, are told apart by their looks above all: the flow of one may stick to the other,
#: and each may have gone on as it came. In 48 crossings of four GRID talkers, half of them wholly behind each other, on
#: which this was chosen, no id goes to another face; it does in 12 where distance counts as much as elsewhere.
PARTED_NS = 400_000_000
MEETING_DISTANCE, MEETING_LOOK = 0.25, 2.0


@dataclass
class Meeting:
    """How a face came to where it touches another one. last_ns: when it last did."""

    place: Place
    speed: NDArray[np.float64]
    begun_ns: int
    last_ns: int


@dataclass
class Track:
    """A followed face. look: float32 [n] of norm 1, slowly renewed.

    known_ns: when it was last detected, or steadily followed. found: where it then was. speed: pixels a second, between
    such times. detected_look: as it was last detected. missed: by the last detection.
    """

    id: int
    place: Place
    score: float
    landmarks: NDArray[np.float32] | None
    look: NDArray[np.float32]
    known_ns: int
    found: Place
    speed: NDArray[np.float64]
    detected_look: NDArray[np.float32]
    in_view: bool = True
    detected: bool = True
    missed: bool = False
    detections: int = 1
    meeting: Meeting | None = None

    @classmethod
    def of(cls, number: int, detection: Detection, look: NDArray[np.float32], now_ns: int) -> Track:
        """A face found for the first time."""
        place = place_of(detection.box)
        return cls(
            number,
            place,
            detection.score,
            detection.landmarks,
            look,
            now_ns,
            place.copy(),
            np.zeros(2),
            detected_look=look,
        )

    def area(self) -> float:
        """Square pixels."""
        return float(self.place[2] * self.place[3])

    def move(self, place: Place, now_ns: int) -> None:
        """It is known to be here."""
        elapsed = max((now_ns - self.known_ns) / 1e9, 1e-3)
        self.speed = 0.5 * self.speed + 0.5 * (place[:2] - self.found[:2]) / elapsed
        self.place, self.found, self.known_ns = place, place.copy(), now_ns

    def confirm(self, detection: Detection, look: NDArray[np.float32], now_ns: int) -> None:
        """It was detected."""
        self.move(place_of(detection.box), now_ns)
        self.score, self.landmarks = detection.score, detection.landmarks
        if self.meeting is None:  # a face half hidden by another must not take on its looks
            blend = 0.7 * self.look + 0.3 * look
            self.look = (blend / max(float(np.linalg.norm(blend)), 1e-6)).astype(np.float32)
        self.detected_look = look
        self.detections += 1
        self.in_view = self.detected = True

    def meet(self, touches: bool, now_ns: int) -> None:
        """Take note of whether it touches another face."""
        if touches:
            if self.meeting is None:
                self.meeting = Meeting(self.place.copy(), self.speed, now_ns, now_ns)
            self.meeting.last_ns = now_ns
        elif self.meeting is not None and now_ns - self.meeting.last_ns > PARTED_NS:
            self.meeting = None

    def gone_on(self, now_ns: int) -> Place:
        """Where it should be if it went on from where it last was by itself."""
        if self.meeting is not None:
            return gone_on(self.meeting.place, self.meeting.speed, now_ns - self.meeting.begun_ns)
        return gone_on(self.found, self.speed, now_ns - self.known_ns)

    def cost(self, place: Place, look: NDArray[np.float32], now_ns: int) -> float:
        """Of taking a detection for this face, by distance, difference in size and in looks; REFUSED: it is not."""
        spots, far, other = [self.place], 1.0, 1.0
        if self.meeting is not None:
            spots.append(self.gone_on(now_ns))
            far, other = MEETING_DISTANCE, MEETING_LOOK
        size = np.sqrt(max(self.area(), place[2] * place[3]))
        distance = min(float(np.hypot(*(place[:2] - spot[:2]))) for spot in spots) / size
        growth = abs(float(np.log(place[2] * place[3] / self.area()))) / 2
        unlike = 1.0 - float(np.vdot(look, self.look))
        gate = GATE + (0.0 if self.in_view else GATE_PER_S * (now_ns - self.known_ns) / 1e9)
        somebody_else = not self.in_view and unlike > STRANGER
        if distance > gate or growth > 0.7 or somebody_else:
            return REFUSED
        return far * distance + 0.5 * growth + other * unlike


def assign(
    tracks: Sequence[Track], places: Sequence[Place], looks: Sequence[NDArray[np.float32]], now_ns: int
) -> dict[int, Track]:
    """Detections, by their numbers, to tracks, at the least total cost."""
    if not tracks or not places:
        return {}
    pairs = list(zip(places, looks, strict=True))
    cost = np.array([[track.cost(place, look, now_ns) for place, look in pairs] for track in tracks])
    if cost.size == 1:
        return {0: tracks[0]} if cost[0, 0] < REFUSED else {}
    return {column: tracks[row] for row, column in least_cost(cost) if cost[row, column] < REFUSED}


def overlap(a: Place, b: Place, share: float = 0.67) -> bool:
    """Whether the middles of two faces are closer than this share of their mean size, along both axes."""
    return bool((np.abs(a[:2] - b[:2]) < share * (a[2:] + b[2:]) / 2).all())


def gone_on(place: Place, speed: NDArray[np.float64], elapsed_ns: int) -> Place:
    """Where a face is that has gone on with its speed, pixels a second, ever slower."""
    gone = place.copy()
    gone[:2] += speed * (1.0 - np.exp(-SLOWING_PER_S * elapsed_ns / 1e9)) / SLOWING_PER_S
    return gone


def place_of(box: Box) -> Place:
    """The middle and the size of a box."""
    return np.array([box.x + box.width / 2, box.y + box.height / 2, box.width, box.height], np.float64)


def edges(place: Place) -> tuple[float, float, float, float]:
    """Left, top, right and bottom."""
    x, y, width, height = place.tolist()
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
