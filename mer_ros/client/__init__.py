"""For behaviour authors: who is there, and what they feel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mer_ros.fusion.events import EventOptions

if TYPE_CHECKING:
    from mer_ros.client.listener import EmotionListener

__all__ = ["EmotionListener", "EventOptions"]


def __getattr__(name: str) -> Any:
    """Load the listener when it is asked for: it needs ROS 2, the options do not."""
    if name != "EmotionListener":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mer_ros.client.listener import EmotionListener

    return EmotionListener
