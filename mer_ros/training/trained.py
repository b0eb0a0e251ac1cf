"""A trained network as it is kept in its run folder: weights, how to build it again, and what to say of it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from pickle import UnpicklingError
from types import UnionType
from typing import Any, cast

import torch

from mer_ros.errors import ModelError
from mer_ros.inference.manifest import IDENTITY, TASKS
from mer_ros.training.curves import CURVES_FILE, draw_curves, read_histories

MODEL_FILE, REPORT_FILE = "model.pt", "report.json"


@dataclass(frozen=True)
class Report:
    """What the manifest and the card say of a model; see mer_ros.inference.ModelEntry for the first fields.

    about: what it is, in a sentence or two. limits: what it must not be trusted with, a sentence each.
    history: for each phase of the training a row an epoch, as `fit` gives them; `Trained.save` collects them.
    """

    prior: tuple[float, ...]
    reliability: float
    metrics: dict[str, Any]
    data: tuple[str, ...]
    terms: str
    command: str
    about: str
    limits: tuple[str, ...]
    history: dict[str, list[dict[str, float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """task: of the manifest. settings: how to build the network. words: its vocabulary, when it has one.

    temperatures: of the emotion head, and of the sentiment head when there is one.
    """

    task: str
    settings: dict[str, Any]
    weights: dict[str, torch.Tensor]
    report: Report
    temperatures: tuple[float, ...] = (1.0,)
    words: tuple[str, ...] = field(default=())

    def save(self, run: Path) -> None:
        """Write `model.pt`, and `report.json` and `curves.png` for people; the history is that of the run's folder."""
        run.mkdir(parents=True, exist_ok=True)
        report = replace(self.report, history=self.report.history or read_histories(run))
        draw_curves(run / CURVES_FILE, report.history)
        content = {
            "task": self.task,
            "settings": self.settings,
            "weights": self.weights,
            "report": asdict(report),
            "temperatures": self.temperatures,
            "words": self.words,
        }
        torch.save(content, run / MODEL_FILE)
        (run / REPORT_FILE).write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")


def _looks_right(trained: Trained) -> dict[str, bool]:
    """For each part whether it is of the kind that it must be."""
    report = trained.report

    def all_are(kind: type | UnionType, values: object) -> bool:
        return isinstance(values, list | tuple) and all(isinstance(value, kind) for value in values)

    def are_rows(values: object) -> bool:
        return all_are(dict, values) and all(all_are(int | float, tuple(row.values())) for row in cast(Any, values))

    return {
        f"task {trained.task!r}": trained.task in set(TASKS) - {IDENTITY},
        "weights": isinstance(trained.weights, dict)
        and all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in trained.weights.items()),
        "settings": isinstance(trained.settings, dict),
        f"temperatures {trained.temperatures!r}": all_are(int | float, trained.temperatures)
        and len(trained.temperatures) > 0
        and all(0 < t < math.inf for t in trained.temperatures),
        "words": all_are(str, trained.words),
        "prior": all_are(int | float, report.prior),
        "reliability": isinstance(report.reliability, int | float),
        "metrics": isinstance(report.metrics, dict) and isinstance(report.metrics.get("split"), str),
        "data": all_are(str, report.data),
        "limits": all_are(str, report.limits),
        "terms, command, about": all_are(str, (report.terms, report.command, report.about)),
        "history": isinstance(report.history, dict) and all(are_rows(rows) for rows in report.history.values()),
    }


def load_trained(run: Path) -> Trained:
    """Read what `save` wrote. Raises ModelError."""
    path = Path(run) / MODEL_FILE
    if not path.is_file():
        raise ModelError(f"{path} is missing; --run must name a folder that `mer train` has finished.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        trained = Trained(**{**content, "report": Report(**content["report"])})
        if wrong := [name for name, is_right in _looks_right(trained).items() if not is_right]:
            raise ValueError(f"{', '.join(wrong)}: not what `mer train` writes")
        json.dumps(asdict(trained.report))  # as cards and records will
        return trained
    except (OSError, EOFError, RuntimeError, LookupError, TypeError, ValueError, UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path} cannot be read ({reason}); train it anew.") from error
