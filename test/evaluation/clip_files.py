"""Small clips, laid out as those of MELD."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from mer_ros.replay.sample import SampleDialogue
from mer_ros.utterance import SAMPLE_RATE, Frame

FPS = 15
SILENCE = np.zeros(SAMPLE_RATE // 5, np.int16)


def write_clip(path: Path, samples, images=()):
    """A file of sound, int16 [n] at 16 kHz mono, and pictures, uint8 [height, width, 3], 15 a second."""
    exact = path.suffix == ".mkv"
    with av.open(str(path), "w") as out:
        video = None
        if len(images):
            video = out.add_stream("ffv1" if exact else "mpeg4", rate=FPS)
            video.height, video.width = images[0].shape[:2]
            video.pix_fmt = "bgr0" if exact else "yuv420p"
        sound = out.add_stream("pcm_s16le" if exact else "aac", rate=SAMPLE_RATE, layout="mono")
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame))
        if video:
            out.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(np.asarray(samples, np.int16)[None], format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        out.mux(sound.encode(block))
        out.mux(sound.encode(None))
    return path


def tone(length_s, level=8000):
    """int16 [n]: 440 Hz."""
    return (level * np.sin(2 * np.pi * 440 * np.arange(round(length_s * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.int16)


def spoken_clip(path: Path, turn: int):
    """A turn of the sample dialogue with its face, a little silence around it. Gives its length in seconds."""
    sample = SampleDialogue(size=(320, 240), frame_rate_hz=FPS)
    start_ns, end_ns, _ = sample.utterances[turn]
    at, to = (round(t * SAMPLE_RATE / 1e9) for t in (start_ns, end_ns))
    samples = np.concatenate([SILENCE, sample._sound[at:to], SILENCE])
    length_s = len(samples) / SAMPLE_RATE
    first = round((start_ns / 1e9 - 0.2) * FPS)
    frames = (e for e in sample._frames(0) if isinstance(e, Frame))
    write_clip(path, samples, [e.image for e in islice(frames, first, first + int(length_s * FPS))])
    return length_s
