"""The report of one run."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from mer_ros.emotion import EMOTIONS, UNKNOWN
from mer_ros.replay.records import EMOTIONS_FILE, REPORT_FILE
from mer_ros.report import charts, settings, tables
from mer_ros.report.markup import Markup, join, tag
from mer_ros.report.page import page, section, write
from mer_ros.report.run import NOBODY, SENSES, Run, read_run
from mer_ros.report.scored import headline, scored
from mer_ros.report.timeline import Item, timeline
from mer_ros.report.utterances import data, filters, utterances
from mer_ros.report.words import clock, count, percent

MOST_UTTERANCES = 3000  # on a page
MOST_TIMELINES = 20  # recordings that are drawn


def write_report(folder: Path, thumbnails: bool = False) -> Path:
    """Write report.html from the files of a run into the same folder; return its path.

    thumbnails: take in the faces that the folder keeps. The same files give the same bytes. Raises InputError for
    files that are absent or hold something else, OutputError where the page cannot be written.
    """
    return write(folder / REPORT_FILE, report(read_run(folder, thumbnails=thumbnails)))


def report(run: Run) -> str:
    """The page as text."""
    shown = run.spoken[:MOST_UTTERANCES]
    title = title_of(run)
    header = tag(
        "header", tag("h1", title), tag("p", _lead(run), class_="lead"), _facts(run), _by(run), settings.warnings(run)
    )
    parts = [
        header,
        _shares(run),
        section("dialogue", "Dialogue", _cut(run), filters(run, len(shown)), _timelines(run)),
        section(
            "utterances", "What was said", utterances(shown, recordings=len(run.recordings) > 1) if shown else None
        ),
        scored(run.scores) if run.scores else None,
        _latency(run),
        section("made", "How it was made", *_made(run)),
    ]
    skip = tag("a", "Skip to what was said", href="#utterances", class_="skip")
    content = data(shown) | {"scores": _without_matches(run.scores)}
    return page(f"{title}: emotions", join(skip, tag("main", *parts), _foot(run)), content)


def title_of(run: Run) -> str:
    """The recording's name, or how many there are."""
    names = run.recordings
    return names[0] if len(names) == 1 else count(len(names), "recording") if names else run.name


def duration_of(run: Run, recording: str) -> float:
    """Seconds: as the summary tells it, or to the end of what was said last."""
    last = max((s.end_s for s in run.spoken if s.recording == recording), default=0.0)
    parts = run.summary.get("recordings")
    every = [run.summary, *(parts if isinstance(parts, list) else [])]
    told = (part.get("duration_s") for part in every if isinstance(part, dict) and part.get("recording") == recording)
    return max(last, *(float(value) for value in told if isinstance(value, int | float)), 0.0)


def _lead(run: Run) -> str:
    where = f"in {len(run.recordings):,} recordings"
    if len(run.recordings) < 2:
        where = f"of {_people(len([who for who in run.people if who != NOBODY]))}"
    return f"{count(len(run.spoken), 'utterance')} {where}, with the emotion that was recognised in each."


def _people(number: int) -> str:
    return {0: NOBODY, 1: "one person"}.get(number, f"{number} people")


def _facts(run: Run) -> Markup:
    length = sum(duration_of(run, name) for name in run.recordings)
    spoken = sum(s.end_s - s.start_s for s in run.spoken)
    told: list[tuple[object, object]] = [("length", clock(length)), ("speech", clock(spoken))]
    told.append(("utterances", f"{len(run.spoken):,}"))
    if run.scores:
        told += headline(run.scores)
    return tables.facts(told)


def _by(run: Run) -> Markup | None:
    """What it was made with, in a line; the end of the page has all of it."""
    names = list(dict.fromkeys(m["name"] for m in settings.models(run)))
    told = [", ".join(names), f"mer {run.summary['mer']}" if run.summary.get("mer") else ""]
    told.append(str(run.machine.get("date", ""))[:10])
    text = " · ".join(part for part in told if part)
    return tag("p", text, class_="note") if text else None


