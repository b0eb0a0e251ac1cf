"""Message times to integer nanoseconds."""

from __future__ import annotations

from typing import Any


def to_ns(time: Any) -> int:
    """Nanoseconds since the epoch of the clock in use. time: a builtin_interfaces/Time, or anything with its fields."""
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def stamp_of(message: Any) -> int:
    """The stamp in a message's header; 0 where it has no header or its stamp was never filled."""
    stamp = getattr(getattr(message, "header", None), "stamp", None)
    return 0 if stamp is None else to_ns(stamp)
