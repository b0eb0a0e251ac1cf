"""`mer evaluate`: how good the exported models are, on files that the user names."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mer_ros.corpora.faces import read_faces
from mer_ros.corpora.speech import read_clips
from mer_ros.corpora.text import read_meld
from mer_ros.emotion import EMOTIONS
from mer_ros.evaluation.intervals import INTERVALS
from mer_ros.evaluation.run import (
    Evaluation,
    data_file,
    evaluate_face,
    evaluate_speech,
    evaluate_text,
    held_out_speakers,
)
from mer_ros.inference import Model, load_model
from mer_ros.inference.manifest import choose_entry, load_manifest
from mer_ros.inference.providers import DEVICES

BELOW_TARGET = 1
SCORE_NAMES = {"accuracy": "accuracy", "weighted_f1": "weighted F1", "macro_f1": "macro F1", "uar": "UAR"}


@dataclass(frozen=True)
class Target:
    """The mark that a task's default model is held to; the exit code tells whether it is met."""

    score: str
    least: float


TARGETS = {
    "text": Target("weighted_f1", 0.50),
    "speech": Target("uar", 0.45),
    "face": Target("accuracy", 0.60),
}


def add_evaluate_parser(subparsers: Any, default_models: Path) -> None:
    """Adds `evaluate text|speech|face|all` to a command; each sets `handler(args) -> int`."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure the exported models on labelled data",
        description="Runs exported models on labelled data, through the code that runs live, and prints scores.",
    )
    tasks = parser.add_subparsers(title="what to evaluate", metavar="TASK", required=True)
    helps = {
        "text": "lines: a csv with columns Utterance and Emotion, as MELD's",
        "speech": "clips: a csv with columns path (relative to it), emotion, speaker",
        "face": "faces: an npz with images uint8 [n, 48, 48] and labels, as FER2013",
        "all": "every model of these three tasks on its validation data, against the targets",
    }
    for task, text in helps.items():
        sub = tasks.add_parser(task, help=text, description=f"{text[0].upper()}{text[1:]}.")
        sub.set_defaults(handler=_all if task == "all" else _one, task=task)
        what = "folder with meld/, fer2013/ and speech.csv" if task == "all" else text.split(": ")[1]
        sub.add_argument("--data", type=Path, required=True, help=what, metavar="DIR" if task == "all" else "FILE")
        sub.add_argument("--models", type=Path, default=default_models, help="folder (default: %(default)s)")
        sub.add_argument("--device", default="auto", choices=DEVICES, help="where to run (default: %(default)s)")
        sub.add_argument("--json", action="store_true", help="print the scores as one JSON object on the last line")
        if task != "all":
            sub.add_argument("--model", metavar="NAME", help="of the manifest (default: the task's default)")
        if task == "speech":
            sub.add_argument("--speakers", default="", help="only these, such as ravdess-15,ravdess-16")
            sub.add_argument("--corpus", default="", help="only this one, such as ravdess")


def _one(args: argparse.Namespace) -> int:
    model = load_model(args.models, args.task, args.model, args.device)
    speakers = [s for s in args.speakers.split(",") if s] if args.task == "speech" else []
    result = _run(model, args.data, speakers, getattr(args, "corpus", ""))
    _print(result)
    if args.json:
        print(json.dumps(result.as_mapping()))
    return 0


def _all(args: argparse.Namespace) -> int:
    entries = load_manifest(args.models)
    results: dict[str, Evaluation] = {}
    measured: dict[str, list[str]] = {}
    table = Table("model", "n", "score", "value", "target", "", "ms", box=None, pad_edge=False)
    met = True
    for task, target in TARGETS.items():
        choose_entry(entries, task)  # says so when the task has no default
        for entry in sorted((e for e in entries if e.task == task), key=lambda e: not e.default):
            model = load_model(args.models, task, entry.name, args.device)
            speakers = held_out_speakers(entry) if task == "speech" else ()
            result = results[entry.name] = _run(model, data_file(args.data, task), speakers)
            reached = getattr(result.scores, target.score)
            met &= reached >= target.least or not entry.default
            table.add_row(
                entry.name + (" *" if entry.default else ""),
                str(result.scores.n),
                target.score.replace("_", " "),
                f"{reached:.3f}",
                f"{target.least:.2f}",
                "met" if reached >= target.least else "MISSED",
                f"{result.ms_p50:.1f}",
            )
            measured.setdefault(_measured_on(task, speakers), []).append(entry.name)
    table.columns[0].no_wrap, table.columns[0].min_width = True, 2 + max(map(len, results))
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print("\n* the default of its task, which must meet the target. ms: an example, median. Measured on:")
    for what, names in measured.items():
        console.print(f"- {', '.join(names)}: {what}")
    if rest := [e.name for e in entries if e.task not in TARGETS]:
        console.print(f"Not scored here: {', '.join(rest)}; `mer models show NAME` tells the scores of their training.")
    if args.json:
        print(json.dumps({name: result.as_mapping() for name, result in results.items()}))
    return 0 if met else BELOW_TARGET


def _measured_on(task: str, speakers: Sequence[str]) -> str:
    """What `evaluate_text` and its like are fed with by `all`: not always what the training was scored on."""
    return {
        "text": "lines of meld/dev_sent_emo.csv, one by one, as a recogniser without confidence gives them",
        "speech": f"clips of speech.csv by {', '.join(speakers)}, as the live graph hears them",
        "face": "fer2013/validation.npz, each face alone: its context is all black, no scene is seen",
    }[task]


def _run(model: Model, data: Path, speakers: Any = (), corpus: str = "") -> Evaluation:
    runs: dict[str, Callable[[], Evaluation]] = {
        "text": lambda: evaluate_text(model, read_meld(data)),
        "speech": lambda: evaluate_speech(model, read_clips(data, speakers, corpus)),
        "face": lambda: evaluate_face(model, read_faces(data)),
    }
    return runs[model.entry.task]()


def _print(result: Evaluation) -> None:
    scores = result.scores
    console = Console(markup=False, highlight=False)
    # Predictions are headed by their first letters, so that the table fits 80 columns.
    short = (name[:3] for name in EMOTIONS)
    classes = Table("label", "prec.", "recall", "F1", "n", *short, padding=0, title="columns to the right: predicted")
    for row, (name, c) in zip(scores.confusion, scores.per_class.items(), strict=True):
        numbers = (f"{c.precision:.3f}", f"{c.recall:.3f}", f"{c.f1:.3f}", str(c.support))
        classes.add_row(name, *numbers, *map(str, row))
    console.print(f"{result.model} on {result.provider}, {scores.n} examples, {result.unavailable} without estimate")
    console.print(classes)
    console.print(f"95 % intervals: bootstrap by {result.cluster}, {result.clusters} of them")
    for name in INTERVALS:
        low, high = result.intervals[name]
        console.print(f"{SCORE_NAMES[name]:<12} {getattr(scores, name):.4f}  [{low:.4f}, {high:.4f}]")
    console.print(f"{'ECE':<12} {scores.ece:.4f}")
    if result.sentiment is not None:
        told = result.sentiment
        console.print(
            f"sentiment: weighted F1 {told.weighted_f1:.4f}, accuracy {told.accuracy:.4f}, ECE {told.ece:.4f}"
        )
    console.print(f"ms an example: {result.ms_p50:.2f} (median), {result.ms_p95:.2f} (95 %)")
