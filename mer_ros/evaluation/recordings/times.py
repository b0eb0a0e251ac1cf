"""The times that people write into label files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

NS = 1_000_000_000
# Told apart by size: 1e8 s is three years after a start, and 1973 on a clock that counts from 1970.
FIRST_CLOCK_S, LAST_CLOCK_S = Decimal(10) ** 8, Decimal(10) ** 11
FIRST_CLOCK_NS, LAST_CLOCK_NS = Decimal(10) ** 17, Decimal(10) ** 20
ACCEPTED = (
    "seconds from the recording's start (12.5), h:mm:ss.mmm (0:00:12.500), or the recording's own clock in seconds "
    "(from 1e8 on) or nanoseconds (from 1e17 on)"
)
_CLOCK_FACE = re.compile(r"(?:(\d{1,6}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")


@dataclass(frozen=True)
class Time:
    """ns: from the recording's start, or, where `absolute`, on the clock of its stamps."""

    ns: int
    absolute: bool = False


def read_time(text: str) -> Time | None:
    """What a person wrote as a time, see ACCEPTED; also mm:ss, and a comma before the milliseconds as in subtitles.

    None where it is none of these.
    """
    text = text.strip()
    if face := _CLOCK_FACE.fullmatch(text):
        hours, minutes, seconds = int(face[1] or 0), int(face[2]), Decimal(face[3].replace(",", "."))
        if minutes >= 60 or seconds >= 60:
            return None
        return Time(_ns(hours * 3600 + minutes * 60 + seconds))
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    if FIRST_CLOCK_NS <= abs(number) < LAST_CLOCK_NS:
        return Time(int(number), absolute=True)
    if abs(number) < FIRST_CLOCK_S:
        return Time(_ns(number))
    return Time(_ns(number), absolute=True) if abs(number) < LAST_CLOCK_S else None


def _ns(seconds: Decimal) -> int:
    return int((seconds * NS).to_integral_value())
