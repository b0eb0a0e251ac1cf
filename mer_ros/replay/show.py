"""What a replay says while it goes on: a bar on a terminal, a line a minute elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from mer_ros.replay.media import Recording
from mer_ros.replay.records import SUMMARY_FILE
from mer_ros.replay.task import Outcome, Task
from mer_ros.terminal import printable

LINE_EVERY_S = 60.0
DRAW_EVERY_S = 0.1


class Show:
    """Tells of the recordings of a run. Use it as a context.

    console: of what is printed. quiet: says nothing.
    """

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self._console, self._quiet = console, quiet
        self._bar: Progress | None = None
        if console.is_terminal and not console.is_dumb_terminal and not quiet:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[where]}"),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
        self._rows: dict[str, TaskID] = {}
        self._begun_s: dict[str, float] = {}
        self._said_s: dict[str, float] = {}

    def __enter__(self) -> Show:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def opened(self, task: Task, text: str) -> None:
        """Say what of a recording is replayed."""
        now_s = time.monotonic()
        self._begun_s[task.name] = self._said_s[task.name] = now_s
        if not self._quiet:
            self._console.print(printable(f"{task.name}: {text}"), soft_wrap=True)
        if self._bar:
            self._rows[task.name] = self._bar.add_task(printable(task.name), total=None, where="", speed="")

    def progress(self, task: Task, done_s: float, total_s: float | None) -> None:
        """Say how far it is, if it is time to."""
        now_s = time.monotonic()
        due_s = DRAW_EVERY_S if self._bar else LINE_EVERY_S
        if self._quiet or now_s - self._said_s[task.name] < due_s:
            return
        self._said_s[task.name] = now_s
        where = clock(done_s) + (f" of {clock(total_s)}" if total_s else "")
        speed = f"{done_s / max(now_s - self._begun_s[task.name], 1e-3):.1f} x real time"
        if self._bar:
            fields: dict[str, Any] = {"where": where, "speed": speed}
            self._bar.update(self._rows[task.name], completed=done_s, total=total_s, **fields)
        else:
            self._console.print(printable(f"{task.name}: {where}, {speed}"), soft_wrap=True)

    def ended(self, outcome: Outcome) -> None:
        """Take a recording off the bar; what went wrong with it the caller tells in the end."""
        if self._bar and (row := self._rows.pop(outcome.task.name, None)) is not None:
            self._bar.remove_task(row)


def tell_problems(problems: Sequence[str], output: Path) -> None:
    """Say on standard error what is missing."""
    for problem in problems:
        said = " ".join(printable(problem).split())
        print(f"error: {said}; what was computed is in {printable(str(output))}", file=sys.stderr)


@contextmanager
def told_when_interrupted(output: Path) -> Iterator[None]:
    """Say where what was computed is when Ctrl-C comes."""
    try:
        yield
    except KeyboardInterrupt:
        if (output / SUMMARY_FILE).is_file():
            print(f"interrupted: what was computed is in {printable(str(output))}", file=sys.stderr)
        raise


def told(source: Recording) -> str:
    """What of a recording is replayed, in a line."""
    parts = []
    if source.duration_ns is not None:
        parts.append(clock(source.duration_ns / 1e9))
    if source.has_video:
        rate = f" at {source.frame_rate_hz:.4g} Hz" if source.frame_rate_hz else ""
        parts.append(f"video {source.size[0]}x{source.size[1]}{rate}")
    parts.append("sound" if source.has_video else "sound alone: faces are left out")
    return ", ".join(parts) + "".join(f"; {what}: {name}" for what, name in source.chosen.items())


def clock(seconds: float) -> str:
    """Hours, minutes and seconds as on a player."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
