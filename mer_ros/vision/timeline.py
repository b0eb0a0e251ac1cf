"""What to do with a frame by its stamp: use it, drop it, or start again."""

from __future__ import annotations

from collections import Counter
from enum import Enum

MS = 1_000_000
CONFIRMING_FRAMES = 3  # frames that must agree before a jump of the clock is believed
CONFIRMING_LATE_FRAMES = 5  # the same of a small jump back, as frames may overtake each other
LONGEST_GAP = 5  # times the jump: a camera may pause for so long before its stamps are doubted


class Verdict(Enum):
    """What a frame's stamp means."""

    USE = "use"
    DROP = "drop"
    GAP = "gap"  # time went far ahead: faces cannot be followed across, then use the frame
    BACK = "back"  # time went back: forget all that was collected, then use the frame


class Timeline:
    """Keeps stamps rising. One stray stamp is dropped; a clock that has truly jumped is followed.

    A stamp more than jump_ms back, or LONGEST_GAP times that ahead, is dropped until CONFIRMING_FRAMES frames in a
    row agree: they rise, on the same side of the last good one, however slow the camera is. A stamp less far back
    is dropped until CONFIRMING_LATE_FRAMES agree, as when a short recording is played again and again.
    counts: duplicate_frames, out_of_order_frames, stray_frames, rate_limited_frames, camera_gaps, stamp_jumps.
    """

    def __init__(self, jump_ms: int, max_rate_hz: float, counts: Counter[str]) -> None:
        self.last_ns: int | None = None
        self._used_ns: int | None = None
        self._jump_ns = jump_ms * MS
        self._counts = counts
        # A camera's stamps jitter: a frame that is a tenth of the period early is on time.
        self._period_ns = round(0.9e9 / max_rate_hz) if max_rate_hz > 0 else 0
        self._stray: list[int] = []

    def judge(self, stamp_ns: int) -> Verdict:
        """Judge the next frame's stamp."""
        if self.last_ns is None:
            return self._use(stamp_ns, Verdict.USE)
        ahead = stamp_ns - self.last_ns
        if not -self._jump_ns <= ahead <= LONGEST_GAP * self._jump_ns:
            return self._judge_jump(stamp_ns, CONFIRMING_FRAMES, "stray_frames")
        if ahead < 0:
            return self._judge_jump(stamp_ns, CONFIRMING_LATE_FRAMES, "out_of_order_frames")
        if ahead == 0:
            self._counts["duplicate_frames"] += 1
            return Verdict.DROP
        self._stray.clear()
        self.last_ns = stamp_ns
        if ahead > self._jump_ns:
            self._counts["camera_gaps"] += 1
            return self._use(stamp_ns, Verdict.GAP)
        if self._used_ns is not None and stamp_ns - self._used_ns < self._period_ns:
            self._counts["rate_limited_frames"] += 1
            return Verdict.DROP
        return self._use(stamp_ns, Verdict.USE)

    def _judge_jump(self, stamp_ns: int, confirming: int, count: str) -> Verdict:
        assert self.last_ns is not None
        if self._stray and not (
            stamp_ns > self._stray[-1] and (stamp_ns < self.last_ns) == (self._stray[-1] < self.last_ns)
        ):
            self._stray.clear()
        self._stray.append(stamp_ns)
        if len(self._stray) < confirming:
            self._counts[count] += 1
            return Verdict.DROP
        self._counts["stamp_jumps"] += 1
        return self._use(stamp_ns, Verdict.BACK if stamp_ns < self.last_ns else Verdict.GAP)

    def _use(self, stamp_ns: int, verdict: Verdict) -> Verdict:
        self._stray.clear()
        self.last_ns = self._used_ns = stamp_ns
        return verdict
