"""Runs the steps: one line each with its time, everything said by tools in a log, its end shown on failure."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bootstrap.errors import SetupError

SHOWN_LINES = 15
NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|name resolution|ConnectTimeout|ReadTimeout|Max retries exceeded"
    r"|Connection (refused|reset|aborted)|Network is unreachable|ProxyError"
)
NOT_OFFERED = re.compile(
    r"No matching distribution found|ResolutionImpossible"
)  # what pip says offline without retries
NO_ROOM = re.compile(r"No space left on device|Disk quota exceeded")


class CommandFailed(Exception):
    """A command that ended with another status than 0."""


def diagnose(log: str) -> str | None:
    """The likely cause that the log of a failed step gives away, as a sentence with its remedy."""
    if NO_ROOM.search(log):
        return "The disk is full: make room (df -h . shows how much there is), then run the same command again."
    if NO_NETWORK.search(log):
        return (
            "The package index cannot be reached: check the network (or set HTTPS_PROXY, or PIP_INDEX_URL to a "
            "mirror), then run the same command again; it goes on where it stopped."
        )
    if NOT_OFFERED.search(log):
        return (
            "The package index cannot be reached or lacks a version that requirements/constraints.txt names: check "
            "the network and pip's settings (pip config list), then run the same command again."
        )
    return None


class Progress:
    """One line a step on `out`; `log` takes what the commands print."""

    def __init__(self, log: Path, out: IO[str] = sys.stdout) -> None:
        self.log = log
        self.out = out
        self._live = out.isatty()
        self._title = ""
        self._began = 0.0

    def run(self, args: Sequence[str | Path], env: Mapping[str, str], cwd: Path | None = None) -> None:
        """Run a command; what it prints goes to the log. Raises CommandFailed."""
        with self.log.open("a") as log:
            log.write(f"$ {' '.join(map(str, args))}\n")
            log.flush()
            process = subprocess.Popen(
                [str(arg) for arg in args],
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                while True:
                    try:
                        status = process.wait(timeout=0.5)
                        break
                    except subprocess.TimeoutExpired:
                        self._line("")
            except BaseException:  # Ctrl-C: leave nothing running behind
                process.terminate()
                process.wait()
                raise
        if status:
            raise CommandFailed(f"{args[0]} ended with status {status}")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show the step, its time, and on failure the end of what its commands said."""
        self._title, self._began = title, time.monotonic()
        at = self.log.stat().st_size if self.log.exists() else 0
        self._line("")
        try:
            yield
        except CommandFailed as error:
            self._line("failed", end=True)
            with self.log.open(errors="replace") as log:
                log.seek(at)
                said = log.read()
            cause = diagnose(said)
            if cause is None:
                self.out.writelines(f"    {line}\n" for line in said.rstrip().splitlines()[-SHOWN_LINES:])
                cause = f"{title}: {error}; the whole log is {self.log}; after mending it run the same command again."
            raise SetupError(cause) from None
        except BaseException:
            self._line("stopped", end=True)
            raise
        self._line("done", end=True)

    def _line(self, state: str, *, end: bool = False) -> None:
        """On a terminal the line is written over each half second; elsewhere once, when the step is over."""
        if not (self._live or end):
            return
        line = f"  {self._title:<52} {time.monotonic() - self._began:6.1f} s  {state}"
        self.out.write(f"\r{line:<74}" if self._live else line)
        self.out.write("\n" if end else "")
        self.out.flush()
