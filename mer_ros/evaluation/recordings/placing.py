"""Labels on their recordings: which one, and from when to when on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mer_ros.errors import InputError
from mer_ros.evaluation.recordings.labels import Label, LabelFile, seconds
from mer_ros.evaluation.recordings.matching import Span

BEYOND_NS = 1_000_000_000  # by so much a label may go on after its recording: people round, and hold the end long
SAME_SHARE = 2  # two labels of one speaker are of the same words when they share more than half of the longer


@dataclass(frozen=True)
class Extent:
    """Of a recording. zero_ns: its start on the clock of its stamps, duration_ns: from there; None: unknown."""

    zero_ns: int | None = None
    duration_ns: int | None = None


@dataclass(frozen=True)
class Placed:
    """A label from the start of its recording."""

    label: Label
    span: Span


@dataclass(frozen=True)
class Placement:
    """placed: the labels of each recording that has some, in the order of time.

    elsewhere: recordings that labels name and that are not here, with how many do.
    """

    placed: dict[str, list[Placed]]
    elsewhere: dict[str, int] = field(default_factory=dict)


def assign(file: LabelFile, names: Collection[str]) -> tuple[dict[str, list[Label]], dict[str, int]]:
    """The labels of each of these recordings, and how many labels each other recording has.

    A label names its recording by the file's name, or that without what is after its last dot; where there is one
    recording alone, a file without the column `recording` is all about it. Raises InputError, which names the line,
    for a label that names none of several, and when there is none for these recordings.
    """
    own: dict[str, list[Label]] = defaultdict(list)
    elsewhere: dict[str, int] = defaultdict(int)
    for label in file.labels:
        name = _recording(file.path, label, names)
        if name is None:
            elsewhere[label.recording] += 1
        else:
            own[name].append(label)
    if not own:
        raise InputError(
            f"{file.path} labels {', '.join(elsewhere)}, and none of {', '.join(names)}; "
            "its column recording must hold their names"
        )
    return {name: own[name] for name in names if name in own}, dict(elsewhere)


def place(file: LabelFile, extents: Mapping[str, Extent]) -> Placement:
    """The labels of a file on the recordings of these names, see `assign`.

    Raises InputError, which names the line, for a label that lies outside of its recording, or says again what
    another one says (not in MELD's layout, whose lines share the times of subtitles).
    """
    own, elsewhere = assign(file, extents)
    placed = {}
    for name, labels in own.items():
        spans = (Placed(label, _span(file.path, label, name, extents[name])) for label in labels)
        placed[name] = sorted(spans, key=lambda item: (item.span, item.label.line))
        if not file.meld:
            _refuse_repeated(file.path, placed[name])
    return Placement(placed, elsewhere)


def _recording(path: Path, label: Label, names: Collection[str]) -> str | None:
    if not label.recording:
        if len(names) == 1:
            return next(iter(names))
        raise InputError(
            f"{path}, line {label.line}: no recording is named, and there are {len(names)}: "
            f"a column recording must hold {', '.join(names)}"
        )
    wanted = Path(label.recording).name
    if wanted in names:
        return wanted
    named = [name for name in names if Path(name).stem == wanted]
    if len(named) > 1:
        raise InputError(
            f"{path}, line {label.line}: the recording {label.recording!r} may be {' or '.join(named)}; name the file"
        )
    return named[0] if named else None


def _span(path: Path, label: Label, name: str, extent: Extent) -> Span:
    told = f"{path}, line {label.line}: the label from {seconds(label.start.ns)} to {seconds(label.end.ns)} s"
    zero_ns = 0
    if label.start.absolute:
        if extent.zero_ns is None:
            raise InputError(f"{told} is on the clock of {name}, of which nothing is known; count from its start")
        zero_ns = extent.zero_ns
    span = Span(label.start.ns - zero_ns, label.end.ns - zero_ns)
    long = extent.duration_ns
    if span.start_ns < 0 or (long is not None and (span.start_ns >= long or span.end_ns > long + BEYOND_NS)):
        begins = f" that begins at {seconds(zero_ns)}" if label.start.absolute else ""
        lasts = "" if long is None else f", which is {seconds(long)} s long"
        raise InputError(f"{told} lies outside of {name}{begins}{lasts}; correct it, or take it out")
    return span


def _refuse_repeated(path: Path, labels: list[Placed]) -> None:
    last: dict[str, list[Placed]] = defaultdict(list)
    for item in labels:
        speaking = last[item.label.speaker] = [
            other for other in last[item.label.speaker] if other.span.end_ns > item.span.start_ns
        ]
        for other in speaking:
            shared = min(other.span.end_ns, item.span.end_ns) - item.span.start_ns
            longer = max(s.end_ns - s.start_ns for s in (other.span, item.span))
            if shared * SAME_SHARE > longer:
                one, two = sorted((other.label.line, item.label.line))
                who = f" of {item.label.speaker}" if item.label.speaker else ""
                raise InputError(
                    f"{path}, line {two}: from {seconds(item.span.start_ns)} to {seconds(item.span.end_ns)} s there "
                    f"is a label{who} already, in line {one}; keep one of them, or name their speakers"
                )
        speaking.append(item)
