"""A camera's picture with what is known of the people in it: boxes, names, who speaks, emotions, last words."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS, UNKNOWN, EmotionEstimate
from mer_ros.errors import InputError, check_ranges
from mer_ros.utterance import Box, Frame, Transcript
from mer_ros.vision.canvas import MUTED, Canvas, Colour

MAX_TOLD = 64  # faces of which something is remembered
SPEAKS_NS = 1_500_000_000  # an interim estimate says for so long that somebody speaks
LINES = 2  # of the last words
NAME_CHARS = 24


@dataclass(frozen=True)
class OverlayOptions:
    """How pictures are drawn.

    max_rate_hz: frames beyond this rate are not drawn. keep_s: what was told of a person, and the last words, are
    shown for so long. jpeg_quality: of compressed pictures, 1 to 100.
    """

    max_rate_hz: float = 10.0
    keep_s: float = 6.0
    jpeg_quality: int = 80

    def __post_init__(self) -> None:
        limits = {"max_rate_hz": (0.1, 120.0), "keep_s": (0.5, 60.0), "jpeg_quality": (1, 100)}
        check_ranges(self, limits)


@dataclass(frozen=True)
class ShownFace:
    """A face in the picture. name: the person, or `face-N`."""

    track_id: int
    box: Box
    name: str


@dataclass(frozen=True)
class _Words:
    utterance_id: int
    start_ns: int
    end_ns: int
    text: str
    who: str


class Overlay:
    """Remembers what was told lately, of at most MAX_TOLD faces, and draws it.

    colours: emotion, or `unknown`, to red, green and blue; colour never tells anything alone.
    counts: pictures_drawn.
    """

    def __init__(self, colours: Mapping[str, Colour], options: OverlayOptions | None = None) -> None:
        self.options = options or OverlayOptions()
        self.counts: Counter[str] = Counter()
        self._colours = colours
        self._told: OrderedDict[int, EmotionEstimate] = OrderedDict()  # the last one of each face
        self._words: _Words | None = None
        self._sides: dict[int, int] = {}  # of each face in the last picture, where its bars were
        self._drawn_ns: int | None = None

    def emotion(self, estimate: EmotionEstimate) -> None:
        """Take an estimate, final or interim."""
        if estimate.face_id:
            self._told[estimate.face_id] = estimate
            self._told.move_to_end(estimate.face_id)
            while len(self._told) > MAX_TOLD:
                self._told.popitem(last=False)
        if estimate.transcript and estimate.is_final:
            it = estimate
            self._hear(_Words(it.utterance_id, it.start_ns, it.end_ns, it.transcript, it.who or "somebody"))

    def transcript(self, transcript: Transcript) -> None:
        """Take words, partial or final."""
        known, it = self._words, transcript
        who = known.who if known and known.utterance_id == it.utterance_id and known.start_ns == it.start_ns else ""
        self._hear(_Words(it.utterance_id, it.start_ns, it.end_ns, it.text, who))

    def forget(self) -> None:
        """Forget all that was told: nobody looks any more."""
        self._told.clear()
        self._sides.clear()
        self._words = self._drawn_ns = None

    def due(self, stamp_ns: int) -> bool:
        """Whether the rate allows for a picture of this time; if so, it is counted as drawn."""
        period_ns = round(1e9 / self.options.max_rate_hz)
        last = self._drawn_ns
        if last is not None and 0 <= stamp_ns - last < period_ns:
            return False
        # On a grid, so that the mean rate holds at any frame rate; anew after a pause or a jump of the clock.
        on_grid = last is not None and 0 <= stamp_ns - last < 2 * period_ns
        self._drawn_ns = last + period_ns if last is not None and on_grid else stamp_ns
        return True

    def draw(self, frame: Frame, faces: Sequence[ShownFace]) -> NDArray[np.uint8]:
        """Return a new picture, uint8 [height, width, 3], RGB. faces: the most prominent first."""
        canvas = Canvas(frame.image.copy())
        told = {face.track_id: self._of(face, frame.stamp_ns) for face in faces}
        taken = [face.box for face in faces]
        for face in reversed(faces):
            speaks = self._speaks(told[face.track_id], frame.stamp_ns)
            canvas.outline(face.box, self._colour(told[face.track_id]), canvas.px(4 if speaks else 2))
        caption = self._caption(canvas, frame.stamp_ns, {face.track_id: face.name for face in faces})
        taken += [caption] if caption else []
        for face in faces:
            taken.append(self._plate(canvas, face, told[face.track_id], frame.stamp_ns))
        sides, self._sides = self._sides, {}
        for face in faces:
            it = told[face.track_id]
            places = _places(canvas, face.box) if it else []
            before = sides.get(face.track_id, 0)  # they stay where they are while there is room
            for side in sorted(range(len(places)), key=lambda side: side != before):
                place = places[side]
                if it and canvas.inside(place) and not any(_meet(place, other) for other in taken):
                    self._bars(canvas, place, it)
                    self._sides[face.track_id] = side
                    taken.append(place)
                    break
        self.counts["pictures_drawn"] += 1
        return canvas.image

    def jpeg(self, picture: NDArray[np.uint8]) -> bytes:
        """Compress a picture. Raises InputError for one that JPEG cannot hold."""
        quality = [cv2.IMWRITE_JPEG_QUALITY, self.options.jpeg_quality]
        try:
            done, content = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
        except cv2.error as error:
            raise InputError(f"a picture of {picture.shape} cannot be a JPEG: {error.err}") from error
        if not done:
            raise InputError(f"a picture of {picture.shape} cannot be a JPEG: give 65535 pixels a side at most")
        return content.tobytes()

    def _hear(self, words: _Words) -> None:
        known = self._words
        anew = known is not None and known.start_ns - words.start_ns > self.options.keep_s * 1e9  # the clock went back
        if known is None or anew or words.start_ns >= known.start_ns:
            self._words = words

    def _of(self, face: ShownFace, now_ns: int) -> EmotionEstimate | None:
        """What was told last of a face, or of the same person's face before it was lost from view."""
        found = self._told.get(face.track_id)
        if found is None:
            same = (e for e in reversed(self._told.values()) if e.person_id == face.name)
            found = next(same, None)
        return found if found and abs(now_ns - found.end_ns) <= self.options.keep_s * 1e9 else None

    def _speaks(self, it: EmotionEstimate | None, now_ns: int) -> bool:
        """Whether an interim estimate says so: that of who is silent names no utterance."""
        return bool(it and not it.is_final and it.utterance_id and abs(now_ns - it.end_ns) <= SPEAKS_NS)

    def _colour(self, it: EmotionEstimate | None) -> Colour:
        return self._colours.get(it.emotion if it else UNKNOWN, self._colours[UNKNOWN])

    def _plate(self, canvas: Canvas, face: ShownFace, it: EmotionEstimate | None, now_ns: int) -> Box:
        """The name above the box, or in its upper edge, with the emotion and a mark while this person speaks."""
        pad, speaks = canvas.px(4), self._speaks(it, now_ns)
        mark = canvas.px(16) if speaks else 0
        name = face.name if len(face.name) <= NAME_CHARS else face.name[:NAME_CHARS] + "..."
        feeling = f"  {it.emotion} {_percent(it.confidence)}" if it else ""
        text = canvas.shortened(name + feeling, canvas.width - mark - 2 * pad)
        width = min(canvas.width, canvas.text_width(text) + mark + 2 * pad)
        x = max(0, min(face.box.x, canvas.width - width))
        above = face.box.y - canvas.row - canvas.px(3)
        y = above if above >= 0 else max(0, min(face.box.y + canvas.px(3), canvas.height - canvas.row))
        plate = Box(x, y, width, canvas.row)
        canvas.plate(plate)
        if speaks:
            canvas.voice(x + pad, y, self._colour(it))
        canvas.text(x + pad + mark, y, text)
        return plate

    def _bars(self, canvas: Canvas, place: Box, it: EmotionEstimate) -> None:
        canvas.plate(place)
        row, pad = _bar_row(canvas), canvas.px(4)
        names, percents = canvas.text_width("surprise"), canvas.text_width("100%")
        left = place.x + pad + names + canvas.px(6)
        width = place.x + place.width - pad - percents - pad - left
        for number, (emotion, share) in enumerate(zip(EMOTIONS, it.probabilities, strict=False)):
            y = place.y + pad + number * row
            canvas.text(place.x + pad, y, emotion)
            canvas.bar(Box(left, y + canvas.px(4), width, row - canvas.px(6)), float(share), self._colours[emotion])
            told = _percent(float(share))
            canvas.text(place.x + place.width - pad - canvas.text_width(told), y, told)

    def _caption(self, canvas: Canvas, now_ns: int, names: Mapping[int, str]) -> Box | None:
        """The last words along the lower edge, and who said them."""
        words = self._words
        if words is None or not words.text.strip() or abs(now_ns - words.end_ns) > self.options.keep_s * 1e9:
            return None
        speaks = (e for e in self._told.values() if e.utterance_id == words.utterance_id and self._speaks(e, now_ns))
        who = words.who or next((names.get(e.face_id) or e.who or "somebody" for e in speaks), "")
        pad = canvas.px(6)
        lead = canvas.shortened(who[:NAME_CHARS] + "  ", canvas.width // 3) if who else ""
        indent = pad + canvas.text_width(lead)
        lines = canvas.last_lines(words.text, canvas.width - indent - pad, LINES)
        height = len(lines) * canvas.row + pad
        if not lines or height > canvas.height // 2:
            return None
        place = Box(0, canvas.height - height, canvas.width, height)
        canvas.plate(place)
        canvas.text(pad, place.y + pad // 2, lead, MUTED)
        for number, line in enumerate(lines):
            canvas.text(indent, place.y + pad // 2 + number * canvas.row, line)
        return place


def _percent(share: float) -> str:
    return f"{min(1.0, max(0.0, share)):.0%}" if np.isfinite(share) else "-"


def _bar_row(canvas: Canvas) -> int:
    return canvas.px(14)


def _places(canvas: Canvas, face: Box) -> list[Box]:
    """Where the bars could be: right and left of a face, below it, above it, and above the name that is there."""
    width = canvas.text_width("surprise") + canvas.text_width("100%") + canvas.px(18 + 50)
    height = len(EMOTIONS) * _bar_row(canvas) + canvas.px(8)
    gap = canvas.px(6)
    level = max(0, min(face.y, canvas.height - height))
    aligned = max(0, min(face.x, canvas.width - width))
    above = face.y - gap - height
    corners = (
        (face.x + face.width + gap, level),
        (face.x - gap - width, level),
        (aligned, face.y + face.height + gap),
        (aligned, above),
        (aligned, above - gap - canvas.row),
    )
    return [Box(x, y, width, height) for x, y in corners]


def _meet(a: Box, b: Box) -> bool:
    across = a.x < b.x + b.width and b.x < a.x + a.width
    return across and a.y < b.y + b.height and b.y < a.y + a.height
