"""Words from outside, such as another recogniser's topic, matched to utterances by id or by time."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace

from mer_ros.errors import OptionError
from mer_ros.utterance import SpeechState, Transcript, Utterance

_NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class OutsideOptions:
    """How words find their utterance. A value out of range raises OptionError.

    max_delay_ms: words stamped this long after the end of an utterance may still belong to it.
    remembered: how many utterances words can be matched to.
    """

    max_delay_ms: int = 3000
    remembered: int = 32

    def __post_init__(self) -> None:
        if not 0 <= self.max_delay_ms <= 60_000:
            raise OptionError(f"max_delay_ms is {self.max_delay_ms}; use 0 to 60000")
        if not 1 <= self.remembered <= 1000:
            raise OptionError(f"remembered is {self.remembered}; use 1 to 1000")


@dataclass
class _Heard:
    """An utterance, and the words that came for it."""

    start_ns: int
    end_ns: int
    ended: bool = False
    closed: bool = False
    finals: list[Transcript] = field(default_factory=list)


class OutsideWords:
    """Gives words from outside the id and times of their utterance.

    Words with an id belong to that utterance. Words without one belong to the utterance that their own time
    overlaps most, else to the last one that ended at most `max_delay_ms` before they begin. Words without a duration
    were stamped when they arrived: final ones belong to the last utterance that ended at most `max_delay_ms` before
    and has no final words yet, even while the next one goes on: a
    recogniser is done with speech only after its end.
    An utterance has one
    final transcript: final words that came while it went on are joined and given when it ends; else the first
    final words after its end are.

    counts: `unknown` (no utterance fits), `late` (their utterance had its final), `empty`.
    """

    def __init__(self, options: OutsideOptions | None = None) -> None:
        self.options = options or OutsideOptions()
        self.counts: Counter[str] = Counter()
        self._utterances: OrderedDict[int, _Heard] = OrderedDict()

    def utterance(self, utterance: Utterance) -> list[Transcript]:
        """Takes note of an utterance; when it ends, gives its final transcript if words came before."""
        known = self._utterances.get(utterance.id)
        if known is None or known.start_ns != utterance.start_ns:  # new, or ids began again
            known = self._utterances[utterance.id] = _Heard(utterance.start_ns, utterance.end_ns)
            self._utterances.move_to_end(utterance.id)
            while len(self._utterances) > self.options.remembered:
                self._utterances.popitem(last=False)
        known.end_ns = max(known.end_ns, utterance.end_ns)
        if utterance.state is SpeechState.ENDED:
            known.ended, known.end_ns = True, utterance.end_ns
            if known.finals and not known.closed:
                return [self._close(utterance.id, known)]
        return []

    def push(self, words: Transcript) -> list[Transcript]:
        """Words from outside; `utterance_id` 0 when their utterance is not known. Gives what can be passed on."""
        if not words.text.strip():
            self.counts["empty"] += 1
            return []
        utterance_id = words.utterance_id or self._by_arrival(words)
        utterance_id = utterance_id or self._by_time(words.start_ns, max(words.start_ns, words.end_ns))
        known = self._utterances.get(utterance_id)
        if known is None:
            self.counts["unknown"] += 1
            return []
        if known.closed:
            self.counts["late"] += 1
            return []
        if not words.is_final:
            text = " ".join(t.text.strip() for t in [*known.finals, words])
            return [replace(self._placed(utterance_id, known, words), text=text)]
        # No more of them than could be said, whatever is sent.
        if len(known.finals) < self.options.remembered:
            known.finals.append(words)
        return [self._close(utterance_id, known)] if known.ended else []

    def _by_arrival(self, words: Transcript) -> int:
        """The utterance of final words that have no time but that of their arrival; 0 if none waits for words."""
        if not words.is_final or words.end_ns > words.start_ns:
            return 0
        for utterance_id, known in reversed(self._utterances.items()):
            delay = words.start_ns - known.end_ns
            if known.ended and not known.closed and 0 <= delay <= self.options.max_delay_ms * _NS_PER_MS:
                return utterance_id
        return 0

    def _by_time(self, start_ns: int, end_ns: int) -> int:
        best, best_rank = 0, (-1, 0)
        for utterance_id, known in self._utterances.items():
            overlap = min(end_ns, known.end_ns) - max(start_ns, known.start_ns)
            delay = start_ns - known.end_ns
            if overlap >= 0:
                rank = (overlap + 1, known.end_ns)
            elif 0 < delay <= self.options.max_delay_ms * _NS_PER_MS:
                rank = (0, known.end_ns)
            else:
                continue
            if rank > best_rank:
                best, best_rank = utterance_id, rank
        return best

    def _close(self, utterance_id: int, known: _Heard) -> Transcript:
        known.closed = True
        text = " ".join(t.text.strip() for t in known.finals)
        confidence = sum(t.confidence for t in known.finals) / len(known.finals)
        return replace(
            self._placed(utterance_id, known, known.finals[-1]), text=text, confidence=confidence, is_final=True
        )

    @staticmethod
    def _placed(utterance_id: int, known: _Heard, words: Transcript) -> Transcript:
        return replace(words, utterance_id=utterance_id, start_ns=known.start_ns, end_ns=known.end_ns)
