"""The scores of recordings, for a person with a terminal of 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from mer_ros.emotion import EMOTIONS
from mer_ros.evaluation.intervals import INTERVALS
from mer_ros.terminal import printable

NAMES = {"accuracy": "accuracy", "weighted_f1": "weighted F1", "macro_f1": "macro F1", "uar": "UAR", "ece": "ECE"}
MOST_SPEAKERS = 8
FEW = 100  # with fewer examples nobody should take a score for more than it is


def print_scores(told: Mapping[str, Any]) -> None:
    """Print the content of scores.json; calibration and single matches are left to the report."""
    console, told = Console(markup=False, highlight=False), _clean(told)
    for sentence in _found(told):
        console.print(sentence)
    console.print(_classes(told))
    by, clusters = told["intervals_by"], told["clusters"]
    console.print(f"95 % intervals: bootstrap by {by}, {clusters} of them")
    for name in INTERVALS:
        low, high = told["intervals"][name]
        console.print(f"{NAMES[name]:<12} {told[name]:.3f}  [{low:.3f}, {high:.3f}]")
    console.print(f"{'ECE':<12} {told['ece']:.3f}")
    console.print(f"accuracy if each miss counts as wrong: {told['accuracy_with_misses']:.3f}")
    console.print(_named(told["named"]))
    if told["sentiment"]:
        of = "" if told["sentiment"]["of"] == "labels" else ", as the labels' emotions tell it, without surprise"
        console.print(
            f"sentiment: weighted F1 {told['sentiment']['weighted_f1']:.3f}, "
            f"accuracy {told['sentiment']['accuracy']:.3f} (n {told['sentiment']['n']}{of})"
        )
    console.print()
    console.print(_parts(told))
    if (rest := len(told["by_speaker"]) - MOST_SPEAKERS) > 0:
        console.print(f"and {rest} speakers more, see scores.json")
    if told["ms_p50"] is not None:
        console.print(f"ms an utterance: {told['ms_p50']:.1f} (median), {told['ms_p95']:.1f} (95 %)")


def _clean(content: Any) -> Any:
    """The same, with texts that a terminal takes for no command: names of files and speakers come from others."""
    if isinstance(content, str):
        return printable(content)
    if isinstance(content, Mapping):
        return {_clean(key): _clean(value) for key, value in content.items()}
    return [_clean(value) for value in content] if isinstance(content, list | tuple) else content


def _found(told: Mapping[str, Any]) -> list[str]:
    labels, recordings = told["n"] + told["misses"], len(told["recordings"])
    where = (
        "1 recording" if recordings == 1 else f"{recordings} {'dialogues' if told['kind'] == 'meld' else 'recordings'}"
    )
    sentences = [
        f"{told['labels']}: {labels} labels on {where}; {told['n']} with an utterance, {told['misses']} missed; "
        f"{told['extras']} utterances without a label; {told['split']} labels split over several utterances, "
        f"{told['merged']} utterances over several labels."
    ]
    if left := {name: count for name, count in told["left_out"].items() if count}:
        sentences.append("left out: " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in left.items()))
    if told["n"] < FEW:
        sentences.append(f"With {told['n']} utterances these figures say little: mind the intervals.")
    return sentences


def _classes(told: Mapping[str, Any]) -> Table:
    # Predictions are headed by their first letters, so that the table fits.
    short = (name[:3] for name in EMOTIONS)
    table = Table("label", "prec.", "recall", "F1", "n", *short, padding=0, title="columns to the right: predicted")
    for row, (name, one) in zip(told["confusion"], told["per_class"].items(), strict=True):
        numbers = (f"{one[key]:.3f}" for key in ("precision", "recall", "f1"))
        table.add_row(name, *numbers, str(one["support"]), *map(str, row))
    return table


def _named(named: Mapping[str, Any]) -> str:
    if not named["unknown"]:
        return "every emotion was named (none unknown)"
    right = f", accuracy {named['accuracy']:.3f}" if named["n"] else ""
    return f"named: {named['coverage']:.0%} ({named['unknown']} unknown){right}; all else by the most probable emotion"


def _parts(told: Mapping[str, Any]) -> Table:
    keys = ("accuracy", "weighted_f1", "uar", "ece")
    table = Table("part", "n", *(NAMES[key] for key in keys), box=None, pad_edge=False)
    speakers = dict(list(told["by_speaker"].items())[:MOST_SPEAKERS])
    alone = {f"{name} alone": one for name, one in told["by_modality"].items()}
    with_ = {f"with {name}": one for name, one in told["by_available"].items()}
    speakers = {f"said by {name}": one for name, one in speakers.items()}
    for part in (alone, with_, speakers, told["by_length"]):
        for name, one in part.items():
            table.add_row(name, str(one["n"]), *(f"{one[key]:.3f}" if key in one else "" for key in keys))
    for column in table.columns[1:]:
        column.justify = "right"
    return table
