"""What labels say of a run: the scores, and those of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mer_ros.emotion import SENTIMENTS
from mer_ros.errors import InputError
from mer_ros.report import charts, tables
from mer_ros.report.markup import Markup, join, tag
from mer_ros.report.page import section
from mer_ros.report.run import SENSES
from mer_ros.report.words import decimal, percent

MOST_TABLE = 200  # rows of a breakdown
MATCHED = {
    "misses": "without an utterance",
    "extras": "utterances without a label",
    "split": "labels in several utterances",
    "merged": "utterances with several labels",
}
BREAKDOWNS = {
    "by_modality": ("What each sense scores alone", "sense"),
    "by_available": ("By what was there to be seen and heard", "there"),
    "by_speaker": ("By speaker", "speaker"),
    "by_length": ("By length of the utterance", "length"),
}


def scored(scores: dict[str, Any]) -> Markup:
    """The section of the page. scores: of scores.json. Raises InputError for one that lacks something."""
    with whole():
        return _scored(scores)


def headline(scores: dict[str, Any]) -> list[tuple[object, object]]:
    """The score that is told first, with its interval, and how many labels there were. Raises InputError likewise."""
    if scores.get("weighted_f1") is None:
        return []
    told = {"misses": "missed", "extras": "extra"}
    with whole():
        bounds = tables.interval((scores.get("intervals") or {}).get("weighted_f1"))
        left = ", ".join(f"{scores[key]:,} {what}" for key, what in told.items() if scores.get(key))
        value = join(decimal(scores["weighted_f1"]), tag("small", f" 95 %: {bounds}") if bounds else None)
        return [("weighted F1", value), ("labels", join(f"{scores.get('n', 0):,}", tag("small", f" {left}")))]


@contextmanager
def whole() -> Iterator[None]:
    """A file of scores that lacks what it must have is the user's to mend: raises InputError in place of others."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"scores.json is not as `mer evaluate` writes it ({error!r}): evaluate anew") from error


def _scored(scores: dict[str, Any]) -> Markup:
    bounds = scores.get("intervals") or {}
    rows = [
        [name, decimal(scores[key]), tables.interval(bounds.get(key)), tag("td", tables.WHAT[key], class_="t")]
        for key, name in tables.SCORES.items()
        if scores.get(key) is not None
    ]
    by = f", bootstrap by {scores['intervals_by']}" if scores.get("intervals_by") else ""
    told = [f"{scores[key]:,} {what}" for key, what in MATCHED.items() if scores.get(key)]
    n = f"{scores.get('n', 0):,} labels matched with utterances"
    parts: list[Markup | None] = [
        tag("p", "; ".join([n, *told]) + ".", class_="note"),
        tables.table(f"Scores, with 95 % intervals{by}", ["score", "value", "95 %", "what it is"], rows),
    ]
    calibration = scores.get("calibration")
    matrix = tables.confusion(scores["confusion"]) if scores.get("confusion") else None
    per_class = tables.classes(scores["per_class"]) if scores.get("per_class") else None
    parts.append(tag("div", matrix, per_class, class_="pair"))
    if calibration:
        caption = "How often emotions told with a confidence were right. On the line: as often as told."
        figure = tag("figure", charts.calibration(calibration), tag("figcaption", caption))
        parts.append(tag("div", figure, _bins(calibration), class_="pair"))
    sentiment = scores.get("sentiment")
    if sentiment and sentiment.get("weighted_f1") is not None:
        values = [decimal(sentiment.get(key)) for key in ("weighted_f1", "accuracy")]
        parts.append(tag("p", f"Sentiment: weighted F1 {values[0]}, accuracy {values[1]}."))
        if sentiment.get("per_class") and set(sentiment["per_class"]) == set(SENTIMENTS):
            parts.append(tables.classes(sentiment["per_class"], "sentiment"))
    groups_of: list[Markup] = []
    for key, (title, first) in BREAKDOWNS.items():
        groups = {name: group for name, group in (scores.get(key) or {}).items() if isinstance(group, dict)}
        if key in ("by_modality", "by_available"):
            groups = {"+".join(SENSES.get(n, n) for n in name.split("+")): group for name, group in groups.items()}
        if groups:
            groups_of.append(tables.breakdown(title, first, dict(list(groups.items())[:MOST_TABLE])))
    parts.append(tag("div", groups_of, class_="pair"))
    return section("scores", "Against the labels", *parts)


def _bins(bins: list[dict[str, Any]]) -> Markup:
    rows = [
        [
            f"{percent(b['low'])} to {percent(b['high'])}",
            f"{b['n']:,}",
            percent(b["confidence"]),
            percent(b["accuracy"]),
        ]
        for b in bins
        if b.get("n")
    ]
    return tables.table("Calibration", ["confidence", "n", "mean confidence", "right"], rows)
