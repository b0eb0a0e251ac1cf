"""Faces followed through a stream of frames: detection when something has changed, optical flow in between."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import OptionError
from mer_ros.utterance import Box, Frame
from mer_ros.vision.change import ChangeWatch
from mer_ros.vision.detector import FaceDetector, check_image, clip_box
from mer_ros.vision.flow import MedianFlow, Motion
from mer_ros.vision.track import Place, Track, assign, edges, overlap, place_of

MS = 1_000_000
LOOK_PX = 16  # a track remembers its face as a grey picture of this size
HIDDEN_MS = 1_500  # a face just out of view may well be there still, unseen by the detector: it stays hidden so long
ALIKE = 0.9  # a followed face is looked at anew when its look correlates by less with that when it was detected
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
        self._tracks: list[Track] = []
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
            track.meet(any(overlap(track.place, other.place, 1.0) for other in others), now)

    def _is_steady(self, now: int) -> bool:
        """Whether the detector would find what is followed already, as far as can be told without it."""
        in_view = [track for track in self._tracks if track.in_view]
        known = [*(track.place for track in in_view), *map(place_of, self._others)]
        changed = self._watch.push(self._flow.grey, [place * self._flow.scale for place in known])
        options = self.options
        if not 0 < options.detect_period_ms < options.steady_period_ms or changed or self._slipped:
            return False
        if self._detected_ns is None or now - self._detected_ns >= options.steady_period_ms * MS:
            return False
        return all(self._is_clear(track, in_view) for track in in_view)

    def _is_clear(self, track: Track, in_view: list[Track]) -> bool:
        left, top, right, bottom = edges(track.place)
        inside = left >= 1 and top >= 1 and right <= self._shape[1] - 1 and bottom <= self._shape[0] - 1
        alone = not any(overlap(track.place, other.place) for other in in_view if other is not track)
        alike = float(np.vdot(self._look(track.place), track.detected_look)) >= ALIKE
        return inside and alone and alike and track.detections >= SURE and not track.missed

    def _follow(self, now: int) -> None:
        """Take the faces to be where the flow has them."""
        for track in self._tracks:
            if track.in_view:
                track.move(track.place, now)

    def _advance(self, track: Track, move: Motion | None, now: int) -> None:
        track.detected = False
        if move is None or not track.in_view:
            track.in_view = False
            track.place = track.gone_on(now)
        else:
            before = track.place[:2].copy()
            shift = np.array([move.dx, move.dy])
            track.place[:2] += shift
            track.place[2:] *= move.scale
            if track.landmarks is not None:
                track.landmarks = ((track.landmarks - before) * move.scale + track.place[:2]).astype(np.float32)
        if clip_box(*edges(track.place), self._shape) is None:
            track.in_view = False
        if now - track.known_ns > self.options.coast_ms * MS:
            track.in_view = False

    def _detect(self, frame: Frame) -> None:
        self.counts["detections_run"] += 1
        # The largest first, so that ids are given in an order that does not hang on scores.
        found = sorted(
            self._detector.detect(frame.image), key=lambda d: (-d.box.width * d.box.height, d.box.x, d.box.y)
        )
        places = [place_of(d.box) for d in found]
        looks = [self._look(place) for place in places]
        taken = assign(self._tracks, places, looks, frame.stamp_ns)
        for column, track in taken.items():
            track.confirm(found[column], looks[column], frame.stamp_ns)
        for track in self._tracks:
            track.missed = not track.detected
            # Unseen and under another face: its motion would be that of the face before it.
            if not track.detected and any(overlap(track.place, p.place) for p in taken.values()):
                track.in_view = False
                track.place = track.gone_on(frame.stamp_ns)
        self._others = []
        for column, detection in enumerate(found):
            if column in taken:
                continue
            if not self._make_room(detection.box.width * detection.box.height):
                self._others.append(detection.box)
                continue
            self._tracks.append(Track.of(self._next_id, detection, looks[column], frame.stamp_ns))
            self._next_id += 1
            self.counts["tracks_started"] += 1
        self.counts["faces_over_limit"] += len(self._others)

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
            box = clip_box(*edges(weakest.place), self._shape)
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
            box = clip_box(*edges(track.place), self._shape)
            if box is None:
                continue
            if track.in_view or now - track.known_ns <= HIDDEN_MS * MS:
                hidden.append(box)
            if track.in_view:
                faces.append(TrackedFace(track.id, box, track.score, track.detected, track.landmarks))
        return FacesInFrame(tuple(faces), tuple(hidden))

    def _look(self, place: Place) -> NDArray[np.float32]:
        """The face as a small grey picture with mean 0 and norm 1, to tell two faces that cross apart."""
        x, y, width, height = place * self._flow.scale
        grey = self._flow.grey
        size = (max(2, round(width)), max(2, round(height)))
        patch = cv2.getRectSubPix(grey, size, (float(x), float(y)))
        small = cv2.resize(patch, (LOOK_PX, LOOK_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
        small -= small.mean()
        return small / max(float(np.linalg.norm(small)), 1e-6)
