"""Frames of a scene and utterances without sound, for tests of the observer."""

from __future__ import annotations

import numpy as np

from mer_ros.utterance import Box, Frame, SpeechState, Utterance, VisualWindow
from mer_ros.vision.observer import FaceObserver
from mer_ros.vision.observer_options import ObserverOptions

MS = 1_000_000
START = 1_700_000_000_000 * MS
FACE = Box(200, 150, 100, 120)
QUIET = ObserverOptions(interim_period_ms=0)


def speech(number: int, start_ms: int, end_ms: int, state: SpeechState = SpeechState.ENDED) -> Utterance:
    return Utterance(number, state, START + start_ms * MS, START + end_ms * MS, np.zeros(0, np.int16))


def frames(scene, count: int, period_ms: int = 40, start_ms: int = 0, face: Box | None = FACE) -> list[Frame]:
    image = scene.draw(face)
    return [Frame(START + (start_ms + n * period_ms) * MS, noisy(image, n)) for n in range(count)]


def noisy(image: np.ndarray, number: int) -> np.ndarray:
    """No two pictures of a camera are quite the same."""
    image = image.copy()
    image[0, 0] = number % 256
    return image


def key(window: VisualWindow) -> tuple:
    return (
        window.utterance_id,
        window.is_final,
        window.start_ns,
        window.end_ns,
        window.track_id,
        window.frames_seen,
        window.faces_in_view,
        tuple((sample.stamp_ns, sample.box, sample.face.tobytes()) for sample in window.samples),
    )


def run(observer: FaceObserver, inputs: list) -> list[VisualWindow]:
    out = []
    for item in inputs:
        out += observer.frame(item) if isinstance(item, Frame) else observer.utterance(item)
    return out + observer.flush()


def run_only(observer: FaceObserver, inputs: list) -> list[VisualWindow]:
    return [window for frame in inputs for window in observer.frame(frame)]
