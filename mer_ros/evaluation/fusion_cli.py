"""`mer evaluate fusion`: every subset of the modalities, on synthetic tuples."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mer_ros.evaluation.fusion import FusionEvaluation, evaluate_fusion

TEXT = "fusion and dialogue: every subset of the modalities, on synthetic tuples from a folder of corpora"


def add_fusion_parser(tasks: Any, default_models: Path) -> None:
    """Adds `evaluate fusion`."""
    sub = tasks.add_parser(
        "fusion",
        help=TEXT,
        description="Every subset of the modalities, on synthetic tuples: lines of MELD dev, each with a voice and a "
        "face of other people with the same label, of the half that the fusion's weights were not fitted on. The "
        "figures compare subsets; they are no accuracy of anything.",
    )
    sub.add_argument(
        "--data", type=Path, required=True, help="folder with meld/, fer2013/ and speech.csv", metavar="DIR"
    )
    sub.add_argument("--models", type=Path, default=default_models, help="folder (default: %(default)s)")
    sub.add_argument("--json", action="store_true", help="print the scores as one JSON object on the last line")
    sub.set_defaults(handler=_run)


def _run(args: argparse.Namespace) -> int:
    result = evaluate_fusion(args.data, args.models)
    _print(result)
    if args.json:
        print(json.dumps(result.as_mapping()))
    return 0


def _print(result: FusionEvaluation) -> None:
    console = Console(markup=False, highlight=False)
    console.print(
        f"Synthetic tuples, no accuracy of anything: {result.scores.n} of {result.lines} lines of MELD dev, "
        f"{result.voices} voices and {result.faces} faces, matched by label.\n"
    )
    console.print(_table("modalities", result.subsets, "without the dialogue model"))
    console.print(_table("modalities", result.subsets_in_dialogue, "with the dialogue model"))
    chance = ", ".join(f"{name} {value:.3f}" for name, value in result.ece_if_calibrated.items())
    console.print(f"ECE that perfectly calibrated models would show by chance, with so few inputs: {chance}.\n")
    if result.short:
        console.print(_table("short answers", result.short, "answers of a word or two, such as yeah, okay, no"))
    console.print(_table("confidence", result.thresholds, "all three, if what is less certain is left unnamed"))
    for name, loss in result.worse.items():
        console.print(f"{name} is less accurate than the best of its modalities, by {loss:.4f}.")
    console.print(
        f"processor ms a decision, fusion and dialogue model: {result.ms_p50:.2f} (median), {result.ms_p95:.2f} (95 %)"
    )


def _table(first: str, rows: Mapping[str, Mapping[str, float]], title: str) -> Table:
    columns = list(next(iter(rows.values()), {}))
    names = [c.replace("weighted_f1", "wtd F1").replace("uar", "UAR").replace("ece", "ECE") for c in columns]
    table = Table(first, *(n.replace("_", " ") for n in names), box=None, title=title, title_justify="left")
    for name, row in rows.items():
        table.add_row(name, *(str(v) if isinstance(v, int) else f"{v:.3f}" for v in row.values()))
    return table
