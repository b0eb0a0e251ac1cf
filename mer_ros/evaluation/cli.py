"""`mer evaluate`: how good the exported models are, on files that the user names."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mer_ros.corpora.faces import read_faces
from mer_ros.corpora.speech import read_clips
from mer_ros.corpora.text import read_meld
from mer_ros.emotion import EMOTIONS
from mer_ros.evaluation.fusion_cli import add_fusion_parser
from mer_ros.evaluation.intervals import INTERVALS
from mer_ros.evaluation.recordings.cli import add_recording_parsers
from mer_ros.evaluation.run import (
    Evaluation,
    data_file,
    evaluate,
    held_out_speakers,
    measured_on,
    read_as_recognised,
)
from mer_ros.evaluation.scores import Scores
from mer_ros.inference import load_model
from mer_ros.inference.manifest import choose_entry, load_manifest
from mer_ros.inference.providers import DEVICES

BELOW_TARGET = 1
MOST_ECE = 0.05
_READ_AS = {
    "written": "The lines are read as written text: some have an exclamation mark.",
    "recognised": "The lines are read as a recogniser's: hardly one has an exclamation mark.",
}
_ROBUST_HELP = {
    "speech": "soft voices, noise, telephone, rooms",
    "face": "small, blurred, dark, tilted, hidden faces",
}
HEARD_HELP = "also these lines as a recogniser heard them: csv files of `mer heard`"
SCORE_NAMES = {"accuracy": "accuracy", "weighted_f1": "weighted F1", "macro_f1": "macro F1", "uar": "UAR"}


@dataclass(frozen=True)
class Target:
    """The marks that a task's default model is held to; the exit code tells whether they are met.

    most_ece: the expected calibration error, at most.
    """

    score: str
    least: float
    most_ece: float = MOST_ECE

    def is_met(self, scores: Scores) -> bool:
        """Return whether scores are good enough, and the confidence is honest."""
        return getattr(scores, self.score) >= self.least and scores.ece <= self.most_ece


TARGETS = {
    "text": Target("weighted_f1", 0.615),
    "speech": Target("uar", 0.76),
    "face": Target("accuracy", 0.70),
}


def add_evaluate_parser(subparsers: Any, default_models: Path) -> None:
    """Adds `evaluate text|speech|face|fusion|bag|meld|all` to a command; each sets `handler(args) -> int`."""
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
    add_fusion_parser(tasks, default_models)
    add_recording_parsers(tasks)
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
            sub.add_argument("--orders", type=int, default=0, metavar="N", help="also all clips in N random orders")
        if task == "text":
            sub.add_argument("--heard", type=Path, nargs="+", default=(), metavar="FILE", help=HEARD_HELP)
        if task in _ROBUST_HELP:
            sub.add_argument("--robust", action="store_true", help=f"also {_ROBUST_HELP[task]}")


def _one(args: argparse.Namespace) -> int:
    model = load_model(args.models, args.task, args.model, args.device)
    speakers = [s for s in args.speakers.split(",") if s] if args.task == "speech" else []
    result = evaluate(model, args.data, speakers, getattr(args, "corpus", ""))
    _print(result)
    told = result.as_mapping()
    if args.task == "text":
        from mer_ros.evaluation.words import heard_words, short_answers

        lines = read_meld(args.data)
        told["read_as"] = "recognised" if read_as_recognised(lines) else "written"
        Console(highlight=False).print(_READ_AS[told["read_as"]])
        told["short_answers"] = short_answers(model, lines)
        if args.heard:
            told["heard"] = [heard_words(model, path) for path in args.heard]
        _print_words(told["short_answers"], told.get("heard", ()))
    if getattr(args, "orders", 0):
        from mer_ros.evaluation.orders import over_orders

        told["orders"] = over_orders(model, read_clips(args.data, speakers, args.corpus), args.orders)
        _print_orders(told["orders"])
    if getattr(args, "robust", False):
        if args.task == "speech":
            from mer_ros.evaluation.voice_conditions import voice_robustness

            told["robust"] = voice_robustness(model, read_clips(args.data, speakers, args.corpus))
        else:
            from mer_ros.evaluation.degrade import robustness

            told["robust"] = robustness(model, read_faces(args.data))
        _print_robust(told["robust"], "UAR" if args.task == "speech" else "accuracy")
    if args.json:
        print(json.dumps(told))
    return 0


def _all(args: argparse.Namespace) -> int:
    entries = load_manifest(args.models)
    results: dict[str, Evaluation] = {}
    measured: dict[str, list[str]] = {}
    table = Table("model", "n", "score", "value", "target", "ECE", "", "ms", box=None, pad_edge=False)
    met = True
    for task, target in TARGETS.items():
        choose_entry(entries, task)  # says so when the task has no default
        for entry in sorted((e for e in entries if e.task == task), key=lambda e: not e.default):
            model = load_model(args.models, task, entry.name, args.device)
            speakers = held_out_speakers(entry) if task == "speech" else ()
            result = results[entry.name] = evaluate(model, data_file(args.data, task), speakers)
            is_met = target.is_met(result.scores)
            met &= is_met or not entry.default
            table.add_row(
                entry.name + (" *" if entry.default else ""),
                str(result.scores.n),
                target.score.replace("_", " "),
                f"{getattr(result.scores, target.score):.3f}",
                f"{target.least:.3f}",
                f"{result.scores.ece:.3f} ({result.ece_by_chance[0]:.3f})",
                "met" if is_met else "MISSED",
                f"{result.ms_p50:.1f}",
            )
            measured.setdefault(measured_on(entry, speakers), []).append(entry.name)
    table.columns[0].no_wrap, table.columns[0].min_width = True, 2 + max(map(len, results))
    console = Console(markup=False, highlight=False)
    console.print(table)
    console.print(
        f"\n* the task's default, which must meet the target, with an ECE of {MOST_ECE} at most; in brackets: "
        "what perfectly calibrated answers would show by chance, so few as they are. ms: processor time of an example, "
        "median. Measured on:"
    )
    for what, names in measured.items():
        console.print(f"- {', '.join(names)}: {what}")
    if rest := [e.name for e in entries if e.task not in TARGETS]:
        console.print(f"Not scored here: {', '.join(rest)}; `mer models show NAME` tells the scores of their training.")
    if args.json:
        print(json.dumps({name: result.as_mapping() for name, result in results.items()}))
    return 0 if met else BELOW_TARGET


def _print_words(short: Mapping[str, Any], heard: Sequence[Mapping[str, Any]]) -> None:
    console = Console(markup=False, highlight=False)
    if short["n"]:
        with_, without = (short[key]["weighted_f1"] for key in ("with_context", "without_context"))
        console.print(f"short answers ({short['n']}): weighted F1 {with_:.4f}, without context {without:.4f}")
    for h in heard:
        console.print(
            f"as heard from {', '.join(h['voices'])} ({h['n']} lines, word error rate {h['word_error_rate']:.3f}): "
            f"weighted F1 {h['weighted_f1']:.4f}, as written {h['written_weighted_f1']:.4f}, drop {h['drop']:.4f}; "
            f"written without exclamation marks {h['unmarked_weighted_f1']:.4f}"
        )


def _print_orders(found: Mapping[str, Any]) -> None:
    low, high = found["uar_range"]
    Console(markup=False, highlight=False).print(
        f"{found['orders']} orders: UAR {found['uar']:.4f} on average ({low:.4f} to {high:.4f}); ECE of all their "
        f"answers together {found['ece']:.4f}, by chance, if calibrated: {found['ece_by_chance']:.4f}"
    )


def _print_robust(found: Mapping[str, Mapping[str, float]], score: str) -> None:
    table = Table("changed", "how", score, box=None, pad_edge=False)
    for kind, settings in found.items():
        for setting, accuracy in settings.items():
            table.add_row(kind, setting, f"{accuracy:.3f}")
    Console(markup=False, highlight=False).print(table)


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
    mean, most = result.ece_by_chance
    console.print(f"{'ECE':<12} {scores.ece:.4f}  by chance, if calibrated: {mean:.4f}, 95 % below {most:.4f}")
    if result.alone is not None:
        told = result.alone.scores
        console.print(
            "So far: each speaker's clips in random order, and how the speaker sounded in those before known."
        )
        console.print(f"Each clip alone: UAR {told.uar:.4f}, accuracy {told.accuracy:.4f}, ECE {told.ece:.4f}")
    if result.sentiment is not None:
        told = result.sentiment
        console.print(
            f"sentiment: weighted F1 {told.weighted_f1:.4f}, accuracy {told.accuracy:.4f}, ECE {told.ece:.4f}"
        )
    console.print(f"ms an example: {result.ms_p50:.2f} (median), {result.ms_p95:.2f} (95 %)")
