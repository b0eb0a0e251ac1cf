"""Recordings of three persons who take turns: two in view side by side, and one not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import soxr

from mer_ros.replay.mouths import open_mouth, opening
from mer_ros.replay.sample import SPEAKERS, SPEECH_RMS, TURNS, _asset, _cut, _read_picture, _read_voice, _Turn
from mer_ros.utterance import SAMPLE_RATE

FPS = 25
PAUSE_S = 1.6
ORDER = (0, 2, 1, 0, 2, 1)  # the left, who is out of view, the right
DEEPER = 1.14  # the voice of who is out of view, against the reader's
UNSEEN = _Turn(0, ((20.95, 24.35),), "")

Image = np.ndarray
#: Who (0 or 1), how long they have spoken or None, and what they say, to their half of the picture.
Draw = Callable[[int, "float | None", np.ndarray], Image]


@dataclass(frozen=True)
class Scene:
    """A recording. path: of the file. turns: who speaks when (seconds), 2 being out of view, and words of theirs."""

    path: Path
    turns: tuple[tuple[int, float, float, str], ...]


def portraits(folder: Path) -> Scene:
    """Two still faces whose mouths open with the sound, and readers' voices: all from installed packages."""
    pictures = [_read_picture(_asset(s.package, s.picture)) for s in SPEAKERS]
    voices = [_read_voice(_asset("moonshine_voice", f"assets/{s.recording}")) for s in SPEAKERS]
    slower = soxr.resample(_cut(voices[0], UNSEEN), SAMPLE_RATE, round(SAMPLE_RATE * DEEPER))
    said = [
        (_cut(voices[0], TURNS[0]), "times"),
        (slower, "everything"),
        (_cut(voices[1], TURNS[1]), "failed"),
        (_cut(voices[0], TURNS[2]), "spring"),
        (slower, "everything"),
        (_cut(voices[1], TURNS[3]), "again"),
    ]

    def draw(who: int, spoken_s: float | None, sound: np.ndarray) -> Image:
        speaker = SPEAKERS[who]
        share = 0.0 if spoken_s is None else opening(sound, spoken_s)
        opened = open_mouth(pictures[who], speaker.mouth, share)
        x, y, width = speaker.face
        scale = 110 / width
        move = np.array([[scale, 0, 180 - scale * x], [0, scale, 150 - scale * y]])
        return cv2.warpAffine(opened, move, (360, 320), borderMode=cv2.BORDER_REPLICATE)

    return _write(folder / "portraits.mkv", said, draw)


def talkers(folder: Path, clips: Path) -> Scene:
    """Real talkers of the GRID corpus: each in view looks and sounds as in their clip, and is still in between."""
    names = ("swiz3n", "bbaf2n", "lwbsza")
    words = ("three", "two now", "white")  # of each name, as far as the recogniser can be relied on
    frames, sounds = zip(*(_clip(clips / f"{names[n]}.mpg") for n in (0, 2, 1)), strict=True)  # left, right, unseen

    def draw(who: int, spoken_s: float | None, sound: np.ndarray) -> Image:
        number = len(frames[who]) if spoken_s is None else int(spoken_s * FPS)
        return frames[who][number] if number < len(frames[who]) else frames[who][0]

    spoken = [(sounds[who], words[{0: 0, 1: 2, 2: 1}[who]]) for who in ORDER]
    return _write(folder / "talkers.mkv", spoken, draw)


def _clip(path: Path) -> tuple[list[Image], np.ndarray]:
    """The frames, and the sound as loud as speech is in the sample: float32, 16 kHz."""
    with av.open(str(path)) as file:
        frames = [f.to_ndarray(format="rgb24") for f in file.decode(video=0)]
    with av.open(str(path)) as file:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        pieces = [p.to_ndarray().ravel() for f in file.decode(audio=0) for p in resampler.resample(f)]
    sound = np.concatenate(pieces).astype(np.float32) / 32768
    return frames, sound * SPEECH_RMS / np.sqrt((sound**2).mean())


def _write(path: Path, spoken: Sequence[tuple[np.ndarray, str]], draw: Draw) -> Scene:
    rng = np.random.default_rng(7)
    pause = round(PAUSE_S * SAMPLE_RATE)
    spans, at = [], pause
    for sound, _ in spoken:
        spans.append((at, at + len(sound)))
        at += len(sound) + pause
    whole = rng.normal(0, 0.0004, at).astype(np.float32)
    for (begin, end), (sound, _) in zip(spans, spoken, strict=True):
        whole[begin:end] += sound
    samples = np.round(np.clip(whole, -1, 1) * 32767).astype(np.int16)
    noise = rng.normal(0, 2.0, (997, 997)).round().astype(np.int16)
    images = []
    for number in range(int(at / SAMPLE_RATE * FPS)):
        time_s = number / FPS
        now = next((n for n, (b, e) in enumerate(spans) if b <= time_s * SAMPLE_RATE < e), None)
        halves = []
        for who in (0, 1):
            speaks = now is not None and ORDER[now] == who
            begin, end = spans[now] if now is not None else (0, 0)
            halves.append(draw(who, time_s - begin / SAMPLE_RATE if speaks else None, samples[begin:end]))
        image = np.hstack(halves)
        grain = np.roll(noise, number * 131)[: image.shape[0], : image.shape[1], None]
        images.append(np.clip(image + grain, 0, 255).astype(np.uint8))
    _mux(path, images, samples)
    turns = [
        (who, b / SAMPLE_RATE, e / SAMPLE_RATE, words)
        for who, (b, e), (_, words) in zip(ORDER, spans, spoken, strict=True)
    ]
    return Scene(path, tuple(turns))


def _mux(path: Path, images: Sequence[Image], samples: np.ndarray) -> None:
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=FPS)
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt, video.bit_rate = "yuv420p", 8_000_000
        video.thread_count = 1  # the same pictures on every machine
        sound = out.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        out.mux(sound.encode(block))
        out.mux(sound.encode(None))
