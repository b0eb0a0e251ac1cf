"""Two runs side by side: what one tells otherwise than the other, and why that may be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mer_ros.report import charts, settings, tables
from mer_ros.report.markup import Markup, join, tag
from mer_ros.report.page import page, section, write
from mer_ros.report.report import duration_of, latencies, title_of
from mer_ros.report.run import Run, Spoken, read_run
from mer_ros.report.scored import whole
from mer_ros.report.timeline import Item, timeline
from mer_ros.report.utterances import chip, data, filters, utterances
from mer_ros.report.words import clock, count, decimal, signed

MOST_UTTERANCES = 1500  # of each run
MOST_CHANGES = 500
MOST_TIMELINES = 20
SIDES = ("A", "B")
SAME = 0.5  # utterances are the same when they share this part of the shorter one


@dataclass(frozen=True)
class Pairing:
    """both: utterances of the same words in either run; only: those that the other run has not."""

    both: tuple[tuple[Spoken, Spoken], ...]
    only: tuple[tuple[Spoken, ...], tuple[Spoken, ...]]

    @property
    def changed(self) -> list[tuple[Spoken, Spoken]]:
        """Those whose emotion is another one."""
        return [(a, b) for a, b in self.both if a.emotion != b.emotion]


def write_comparison(first: Path, second: Path, output: Path) -> Path:
    """Compare the folders of two runs in a page; return its path. Raises InputError, OutputError."""
    return write(output, comparison(read_run(first), read_run(second)))


def comparison(first: Run, second: Run) -> str:
    """The page as text."""
    runs = (first, second)
    pairs = pair(first, second)
    spoken = _both(runs)
    whole = replace(first, spoken=tuple(spoken))
    shown = tag("div", filters(whole, len(spoken)), _timelines(runs, spoken))
    parts = [
        _header(runs, pairs),
        _scores(runs),
        section("changed", "Told otherwise", *_changes(pairs, several=len(whole.recordings) > 1)),
        section("dialogue", "Dialogue", shown),
        section("utterances", "What was said", utterances(spoken, recordings=len(whole.recordings) > 1)),
        _latency(runs),
        section("made", "What differs in how they were made", *_made(runs)),
    ]
    content = data(spoken) | {"scores": [_short(run.scores) for run in runs]}
    skip = tag("a", "Skip to what was told otherwise", href="#changed", class_="skip")
    return page(f"{first.name} and {second.name}: emotions", join(skip, tag("main", *parts)), content)


def pair(first: Run, second: Run) -> Pairing:
    """Match utterances by overlap in time, the longest overlap first; each has one partner at most.

    Recordings go together by their names; where either run has one alone, these two do.
    """
    alone = len(first.recordings) == len(second.recordings) == 1
    others: dict[str, list[int]] = defaultdict(list)
    for j, b in enumerate(second.spoken):
        others["" if alone else b.recording].append(j)
    found = []
    begin: dict[str, int] = defaultdict(int)
    for i, a in enumerate(first.spoken):
        key = "" if alone else a.recording
        near = others[key]
        while begin[key] < len(near) and second.spoken[near[begin[key]]].end_s <= a.start_s:
            begin[key] += 1
        for j in near[begin[key] :]:
            b = second.spoken[j]
            if b.start_s >= a.end_s:
                break
            shared = min(a.end_s, b.end_s) - max(a.start_s, b.start_s)
            if shared > SAME * min(a.end_s - a.start_s, b.end_s - b.start_s):
                found.append((-shared, i, j))
    left: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in sorted(found):
        if i not in left and j not in taken:
            left[i] = j
            taken.add(j)
    both = tuple((first.spoken[i], second.spoken[j]) for i, j in sorted(left.items()))
    only_a = tuple(a for i, a in enumerate(first.spoken) if i not in left)
    return Pairing(both, (only_a, tuple(b for j, b in enumerate(second.spoken) if j not in taken)))


def _header(runs: tuple[Run, Run], pairs: Pairing) -> Markup:
    names = [join(tag("b", f"{side}: "), f"{run.name}, {title_of(run)}") for side, run in zip(SIDES, runs, strict=True)]
    facts: list[tuple[object, object]] = [
        (f"utterances of {side}", f"{len(run.spoken):,}") for side, run in zip(SIDES, runs, strict=True)
    ]
    share = f" of {len(pairs.both):,} in both"
    facts.append(("told otherwise", join(f"{len(pairs.changed):,}", tag("small", share))))
    return tag(
        "header",
        tag("h1", f"{runs[0].name} and {runs[1].name}"),
        *(tag("p", name, class_="lead") for name in names),
        tables.facts(facts),
    )


def _scores(runs: tuple[Run, Run]) -> Markup | None:
    told = [run.scores or {} for run in runs]
    if not all(told):
        which = " and ".join(side for side, scores in zip(SIDES, told, strict=True) if not scores)
        text = f"There are no scores of {which}: `mer evaluate bag` writes them into a run’s folder."
        return section("scores", "Scores", tag("p", text, class_="note")) if any(told) else None
    with whole():
        rows = _score_rows(told)
    head = ["score", "A", "B", "B − A", "95 % intervals"]
    note = "Where intervals overlap, another sample might show no difference, or the opposite one."
    return section(
        "scores", "Scores", tables.table("Scores with 95 % intervals", head, rows), tag("p", note, class_="note")
    )


def _score_rows(told: Sequence[Mapping[str, Any]]) -> list[list[object]]:
    rows: list[list[object]] = []
    for key, name in tables.SCORES.items():
        values = [float(scores[key]) for scores in told if isinstance(scores.get(key), int | float)]
        if len(values) < len(told):
            continue
        bounds = [(scores.get("intervals") or {}).get(key) for scores in told]
        cells = [join(decimal(v), tag("i", f" {tables.interval(b)}")) for v, b in zip(values, bounds, strict=True)]
        rows.append([name, *cells, signed(values[1] - values[0]), _apart(bounds)])
    return rows


def _apart(bounds: Sequence[Any]) -> Markup:
    if not all(tables.interval(b) for b in bounds):
        return tag("td", "")
    (low_a, high_a), (low_b, high_b) = bounds
    apart = high_a < low_b or high_b < low_a
    return tag("td", "apart" if apart else "overlap", class_="apart" if apart else None)


def _changes(pairs: Pairing, *, several: bool) -> list[Markup | None]:
    """several: whether to say in which recording each utterance is."""

    def at(s: Spoken) -> str:
        return f"{s.recording} {clock(s.start_s)}" if several else clock(s.start_s)

    rows = [
        [at(a), tag("td", a.words or "(no words)", class_="wrap"), tag("td", chip(a), class_="t"),
         tag("td", chip(b), class_="t"), tag("td", a.label or b.label or "", class_="t")]
        for a, b in pairs.changed[:MOST_CHANGES]
    ]  # fmt: skip
    parts: list[Markup | None] = []
    if rows:
        parts.append(
            tables.table("Utterances with another emotion", ["at", "words", "told by A", "told by B", "label"], rows)
        )
    else:
        same = "Every utterance that is in both has the same emotion in both."
        parts.append(tag("p", same if pairs.both else "No utterance is in both.", class_="note"))
    if len(pairs.changed) > MOST_CHANGES:
        parts.append(tag("p", f"The first {MOST_CHANGES} of {len(pairs.changed):,} are listed.", class_="note"))
    for side, only in zip(SIDES, pairs.only, strict=True):
        if only:
            where = ", ".join(at(s) for s in only[:20]) + (" …" if len(only) > 20 else "")
            parts.append(tag("p", f"Only in {side}: {count(len(only), 'utterance')}, at {where}.", class_="note"))
    return parts


def _both(runs: tuple[Run, Run]) -> list[Spoken]:
    """The utterances of both, each under the name of its side."""
    alone = all(len(run.recordings) == 1 for run in runs)
    spoken = [
        replace(s, who=f"{side} {s.who}", recording=runs[0].recordings[0] if alone else s.recording)
        for side, run in zip(SIDES, runs, strict=True)
        for s in run.spoken[:MOST_UTTERANCES]
    ]
    return sorted(spoken, key=lambda s: (s.recording, s.start_s, s.who))


def _timelines(runs: tuple[Run, Run], spoken: Sequence[Spoken]) -> list[Markup]:
    by: dict[str, list[Item]] = defaultdict(list)
    for index, s in enumerate(spoken):
        by[s.recording].append(Item(index, s, s.who))
    drawn = []
    for name, items in list(by.items())[:MOST_TIMELINES]:
        if len(by) > 1:
            drawn.append(tag("h3", name))
        length = max(duration_of(run, name) for run in runs)
        drawn.append(timeline(items, length, senses=(), labels=any(i.spoken.label for i in items)))
    if any(len(run.spoken) > MOST_UTTERANCES for run in runs) or len(by) > MOST_TIMELINES:
        text = (
            f"The first {MOST_UTTERANCES:,} utterances of either run are shown, and {MOST_TIMELINES} recordings drawn."
        )
        drawn.append(tag("p", text, class_="note"))
    return drawn or [tag("p", "Nobody spoke in either.", class_="gap")]


def _latency(runs: tuple[Run, Run]) -> Markup | None:
    told = [latencies(run) for run in runs]
    stages = {
        stage: [(side, charts.spread(own[stage])) for side, own in zip(SIDES, told, strict=True) if stage in own]
        for stage in dict.fromkeys([*told[0], *told[1]])
    }
    if not stages:
        return None
    return section("latency", "Latency", tag("div", charts.boxes(stages), class_="wide"), tables.spreads(stages))


def _made(runs: tuple[Run, Run]) -> list[Markup]:
    usual = settings.defaults()
    used = [{**usual, **settings.flat(run.summary.get("settings") or {})} for run in runs]
    models = [
        {m["task"] or m["name"]: f"{m['name']} {m['sha256'][:12]}".strip() for m in settings.models(run)}
        for run in runs
    ]
    machine = [settings.flat(run.machine) for run in runs]
    return [
        _differing("Settings", "parameter", used),
        _differing("Models", "task", models),
        _differing("Machine, versions and speed", "what", machine),
    ]


def _differing(caption: str, first: str, sides: Sequence[Mapping[str, Any]]) -> Markup:
    keys = [key for key in dict.fromkeys([*sides[0], *sides[1]]) if sides[0].get(key) != sides[1].get(key)]
    if not keys:
        return tag("p", f"{caption}: the same.", class_="note")
    rows = [[tag("code", key), *(settings.shown(side.get(key, "–")) for side in sides)] for key in sorted(keys)]
    return tables.table(f"{caption} that differ", [first, "A", "B"], rows)


def _short(scores: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if scores is None else {key: scores[key] for key in (*tables.SCORES, "intervals", "n") if key in scores}
