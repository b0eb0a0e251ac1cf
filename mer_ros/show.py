"""The live view while it is shown: on a terminal, or as plain lines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.live import Live

from mer_ros.emotion import EmotionEstimate
from mer_ros.view import ViewState, ascii_only, fits, line, picture, starting

REDRAW_S = 0.15


class Show:
    """The view on a terminal, or plain lines."""

    def __init__(self, title: str, terminal: TextIO, *, plain: bool) -> None:
        self.state = ViewState(title)
        self._console = Console(file=terminal, highlight=False)
        terminal_like = self._console.is_terminal and not self._console.is_dumb_terminal
        plain = plain or not terminal_like or not fits(self._console)
        self._ascii = ascii_only(self._console)
        self._live = None if plain else Live(console=self._console, auto_refresh=False, screen=False)
        self._said = ""
        self._drawn = 0.0

    def __enter__(self) -> Show:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self.state.over = True
            self._draw()
            self._live.stop()

    def update(self, arrived: Sequence[tuple[EmotionEstimate, float]], *, is_starting: bool) -> None:
        """Show what is new. arrived: final estimates, each with the seconds since its utterance ended."""
        if self._live:
            if arrived or time.monotonic() - self._drawn > REDRAW_S:
                self._draw()
            return
        if is_starting:
            up = [name for name, label in self.state.nodes.items() if label == "active"]
            self.say("starting: " + ", ".join(up) + " active" if up else starting({}))
        elif self._said.startswith("starting"):
            self.say(f"all nodes are active: {self.state.title}")
        for estimate, after_s in arrived:
            self._print(line(estimate, after_s))

    def _draw(self) -> None:
        assert self._live is not None
        self._drawn = time.monotonic()
        self._console.width = min(self._console.width, 110)
        self._live.update(picture(self.state, plain_bars=self._ascii), refresh=True)

    def say(self, text: str) -> None:
        """A line of its own, once."""
        if text != self._said:
            self._print(text)
            self._said = text

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)
