"""Message times to integer nanoseconds, and back."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from mer_ros.messages.stamps import time_parts, to_ns

__all__ = ["header", "to_ns", "to_time"]


def to_time(ns: int) -> Time:
    """Return the message of `ns`; what a message cannot hold is clamped."""
    seconds, rest = time_parts(ns)
    return Time(sec=seconds, nanosec=rest)


def header(ns: int, frame_id: str = "") -> Header:
    """Return a header stamped with `ns`."""
    return Header(stamp=to_time(ns), frame_id=frame_id)
