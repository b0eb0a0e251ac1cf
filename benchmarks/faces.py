"""Faces at 30 Hz: the whole face observer against `face_recognition` on every frame. Exit code 1 when a mark is missed.

    python benchmarks/faces.py [--clips DIR] [--seconds 10] [--cores 0] [--write]

Frames: the sample dialogue at 640x480 and 30 Hz, and each clip of DIR (one talking face each) at that size. Both see
the same frames one after the other in one process; what counts is the processor time of the whole process, threads
included. The observer does all that the camera node does but for messages: detects, follows, crops faces and context,
measures mouths, tells persons apart. face_recognition does `face_locations(frame)` alone, as it comes. A face of its is
found when the middle of a followed face lies in it and the other way round. --write writes results/faces.json.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from common import Mark, Result, begin, finish, options, table

from mer_ros import stages
from mer_ros.replay.options import ReplayOptions
from mer_ros.replay.sample import SampleDialogue
from mer_ros.utterance import Box, Frame

SIZE, RATE_HZ = (640, 480), 30.0
LEAST_RATIO, LEAST_RECALL = 10.0, 0.99


@dataclass
class Tally:
    """What one recording gave. Times in s."""

    frames: int = 0
    observer_s: float = 0.0
    peer_s: float = 0.0
    detections: int = 0
    theirs: int = 0
    found: int = 0
    ours: int = 0
    tracks: int = 0


def recordings(clips: Path | None, seconds: float) -> Iterator[tuple[str, list[Frame]]]:
    """Name and frames of each."""
    sample = SampleDialogue(size=SIZE, frame_rate_hz=RATE_HZ)
    events = (e for e in sample.events() if isinstance(e, Frame))
    yield "sample dialogue", [e for _, e in zip(range(round(seconds * RATE_HZ)), events, strict=False)]
    for path in sorted(clips.iterdir()) if clips else ():
        if path.suffix in (".mpg", ".mp4", ".avi"):
            capture, frames = cv2.VideoCapture(str(path)), []
            rate = capture.get(cv2.CAP_PROP_FPS) or RATE_HZ
            while len(frames) < seconds * rate and (grabbed := capture.read())[0]:
                image = cv2.cvtColor(cv2.resize(grabbed[1], SIZE), cv2.COLOR_BGR2RGB)
                frames.append(Frame(round(len(frames) / rate * 1e9), image))
            yield path.stem, frames


def same(a: Box, b: Box) -> bool:
    """Whether the middle of each lies in the other."""

    def middle_in(one: Box, other: Box) -> bool:
        x, y = one.x + one.width / 2, one.y + one.height / 2
        return other.x <= x <= other.x + other.width and other.y <= y <= other.y + other.height

    return middle_in(a, b) and middle_in(b, a)


def compare(frames: list[Frame], face_locations) -> Tally:
    camera = ReplayOptions().settings()["camera"]
    observer = stages.observer(camera, stages.detector(camera), stages.encoder(camera))
    tally = Tally(len(frames))
    views = []
    for frame in frames:
        begun = time.process_time()
        observer.frame(frame)
        tally.observer_s += time.process_time() - begun
        views.append([face.box for face in observer.in_view])
    for frame, view in zip(frames, views, strict=True):
        begun = time.process_time()
        edges = face_locations(frame.image)
        tally.peer_s += time.process_time() - begun
        theirs = [Box(left, top, right - left, bottom - top) for top, right, bottom, left in edges]
        tally.theirs += len(theirs)
        tally.ours += len(view)
        tally.found += sum(any(same(box, ours) for ours in view) for box in theirs)
    tally.detections, tally.tracks = observer.counts["detections_run"], observer.counts["tracks_started"]
    return tally


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--clips", type=Path, help="folder of video files with one face each")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each recording (default: %(default)s)")
    given = begin(parser, None)
    warnings.filterwarnings("ignore", module="face_recognition_models")
    try:
        from face_recognition import face_locations
    except (ImportError, SystemExit):
        print("face_recognition, which is compared with, is not installed: see requirements/")
        return 2
    face_locations(np.zeros((120, 160, 3), np.uint8))
    rows = [(name, compare(frames, face_locations)) for name, frames in recordings(given.clips, given.seconds)]
    whole = Tally(*(sum(getattr(t, field) for _, t in rows) for field in Tally.__dataclass_fields__))
    head = ("recording", "frames", "detections", "tracks", "observer, ms a frame", "face_recognition, ms a frame")
    head += ("ratio", "its faces", "of them followed", "faces followed")
    marks = [
        Mark(
            "faces at 30 Hz: how often cheaper a frame than face_recognition on each frame",
            LEAST_RATIO,
            whole.peer_s / whole.observer_s,
            at_least=True,
        ),
        Mark(
            "the same: share of its faces that are followed",
            LEAST_RECALL,
            whole.found / max(whole.theirs, 1),
            at_least=True,
        ),
    ]
    command = "python benchmarks/faces.py" + (" --clips DIR" if given.clips else "") + f" --seconds {given.seconds:g}"
    lines = table(head, (cells(name, t) for name, t in [*rows, ("all", whole)]))
    return finish(Result("faces", "Faces", command, 50, marks, lines), given.write)


def cells(name: str, t: Tally) -> list[str]:
    return [
        name,
        *(str(n) for n in (t.frames, t.detections, t.tracks)),
        f"{t.observer_s / t.frames * 1e3:.2f}",
        f"{t.peer_s / t.frames * 1e3:.1f}",
        f"{t.peer_s / t.observer_s:.1f}",
        str(t.theirs),
        f"{t.found} ({t.found / max(t.theirs, 1):.1%})",
        str(t.ours),
    ]


if __name__ == "__main__":
    sys.exit(main())
