"""What is kept of a model beside its manifest entry, `models/NAME.json`: the one source of its card and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mer_ros.errors import ModelError


@dataclass(frozen=True)
class Record:
    """about: what it is. limits: what it must not be trusted with. Both are sentences.

    split: what its training held out and measured it on, in its own words. parameters: how many numbers the file
    holds. difference: the largest one in probability between torch's answers and the file's. history: of its
    training, see `fit`. measured: what `mer evaluate --json` gives, with `on` (what was measured), `sha256` of the
    file, and `machine`; None before it was measured.
    """

    about: str
    limits: tuple[str, ...]
    split: str
    parameters: int
    difference: float | None = None
    history: Mapping[str, list[dict[str, float]]] = field(default_factory=dict)
    measured: Mapping[str, Any] | None = None


def write_record(folder: Path, name: str, record: Record) -> None:
    """Write `folder`/NAME.json, whole or not at all; fractions to six significant digits."""
    path = Path(folder) / f"{name}.json"
    part = path.with_suffix(".part")
    part.write_text(_lines(rounded(asdict(record))) + "\n", encoding="utf-8")
    part.replace(path)


def read_record(folder: Path, name: str) -> Record:
    """Read what `write_record` wrote. Raises ModelError."""
    path = Path(folder) / f"{name}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Record(**{**content, "limits": tuple(content["limits"])})
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} cannot be read ({error}); restore it, or export {name} again") from error


def rounded(value: Any, digits: int = 6) -> Any:
    """The same, with fractions rounded to so many significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, Mapping):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item, digits) for item in value]
    return value


def _lines(value: Any, depth: int = 0) -> str:
    """JSON with what fits a line on a line."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) + depth <= 110 or not isinstance(value, dict | list) or not value:
        return text
    inside = " " * (depth + 1)
    if isinstance(value, dict):
        items = [f"{inside}{json.dumps(k, ensure_ascii=False)}: {_lines(v, depth + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(items) + "\n" + " " * depth + "}"
    return "[\n" + ",\n".join(inside + _lines(item, depth + 1) for item in value) + "\n" + " " * depth + "]"
