"""`mer models`: what is installed, whether it is whole, and the card of each model."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from mer_ros.errors import ModelError
from mer_ros.inference.manifest import FUSION, ModelEntry, choose_entry, load_manifest, read_checked
from mer_ros.inference.model import Model

BAD_MODELS = 2


def add_models_parser(subparsers: Any, default_folder: Path) -> None:
    """Adds `models`, `models show` and `models check` to a command; each sets `handler(args) -> int`."""
    parser = subparsers.add_parser(
        "models",
        help="list, show and check the installed models",
        description="Lists the installed models with their task, size, state and scores.",
    )
    parser.set_defaults(handler=_list)
    parser.add_argument("--models", type=Path, default=default_folder, help="folder of models (default: %(default)s)")
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    show = actions.add_parser("show", help="print a model's card", description="Prints a model's card and contract.")
    show.add_argument("name", metavar="NAME", help="as `mer models` lists it")
    show.set_defaults(handler=_show)
    check = actions.add_parser(
        "check",
        help="check every model; exit code 2 when one is missing, altered or breaks its contract",
        description="Checks the sha256 of every model, opens it, and holds it to what the manifest promises.",
    )
    check.set_defaults(handler=_check)
    for action in (show, check):  # it may stand after the action too
        action.add_argument("--models", type=Path, default=argparse.SUPPRESS, help="folder of models")


def _list(args: argparse.Namespace) -> int:
    table = Table("model", "task", "size", "file", "score", box=None, pad_edge=False)
    entries = load_manifest(args.models)
    for column in table.columns[:-1]:  # a narrow terminal breaks the score, never the name
        column.no_wrap = True
    table.columns[0].min_width = 2 + max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        table.add_row(
            entry.name + (" *" if entry.default else ""),
            entry.task,
            _size(args.models / entry.file),
            _state(args.models, entry),
            _first_score(entry.metrics),
        )
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print("\n* the default for its task. `mer models show NAME`: data, terms, all scores and what they are of.")
    return 0


def _show(args: argparse.Namespace) -> int:
    entries = load_manifest(args.models)
    entry = next((e for e in entries if e.name == args.name), None)
    if entry is None:
        known = ", ".join(e.name for e in entries) or "none"
        raise ModelError(f"there is no model named {args.name!r} in {args.models}; there is: {known}")
    console = Console(markup=False, highlight=False)
    card = args.models / f"{entry.name}.md"
    if not card.is_file():
        raise ModelError(f"model {entry.name}: its card {card} is missing; restore it from the package")
    try:
        text = card.read_text(encoding="utf-8")
    except ValueError as error:
        raise ModelError(f"model {entry.name}: its card {card} is damaged; restore it from the package") from error
    console.print(Markdown(text))
    table = Table("", "tensor", "holds", title="Contract", title_justify="left")
    for kind, tensors in (("input", entry.inputs), ("output", entry.outputs)):
        for name, spec in tensors.items():
            table.add_row(kind, name, str(spec))
    console.print(table)
    console.print(f"file {entry.file}, {_size(args.models / entry.file)}, sha256 {_state(args.models, entry)}")
    return 0


def _check(args: argparse.Namespace) -> int:
    entries = load_manifest(args.models)
    faults = []
    for entry in entries:
        try:
            if entry.task == FUSION:
                read_checked(args.models, entry)
            else:
                Model(args.models, entry, "cpu")
            if not (args.models / f"{entry.name}.md").is_file():
                raise ModelError(f"model {entry.name}: its card {entry.name}.md is missing; restore it")
        except ModelError as error:
            faults.append(str(error))
    for task in sorted({e.task for e in entries}):
        try:
            choose_entry(entries, task)
        except ModelError as error:
            faults.append(str(error))
    for fault in faults:
        print(fault, file=sys.stderr)
    if not entries:
        print(f"{args.models} lists no models; train and export some", file=sys.stderr)
    if faults or not entries:
        return BAD_MODELS
    print(f"{len(entries)} models are whole and keep their contracts.")
    if strays := sorted({path.name for path in args.models.glob("*.onnx")} - {entry.file for entry in entries}):
        print(f"Not in the manifest, and therefore never used: {', '.join(strays)}")
    return 0


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:.1f} MiB" if path.is_file() else "-"


def _state(folder: Path, entry: ModelEntry) -> str:
    try:
        read_checked(folder, entry)
    except ModelError:
        return "altered" if (folder / entry.file).is_file() else "missing"
    return "ok"


def _first_score(metrics: Mapping[str, Any]) -> str:
    name, value = next(((k, v) for k, v in metrics.items() if isinstance(v, float)), ("no score", math.nan))
    made_up = ", on generated data" if str(metrics["split"]).startswith("generated") else ""
    return f"{name.replace('_', ' ')} {value:.3f} (n {metrics['n']}){made_up}"