def _shares(run: Run) -> Markup | None:
    if not run.spoken:
        return None
    seconds: dict[str, float] = defaultdict(float)
    number: Counter[str] = Counter()
    for s in run.spoken:
        seconds[s.emotion] += s.end_s - s.start_s
        number[s.emotion] += 1
    names = [name for name in (*EMOTIONS, UNKNOWN) if number[name]]
    total = sum(seconds.values()) or 1.0
    key = [
        tag("li", tag("i", class_=name), tag("b", name), f" {percent(seconds[name] / total)}, {number[name]:,}")
        for name in names
    ]
    bar = charts.shares({name: seconds[name] for name in names}, "Speech by emotion")
    note = tag("p", "Share of the time that was spoken, and number of utterances.", class_="note")
    return section("shares", "Emotions", bar, tag("ul", *key, class_="key"), note)


def _cut(run: Run) -> Markup | None:
    if len(run.spoken) <= MOST_UTTERANCES:
        return None
    text = f"This page holds the first {MOST_UTTERANCES:,} of {len(run.spoken):,} utterances; {EMOTIONS_FILE} has all."
    return tag("p", text, class_="note")


def _timelines(run: Run) -> list[Markup | None]:
    if not run.spoken:
        return [tag("p", "Nobody spoke in this recording, or nobody was heard.", class_="gap")]
    by: dict[str, list[Item]] = {}
    for index, s in enumerate(run.spoken[:MOST_UTTERANCES]):
        by.setdefault(s.recording, []).append(Item(index, s, s.who))
    drawn: list[Markup | None] = []
    for name, items in list(by.items())[:MOST_TIMELINES]:
        drawn.append(tag("h3", name) if len(by) > 1 else None)
        labels = any(item.spoken.label for item in items)
        drawn.append(timeline(items, duration_of(run, name), senses=tuple(SENSES.values()), labels=labels))
    if len(by) > MOST_TIMELINES:
        text = f"The first {MOST_TIMELINES} of {len(by):,} recordings are drawn; the list below holds all."
        drawn.append(tag("p", text, class_="note"))
    return drawn


def latencies(run: Run) -> dict[str, list[float]]:
    """Milliseconds by stage, in the order in which the stages are first told."""
    found: dict[str, list[float]] = {}
    for s in run.spoken:
        for stage, value in s.latency_ms.items():
            found.setdefault(stage.replace("_", " "), []).append(value)
    return found


def _latency(run: Run) -> Markup | None:
    stages = {name: [("", charts.spread(values))] for name, values in latencies(run).items()}
    if not stages:
        return None
    note = (
        "Box: the middle half; line: median; whiskers: 5 to 95 %; dot: longest. The scale is logarithmic. "
        "Since end: from the end of the speech on the recording’s clock."
    )
    figure = tag("figure", tag("div", charts.boxes(stages), class_="wide"), tag("figcaption", note))
    return section("latency", "Latency", figure, tables.spreads(stages))


def _made(run: Run) -> list[Markup | None]:
    """What else the files of the folder tell, and is not shown above."""
    above = {"settings", "models", "warnings", "counts", "recordings", "emotions", "recording", "latency_ms"}
    read = {key: value for key, value in run.summary.items() if key not in above}
    machine = {key: value for key, value in run.machine.items() if key not in above}
    told = [
        settings.counts(read, "What was read"),
        settings.counts(run.summary.get("counts") or {}, "What was counted"),
        settings.counts(machine, "Where, when and how fast"),
    ]
    return [
        settings.settings(run),
        settings.model_table(run),
        settings.recordings(run),
        tag("div", told, class_="pair"),
    ]


def _foot(run: Run) -> Markup:
    text = (
        "What is shown is how an expression is usually labelled, not what somebody feels. "
        "This page is complete in itself: it asks no network for anything."
    )
    return tag("footer", tag("p", text))


def _without_matches(scores: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if scores is None else {key: value for key, value in scores.items() if key != "matches"}
