"""Films for the live graph: the sample dialogue at 640x480 and 30 Hz, with as much speech in it as is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from replay import RATE_HZ, SIZE, SOUND_HZ, repeat, write_once

from mer_ros.replay.sample import NS, ROOM_RMS, SampleDialogue
from mer_ros.utterance import AudioChunk, Frame

STEP_NS = NS // 10  # whole frames and whole chunks
LEAD_NS = 4 * STEP_NS  # of a pause, before who speaks next: the camera is on them by then
BRISK_NS = 9 * STEP_NS  # a hang-over of 600 ms is over, and the emotion told, before the next one speaks


def spoken_share(sample: SampleDialogue) -> float:
    """The share of the time in which somebody speaks."""
    assert sample.duration_ns
    return sum(end_ns - start_ns for start_ns, end_ns, _ in sample.utterances) / sample.duration_ns


def scene(*, voices: bool = True, share: float | None = None, brisk: bool = False) -> Iterator[Frame | AudioChunk]:
    """The sample dialogue once. Without voices, the same faces in a quiet room.

    share: of the time in which somebody speaks, at most that of the dialogue (the default); the people then stay in
    view, silent, for as long as it takes. brisk: without the middle of pauses, of which BRISK_NS or a little more is
    left; the stamps leap there.
    """
    if brisk:
        yield from _brisk()
        return
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


def _brisk() -> Iterator[Frame | AudioChunk]:
    """The dialogue without the middle of its pauses."""
    sample = SampleDialogue(size=SIZE, frame_rate_hz=RATE_HZ)
    cuts = brisk_cuts(sample)
    for event in sample.events():
        if not any(begin <= event.stamp_ns < end for begin, end in cuts):
            yield event


def brisk_cuts(sample: SampleDialogue) -> list[tuple[int, int]]:
    """What is left out of its pauses, in whole steps, so that frames and chunks stay together. From..to, in ns."""
    assert sample.duration_ns
    ends = [0, *(end_ns for _, end_ns, _ in sample.utterances)]
    starts = [*(start_ns for start_ns, _, _ in sample.utterances), sample.duration_ns]
    after = [0, *[BRISK_NS - LEAD_NS] * len(sample.utterances)]
    before = [*[LEAD_NS] * len(sample.utterances), 0]
    cuts = []
    for end_ns, start_ns, keep_ns, lead_ns in zip(ends, starts, after, before, strict=True):
        begin = -(-(end_ns + keep_ns) // STEP_NS) * STEP_NS
        end = (start_ns - lead_ns) // STEP_NS * STEP_NS
        cuts += [(begin, end)] if end > begin else []
    return cuts


def film(path: Path, times: int, *, voices: bool = True, share: float | None = None, brisk: bool = False) -> Path:
    """Write a film of so many rounds of the scene."""
    once = path.with_name(f"once-{path.name}")
    write_once(once, scene(voices=voices, share=share, brisk=brisk))
    repeat(once, path, times)
    once.unlink()
    return path


def round_s(share: float | None = None, brisk: bool = False) -> float:
    """How long a round of the scene is."""
    sample = SampleDialogue(size=(64, 48))
    assert sample.duration_ns
    if brisk:
        return (sample.duration_ns - sum(end - begin for begin, end in brisk_cuts(sample))) / NS
    return sample.duration_ns / NS * (1.0 if share is None else spoken_share(sample) / share)
