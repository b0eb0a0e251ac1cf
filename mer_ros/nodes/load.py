"""What is given up, and in which order, when the machine cannot keep up. Only live nodes use it, never a replay.

1. fewer frames: no more than fit into a share of the time, but at least five a second
2. smaller windows: half as many crops
3. no interim results, in any node: neither windows nor words nor emotions
Sound, final words and final emotions are never given up. Costs are in steady time; the same costs, ages and times
give the same decisions.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import replace
from typing import TYPE_CHECKING

from mer_ros.settings.load import LoadOptions

if TYPE_CHECKING:  # every node loads this file
    from mer_ros.vision.observer_options import ObserverOptions

S, MS = 1_000_000_000, 1_000_000
LEVELS = (
    "everything",
    "fewer frames",
    "fewer frames, smaller windows",
    "fewer frames, smaller windows, nothing interim",
)
FEWER_FRAMES, SMALLER_WINDOWS, NOTHING_INTERIM = 1, 2, 3

_SLOT_NS = S  # how often is decided
_CALM_SLOTS = 5  # so many good ones in a row before a level is given back
_LOAD = (0.85, 1.7, 3.4)  # time asked of each second for all frames that come, above which each level begins
_RELIEF = 0.7  # of that: below it a level is given back
_IDLE = 0.3  # below it late frames are another's doing: a slow network, or stamps whose clock runs slower
_FORGET = 0.1  # weight of the newest cost in the moving average
_COLD = 5  # frames that cost more than those after them, as everything is used for the first time
_SLOWEST_NS = S // 5
_CLOCK_MS = 5_000.0  # frames that are older or newer by so much than is usual are of a clock that jumped
_BASE_SLOTS = 10  # that the usual age of a frame is taken from: its least, so that clocks need not agree


class FramePolicy:
    """Decides which frames are worth their cost.

    level: 0 to 3, of LEVELS. counts: frames_shed.
    """

    def __init__(self, options: LoadOptions | None = None) -> None:
        self.options = options or LoadOptions()
        self.level = 0
        self.counts: Counter[str] = Counter()
        self._cost_ns = 0.0
        self._spent = 0
        self._used_ns: int | None = None
        self._slot_ns: int | None = None
        self._calm = 0
        self._ages: list[float] = []
        self._usual: deque[float] = deque(maxlen=_BASE_SLOTS)

    def wants(self, age_ms: float, at_ns: int) -> bool:
        """Return whether to use a frame. age_ms: since its stamp, by any clock. at_ns: steady time of its arrival."""
        if not self.options.shed:
            return True
        if self._slot_ns is None:
            self._slot_ns = at_ns
        elif at_ns - self._slot_ns >= _SLOT_NS:
            self._decide(at_ns - self._slot_ns)
            self._slot_ns = at_ns
        self._ages.append(age_ms)
        if self.level and self._used_ns is not None and at_ns - self._used_ns < self._period_ns:
            self.counts["frames_shed"] += 1
            return False
        self._used_ns = at_ns
        return True

    def spent(self, cost_ns: int) -> None:
        """Tell what a frame that was used has cost."""
        self._spent += 1
        if self._spent > _COLD:
            self._cost_ns += (cost_ns - self._cost_ns) * (_FORGET if self._cost_ns else 1.0)

    @property
    def _period_ns(self) -> float:
        return min(self._cost_ns / self.options.share, _SLOWEST_NS)

    def _decide(self, passed_ns: int) -> None:
        load = self._cost_ns * len(self._ages) / passed_ns
        youngest = min(self._ages, default=0.0)
        if self._usual and abs(youngest - min(self._usual)) > _CLOCK_MS:
            self._usual.clear()
        self._usual.append(youngest)
        late = load > _IDLE and max(self._ages, default=0.0) - min(self._usual) > self.options.late_ms
        self._ages = []
        needed = sum(load > limit for limit in _LOAD)
        if needed > self.level or (late and self.level < len(_LOAD)):
            self.level, self._calm = self.level + 1, 0
        elif self.level and not late and load < _RELIEF * _LOAD[self.level - 1]:
            self._calm += 1
            if self._calm >= _CALM_SLOTS:
                self.level, self._calm = self.level - 1, 0
        else:
            self._calm = 0


def reduced(options: ObserverOptions, level: int) -> ObserverOptions:
    """Return how faces are collected at a level."""
    if level >= SMALLER_WINDOWS:
        options = replace(
            options,
            window_frames=max(1, options.window_frames // 2),
            sample_period_ms=min(10_000, 2 * options.sample_period_ms),
        )
    return replace(options, interim_period_ms=0) if level >= NOTHING_INTERIM else options


class Busy:
    """How much of its time a thread spends on what it is given; `is_high` from 0.9 on, until it is 0.6 again."""

    HIGH, LOW = 0.9, 0.6

    def __init__(self) -> None:
        self.share = 0.0
        self.is_high = False
        self._slot_ns: int | None = None
        self._spent_ns = 0

    def add(self, begun_ns: int, ended_ns: int) -> None:
        """Tell of one piece of work, in steady time."""
        if self._slot_ns is None:
            self._slot_ns = begun_ns
        self._spent_ns += ended_ns - begun_ns
        passed_ns = ended_ns - self._slot_ns
        if passed_ns >= _SLOT_NS:
            self.share = self._spent_ns / passed_ns
            self.is_high = self.share > (self.LOW if self.is_high else self.HIGH)
            self._slot_ns, self._spent_ns = ended_ns, 0


def steady_ns() -> int:
    """Return the time that costs are measured in."""
    return time.monotonic_ns()
