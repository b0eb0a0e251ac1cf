"""Ctrl-C and SIGTERM in the seconds before ROS 2 takes care of them: while modules load, nothing is there to end."""

from __future__ import annotations

import os
import signal
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)
_ready = False


def end_early() -> None:
    """From now on both end the process at once, with exit code 0; also those that came while they were blocked."""
    for number in ENDING:
        signal.signal(number, _handle)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def ready() -> None:
    """Leave both to rclpy, which has been initialised, and to KeyboardInterrupt."""
    global _ready
    _ready = True


def _handle(number: int, frame: FrameType | None) -> None:
    # Handlers cannot be taken back: rclpy's own are installed over them, and call them.
    if not _ready:
        os._exit(0)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
