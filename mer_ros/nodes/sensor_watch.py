"""What is to be said of a sensor: that it stopped, froze, or that its clock jumped. Pure; times come from the caller.

Stages follow a clock that jumps by rules of their own (`vision/timeline.py`, `audio/stream.py`): one wrong stamp is
passed over, and stamps that agree are believed. This tells people about it, by what the stages cannot know: when each
message came.
"""

from __future__ import annotations

from collections import Counter

S = 1_000_000_000
SILENT_S = 2.0  # without a message for so long, the driver is probably gone
STILL_S = 2.0  # stamps that stand still for so long are those of a sensor that froze
JUMP_S = 0.7  # a message may be late by so much
CONFIRMING = 5  # messages in a row that must agree: one wrong stamp is no jump of the clock
TOLD_S = 30.0  # for so long a jump is shown


class SensorWatch:
    """Holds the stamps of a sensor against steady time.

    what, many: what the sensor gives, as a sentence names it ("image", "images"). counts: clock_jumps;
    stamps_ahead_ms (of the node's clock, in the last message).
    """

    def __init__(self, what: str, many: str) -> None:
        self.counts: Counter[str] = Counter()
        self._what, self._many = what, many
        self.begin(0.0)

    def begin(self, now_s: float) -> None:
        """Wait for messages from now on, in steady time; what was said of those before is over."""
        self._came_s = self._moved_s = now_s
        self._stamp_ns: int | None = None
        self._offset_ns: int | None = None  # stamps less steady time
        self._odd: list[int] = []  # others, in a row
        self._jump = ""
        self._jumped_s = 0.0
        self._is_frozen = False

    def take(self, stamp_ns: int, now_s: float, clock_ns: int) -> str:
        """Take a message's stamp, at `now_s` of steady time; a sentence when the clock turns out to have jumped.

        clock_ns: what the node's own clock says.
        """
        waited_s, self._came_s = now_s - self._came_s, now_s
        if stamp_ns == self._stamp_ns:
            return ""
        self._stamp_ns, self._moved_s = stamp_ns, now_s
        self.counts["stamps_ahead_ms"] = (stamp_ns - clock_ns) // 1_000_000
        offset_ns = stamp_ns - round(now_s * S)
        change_ns = offset_ns - (offset_ns if self._offset_ns is None else self._offset_ns)
        # A sensor, or a simulation, that paused goes on where it was, as does what queued up meanwhile.
        paused_ns = waited_s * S if waited_s > JUMP_S else 0.0
        if -JUMP_S * S - paused_ns <= change_ns <= JUMP_S * S:
            self._offset_ns, self._odd = offset_ns, []
            return ""
        if self._odd and abs(offset_ns - self._odd[-1]) > JUMP_S * S:
            self._odd = []
        self._odd.append(offset_ns)
        if len(self._odd) < CONFIRMING:
            return ""
        self._offset_ns, self._odd = offset_ns, []
        self.counts["clock_jumps"] += 1
        self._jumped_s = now_s
        self._jump = f"stamps of {self._many} jumped {abs(change_ns) / S:.1f} s {'ahead' if change_ns > 0 else 'back'}"
        return self._jump

    def complaint(self, now_s: float, *, frozen: bool = False) -> str:
        """What is wrong, in a sentence; empty when nothing is. frozen: whether its messages tell the same for long."""
        silent_s, still_s = now_s - self._came_s, now_s - self._moved_s
        if silent_s > SILENT_S:
            return f"no {self._what} for {silent_s:.0f} s: is the driver running?"
        if still_s > STILL_S and self._stamp_ns is not None:
            return f"frozen: {self._many} come, but their stamps stand still for {still_s:.0f} s"
        if frozen and self._stamp_ns is not None:
            return f"frozen: the same {self._what} comes again and again, and is left out"
        if self._jump and now_s - self._jumped_s < TOLD_S:
            return f"{self._jump}, {now_s - self._jumped_s:.0f} s ago"
        return ""

    def news(self, complaint: str) -> str:
        """What the log is to be told of a complaint: that the sensor froze, or goes on; empty when that is known."""
        frozen = complaint.startswith("frozen")
        if frozen == self._is_frozen:
            return ""
        self._is_frozen = frozen
        return complaint if frozen else f"{self._many} are no longer frozen"
