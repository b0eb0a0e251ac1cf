"""Numbers and times as people read them."""

from __future__ import annotations

from mer_ros.emotion import UNKNOWN
from mer_ros.report.run import Spoken


def percent(value: float | None) -> str:
    """A share as per cent."""
    return "–" if value is None else f"{value:.0%}"


def decimal(value: float | None, digits: int = 3) -> str:
    """A score."""
    return "–" if value is None else f"{value:.{digits}f}"


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign."""
    return f"{value:+.{digits}f}".replace("-", "−")


def clock(seconds: float, digits: int = 0) -> str:
    """Minutes and seconds, hours where there are any."""
    whole = round(seconds * 10**digits)
    minutes, rest = divmod(whole, 60 * 10**digits)
    width = 3 + digits if digits else 2
    tail = f"{rest / 10**digits:0{width}.{digits}f}"
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def milliseconds(value: float) -> str:
    """Few digits: 0.3 ms, 34 ms, 1,200 ms."""
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def feels(spoken: Spoken) -> str:
    """The emotion and its probability; of an unknown one, that of what it would have been."""
    return f"{spoken.emotion} {percent(spoken.confidence)}" + (" at most" if spoken.emotion == UNKNOWN else "")
