"""Faces that another node has found, in place of a detector of our own: matched to frames by their stamps."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import check_ranges
from mer_ros.utterance import Box, Frame
from mer_ros.vision.detector import Detection, Image, check_image, clip_box, iou

_NS_PER_MS = 1_000_000
_KEPT = 32  # places that are remembered of each face
_SAME = 0.3  # least overlap (intersection over union) of one face in two boxes

Landmarks = NDArray[np.float32]


@dataclass(frozen=True)
class ToldFace:
    """Where a face is in the frame of a stamp. edges: left, top, right, bottom; shares of the frame, or pixels.

    landmarks: float32 [5, 2], shares of the frame as (x, y), in the order of `Detection`; or None. score: 0..1.
    """

    stamp_ns: int
    edges: tuple[float, float, float, float]
    in_pixels: bool = False
    score: float = 1.0
    landmarks: Landmarks | None = None


@dataclass(frozen=True)
class ToldOptions:
    """How faces find their frame. A value out of range raises OptionError.

    tolerance_ms: stamps of face and frame may differ by so much. hold_ms: a frame waits so long, by the stamps of the
    frames after it, for the faces that are found in it. max_faces: faces that are remembered at most.
    """

    tolerance_ms: float = 100.0
    hold_ms: float = 150.0
    max_faces: int = 16

    def __post_init__(self) -> None:
        limits = {"tolerance_ms": (0.0, 5000.0), "hold_ms": (0.0, 400.0), "max_faces": (1, 100)}
        check_ranges(self, limits)


@dataclass
class _Told:
    """What was told of one face lately, oldest first."""

    places: deque[ToldFace] = field(default_factory=lambda: deque(maxlen=_KEPT))
    landmarks: deque[tuple[int, Landmarks]] = field(default_factory=lambda: deque(maxlen=_KEPT))


class ToldFaces:
    """A `FaceDetector` that finds what it was told. It must be asked about frames in the order in which `hold` gives.

    Memory: `hold_ms` of frames, 16 at most, and 32 places of each face.
    counts: frames_with_told_faces, frames_without_told_faces (no face near in time), told_faces_over_limit,
    told_faces_outside (of the frame).
    """

    name = "humans"

    def __init__(self, options: ToldOptions | None = None) -> None:
        self.options = options or ToldOptions()
        self.counts: Counter[str] = Counter()
        self._faces: OrderedDict[str, _Told] = OrderedDict()
        self._held: deque[Frame] = deque(maxlen=16)
        self._looked_ns = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Who is remembered."""
        return tuple(self._faces)

    def track(self, names: Collection[str]) -> None:
        """These faces are tracked; others are forgotten, and those beyond the limit are left out."""
        for gone in [name for name in self._faces if name not in names]:
            del self._faces[gone]
        for name in names:
            if name not in self._faces:
                if len(self._faces) >= self.options.max_faces:
                    self.counts["told_faces_over_limit"] += 1
                    continue
                self._faces[name] = _Told()

    def tell(self, name: str, face: ToldFace) -> None:
        """A face is there; what is told of one that is not tracked is left out."""
        if name in self._faces:
            self._faces[name].places.append(face)

    def mark(self, name: str, stamp_ns: int, landmarks: Landmarks) -> None:
        """The landmarks of a face in the frame of a stamp, where they are not told with its place."""
        if name in self._faces:
            self._faces[name].landmarks.append((stamp_ns, landmarks))

    def hold(self, frame: Frame) -> Iterator[Frame]:
        """Take a frame; give those whose faces have been told, or that have waited for them long enough."""
        if len(self._held) == self._held.maxlen:
            yield self._look(self._held.popleft())
        self._held.append(frame)
        while self._held and self._is_due(self._held[0], frame.stamp_ns):
            yield self._look(self._held.popleft())

    def flush(self) -> Iterator[Frame]:
        """Give the frames that still wait."""
        while self._held:
            yield self._look(self._held.popleft())

    def detect(self, image: Image) -> list[Detection]:
        """The faces told of the frame that `hold` gave last."""
        check_image(image)
        found = [self._detection(face, image.shape) for face in self._near(self._looked_ns).values()]
        faces = [detection for detection in found if detection is not None]
        self.counts["told_faces_outside"] += len(found) - len(faces)
        self.counts["frames_with_told_faces" if faces else "frames_without_told_faces"] += 1
        return sorted(faces, key=lambda detection: -detection.score)

    def name_of(self, box: Box, stamp_ns: int, image_size: tuple[int, int]) -> str:
        """Whose face this is by the names that were told; empty when it is none of them. image_size: width, height."""
        shape = (image_size[1], image_size[0])
        boxes = {name: self._detection(face, shape) for name, face in self._near(stamp_ns).items()}
        overlaps = {name: iou(box, found.box) for name, found in boxes.items() if found}
        best = max(overlaps, key=lambda name: overlaps[name], default="")
        return best if best and overlaps[best] >= _SAME else ""

    def _look(self, frame: Frame) -> Frame:
        self._looked_ns = frame.stamp_ns
        return frame

    def _is_due(self, frame: Frame, newest_ns: int) -> bool:
        # Also when time has gone back, as a frame of another clock would wait for ever.
        if abs(newest_ns - frame.stamp_ns) >= self.options.hold_ms * _NS_PER_MS:
            return True
        newest = [told.places[-1].stamp_ns if told.places else -1 for told in self._faces.values()]
        return bool(newest) and min(newest) >= frame.stamp_ns

    def _near(self, stamp_ns: int) -> dict[str, ToldFace]:
        """Of each face the place that is nearest in time, where that is near enough."""
        near = {}
        for name, told in self._faces.items():
            place = min(told.places, key=lambda face: abs(face.stamp_ns - stamp_ns), default=None)
            if place and abs(place.stamp_ns - stamp_ns) <= self.options.tolerance_ms * _NS_PER_MS:
                marks = next((marks for stamp, marks in told.landmarks if stamp == place.stamp_ns), place.landmarks)
                near[name] = replace(place, landmarks=marks)
        return near

    @staticmethod
    def _detection(face: ToldFace, shape: tuple[int, ...]) -> Detection | None:
        height, width = shape[:2]
        across, down = (1, 1) if face.in_pixels else (width, height)
        left, top, right, bottom = face.edges
        box = clip_box(left * across, top * down, right * across, bottom * down, shape)
        if box is None:
            return None
        marks = face.landmarks
        pixels = None if marks is None else (marks * np.array([width, height])).astype(np.float32)
        return Detection(box, face.score, pixels)
