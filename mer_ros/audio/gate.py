"""Times at which a microphone is not to be heard: while the robot itself speaks, or while it is muted.

A gate closes and opens at times that the caller tells; sound is cut at these times, to the sample, however it comes in
chunks. Where a gate closes, an open utterance ends; where it opens, listening begins anew.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from mer_ros.audio.listener import SpeechListener
from mer_ros.audio.samples import checked
from mer_ros.errors import InputError, OptionError
from mer_ros.utterance import AudioChunk, Utterance

_MOST_SPANS = 64  # times closed that are remembered, for sound that comes late


@dataclass(frozen=True)
class GateOptions:
    """How the robot's own voice is kept out.

    enabled: False hears everything. hold_off_ms: the gate stays closed for so long after it was told to open, for the
    room's echo. longest_s: it opens by itself when nothing was told for so long, in case who speaks is gone.
    """

    enabled: bool = True
    hold_off_ms: float = 300.0
    longest_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.hold_off_ms <= 10_000:
            raise OptionError(f"hold_off_ms is {self.hold_off_ms}; give 0 to 10000")
        if not self.longest_s > 0:
            raise OptionError(f"longest_s is {self.longest_s}; give seconds above 0")


class Gate:
    """When sound is to be kept out. Times are those of the sound's stamps, in ns.

    counts: closed (how often), overdue (it was not told to open in time).
    """

    def __init__(self, options: GateOptions | None = None) -> None:
        self.options = options or GateOptions()
        self.counts: Counter[str] = Counter()
        self._spans: deque[tuple[int, int]] = deque(maxlen=_MOST_SPANS)  # over, or in their hold-off
        self._since_ns: int | None = None  # closed since, and told to stay so last at:
        self._told_ns = 0

    @property
    def is_closed(self) -> bool:
        """Whether it was told to close, and not to open."""
        return self._since_ns is not None

    def close(self, now_ns: int) -> None:
        """Keep out sound from `now_ns` on; told again, `longest_s` begins anew."""
        self.poll(now_ns)
        if not self.options.enabled:
            return
        if self._since_ns is None:
            self._since_ns = now_ns
            self.counts["closed"] += 1
        self._told_ns = now_ns

    def open(self, now_ns: int) -> None:
        """Let in sound that is `hold_off_ms` later than `now_ns`."""
        self.poll(now_ns)
        if self._since_ns is not None:
            self._end(now_ns)

    def poll(self, now_ns: int) -> bool:
        """Open if it is overdue; return whether it was. A clock that went back forgets the times to come."""
        if self._since_ns is None:
            if self._spans and now_ns < self._spans[-1][0]:
                self._spans.clear()
            return False
        if now_ns < self._since_ns:
            self._spans.clear()
            self._since_ns = self._told_ns = now_ns
        limit_ns = self._told_ns + self._longest_ns
        if now_ns < limit_ns:
            return False
        self.counts["overdue"] += 1
        self._end(int(limit_ns))
        return True

    def closed(self, start_ns: int, end_ns: int) -> list[tuple[int, int]]:
        """Return the parts of [start, end) that are kept out, as far as is known now, in order."""
        spans = list(self._spans)
        if self._since_ns is not None:
            spans.append((self._since_ns, max(end_ns, self._since_ns)))
        return [(max(a, start_ns), min(b, end_ns)) for a, b in spans if a < end_ns and b > start_ns]

    @property
    def _longest_ns(self) -> float:
        return self.options.longest_s * 1e9

    def _end(self, now_ns: int) -> None:
        assert self._since_ns is not None
        self._spans.append((self._since_ns, now_ns + round(self.options.hold_off_ms * 1e6)))
        self._since_ns = None


class GatedListener:
    """A listener that does not hear while a gate is closed.

    gates: by the name that their counts begin with. counts: the listener's; for each gate `<name>_closed` and
    `<name>_overdue`; `gated_chunks` (wholly or in part), `gated_ms`, `gated_utterances` (ended by a gate).
    """

    def __init__(self, listener: SpeechListener, gates: Mapping[str, Gate]) -> None:
        self._listener = listener
        self._gates = dict(gates)
        self._gated: Counter[str] = Counter()
        self._gated_ns = 0
        self._is_shut = False

    @property
    def counts(self) -> Counter[str]:
        """What happened so far, by name."""
        told = Counter({f"{name}_{key}": n for name, gate in self._gates.items() for key, n in gate.counts.items()})
        return self._listener.counts + self._gated + told + Counter(gated_ms=self._gated_ns // 1_000_000)

    @property
    def is_frozen(self) -> bool:
        """Whether the same chunk comes again and again."""
        return self._listener.is_frozen

    def push(self, chunk: AudioChunk) -> list[Utterance]:
        """Take the next chunk; raises InputError as the listener does."""
        if self._touches(chunk):
            return self._push_cut(chunk)
        self._is_shut = False
        return self._listener.push(chunk)

    def flush(self) -> list[Utterance]:
        """The sound ends here: end what is open."""
        self._is_shut = False
        return self._listener.flush()

    def _touches(self, chunk: AudioChunk) -> bool:
        try:
            checked(chunk, self._listener.options.stream.longest_chunk_s)
        except InputError:  # the listener refuses and counts it
            return False
        return bool(self._spans(chunk.stamp_ns, _end_ns(chunk)))

    def _spans(self, start_ns: int, end_ns: int) -> list[tuple[int, int]]:
        """The parts that any gate keeps out, in order, joined."""
        joined: list[tuple[int, int]] = []
        for start, end in sorted(span for gate in self._gates.values() for span in gate.closed(start_ns, end_ns)):
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        return joined

    def _push_cut(self, chunk: AudioChunk) -> list[Utterance]:
        total, heard = len(chunk.samples), 0
        utterances: list[Utterance] = []
        self._gated["gated_chunks"] += 1
        for start_ns, end_ns in self._spans(chunk.stamp_ns, _end_ns(chunk)):
            first, last = (min(total, max(0, _sample_at(chunk, ns))) for ns in (start_ns, end_ns))
            if first > heard:
                utterances += self._listener.push(_part(chunk, heard, first))
                self._is_shut = False
            if last > first and not self._is_shut:
                ended = self._listener.flush()
                self._gated["gated_utterances"] += len({utterance.id for utterance in ended})
                utterances += ended
                self._is_shut = True
            self._gated_ns += (last - first) * 1_000_000_000 // chunk.sample_rate
            heard = max(heard, last)
        if heard < total:
            utterances += self._listener.push(_part(chunk, heard, total))
            self._is_shut = False
        return utterances


def _end_ns(chunk: AudioChunk) -> int:
    return chunk.stamp_ns + len(chunk.samples) * 1_000_000_000 // chunk.sample_rate


def _sample_at(chunk: AudioChunk, time_ns: int) -> int:
    """The first sample at that time or later."""
    return -((chunk.stamp_ns - time_ns) * chunk.sample_rate // 1_000_000_000)


def _part(chunk: AudioChunk, first: int, last: int) -> AudioChunk:
    stamp_ns = chunk.stamp_ns + first * 1_000_000_000 // chunk.sample_rate
    return AudioChunk(stamp_ns, chunk.samples[first:last], chunk.sample_rate, chunk.stamped)
