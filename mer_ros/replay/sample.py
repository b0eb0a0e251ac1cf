"""The sample dialogue: two real faces and two real voices, put together on the spot from installed packages.

The pictures come with scikit-image and matplotlib (NASA portrait of Eileen Collins, US Navy portrait of Grace
Hopper: both in the public domain), the voices with moonshine-voice. Who is seen is not who is heard: it is a test
card for the whole graph, not a performance. Mouths open as loud as it is. The same bytes come out every time.
"""

from __future__ import annotations

import heapq
import importlib.util
import wave
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import soxr
from numpy.typing import NDArray

from mer_ros.errors import InputError, MissingDependencyError
from mer_ros.replay.camera_motion import SceneCamera
from mer_ros.replay.mouths import opening
from mer_ros.utterance import SAMPLE_RATE, AudioChunk, Frame

NS = 1_000_000_000
PAUSE_S = (1.4, 1.2, 1.2, 2.4, 1.2, 1.2)  # before each turn; the fourth long enough for an interim 'no face'
LINGER_S = 0.4  # the camera is on the speaker a little before the first word and after the last
TAIL_S = 2.0
SPEECH_RMS = 0.07  # about -23 dBFS, as a close microphone gives
ROOM_RMS = 0.0003  # about -70 dBFS: a quiet room, since digital silence is no real input
BREATH_S = 0.2  # between two sentences of a turn, where the readers make long pauses
SEARCH_S = 0.12  # how far a cut may move from where the words are known to end


@dataclass(frozen=True)
class _Turn:
    """One utterance: whose, and between which times of their recording the pauses around each sentence lie."""

    speaker: int
    sentences: tuple[tuple[float, float], ...]
    words: str


@dataclass(frozen=True)
class _Speaker:
    """A face and a voice. face, mouth: middle x, middle y and width in the picture. seat: where in the frame, 0..1."""

    package: str
    picture: str
    face: tuple[int, int, int]
    mouth: tuple[int, int, int]
    seat: float
    recording: str


SPEAKERS = (
    _Speaker(
        "matplotlib", "mpl-data/sample_data/grace_hopper.jpg", (270, 215, 150), (268, 278, 67), 0.66, "two_cities.wav"
    ),
    _Speaker("skimage", "data/astronaut.png", (223, 130, 110), (223, 144, 38), 0.31, "beckett.wav"),
)
TURNS = (
    _Turn(0, ((0.80, 4.80),), "It was the best of times, it was the worst of times."),
    _Turn(1, ((0.20, 1.33), (1.75, 2.75)), "Ever tried. Ever failed."),
    _Turn(0, ((17.10, 20.95),), "It was the spring of hope, it was the winter of despair."),
    _Turn(1, ((3.42, 4.20), (4.78, 5.60)), "No matter. Try again."),
    _Turn(0, ((20.95, 24.35),), "We had everything before us, we had nothing before us."),
    _Turn(1, ((6.55, 7.50), (8.10, 8.95)), "Fail again. Fail better."),
)


