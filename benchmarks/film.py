"""Films for the live graph: the sample dialogue at 640x480 and 30 Hz, with as much speech in it as is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from replay import RATE_HZ, SIZE, SOUND_HZ, repeat, write_once

from mer_ros.replay.sample import NS, ROOM_RMS, SampleDialogue
from mer_ros.utterance import AudioChunk, Frame


def spoken_share(sample: SampleDialogue) -> float:
    """The share of the time in which somebody speaks."""
    assert sample.duration_ns
    return sum(end_ns - start_ns for start_ns, end_ns, _ in sample.utterances) / sample.duration_ns


def scene(*, voices: bool = True, share: float | None = None) -> Iterator[Frame | AudioChunk]:
    """The sample dialogue once. Without voices, the same faces in a quiet room.

    share: of the time in which somebody speaks, at most that of the dialogue (the default); the people then stay in
    view, silent, for as long as it takes.
    """
    sample = SampleDialogue(size=SIZE, frame_rate_hz=RATE_HZ)
    assert sample.duration_ns
    noise = np.random.default_rng(7)

    def silent(chunk: AudioChunk) -> AudioChunk:
        room = noise.normal(0, ROOM_RMS * 32767, chunk.samples.shape)
        return replace(chunk, samples=np.round(room).astype(np.int16))

    for event in sample.events():
        yield event if voices or isinstance(event, Frame) else silent(event)
    more_ns = 0 if share is None else round(sample.duration_ns * (spoken_share(sample) / share - 1))
    frames, chunks = more_ns * RATE_HZ // NS, more_ns * SOUND_HZ // NS // 320
    for event in sample.events():
        if isinstance(event, Frame):
            frames -= 1
            if frames >= 0:
                yield replace(event, stamp_ns=event.stamp_ns + sample.duration_ns)
        else:
            chunks -= 1
            if chunks >= 0:
                yield silent(replace(event, stamp_ns=event.stamp_ns + sample.duration_ns))


def film(path: Path, times: int, *, voices: bool = True, share: float | None = None) -> Path:
    """Write a film of so many rounds of the scene."""
    once = path.with_name(f"once-{path.name}")
    write_once(once, scene(voices=voices, share=share))
    repeat(once, path, times)
    once.unlink()
    return path


def round_s(share: float | None = None) -> float:
    """How long a round of the scene is."""
    sample = SampleDialogue(size=(64, 48))
    assert sample.duration_ns
    return sample.duration_ns / NS * (1.0 if share is None else spoken_share(sample) / share)
