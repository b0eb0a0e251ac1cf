"""Message times to integer nanoseconds, and back."""

from __future__ import annotations

from typing import Any

_LAST_SECOND = 2**31 - 1  # int32 in a message


def to_ns(time: Any) -> int:
    """Nanoseconds since the epoch of the clock in use. time: a builtin_interfaces/Time, or anything with its fields."""
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def time_parts(ns: int) -> tuple[int, int]:
    """Seconds and nanoseconds as builtin_interfaces/Time holds them, clamped to what it can hold."""
    seconds, rest = divmod(int(ns), 1_000_000_000)
    if 0 <= seconds <= _LAST_SECOND:
        return seconds, rest
    return (0, 0) if seconds < 0 else (_LAST_SECOND, 999_999_999)


def stamp_of(message: Any) -> int:
    """The stamp in a message's header; 0 where it has no header or its stamp was never filled."""
    stamp = getattr(getattr(message, "header", None), "stamp", None)
    return 0 if stamp is None else to_ns(stamp)


def fill_stamp(message: Any, stamp_ns: int, frame_id: str = "") -> None:
    """Fill the header of a message, where it has one. Times that it cannot hold are cut to those that it can."""
    if (header := getattr(message, "header", None)) is not None:
        header.stamp.sec, header.stamp.nanosec = time_parts(stamp_ns)
        header.frame_id = frame_id
