"""Sees a callback that does not come back: says so while it lasts, and ends the process when it lasts too long.

Whoever started the process starts it again. A hang inside of C code that keeps Python's interpreter to itself stops
this watchdog too; then the diagnostics of the node stay away, and the lifecycle manager names it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HUNG = 70  # exit code of a process that was ended for it
BUSY_S = 3.0  # longer than anything takes on a machine that keeps up
_LOOK_S = 0.5


class Watchdog:
    """Watches one thread from another.

    tell: called with a sentence while something hangs, from the watching thread. limit_s: when the process is ended;
    0: never. hangs: how often something took longer than `BUSY_S`.
    """

    def __init__(self, name: str, tell: Callable[[str], None], end: Callable[[int], None] = os._exit) -> None:
        self.limit_s = 0.0
        self.hangs = 0
        self._name, self._tell, self._end = name, tell, end
        self._at: tuple[str, float] | None = None  # what is being done, since when in steady time
        self._told: tuple[str, float] | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"{name} watchdog", daemon=True)
        self._thread.start()

    @contextmanager
    def watching(self, what: str) -> Iterator[None]:
        """Watch what is done in this context."""
        self._at = what, time.monotonic()
        try:
            yield
        finally:
            self._at = None

    def look(self, now_s: float) -> None:
        """Look once. now_s: steady time."""
        at = self._at
        if at is None or now_s - at[1] < BUSY_S:
            return
        what, since_s = at
        self.hangs += at != self._told
        self._told = at
        busy_s = now_s - since_s
        self._tell(
            f"busy with one {what} for {busy_s:.0f} s: it hangs, or the machine is too slow"
            + (f"; after {self.limit_s:g} s the node is started again" if self.limit_s else "")
        )
        if self.limit_s and busy_s > self.limit_s:
            said = f"error: {self._name} hung in {what} for {busy_s:.0f} s; its process ends"
            print(said, file=sys.stderr, flush=True)
            self._end(HUNG)

    def close(self) -> None:
        """Watch no more."""
        self._closing.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=2 * _LOOK_S)

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_S):
            self.look(time.monotonic())
