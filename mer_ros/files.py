"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Put a text in its place at once: whoever reads it sees the old one or the new one, and never half of it.

    A pipe or a device is written to, as a rename would take its place. Raises OSError.
    """
    in_place = path.exists() and not path.is_file()
    new = path if in_place else path.with_name(f".{path.name}.new")
    try:
        new.write_text(text, encoding="utf-8", newline="\n")
        if not in_place:
            os.replace(new, path)
    except OSError:
        if not in_place:
            with suppress(OSError):
                new.unlink()
        raise
