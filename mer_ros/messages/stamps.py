"""Message times to integer nanoseconds."""

from __future__ import annotations

from typing import Any

_LAST_NS = (2**31 - 1) * 1_000_000_000 + 999_999_999  # seconds are int32 in a message


def to_ns(time: Any) -> int:
    """Nanoseconds since the epoch of the clock in use. time: a builtin_interfaces/Time, or anything with its fields."""
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def stamp_of(message: Any) -> int:
    """The stamp in a message's header; 0 where it has no header or its stamp was never filled."""
    stamp = getattr(getattr(message, "header", None), "stamp", None)
    return 0 if stamp is None else to_ns(stamp)


def fill_stamp(message: Any, stamp_ns: int, frame_id: str = "") -> None:
    """Fill the header of a message, where it has one. Times that it cannot hold are cut to those that it can."""
    if (header := getattr(message, "header", None)) is not None:
        stamp_ns = min(max(stamp_ns, 0), _LAST_NS)
        header.stamp.sec, header.stamp.nanosec = divmod(stamp_ns, 1_000_000_000)
        header.frame_id = frame_id
