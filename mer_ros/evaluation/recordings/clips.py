"""Clips of a dialogue, one after another, as one recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mer_ros.errors import InputError
from mer_ros.replay.media import MediaSource
from mer_ros.replay.tail import with_tail
from mer_ros.utterance import AudioChunk, Frame

NS = 1_000_000_000
PAUSE_NS = NS  # longer than the silence that ends an utterance, shorter than what ends a dialogue


@dataclass(frozen=True)
class Clip:
    """A file that is played from start_ns after the recording's start, for duration_ns."""

    path: Path
    start_ns: int
    duration_ns: int

    @property
    def end_ns(self) -> int:
        """Where it ends; the pause comes after it."""
        return self.start_ns + self.duration_ns


def lay_out(paths: Sequence[Path], pause_ns: int = PAUSE_NS) -> list[Clip | InputError]:
    """Each clip with its place after those before it, or why it cannot be played; such a one takes no time."""
    places: list[Clip | InputError] = []
    at_ns = 0
    for path in paths:
        try:
            duration_ns = _playable_ns(path)
        except InputError as error:
            places.append(error)
            continue
        places.append(Clip(path, at_ns, duration_ns))
        at_ns += duration_ns + pause_ns
    return places


def _playable_ns(path: Path) -> int:
    source = MediaSource(path)
    if not source.duration_ns:
        raise InputError(f"{path} does not tell how long it is")
    with closing(source.events()) as events:  # type: ignore[type-var]
        next(events)  # or it says that nothing can be decoded
    return source.duration_ns


class ClipChain:
    """A recording made of clips with silence between them; plays like a `MediaSource`.

    Where a clip has sound, its silence goes on to the next one, sample after sample, so that each utterance ends by
    silence as it does live. What a file holds beyond the length that it states and the pause after it is left out.
    counts: as those of the clips, and `broken_clips`. Raises InputError when a clip cannot be opened.
    """

    def __init__(
        self, name: str, clips: Sequence[Clip], *, max_width: int = 0, pause_ns: int = PAUSE_NS, zero_ns: int = NS
    ) -> None:
        self.name, self.zero_ns = name, zero_ns
        self.counts: Counter[str] = Counter()
        self.warnings: list[str] = []
        self._clips, self._max_width, self._pause_ns = tuple(clips), max_width, pause_ns
        if not clips:
            raise InputError(f"{name} has no clip that can be played; give one at least")
        sources = [self._open(clip) for clip in self._clips]
        self.has_audio = any(source.has_audio for source in sources)
        self.has_video = any(source.has_video for source in sources)
        seen = next((source for source in sources if source.has_video), sources[0])
        self.size, self.frame_rate_hz = seen.size, seen.frame_rate_hz
        self.duration_ns: int | None = clips[-1].end_ns
        self.chosen = {"clips": f"{len(clips)}, {pause_ns / NS:g} s between them"}

    @property
    def is_whole(self) -> bool:
        """Whether all clips could be played to their ends so far."""
        return not any(self.counts[name] for name in ("broken_clips", "broken_packets", "missing_s"))

    def events(self, start_ns: int = 0, *, chunk_ms: int = 20) -> Iterator[Frame | AudioChunk]:
        """Frames and chunks in the order of their stamps; the first clip begins at start_ns + zero_ns."""
        for clip in self._clips:
            source = self._open(clip)
            begin_ns = start_ns + self.zero_ns + clip.start_ns
            end_ns = begin_ns + clip.duration_ns + self._pause_ns
            events = with_tail(source.events(begin_ns, chunk_ms=chunk_ms), (end_ns - begin_ns) / NS)
            try:
                yield from _until(events, end_ns)
            except InputError as error:
                self.counts["broken_clips"] += 1
                self.warnings.append(str(error))
            self.counts.update(source.counts)
            if not source.is_whole:
                self.warnings += source.warnings

    def _open(self, clip: Clip) -> MediaSource:
        return MediaSource(clip.path, max_width=self._max_width)


def _until(events: Iterator[Frame | AudioChunk], end_ns: int) -> Iterator[Frame | AudioChunk]:
    """What lies before a time; a chunk that goes on after it is cut there."""
    for event in events:
        if event.stamp_ns >= end_ns:
            return
        if isinstance(event, AudioChunk):
            length = round((end_ns - event.stamp_ns) * event.sample_rate / NS)
            if length < len(event.samples):
                event = AudioChunk(event.stamp_ns, event.samples[:length], event.sample_rate)
        yield event
