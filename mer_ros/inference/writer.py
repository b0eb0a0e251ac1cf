"""Writes the manifest, for the tools that export models."""

from __future__ import annotations

import hashlib
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import yaml

from mer_ros.inference.manifest import FILE_NAME, FORMAT, TASKS, ModelEntry, load_manifest, read_checked


def file_sha256(path: Path) -> str:
    """The sha256 of a file, as hex."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def add_entry(folder: Path, entry: ModelEntry) -> None:
    """Puts an entry into the folder's manifest, in place of one with the same name.

    Makes the manifest when there is none. A new default takes that mark from the task's other models. The order
    is by task, then name, whatever the order of exports; the file appears whole or not at all.
    Raises ModelError when the entry's file is not there or is not the one described.
    """
    folder = Path(folder)
    read_checked(folder, entry)
    entries = [e for e in load_manifest(folder) if e.name != entry.name] if (folder / FILE_NAME).exists() else []
    if entry.default:
        entries = [replace(e, default=False) if e.task == entry.task else e for e in entries]
    ordered = sorted([*entries, entry], key=lambda e: (TASKS.index(e.task), e.name))
    text = yaml.safe_dump(
        {"format": FORMAT, "models": [_plain(e) for e in ordered]},
        sort_keys=False,
        default_flow_style=None,
        allow_unicode=True,
        width=110,
    )
    temporary = folder / f".{FILE_NAME}.{os.getpid()}"
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, folder / FILE_NAME)


_ORDER = ("name", "file", "sha256", "task", "default", "inputs", "outputs", "labels", "prior", "reliability")


def _plain(entry: ModelEntry) -> dict[str, Any]:
    """The entry as YAML's own types, in the order in which a person reads it."""
    names = [*_ORDER, *(f.name for f in fields(ModelEntry) if f.name not in _ORDER)]
    plain = {name: getattr(entry, name) for name in names}
    for kind in ("inputs", "outputs"):
        plain[kind] = {n: {"dtype": t.dtype, "shape": list(t.shape)} for n, t in plain[kind].items()}
    for name in ("labels", "prior", "data"):
        plain[name] = list(plain[name])
    plain["metrics"] = dict(plain["metrics"])
    return plain
