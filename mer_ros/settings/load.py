"""When live nodes give something up; `nodes/load.py` says what, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

from mer_ros.errors import OptionError


@dataclass(frozen=True)
class LoadOptions:
    """When the camera node gives something up.

    shed: give up at all. share: of the time, that frames may take then. late_ms: frames that come later than usual by
    so much, to a node that is not idle, are a sign of load as well. A value out of range raises OptionError.
    """

    shed: bool = True
    share: float = 0.6
    late_ms: float = 300.0

    def __post_init__(self) -> None:
        if not 0.05 <= self.share <= 1:
            raise OptionError(f"load.share is {self.share}: give a share of the time from 0.05 to 1")
        if not 50 <= self.late_ms <= 10_000:
            raise OptionError(f"load.late_ms is {self.late_ms}: give milliseconds from 50 to 10000")
