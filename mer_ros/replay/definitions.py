"""The definition of an installed message type, as bags carry it: its .msg text, and those of the types within."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_TYPE = re.compile(r"(?:(\w+)/(?:msg/)?)?(\w+?)(?:<=\d+)?(?:\[[<=\d]*\])?\s+\w+")
_PRIMITIVE = re.compile(r"bool|byte|char|float(32|64)|u?int(8|16|32|64)|w?string")
_RULE = "=" * 80


def find_definition(type_name: str) -> str | None:
    """The text of a type such as std_msgs/msg/Header and of all that it is made of; None where a file is missing.

    Looked for below share/<package>/msg of the prefixes in AMENT_PREFIX_PATH, then of Python's own.
    """
    texts: dict[str, str] = {}
    waiting = [_short(type_name)]
    while waiting:
        name = waiting.pop(0)
        if name in texts:
            continue
        text = _text(name)
        if text is None:
            return None
        texts[name] = text
        waiting += _parts(text, name.partition("/")[0])
    first, *others = texts.items()
    return first[1] + "".join(f"{_RULE}\nMSG: {name}\n{text}" for name, text in others)


def _text(name: str) -> str | None:
    package, _, message = name.partition("/")
    for prefix in (*filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)), sys.prefix):
        file = Path(prefix) / "share" / package / "msg" / f"{message}.msg"
        if file.is_file():
            return file.read_text(encoding="utf-8").rstrip("\n") + "\n"
    return None


def _parts(text: str, package: str) -> Iterator[str]:
    """The names of the types of the fields that are messages themselves."""
    for line in text.splitlines():
        found = _TYPE.match(line.strip())
        if found and not _PRIMITIVE.fullmatch(found[2]):
            yield f"{found[1] or package}/{found[2]}"


def _short(type_name: str) -> str:
    package, *_, message = type_name.split("/")
    return f"{package}/{message}"
