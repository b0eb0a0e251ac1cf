"""Writes the manifest, for the tools that export models."""

from __future__ import annotations

import hashlib
import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import yaml

from mer_ros.errors import ModelError
from mer_ros.inference.manifest import FILE_NAME, FORMAT, TASKS, ModelEntry, check_name, load_manifest, read_checked

_TAKEN = (Path(FILE_NAME).stem, "readme")  # the table of models, for file systems that ignore case


def file_sha256(path: Path) -> str:
    """The sha256 of a file, as hex."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def check_new(folder: Path, name: str, task: str) -> None:
    """Raises ModelError unless a model can be written into a folder, in place of one of its own task at most."""
    check_name(name)
    if name in _TAKEN:
        raise ModelError(
            f"a model cannot be called {name}: the folder of models has a file of that name; choose another"
        )
    known = load_manifest(folder) if (Path(folder) / FILE_NAME).exists() else ()
    for entry in known:
        if entry.name == name and entry.task != task:
            raise ModelError(
                f"{folder} has a model {name} already, for {entry.task}; give that for {task} another name"
            )


def add_entry(folder: Path, entry: ModelEntry) -> None:
    """Puts an entry into the folder's manifest, in place of one with the same name.

    Makes the manifest when there is none. A new default takes that mark from the task's other models. The order
    is by task, then name, whatever the order of exports; the file appears whole or not at all.
    Raises ModelError when the entry's file is not there or is not the one described, and as `check_new`.
    """
    folder = Path(folder)
    check_new(folder, entry.name, entry.task)
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
