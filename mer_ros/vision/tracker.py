"""Faces followed through a stream of frames: detection when something has changed, optical flow in between."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mer_ros.errors import OptionError
from mer_ros.utterance import Box, Frame
from mer_ros.vision.change import ChangeWatch
from mer_ros.vision.detector import Detection, FaceDetector, check_image, clip_box
from mer_ros.vision.flow import MedianFlow, Motion

MS = 1_000_000
LOOK_PX = 16  # a track remembers its face as a grey picture of this size
GATE = 1.0  # a detection may lie this many box sizes from where a track is expected
GATE_PER_S = 1.0  # and more for each second that the track has not been seen
SLOWING_PER_S = 1.0  # an unseen face is thought to lose its speed at this rate
REFUSED = 1e6
# A face that comes back looks like itself: on the sample and on four GRID talkers one person's looks correlate by
# 0.54 to 1 (first percentile and above), two persons' by 0.41 at most, but for one pair of alike men (0.85).
STRANGER = 0.55  # 1 - correlation
HIDDEN_MS = 1_500  # a face just out of view may well be there still, unseen by the detector: it stays hidden so long
ALIKE = 0.9  # a followed face is looked at anew when its look correlates by less with that when it was detected
#: Faces that touch, or did so lately, are told apart by their looks above all: the flow of one may stick to the other,
#: and each may have gone on as it came. In 48 crossings of four GRID talkers, half of them wholly behind each other, on
#: which this was chosen, no id goes to another face; it does in 12 where distance counts as much as elsewhere.
PARTED_MS = 400
MEETING_DISTANCE, MEETING_LOOK = 0.25, 2.0
SURE = 3  # detections of a face that let it be followed without: what was found once may be no face
LARGER = 1.5  # a new face must be this much larger in area to take the place of another


@dataclass(frozen=True)
class TrackerOptions:
    """How faces are followed.

    detect_period_ms: the detector runs on frames at least this far apart; 0 means on every frame.
    steady_period_ms: it runs no more often than this while all is steady: the flow holds every followed face, each was
    found thrice, looks as when it was found last and is clear of the others and of the frame's edge, and nothing new
    moves beside them. A face that comes without a move is found this late at the latest. Where it is no longer than
    detect_period_ms, the detector runs each detect_period_ms.
    coast_ms: a face that the detector no longer finds is followed by its motion for this long.
    lost_after_ms: a face unseen for longer is forgotten, and gets a new id when it returns.
    max_tracks: at most so many faces are followed, the largest; others are only hidden in the context.
    """

    detect_period_ms: int = 200
    steady_period_ms: int = 1_000
    coast_ms: int = 500
    lost_after_ms: int = 20_000
    max_tracks: int = 5

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if not isinstance(value, int) or not 0 <= value <= 60_000:
                raise OptionError(f"{option.name} is {value!r}: give a whole number from 0 to 60000")
        if not 1 <= self.max_tracks <= 100:
            raise OptionError(f"max_tracks is {self.max_tracks}: give 1 to 100")
        if self.coast_ms > self.lost_after_ms:
            raise OptionError(f"coast_ms is {self.coast_ms}: give at most lost_after_ms, {self.lost_after_ms}")


@dataclass(frozen=True)
class TrackedFace:
    """A face in the frame just given. detected: False when its box was moved on from an earlier detection."""

    id: int
    box: Box
    score: float
    detected: bool
    landmarks: NDArray[np.float32] | None


@dataclass(frozen=True)
class FacesInFrame:
    """faces: those in view, largest first. hidden: the boxes of all faces, those not followed among them."""

    faces: tuple[TrackedFace, ...]
    hidden: tuple[Box, ...]


@dataclass
class _Meeting:
    """How a face came to where it touches another one. last_ns: when it last did."""

    place: NDArray[np.float64]
    speed: NDArray[np.float64]
    begun_ns: int
    last_ns: int


@dataclass
class _Track:
    id: int
    place: NDArray[np.float64]  # middle x, middle y, width, height
    score: float
    landmarks: NDArray[np.float32] | None
    look: NDArray[np.float32]
    known_ns: int  # when it was last detected, or steadily followed
    found: NDArray[np.float64]  # the place where it then was
    speed: NDArray[np.float64]  # pixels a second, between such times
    detected_look: NDArray[np.float32]
    in_view: bool = True
    detected: bool = True
    missed: bool = False  # by the last detection
    detections: int = 1
    meeting: _Meeting | None = None

    def area(self) -> float:
        return float(self.place[2] * self.place[3])


class FaceTracker:
    """Gives faces ids that last. Deterministic: it depends on the frames and their stamps alone.

    Ids count from 1 and are never used again. Stamps must rise; call reset() when they do not.
    counts: frames, detections_run, detections_spared, tracks_started, tracks_lost, faces_over_limit.
    """

    def __init__(self, detector: FaceDetector, options: TrackerOptions | None = None) -> None:
        self.options = options or TrackerOptions()
        self.counts: Counter[str] = Counter()
        self._detector = detector
        self._flow = MedianFlow()
        self._watch = ChangeWatch()
        self._tracks: list[_Track] = []
        self._others: list[Box] = []
        self._detected_ns: int | None = None
        self._looked_ns = 0
        self._slipped = False  # a face was lost since the last detection
        self._shape: tuple[int, ...] = ()
        self._next_id = 1

    def reset(self) -> None:
        """Forget all faces; their ids are not used again."""
        self._tracks, self._others, self._detected_ns = [], [], None
        self._slipped = False
        self._flow.reset()
        self._watch.reset()

    def update(self, frame: Frame) -> FacesInFrame:
        """Find the faces of the next frame. Raises InputError for what is not an image."""
        check_image(frame.image)
        if frame.image.shape != self._shape:
            self.reset()
            self._shape = frame.image.shape
        now = frame.stamp_ns
        self.counts["frames"] += 1
        moves = self._flow.push(frame.image, [track.place for track in self._tracks])
        for track, move in zip(self._tracks, moves, strict=True):
            followed = track.in_view
            self._advance(track, move, now)
            self._slipped |= followed and not track.in_view
        self._forget(now)
        self._meet(now)
        period_ns = self.options.detect_period_ms * MS
        if self._detected_ns is None or now - (self._detected_ns if self._slipped else self._looked_ns) >= period_ns:
            self._looked_ns = now
            if self._is_steady(now):
                self.counts["detections_spared"] += 1
                self._follow(now)
            else:
                self._detected_ns, self._slipped = now, False
                self._detect(frame)
        return self._view(now)

    def _meet(self, now: int) -> None:
        """Take note of the faces that touch others."""
        for track in self._tracks:
            others = (t for t in self._tracks if t is not track and (t.in_view or track.in_view))
            if any(_overlap(track.place, other.place, 1.0) for other in others):
                if track.meeting is None:
                    track.meeting = _Meeting(track.place.copy(), track.speed, now, now)
                track.meeting.last_ns = now
            elif track.meeting is not None and now - track.meeting.last_ns > PARTED_MS * MS:
                track.meeting = None

    def _is_steady(self, now: int) -> bool:
        """Whether the detector would find what is followed already, as far as can be told without it."""
        in_view = [track for track in self._tracks if track.in_view]
        known = [*(track.place for track in in_view), *map(_place, self._others)]
        changed = self._watch.push(self._flow.grey, [place * self._flow.scale for place in known])
        options = self.options
        if not 0 < options.detect_period_ms < options.steady_period_ms or changed or self._slipped:
            return False
        if self._detected_ns is None or now - self._detected_ns >= options.steady_period_ms * MS:
            return False
        return all(self._is_clear(track, in_view) for track in in_view)

    def _is_clear(self, track: _Track, in_view: list[_Track]) -> bool:
        left, top, right, bottom = _edges(track.place)
        inside = left >= 1 and top >= 1 and right <= self._shape[1] - 1 and bottom <= self._shape[0] - 1
        alone = not any(_overlap(track.place, other.place) for other in in_view if other is not track)
        alike = float(np.vdot(self._look(track.place), track.detected_look)) >= ALIKE
        return inside and alone and alike and track.detections >= SURE and not track.missed

    def _follow(self, now: int) -> None:
        """Take the faces to be where the flow has them."""
        for track in self._tracks:
            if track.in_view:
                self._move(track, track.place, now)

    def _advance(self, track: _Track, move: Motion | None, now: int) -> None:
        track.detected = False
        if move is None or not track.in_view:
            track.in_view = False
            self._expect(track, now)
        else:
            before = track.place[:2].copy()
            shift = np.array([move.dx, move.dy])
            track.place[:2] += shift
            track.place[2:] *= move.scale
            if track.landmarks is not None:
                track.landmarks = ((track.landmarks - before) * move.scale + track.place[:2]).astype(np.float32)
        if clip_box(*_edges(track.place), self._shape) is None:
            track.in_view = False
        if now - track.known_ns > self.options.coast_ms * MS:
            track.in_view = False

    def _expect(self, track: _Track, now: int) -> None:
        """Where an unseen face should be: it went on from where it last was by itself."""
        if track.meeting is not None:
            track.place = _gone_on(track.meeting.place, track.meeting.speed, now - track.meeting.begun_ns)
        else:
            track.place = _gone_on(track.found, track.speed, now - track.known_ns)

    def _detect(self, frame: Frame) -> None:
        self.counts["detections_run"] += 1
        # The largest first, so that ids are given in an order that does not hang on scores.
        found = sorted(
            self._detector.detect(frame.image), key=lambda d: (-d.box.width * d.box.height, d.box.x, d.box.y)
        )
        places = [_place(d.box) for d in found]
        looks = [self._look(place) for place in places]
        taken = self._assign(places, looks, frame.stamp_ns)
        for column, track in taken.items():
            self._confirm(track, found[column], places[column], looks[column], frame.stamp_ns)
        for track in self._tracks:
            track.missed = not track.detected
            # Unseen and under another face: its motion would be that of the face before it.
            if not track.detected and any(_overlap(track.place, p.place) for p in taken.values()):
                track.in_view = False
                self._expect(track, frame.stamp_ns)
        self._others = []
        for column, detection in enumerate(found):
            if column in taken:
                continue
            if not self._make_room(detection.box.width * detection.box.height):
                self._others.append(detection.box)
                continue
            self._tracks.append(
                _Track(
                    self._next_id,
                    places[column],
                    detection.score,
                    detection.landmarks,
                    looks[column],
                    frame.stamp_ns,
                    places[column].copy(),
                    np.zeros(2),
                    looks[column],
                )
            )
            self._next_id += 1
            self.counts["tracks_started"] += 1
        self.counts["faces_over_limit"] += len(self._others)

    def _assign(
        self, places: list[NDArray[np.float64]], looks: list[NDArray[np.float32]], now: int
    ) -> dict[int, _Track]:
        """Detections to tracks, at the least total cost of distance, difference in size and in looks."""
        if not self._tracks or not places:
            return {}
        cost = np.full((len(self._tracks), len(places)), REFUSED)
        for row, track in enumerate(self._tracks):
            unseen_s = (now - track.known_ns) / 1e9
            gate = GATE + (0.0 if track.in_view else GATE_PER_S * unseen_s)
            spots, far, other_look = [track.place], 1.0, 1.0
            if (meeting := track.meeting) is not None:
                spots.append(_gone_on(meeting.place, meeting.speed, now - meeting.begun_ns))
                far, other_look = MEETING_DISTANCE, MEETING_LOOK
            for column, place in enumerate(places):
                size = np.sqrt(max(track.area(), place[2] * place[3]))
                distance = min(float(np.hypot(*(place[:2] - spot[:2]))) for spot in spots) / size
                growth = abs(np.log(place[2] * place[3] / track.area())) / 2
                unlike = 1.0 - float(np.vdot(looks[column], track.look))
                somebody_else = not track.in_view and unlike > STRANGER
                if distance <= gate and growth <= 0.7 and not somebody_else:
                    cost[row, column] = far * distance + 0.5 * growth + other_look * unlike
        rows, columns = linear_sum_assignment(cost)
        return {
            int(column): self._tracks[row]
            for row, column in zip(rows, columns, strict=True)
            if cost[row, column] < REFUSED
        }

    def _confirm(
        self,
        track: _Track,
        detection: Detection,
        place: NDArray[np.float64],
        look: NDArray[np.float32],
        now: int,
    ) -> None:
        self._move(track, place, now)
        track.score, track.landmarks = detection.score, detection.landmarks
        if track.meeting is None:  # a face half hidden by another must not take on its looks
            blend = 0.7 * track.look + 0.3 * look
            track.look = (blend / max(float(np.linalg.norm(blend)), 1e-6)).astype(np.float32)
        track.detected_look = look
        track.detections += 1
        track.in_view = track.detected = True

    @staticmethod
    def _move(track: _Track, place: NDArray[np.float64], now: int) -> None:
        elapsed = max((now - track.known_ns) / 1e9, 1e-3)
        track.speed = 0.5 * track.speed + 0.5 * (place[:2] - track.found[:2]) / elapsed
        track.place, track.found, track.known_ns = place, place.copy(), now

    def _make_room(self, area: float) -> bool:
        """Whether there is a place for one more; a face out of view, or a much smaller one, gives way."""
        if len(self._tracks) < self.options.max_tracks:
            return True
        weakest = min(self._tracks, key=lambda t: (t.in_view, t.area(), -t.id))
        if weakest.in_view and area < LARGER * weakest.area():
            return False
        self._tracks.remove(weakest)
        self.counts["tracks_lost"] += 1
        if weakest.in_view:
            box = clip_box(*_edges(weakest.place), self._shape)
            self._others.extend([box] if box else [])
        return True

    def _forget(self, now: int) -> None:
        limit = self.options.lost_after_ms * MS
        kept = [track for track in self._tracks if now - track.known_ns <= limit]
        self.counts["tracks_lost"] += len(self._tracks) - len(kept)
        self._tracks = kept

    def _view(self, now: int) -> FacesInFrame:
        faces, hidden = [], list(self._others)
        for track in sorted(self._tracks, key=lambda t: (-t.area(), t.id)):
            box = clip_box(*_edges(track.place), self._shape)
            if box is None:
                continue
            if track.in_view or now - track.known_ns <= HIDDEN_MS * MS:
                hidden.append(box)
            if track.in_view:
                faces.append(TrackedFace(track.id, box, track.score, track.detected, track.landmarks))
        return FacesInFrame(tuple(faces), tuple(hidden))

    def _look(self, place: NDArray[np.float64]) -> NDArray[np.float32]:
        """The face as a small grey picture with mean 0 and norm 1, to tell two faces that cross apart."""
        x, y, width, height = place * self._flow.scale
        grey = self._flow.grey
        size = (max(2, round(width)), max(2, round(height)))
        patch = cv2.getRectSubPix(grey, size, (float(x), float(y)))
        small = cv2.resize(patch, (LOOK_PX, LOOK_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
        small -= small.mean()
        return small / max(float(np.linalg.norm(small)), 1e-6)


def _overlap(a: NDArray[np.float64], b: NDArray[np.float64], share: float = 0.67) -> bool:
    """Whether the middles of two faces are closer than this share of their mean size, along both axes."""
    return bool((np.abs(a[:2] - b[:2]) < share * (a[2:] + b[2:]) / 2).all())


def _gone_on(place: NDArray[np.float64], speed: NDArray[np.float64], elapsed_ns: int) -> NDArray[np.float64]:
    """Where a face is that has gone on with its speed, pixels a second, ever slower."""
    gone = place.copy()
    gone[:2] += speed * (1.0 - np.exp(-SLOWING_PER_S * elapsed_ns / 1e9)) / SLOWING_PER_S
    return gone


def _place(box: Box) -> NDArray[np.float64]:
    return np.array([box.x + box.width / 2, box.y + box.height / 2, box.width, box.height], np.float64)


def _edges(place: NDArray[np.float64]) -> tuple[float, float, float, float]:
    x, y, width, height = place.tolist()
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
