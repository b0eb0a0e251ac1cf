"""The messages of several topics in the order of their time, whatever their order in the file."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

HELD = 8  # messages of a topic that wait for an earlier one
HELD_BYTES = 256 << 20
BACK_NS = 1_000_000_000  # times of recording that go back further are those of a clock that was set
APART_NS = 2_000_000_000  # a stamp's distance from the time of recording may change by so much: queues, slow drivers


def by_log_time(
    messages: Iterable[tuple[int, Item]], counts: Counter[str], size: Callable[[Item], int] = lambda item: 0
) -> Iterator[tuple[int, Item]]:
    """Messages of one topic, those that were written a little late put into their place, as players do.

    messages: (time of recording in ns, anything). At most `HELD` wait, and no more than
    `HELD_BYTES` by their `size`, but for one. Where the time goes back by more than a
    second, the clock was set: nothing is moved across that. counts: messages_out_of_order, those that came too late.
    """
    waiting: list[tuple[int, int, Item]] = []
    newest = last = -(2**63)
    held_bytes = 0
    for number, (log_ns, item) in enumerate(messages):
        if log_ns < newest - BACK_NS:
            for time_ns, _, held in sorted(waiting, key=lambda entry: entry[:2]):
                yield time_ns, held
            waiting.clear()
            held_bytes = 0
            newest = last = log_ns
        newest = max(newest, log_ns)
        counts["messages_out_of_order"] += log_ns < last
        heapq.heappush(waiting, (log_ns, number, item))
        held_bytes += size(item)
        while len(waiting) > HELD or (held_bytes > HELD_BYTES and waiting):
            last, _, held = heapq.heappop(waiting)
            held_bytes -= size(held)
            yield last, held
    while waiting:
        time_ns, _, held = heapq.heappop(waiting)
        yield time_ns, held


class TopicClock:
    """When an event of a topic comes, on a time that never goes back, so that topics can be merged by it.

    That is its stamp. A clock may be set on the way, of one topic or of all: then it is the time of recording, kept
    at the distance from the stamps that it had at first. Whether a clock was set is told from that distance, not
    from the stamps alone, so that a pause is no jump. counts: clock_jumps.
    """

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._first: int | None = None
        self._now = self._apart = self._log_ns = self._back_ns = 0

    def key(self, stamp_ns: int, log_ns: int) -> int:
        """The time of the next event, ns."""
        if self._first is None:
            self._first = self._apart = stamp_ns - log_ns
            self._log_ns, self._now = log_ns, stamp_ns
        if log_ns < self._log_ns - BACK_NS:  # the recorder's clock was set: go on from where it was
            self._back_ns += self._log_ns - log_ns
        self._log_ns = log_ns
        apart = stamp_ns - log_ns - self._back_ns
        if abs(apart - self._apart) > APART_NS:
            self._counts["clock_jumps"] += 1
            self._apart = self._first if abs(apart - self._first) <= APART_NS else apart
        self._now = max(self._now, stamp_ns - (self._apart - self._first))
        return self._now
