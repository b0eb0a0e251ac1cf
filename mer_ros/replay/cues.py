"""What a bag tells beside pictures and sound: when the robot itself spoke, and words of an outside recogniser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, runtime_checkable

from mer_ros.utterance import AudioChunk, Transcript

NS = 1_000_000_000
Event = TypeVar("Event")


@dataclass(frozen=True)
class Cue:
    """A message at the time at which it was recorded. told: words, or whether the robot begins or ends to speak."""

    stamp_ns: int
    told: Transcript | bool

    def moved(self, by_ns: int) -> Cue:
        """Return it at another time, and the words with it."""
        told = self.told
        if isinstance(told, Transcript):
            told = replace(told, start_ns=told.start_ns + by_ns, end_ns=told.end_ns + by_ns)
        return Cue(self.stamp_ns + by_ns, told)


@runtime_checkable
class Cued(Protocol):
    """A recording that holds cues."""

    def cues(self, start_ns: int = 0) -> Iterator[Cue]:
        """Give them in the order of their times, `start_ns` added to each."""
        ...


def with_cues(events: Iterable[Event], cues: Iterator[Cue]) -> Iterator[Event | Cue]:
    """Give all events, and each cue between the sound before its time and the sound after it, cut there if need be.

    So it comes to a graph that runs live, where sound arrives once its last sample is taken; and it does not matter
    how the sound is cut into chunks.
    """
    cue = next(cues, None)
    for event in events:
        if not isinstance(event, AudioChunk):
            yield event
            continue
        rest: AudioChunk | None = event
        while rest is not None and cue is not None and cue.stamp_ns < _end_ns(rest):
            before, rest = _cut(rest, cue.stamp_ns)
            if before is not None:
                yield before  # type: ignore[misc]
            yield cue
            cue = next(cues, None)
        if rest is not None:
            yield rest  # type: ignore[misc]
    while cue is not None:
        yield cue
        cue = next(cues, None)


def _cut(chunk: AudioChunk, at_ns: int) -> tuple[AudioChunk | None, AudioChunk | None]:
    """The samples before a time, and those from then on."""
    first = min(len(chunk.samples), max(0, -((chunk.stamp_ns - at_ns) * chunk.sample_rate // NS)))
    if first == 0:
        return None, chunk
    if first == len(chunk.samples):
        return chunk, None
    stamp_ns = chunk.stamp_ns + first * NS // chunk.sample_rate
    return (
        AudioChunk(chunk.stamp_ns, chunk.samples[:first], chunk.sample_rate, chunk.stamped),
        AudioChunk(stamp_ns, chunk.samples[first:], chunk.sample_rate, chunk.stamped),
    )


def _end_ns(chunk: AudioChunk) -> int:
    return chunk.stamp_ns + len(chunk.samples) * NS // max(1, chunk.sample_rate)
