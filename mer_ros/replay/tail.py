"""A recording's sound continued with silence, so that its last utterance comes to an end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from mer_ros.utterance import AudioChunk, Frame

NS = 1_000_000_000


def with_tail(events: Iterable[Frame | AudioChunk], tail_s: float) -> Iterator[Frame | AudioChunk]:
    """Give all events, and silent chunks from where the sound ends to `tail_s` after the end of everything.

    A recording without sound gets none. Silence beside frames comes up to two chunks after them, since only then
    it is known that no sound follows. The chunks have the rate, channels and length of the recording's.
    """
    like: AudioChunk | None = None  # the longest chunk so far
    sound_end_ns = last_ns = 0
    for event in events:
        last_ns = max(last_ns, event.stamp_ns)
        if isinstance(event, AudioChunk):
            if like is None or len(event.samples) > len(like.samples):
                like = event
            sound_end_ns = _end(event)
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
