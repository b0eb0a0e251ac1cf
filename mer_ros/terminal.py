"""Keeps a terminal clean while libraries and child processes have things to say."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


def printable(text: str) -> str:
    """Text without what would move a terminal's cursor or colour it: file names, topics and words come from others."""
    return "".join(c if c.isprintable() else " " for c in text)


def ensure_streams() -> None:
    """Give standard output and error a place where the caller has closed them (`>&-`): what they get is lost.

    Without it Python has None for a stream, and the next file that is opened gets its descriptor.
    """
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is not None:
            continue
        with open(os.devnull, "wb") as nothing:
            try:
                os.fstat(descriptor)
            except OSError:  # still free
                os.dup2(nothing.fileno(), descriptor)
        setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  it lives as long as the process


def drop_output() -> None:
    """Send the rest of standard output nowhere, also what is still in its buffer: it can no longer be written."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


@contextmanager
def kept_clean(log: Path) -> Iterator[TextIO]:
    """Send all that this process writes to standard output and error to `log`; give the real output as a stream.

    It works on file descriptors, since what the middleware's C++ libraries print does not pass through Python.
    """
    ensure_streams()
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    terminal = os.fdopen(os.dup(kept[0]), "w", encoding=sys.stdout.encoding, errors="replace")
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield terminal
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        for descriptor in kept:
            os.close(descriptor)
        with suppress(BrokenPipeError):
            terminal.close()
