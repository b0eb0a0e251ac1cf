"""Collects the parts of each utterance until it is complete, or its time is over."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.utterance import Transcript, Utterance, VisualWindow


@dataclass
class Assembly:
    """What is known of one utterance. Parts may come in any order, and may never come."""

    utterance_id: int
    start_ns: int
    end_ns: int
    received_ns: int
    arrived: set[Modality] = field(default_factory=set)
    parts: dict[Modality, ModalityEstimate] = field(default_factory=dict)
    utterance: Utterance | None = None
    window: VisualWindow | None = None
    transcript: Transcript | None = None


class AssemblyLine:
    """Utterances that wait for parts, in the order in which they were spoken.

    An utterance leaves once, when all modalities that are expected have spoken or `deadline_ms` after its first
    part came, and never before an earlier one: the dialogue is causal. What comes after that is counted as late.
    """

    def __init__(self, deadline_ms: float, capacity: int = 16, remembered: int = 256) -> None:
        self._deadline_ns = int(deadline_ms * 1e6)
        self._capacity = capacity
        self._remembered = remembered
        self._waiting: dict[tuple[int, int], Assembly] = {}
        self._gone: OrderedDict[tuple[int, int], None] = OrderedDict()
        self.counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def place(self, utterance_id: int, start_ns: int, end_ns: int, now_ns: int) -> Assembly | None:
        """Return where a part of this utterance belongs, or None when it has left already."""
        key = (utterance_id, start_ns)  # ids start again when a microphone node does
        if key in self._gone:
            self.counts["late_part"] += 1
            return None
        if key not in self._waiting:
            self._waiting[key] = Assembly(utterance_id, start_ns, end_ns, now_ns)
        return self._waiting[key]

    def find(self, start_ns: int, end_ns: int) -> tuple[int, int, int] | None:
        """Return (id, start, end) of the waiting utterance that overlaps most with the given time, if any."""
        best, longest = None, 0
        for item in self._waiting.values():
            overlap = min(end_ns, item.end_ns) - max(start_ns, item.start_ns)
            if overlap > longest:
                best, longest = item, overlap
        return (best.utterance_id, best.start_ns, best.end_ns) if best else None

    def complete(self, now_ns: int, expected: Iterable[Modality]) -> list[Assembly]:
        """Take out what is complete or due, in the order in which it was spoken."""
        ready = []
        wanted = set(expected)
        for key, item in sorted(self._waiting.items(), key=lambda pair: pair[1].start_ns):
            missing = wanted - item.arrived
            # A clock that was set back must not make an utterance wait for ever.
            waited_ns = abs(now_ns - item.received_ns)
            due = waited_ns >= self._deadline_ns or len(self._waiting) > self._capacity
            if missing and not due:
                break
            for modality in missing:
                self.counts[f"missed_{modality.value}"] += 1
            ready.append(item)
            self._leave(key)
        return ready

    def _leave(self, key: tuple[int, int]) -> None:
        del self._waiting[key]
        self._gone[key] = None
        while len(self._gone) > self._remembered:
            self._gone.popitem(last=False)
