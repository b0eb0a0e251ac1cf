"""Message times to integer nanoseconds, and back."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from mer_ros.replay.emotion_message import time_parts


def to_ns(time: Time) -> int:
    """Return nanoseconds since the epoch of the clock in use."""
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def to_time(ns: int) -> Time:
    """Return the message of `ns`; what a message cannot hold is clamped."""
    seconds, rest = time_parts(ns)
    return Time(sec=seconds, nanosec=rest)


def header(ns: int, frame_id: str = "") -> Header:
    """Return a header stamped with `ns`."""
    return Header(stamp=to_time(ns), frame_id=frame_id)
