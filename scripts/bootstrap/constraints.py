"""The pins that fit this machine."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9._-]+")


def override(pins: str, others: str) -> str:
    """`pins` with every package that `others` names pinned as there."""
    named = {_name(line) for line in others.splitlines() if _name(line)}
    kept = [line for line in pins.splitlines() if _name(line) not in named]
    return "\n".join([*kept, *others.splitlines(), ""])


def _name(line: str) -> str | None:
    found = NAME.match(line)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else None


def numpy_major(environ: Mapping[str, str]) -> int:
    """The major version of the NumPy that a sourced ROS 2 was built for, that of its own Python; 0 without."""
    said = subprocess.run(
        [sys.executable, "-c", "import numpy; print(numpy.__version__)"],
        env=dict(environ),
        capture_output=True,
        text=True,
    )
    return int(said.stdout.split(".")[0]) if said.returncode == 0 else 0


def merge(folder: Path, sourced: Mapping[str, str] | None) -> str:
    """The pins; with those for NumPy 1 where a sourced ROS 2 (its environment given) was built for it."""
    pins = (folder / "constraints.txt").read_text()
    if sourced is not None and numpy_major(sourced) == 1:
        return override(pins, (folder / "constraints-numpy1.txt").read_text())
    return pins
