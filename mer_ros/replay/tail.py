"""A recording's sound continued with silence, so that its last utterance comes to an end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from mer_ros.utterance import AudioChunk, Frame

NS = 1_000_000_000
PIECES = 10  # of silence in a second
JUMP_NS = 60 * NS  # stamps further from the one before are of a clock that was set: such a time is not filled up


@dataclass(frozen=True)
class SoundEnd:
    """The sound has ended at `stamp_ns`, or will begin anew after a hole."""

    stamp_ns: int


def with_ends(
    events: Iterable[Frame | AudioChunk], silence_s: float, pause_s: float
) -> Iterator[Frame | AudioChunk | SoundEnd]:
    """Give all events; where the sound ends, `silence_s` of silence and a SoundEnd.

    It ends with the recording, and where frames go on for `pause_s` without it: what was said last is then judged
    with the frames that belong to it, which are not kept for ever. Nothing depends on how the sound is cut.
    """
    last: AudioChunk | None = None
    alone_ns: int | None = None  # of the first frame since: clocks may differ, so the frames alone must last as long
    for event in events:
        if isinstance(event, AudioChunk):
            last, alone_ns = event, None
        elif last is not None:
            alone_ns = event.stamp_ns if alone_ns is None else alone_ns
            if event.stamp_ns - max(_end(last), alone_ns) >= pause_s * NS:
                yield from _ending(last, silence_s)
                last = None
        yield event
    if last is not None:
        yield from _ending(last, silence_s)


def _ending(last: AudioChunk, silence_s: float) -> Iterator[AudioChunk | SoundEnd]:
    stamp_ns, rate = _end(last), last.sample_rate
    quiet = 128 if last.samples.dtype == np.uint8 else 0
    piece = np.full((rate // PIECES, *last.samples.shape[1:]), quiet, last.samples.dtype)
    for number in range(round(silence_s * PIECES)):
        yield AudioChunk(stamp_ns + number * len(piece) * NS // rate, piece, rate)
    yield SoundEnd(stamp_ns + round(silence_s * NS))


def with_tail(events: Iterable[Frame | AudioChunk], tail_s: float) -> Iterator[Frame | AudioChunk]:
    """Give all events, and silent chunks from where the sound ends to `tail_s` after the end of everything.

    A recording without sound gets none. Silence beside frames comes up to two chunks after them, since only then
    it is known that no sound follows. The chunks have the rate, channels and length of the recording's.
    """
    like: AudioChunk | None = None  # the longest chunk so far
    sound_end_ns = last_ns = 0
    for event in events:
        is_set = abs(event.stamp_ns - last_ns) > JUMP_NS
        last_ns = event.stamp_ns if is_set else max(last_ns, event.stamp_ns)
        if isinstance(event, AudioChunk):
            if like is None or len(event.samples) > len(like.samples):
                like = event
            sound_end_ns = _end(event)
        elif is_set:
            sound_end_ns = event.stamp_ns
        elif like is not None:  # frames go on after the sound: fill up as far as they are
            while sound_end_ns + 2 * _length(like) < event.stamp_ns:
                silence = _silence(like, sound_end_ns)
                yield silence
                sound_end_ns = _end(silence)
        yield event
    if like is None:
        return
    end_ns = max(last_ns, sound_end_ns) + round(tail_s * NS)
    while sound_end_ns < end_ns:
        silence = _silence(like, sound_end_ns)
        yield silence
        sound_end_ns = _end(silence)


def _length(chunk: AudioChunk) -> int:
    return round(len(chunk.samples) * NS / chunk.sample_rate)


def _end(chunk: AudioChunk) -> int:
    return chunk.stamp_ns + _length(chunk)


def _silence(like: AudioChunk, stamp_ns: int) -> AudioChunk:
    return AudioChunk(stamp_ns, np.zeros_like(like.samples), like.sample_rate)
