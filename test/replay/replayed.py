"""What the tests of the replay share: recordings made of events, cheap stages, short speech."""

from __future__ import annotations

import os
import signal
import wave
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mer_ros import resources
from mer_ros.audio.listener import SpeechListener
from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.pipeline import Pipeline
from mer_ros.replay.sample import SampleDialogue
from mer_ros.settings.files import read_settings
from mer_ros.utterance import AudioChunk, Frame
from mer_ros.vision.detector import NoDetector
from mer_ros.vision.observer import FaceObserver

SECOND = 1_000_000_000
RATE = 16_000
CHEAP = """\
camera: {ros__parameters: {detector: none}}
microphone: {ros__parameters: {vad: webrtc}}
fusion: {ros__parameters: {use_face: false, use_text: false, use_dialogue: false}}
"""


class Made:
    """A recording made of events, given as they lie; an exception among them is raised."""

    has_audio = has_video = is_whole = True
    size, frame_rate_hz = (64, 48), 10.0
    duration_ns = None

    def __init__(self, events: Sequence[AudioChunk | Frame | BaseException], name: str = "made") -> None:
        self.name, self._events = name, events
        self.zero_ns = next((e.stamp_ns for e in events if not isinstance(e, BaseException)), 0)
        self.counts: Counter[str] = Counter()
        self.warnings: list[str] = []
        self.chosen: dict[str, str] = {"audio": "/made"}

    def events(self, start_ns: int = 0, *, chunk_ms: int = 20) -> Iterator[AudioChunk | Frame]:
        for event in self._events:
            if isinstance(event, BaseException):
                raise event
            yield event


class Deadly(Made):
    """A recording that kills the process that plays it; with a file, only as long as there is none."""

    def __init__(self, path: Path | None = None, events: Sequence[AudioChunk | Frame] = ()) -> None:
        super().__init__(events, "deadly")
        self._path = path

    def events(self, start_ns: int = 0, *, chunk_ms: int = 20) -> Iterator[AudioChunk | Frame]:
        if self._path is None or not self._path.exists():
            if self._path is not None:
                self._path.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().events(start_ns, chunk_ms=chunk_ms)


class LoudVad:
    """Speech is what is loud."""

    frame_length = 512

    def probability(self, frame: np.ndarray) -> float:
        return float(np.abs(frame).max() > 1000)

    def reset(self) -> None:
        pass


class CheapLoaded:
    """In place of the models: whoever speaks is glad, the louder the surer. No face is found."""

    silence_s, pause_s = 1.6, 2.0

    def __init__(self) -> None:
        self.providers = {"stub": "cpu"}
        self.models = {"speech": {"name": "stub", "sha256": "0" * 64}}
        self.settings = read_settings(resources.config_dir() / "mer.yaml")

    def fuser(self, **more: Expert) -> EmotionFuser:
        def judge(utterance, *_, **__) -> ModalityEstimate:
            glad = min(0.9, float(np.abs(utterance.samples.astype(float)).mean()) / 10_000)
            told = np.full(7, (1 - glad) / 6)
            told[3] = glad
            return ModalityEstimate(Modality.AUDIO, told, quality=1.0, model="stub")

        return EmotionFuser(Experts(audio=Expert(judge, np.full(7, 1 / 7), 0.7), **more))

    def pipeline(self, *, video: bool, on_window=None) -> Pipeline:
        observer = FaceObserver(NoDetector()) if video else None
        return Pipeline(SpeechListener(vad=LoudVad()), self.fuser(), observer, None, on_window)


def tones(spans: Sequence[tuple[float, float]], length_s: float, chunk_s: float = 0.1) -> list[AudioChunk]:
    """Loud noise in these spans, silence elsewhere, in chunks from 1 s on."""
    sound = np.zeros(round(length_s * RATE), np.int16)
    noise = np.random.default_rng(1).integers(-8000, 8000, len(sound)).astype(np.int16)
    for start_s, end_s in spans:
        part = slice(round(start_s * RATE), round(end_s * RATE))
        sound[part] = noise[part]
    step = round(chunk_s * RATE)
    return [AudioChunk(SECOND + at * SECOND // RATE, sound[at : at + step], RATE) for at in range(0, len(sound), step)]


def pictures(length_s: float, rate_hz: float = 10.0, size: tuple[int, int] = (64, 48)) -> list[Frame]:
    """Grey frames from 1 s on."""
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    return [Frame(SECOND + round(n * SECOND / rate_hz), image) for n in range(round(length_s * rate_hz))]


def merged(*streams: Sequence[AudioChunk | Frame]) -> list[AudioChunk | Frame]:
    """In the order of the stamps."""
    return sorted((event for stream in streams for event in stream), key=lambda event: event.stamp_ns)


def spoken_wav(path: Path, from_s: float = 0.0, to_s: float = 6.2) -> Path:
    """A part of the sample dialogue's sound; its first sentence."""
    chunks = [e for e in SampleDialogue(size=(64, 48), frame_rate_hz=1.0).events(0) if isinstance(e, AudioChunk)]
    sound = np.concatenate([chunk.samples[:, 0] for chunk in chunks])[round(from_s * RATE) : round(to_s * RATE)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sound.tobytes())
    return path