class SampleDialogue:
    """A dialogue of six turns between two people, about half a minute; plays like a `MediaSource`.

    size: (width, height) of the frames. utterances: (start_ns, end_ns, words) of every turn, from the start.
    Raises MissingDependencyError when a package that holds a face or a voice is not installed.
    """

    name = "sample"
    zero_ns = 0
    has_audio = True
    has_video = True
    is_whole = True

    def __init__(self, *, size: tuple[int, int] = (640, 480), frame_rate_hz: float = 15.0, seed: int = 20) -> None:
        self.size = size
        self.frame_rate_hz = frame_rate_hz
        self._seed = seed
        self.counts: Counter[str] = Counter()
        self.warnings: list[str] = []
        self.chosen = {"image": "drawn", "audio": "put together"}
        voices = [_read_voice(_asset("moonshine_voice", f"assets/{s.recording}")) for s in SPEAKERS]
        pictures = [_read_picture(_asset(s.package, s.picture)) for s in SPEAKERS]
        faces, mouths, seats = zip(*((s.face, s.mouth, s.seat) for s in SPEAKERS), strict=True)
        self._camera = SceneCamera(pictures, faces, mouths, seats, size, seed)
        self._sound, spans = _assemble(voices, np.random.default_rng(seed))
        self.utterances = tuple(
            (at * NS // SAMPLE_RATE, to * NS // SAMPLE_RATE, turn.words)
            for (at, to), turn in zip(spans, TURNS, strict=True)
        )
        self.duration_ns: int | None = len(self._sound) * NS // SAMPLE_RATE

    def events(self, start_ns: int = 0, *, chunk_ms: int = 20) -> Iterator[Frame | AudioChunk]:
        """Frames (RGB) and chunks (int16 [n, 1], 16 kHz) in the order of their stamps."""
        return heapq.merge(self._frames(start_ns), self._chunks(start_ns, chunk_ms), key=lambda event: event.stamp_ns)

    def _chunks(self, start_ns: int, chunk_ms: int) -> Iterator[AudioChunk]:
        length = SAMPLE_RATE * chunk_ms // 1000
        for at in range(0, len(self._sound), length):
            stamp = start_ns + at * NS // SAMPLE_RATE
            yield AudioChunk(stamp, self._sound[at : at + length, None], SAMPLE_RATE)

    def _frames(self, start_ns: int) -> Iterator[Frame]:
        for number in range(int(len(self._sound) * self.frame_rate_hz / SAMPLE_RATE)):
            time_ns = round(number * NS / self.frame_rate_hz)
            person, mouth = self._in_view(time_ns), opening(self._sound, time_ns / NS)
            yield Frame(start_ns + time_ns, self._camera.image(number, time_ns / NS, person, mouth))

    def _in_view(self, time_ns: int) -> int | None:
        """Number of the speaker whom the camera shows; None when it shows the empty room."""
        linger_ns = int(LINGER_S * NS)
        for turn, (start_ns, end_ns, _) in zip(TURNS, self.utterances, strict=True):
            if start_ns - linger_ns <= time_ns < end_ns + linger_ns:
                return turn.speaker
        return None


def _asset(package: str, path: str) -> Path:
    """A file that an installed package carries, found without importing the package."""
    spec = importlib.util.find_spec(package)
    roots = list(spec.submodule_search_locations or ()) if spec else []
    for root in roots:
        if (file := Path(root) / path).is_file():
            return file
    distribution = {"skimage": "scikit-image", "moonshine_voice": "moonshine-voice==0.0.49"}.get(package, package)
    raise MissingDependencyError(
        f"the sample dialogue needs {package}/{path}, which this machine lacks: "
        f"run `pip install {distribution}`, or play a file of your own"
    )


def _read_voice(path: Path) -> NDArray[np.float32]:
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return soxr.resample(samples.astype(np.float32) / 32768, rate, SAMPLE_RATE)


def _read_picture(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputError(f"{path} is no picture that can be read: install the package that holds it anew")
    return np.ascontiguousarray(picture[..., ::-1], np.uint8)


def _quietest(voice: NDArray[np.float32], at_s: float) -> int:
    """The sample in the middle of the quietest 40 ms near a time: a real pause, not the midst of a word."""
    first = max(0, int((at_s - SEARCH_S) * SAMPLE_RATE))
    near = voice[first : int((at_s + SEARCH_S) * SAMPLE_RATE)]
    width = SAMPLE_RATE * 40 // 1000
    energy = np.convolve(near.astype(np.float64) ** 2, np.ones(width), mode="valid")
    return first + int(np.argmin(energy)) + width // 2


def _cut(voice: NDArray[np.float32], turn: _Turn) -> NDArray[np.float32]:
    """The words of a turn at the level of speech, a breath between sentences, faded against clicks."""
    breath = np.zeros(round(BREATH_S * SAMPLE_RATE), np.float32)
    fade = np.linspace(0, 1, SAMPLE_RATE // 50, dtype=np.float32)
    parts: list[NDArray[np.float32]] = []
    for from_s, to_s in turn.sentences:
        sentence = voice[_quietest(voice, from_s) : _quietest(voice, to_s)].copy()
        sentence[: len(fade)] *= fade
        sentence[-len(fade) :] *= fade[::-1]
        parts += [breath, sentence]
    speech = np.concatenate(parts[1:])
    speech *= SPEECH_RMS / np.sqrt(np.mean(speech.astype(np.float64) ** 2))
    return speech


def _assemble(
    voices: list[NDArray[np.float32]], rng: np.random.Generator
) -> tuple[NDArray[np.int16], list[tuple[int, int]]]:
    """The turns one after another over the noise of a room, and where each begins and ends, in samples."""
    cuts = [_cut(voices[turn.speaker], turn) for turn in TURNS]
    spans = []
    at = 0
    for pause_s, speech in zip(PAUSE_S, cuts, strict=True):
        at += round(pause_s * SAMPLE_RATE)
        spans.append((at, at + len(speech)))
        at += len(speech)
    sound = rng.normal(0, ROOM_RMS, at + round(TAIL_S * SAMPLE_RATE)).astype(np.float32)
    for (start, end), speech in zip(spans, cuts, strict=True):
        sound[start:end] += speech
    return np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16), spans
