"""Tables of scores, latencies and settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError
from mer_ros.report.charts import Spread, small_bar
from mer_ros.report.markup import Markup, join, tag
from mer_ros.report.palette import heat
from mer_ros.report.words import decimal

SCORES = {
    "weighted_f1": "weighted F1",
    "macro_f1": "macro F1",
    "uar": "UAR",
    "accuracy": "accuracy",
    "ece": "ECE",
}
WHAT = {
    "weighted_f1": "mean of the classes’ F1, by how many of each there are",
    "macro_f1": "mean of the classes’ F1, each alike",
    "uar": "unweighted average recall",
    "accuracy": "share that is right",
    "ece": "expected calibration error: mean distance between confidence and accuracy",
}

LEFT = ("what it is", "task", "sha256 of the file", "words", "told by A", "told by B", "label")  # columns of words


def table(caption: str, head: Sequence[object], rows: Iterable[Sequence[object]], **attributes: object) -> Markup:
    """A table in a box of its own that scrolls sideways where it is too wide. The first column heads its row.

    A cell that is `Markup` and begins with `<td` is taken as it is.
    """
    heads = tag("tr", *(tag("th", name, scope="col", class_="t" if name in LEFT else None) for name in head))
    body = [tag("tr", tag("th", first, scope="row"), *map(_cell, rest)) for first, *rest in rows]
    content = tag("table", tag("caption", caption), tag("thead", heads), tag("tbody", *body), **attributes)
    return tag("div", content, class_="wide", tabindex=0, role="region", aria_label=caption)


def confusion(rows: Any, names: Sequence[str] = EMOTIONS) -> Markup:
    """rows: labels, columns: what was told. Shaded by the share of the row. Raises InputError for another shape."""
    try:
        counts = [[int(value) for value in row] for row in rows]
    except (TypeError, ValueError) as error:
        raise InputError(f"the confusion matrix in scores.json holds no numbers: {error}") from error
    if [len(row) for row in counts] != [len(names)] * len(names):
        raise InputError(f"the confusion matrix in scores.json is not {len(names)} x {len(names)}; evaluate anew")
    body = []
    for i, (name, row) in enumerate(zip(names, counts, strict=True)):
        total = sum(row)
        cells = []
        for j, value in enumerate(row):
            told = " ".join(filter(None, [heat(value / total if total else 0), "right" if i == j else None]))
            cells.append(tag("td", value or Markup("<i>·</i>"), class_=told or None))
        body.append([name, *cells, total])
    note = tag("p", "A row is a label, a column what was told; shaded by the share of the row.", class_="note")
    return tag("div", table("Confusion matrix", ["label", *names, "all"], body, class_="matrix"), note)


def classes(per_class: Mapping[str, Mapping[str, Any]], kind: str = "emotion") -> Markup:
    """Precision, recall and F1 of each class. kind: what the classes are."""
    body = [
        [name, decimal(c["precision"]), decimal(c["recall"]), _with_bar(c["f1"]), f"{c['support']:,}"]
        for name, c in per_class.items()
    ]
    return table(f"Scores by {kind}", [kind, "precision", "recall", "F1", "labels"], body)


def breakdown(caption: str, first: str, groups: Mapping[str, Mapping[str, Any]]) -> Markup:
    """Scores of groups of utterances; only the scores that a group has."""
    names = [name for name in SCORES if any(group.get(name) is not None for group in groups.values())]
    body = []
    for key, group in groups.items():
        told = [_with_bar(group.get(n)) if i == 0 else decimal(group.get(n)) for i, n in enumerate(names)]
        body.append([key, f"{group.get('n', 0):,}", *told])
    return table(caption, [first, "n", *(SCORES[name] for name in names)], body)


def spreads(stages: Mapping[str, Sequence[tuple[str, Spread]]]) -> Markup:
    """The numbers of the box plots."""
    body = [
        [f"{stage}, {run}" if run else stage, f"{s.n:,}", *(f"{v:,.1f}" for v in (s.p50, s.p25, s.p75, s.p95, s.most))]
        for stage, told in stages.items()
        for run, s in told
    ]
    head = ["stage", "n", "median", "25 %", "75 %", "95 %", "longest"]
    return table("Milliseconds by stage", head, body)


def facts(pairs: Iterable[tuple[object, object]], kind: str = "facts") -> Markup:
    """Names with what they stand for."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs), class_=kind)


def interval(bounds: Any) -> str:
    """`0.573 to 0.645`, or nothing."""
    if not isinstance(bounds, list | tuple) or len(bounds) != 2 or None in bounds:
        return ""
    return f"{decimal(bounds[0])} to {decimal(bounds[1])}"


def _with_bar(value: float | None) -> Markup:
    return join(decimal(value), small_bar(value))


def _cell(cell: object) -> Markup:
    return cell if isinstance(cell, Markup) and cell.startswith("<td") else tag("td", cell)
