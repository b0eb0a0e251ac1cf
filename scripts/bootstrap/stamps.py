"""Remembers which steps are done, and with what, so that a second run does only what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def digest(*parts: str | Path) -> str:
    """A key of strings, files and folders (names and contents; hidden files and byte code left out)."""
    sha = hashlib.sha256()
    for part in parts:
        for name, content in _contents(part):
            for item in (name.encode(), content):
                sha.update(len(item).to_bytes(8, "big"))
                sha.update(item)
    return sha.hexdigest()


def _contents(part: str | Path) -> Iterable[tuple[str, bytes]]:
    if isinstance(part, str):
        yield "", part.encode()
    elif part.is_dir():
        for path in sorted(part.rglob("*")):
            names = path.relative_to(part).parts
            if path.is_file() and not any(name.startswith((".", "__pycache__")) for name in names):
                yield "/".join(names), path.read_bytes()
    else:
        yield part.name, part.read_bytes()


class Stamps:
    """One small file a step, in a folder inside the virtual environment: it goes when the environment goes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fresh(self, step: str, key: str) -> bool:
        """Whether the step was done with this very key."""
        path = self.folder / step
        return path.is_file() and path.read_text() == key

    def forget(self, step: str) -> None:
        """The step is about to be done anew; if it is interrupted it counts as not done."""
        (self.folder / step).unlink(missing_ok=True)

    def done(self, step: str, key: str) -> None:
        """The step was done with this key."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / step).write_text(key)
