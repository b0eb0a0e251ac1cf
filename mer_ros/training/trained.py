"""A trained network as it is kept in its run folder: weights, how to build it again, and what to say of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from mer_ros.errors import ModelError
from mer_ros.inference.manifest import TASKS
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


def load_trained(run: Path) -> Trained:
    """Read what `save` wrote. Raises ModelError."""
    path = Path(run) / MODEL_FILE
    if not path.is_file():
        raise ModelError(f"{path} is missing; --run must name a folder that `mer train` has finished.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        trained = Trained(**{**content, "report": Report(**content["report"])})
        if trained.task not in TASKS or not isinstance(trained.weights, dict):
            raise ValueError(f"task {trained.task!r}, weights {type(trained.weights).__name__}")
        return trained
    except (OSError, EOFError, RuntimeError, LookupError, TypeError, ValueError, UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path} cannot be read ({reason}); train it anew.") from error
