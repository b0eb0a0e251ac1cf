"""Which person each followed face is: encodings now and then, by the frames' stamps alone."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import MerError
from mer_ros.utterance import Frame
from mer_ros.vision.people import People, PeopleOptions
from mer_ros.vision.tracker import FacesInFrame, TrackedFace

MS = 1_000_000
PERIOD_MS = 100  # between two encodings
SPACING_MS = 200  # between two of the same face: frames that lie near each other are blurred alike
ENROL = 3  # encodings of a face, averaged, before it is somebody: a single one may be blurred
DOUBTS = 2  # encodings in a row that are not the person's, and the face is somebody else's
AGAIN_MS = 1_000  # a face that is like nobody and too like somebody is looked at again so much later
SURE_MS = 2_000  # another face in view that was like its person so lately is that person
TURNED = (0.2, 0.8)  # where the nose lies between the eyes, from 0 to 1, of a face that looks about forward
MAX_FACES = 256  # whose persons are remembered after they have gone

Encoding = NDArray[np.float64]


class Encoder(Protocol):
    """Encodes a face in an image, see `FaceEncoder`."""

    def encode(self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> Encoding:
        """float64 [128], finite; raises MerError."""
        ...


@dataclass
class _Face:
    """due_ns: when it is to be encoded next. sure_ns: when it last was like its person.

    seen: encodings since it was last somebody, or while in doubt.
    persons: who it was taken for since when, oldest first; empty for nobody yet.
    """

    due_ns: int
    sure_ns: int = 0
    seen: list[Encoding] = field(default_factory=list)
    persons: list[tuple[int, str]] = field(default_factory=list)

    @property
    def person(self) -> str:
        return self.persons[-1][1] if self.persons else ""


class PersonRecogniser:
    """Tells persons apart among the faces in view, at most one encoding a frame and ten a second.

    A face is encoded until it is known, then every check_ms, so that an id that went over to another face at a
    crossing is noticed. counts: faces_encoded, faces_not_encoded, persons_changed, and those of the gallery.
    """

    def __init__(self, encoder: Encoder, options: PeopleOptions | None = None) -> None:
        self.options = options or PeopleOptions()
        self.people = People(self.options)
        self._encoder = encoder
        self._faces: OrderedDict[int, _Face] = OrderedDict()
        self._encoded_ns = -PERIOD_MS * MS

    @property
    def counts(self) -> Counter[str]:
        """How often each thing happened, for diagnostics."""
        return self.people.counts

    def see(self, frame: Frame, faces: FacesInFrame) -> None:
        """Take the next frame with the faces followed in it."""
        now = frame.stamp_ns
        for face in faces.faces:
            self._faces.setdefault(face.id, _Face(now))
            self._faces.move_to_end(face.id)
        while len(self._faces) > MAX_FACES:
            self._faces.popitem(last=False)
        due = [face for face in faces.faces if self._faces[face.id].due_ns <= now and self._is_clear(face, frame)]
        if not due or 0 <= now - self._encoded_ns < PERIOD_MS * MS:
            return
        # Who has waited longest comes first.
        face = min(due, key=lambda f: (self._faces[f.id].due_ns, f.id))
        known = self._faces[face.id]
        known.due_ns = now + SPACING_MS * MS
        self._encoded_ns = now
        assert face.landmarks is not None  # it is clear
        try:
            encoding = self._encoder.encode(frame.image, face.landmarks)
        except MerError:  # also a model that fails costs no frame
            self.counts["faces_not_encoded"] += 1
            return
        self.counts["faces_encoded"] += 1
        if known.person:
            self._check(known, encoding, now)
        else:
            self._enrol(known, encoding, now, [self._faces[f.id] for f in faces.faces if f.id != face.id])

    def person(self, track_id: int, at_ns: int) -> str:
        """Who a face was taken for at a time; empty when that was not known then."""
        face = self._faces.get(track_id)
        return next((who for since, who in reversed(face.persons) if since <= at_ns), "") if face else ""

    def start_anew(self) -> None:
        """Time went back: the faces are others, the persons are not."""
        self._faces.clear()

    def forget(self, person_id: str = "") -> int:
        """Forget a person, or everybody for an empty id; how many there were. Who is in view is met anew."""
        forgotten = self.people.names() if not person_id else [person_id]
        count = sum(self.people.forget(name) for name in forgotten)
        for face in self._faces.values():
            if not person_id or any(who == person_id for _, who in face.persons):
                face.persons, face.seen = [(s, w) for s, w in face.persons if person_id and w != person_id], []
        return count

    def _is_clear(self, face: TrackedFace, frame: Frame) -> bool:
        """Whether a face is large enough, whole in the frame, and looks about forward."""
        if face.landmarks is None or min(face.box.width, face.box.height) < self.options.least_px:
            return False
        height, width = frame.image.shape[:2]
        points = face.landmarks
        if not np.isfinite(points).all() or (points < 0).any() or (points >= (width, height)).any():
            return False
        across = points[1] - points[0]
        length = float(across @ across)
        return length > 0 and TURNED[0] <= float((points[2] - points[0]) @ across) / length <= TURNED[1]

    def _enrol(self, face: _Face, encoding: Encoding, now: int, others: list[_Face]) -> None:
        face.seen = [*face.seen, encoding][-ENROL:]
        if len(face.seen) < ENROL:
            return
        mean = np.mean(face.seen, axis=0)
        like = self.people.nearest(mean)
        for other in others:
            if like and other.person == like and now - other.sure_ns > SURE_MS * MS:
                other.due_ns = 0  # which of the two is the one? The other is looked at first
                return
        person = self.people.recognise(mean, now, {other.person for other in others})
        face.seen = []
        if person:
            face.persons.append((now, person))
            face.sure_ns, face.due_ns = now, now + self.options.check_ms * MS
        else:
            face.due_ns = now + AGAIN_MS * MS

    def _check(self, face: _Face, encoding: Encoding, now: int) -> None:
        if self.people.confirm(face.person, encoding, now):
            face.seen = []
            face.sure_ns, face.due_ns = now, now + self.options.check_ms * MS
            return
        face.seen.append(encoding)
        if len(face.seen) >= DOUBTS:  # not whom it was taken for: it is met anew, beginning with what was seen
            self.counts["persons_changed"] += 1
            face.persons.append((now, ""))
