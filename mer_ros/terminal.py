"""Keeps a terminal clean while libraries and child processes have things to say."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


@contextmanager
def kept_clean(log: Path) -> Iterator[TextIO]:
    """Send all that this process writes to standard output and error to `log`; give the real output as a stream.

    It works on file descriptors, since what the middleware's C++ libraries print does not pass through Python.
    """
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
