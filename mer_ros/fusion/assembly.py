"""Collects the parts of each utterance until it is complete, or its time is over."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.utterance import Transcript, Utterance, VisualWindow

_CAPACITY = 16  # utterances that wait, and parts whose utterance has not ended yet
_REMEMBERED = 256  # utterances that have left
_PATIENCE = 3  # deadlines that an utterance waits that itself came late, as after a link was down: so do its parts
_AGES = 16  # utterances by which is known how late they usually come
_SEEN_NEVER = 3  # a sense that stayed away from so many utterances in a row is not waited for until it speaks again


@dataclass
class Assembly:
    """An utterance that has ended, and what has been said of it. Parts may come in any order, and may never come."""

    utterance: Utterance
    received_ns: int
    patience: int = 1  # deadlines
    arrived: set[Modality] = field(default_factory=set)
    parts: dict[Modality, ModalityEstimate] = field(default_factory=dict)
    window: VisualWindow | None = None
    transcript: Transcript | None = None


@dataclass
class _Orphan:
    """A part that came before the end of its utterance."""

    part: VisualWindow | Transcript
    received_ns: int


class AssemblyLine:
    """Utterances that wait for parts, in the order in which they were spoken.

    Only an utterance that has ended makes a place; it leaves once, when all modalities that are expected have
    spoken or `deadline_ms` after it came, and never before an earlier one: the dialogue is causal. One that came
    more than that later than those before it usually do waits `_PATIENCE` times as long. A part finds its utterance
    by id and time, for ids start again when a microphone node does; a part without an id by time alone.
    """

    def __init__(self, deadline_ms: float) -> None:
        self._deadline_ns = int(deadline_ms * 1e6)
        self._waiting: OrderedDict[tuple[int, int], Assembly] = OrderedDict()
        self._gone: OrderedDict[tuple[int, int], int] = OrderedDict()  # to the end of each
        self._orphans: list[_Orphan] = []
        self._newest_ns = -1
        self._last_id = 0
        self._ages_ns: deque[int] = deque(maxlen=_AGES)
        self._away: Counter[Modality] = Counter()
        self.counts: Counter[str] = Counter()

    def starts_over(self, utterance: Utterance) -> bool:
        """Return whether time has gone back: utterances come in order, but not over a replay that begins again."""
        return utterance.start_ns < self._newest_ns

    def restart(self) -> None:
        """Forget all that has left, as after a jump of the clock; what waits must have been taken out before."""
        self._gone.clear()
        self._orphans.clear()
        self._newest_ns = -1
        self._last_id = 0
        self._ages_ns.clear()

    def add(self, utterance: Utterance, now_ns: int) -> tuple[Assembly, list[VisualWindow | Transcript]] | None:
        """Make a place; return it with the parts that came before. None for an utterance that came already."""
        key = (utterance.id, utterance.start_ns)
        if key in self._waiting or key in self._gone:
            self.counts["repeated_utterance"] += 1
            return None
        self._newest_ns = max(self._newest_ns, utterance.start_ns)
        if 0 < self._last_id < utterance.id - 1:  # they count from 1, and anew when a microphone node is
            self.counts["lost_utterances"] += utterance.id - 1 - self._last_id
        self._last_id = utterance.id
        self._ages_ns.append(now_ns - utterance.end_ns)  # of two clocks, so that only differences tell something
        late = self._ages_ns[-1] - min(self._ages_ns) > self._deadline_ns
        self._waiting[key] = Assembly(utterance, now_ns, patience=_PATIENCE if late else 1)
        parts = [o.part for o in self._orphans if _belongs(o.part, utterance.id, utterance.start_ns, utterance.end_ns)]
        self._orphans = [o for o in self._orphans if not any(o.part is part for part in parts)]
        return self._waiting[key], parts

    def find(self, part: VisualWindow | Transcript, now_ns: int) -> Assembly | None:
        """Return where a part belongs; None for one that is late, or that is kept until its utterance ends."""
        modality = Modality.FACE if isinstance(part, VisualWindow) else Modality.TEXT
        self._away[modality] = 0
        places = [a for a in self._waiting.values() if _belongs(part, a.utterance.id, *_span(a.utterance))]
        if places:
            return max(places, key=lambda a: _overlap(part, *_span(a.utterance)))
        if any(_belongs(part, identity, start_ns, end_ns) for (identity, start_ns), end_ns in self._gone.items()):
            self.counts["late_part"] += 1
            return None
        self._orphans.append(_Orphan(part, now_ns))
        while len(self._orphans) > _CAPACITY:
            self._drop_orphan(self._orphans[0])
        return None

    def forget(self, person_id: str = "") -> None:
        """Whose face it is that was seen is not known any more: a person's, or everybody's for an empty id."""

        def unnamed(part: VisualWindow) -> VisualWindow:
            return replace(part, person_id="") if person_id in ("", part.person_id) else part

        for item in self._waiting.values():
            item.window = unnamed(item.window) if item.window else None
        for orphan in self._orphans:
            if isinstance(orphan.part, VisualWindow):
                orphan.part = unnamed(orphan.part)

    def complete(self, now_ns: int, expected: Collection[Modality]) -> Iterator[Assembly]:
        """Take out, one by one, what is complete or due, in the order in which it was spoken."""
        for orphan in [o for o in self._orphans if self._is_over(o.received_ns, now_ns)]:
            self._drop_orphan(orphan)
        while self._waiting:
            key, item = min(self._waiting.items(), key=lambda pair: pair[1].utterance.start_ns)
            wanted = {modality for modality in expected if self._away[modality] < _SEEN_NEVER}
            if wanted - item.arrived:
                due = self._is_over(item.received_ns, now_ns, item.patience) or len(self._waiting) > _CAPACITY
                if not due:
                    return
            for modality in set(expected) - item.arrived:
                self.counts[f"missed_{modality.value}"] += 1
                self._away[modality] += 1
            del self._waiting[key]
            self._gone[key] = item.utterance.end_ns
            while len(self._gone) > _REMEMBERED:
                self._gone.popitem(last=False)
            yield item

    def _is_over(self, received_ns: int, now_ns: int, patience: int = 1) -> bool:
        # A clock that was set back must not make anything wait for ever.
        return abs(now_ns - received_ns) >= self._deadline_ns * patience

    def _drop_orphan(self, orphan: _Orphan) -> None:
        self._orphans.remove(orphan)
        self.counts["part_without_utterance"] += 1


def _span(utterance: Utterance) -> tuple[int, int]:
    return utterance.start_ns, utterance.end_ns


def _overlap(part: VisualWindow | Transcript, start_ns: int, end_ns: int) -> int:
    return min(part.end_ns, end_ns) - max(part.start_ns, start_ns)


def _belongs(part: VisualWindow | Transcript, identity: int, start_ns: int, end_ns: int) -> bool:
    if part.utterance_id and part.utterance_id != identity:
        return False
    if part.utterance_id and not part.start_ns:  # a recogniser that gives the id alone
        return True
    return _overlap(part, start_ns, end_ns) > 0
