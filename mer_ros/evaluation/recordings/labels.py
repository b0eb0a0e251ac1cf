"""A file of labels: who felt what, from when to when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mer_ros.corpora.tables import read_numbered
from mer_ros.emotion import EMOTIONS, SENTIMENTS
from mer_ros.errors import InputError
from mer_ros.evaluation.recordings.times import ACCEPTED, NS, Time, read_time

SYNONYMS = {
    "anger": ("angry", "ang"),
    "disgust": ("disgusted", "dis"),
    "fear": ("fearful", "afraid", "fea"),
    "joy": ("happy", "happiness", "joyful", "hap"),
    "neutral": ("calm", "neu"),  # as the corpora of voices count it
    "sadness": ("sad",),
    "surprise": ("surprised", "sur"),
}
_EMOTION_OF = {word: name for name, others in SYNONYMS.items() for word in (name, *others)}
OWN, MELD = ("start", "end", "emotion"), ("starttime", "endtime", "emotion")
LAYOUTS = "start, end, emotion and, if known, speaker and recording; or those of MELD: StartTime, EndTime, Emotion"


@dataclass(frozen=True)
class Label:
    """A stretch of a recording with the emotion that people heard and saw in it.

    start, end: as the file tells them. line: of the file. recording: file name, empty where the file names none.
    speaker, sentiment, words: empty where unknown.
    """

    start: Time
    end: Time
    emotion: str
    line: int
    recording: str = ""
    speaker: str = ""
    sentiment: str = ""
    words: str = ""


@dataclass(frozen=True)
class LabelFile:
    """The labels of a file, in its order. path: of it. meld: whether it has MELD's columns."""

    path: Path
    labels: tuple[Label, ...]
    meld: bool = False


def read_labels(path: Path) -> LabelFile:
    """A UTF-8 csv with the columns of LAYOUTS, in any case and order. Raises InputError, which names the line."""
    table = read_numbered(path)
    columns = {(name or "").strip().lower(): name for name in table[0][1] if name is not None}
    wanted = MELD if set(MELD) <= set(columns) else OWN
    if missing := [name for name in wanted if name not in columns]:
        raise InputError(
            f"{path} has no column {', '.join(missing)} (it has {', '.join(columns)}); "
            f"its first line must name {LAYOUTS}"
        )
    labels = []
    for line, row in table:
        cells = {name: (row[column] or "").strip() for name, column in columns.items()}
        labels.append(_label(path, line, cells, wanted))
    return LabelFile(Path(path), tuple(labels), wanted is MELD)


def emotion_of(text: str) -> str | None:
    """One of EMOTIONS for its name or a usual synonym, in any case; None for what is neither."""
    return _EMOTION_OF.get(text.strip().lower())


def known_emotions() -> str:
    """What is accepted as an emotion, for a person."""
    return ", ".join(f"{name} ({', '.join(SYNONYMS[name])})" for name in EMOTIONS)


def read_emotion(path: Path, line: int, text: str) -> str:
    """One of EMOTIONS. Raises InputError, which names the line, and what is accepted."""
    emotion = emotion_of(text)
    if emotion is None:
        raise InputError(f"{path}, line {line}: the emotion {text!r} is not known; accepted are {known_emotions()}")
    return emotion


def read_sentiment(path: Path, line: int, text: str) -> str:
    """One of SENTIMENTS, empty for nothing. Raises InputError, which names the line."""
    sentiment = text.strip().lower()
    if sentiment not in ("", *SENTIMENTS):
        raise InputError(
            f"{path}, line {line}: the sentiment {text!r} is not known; accepted are {', '.join(SENTIMENTS)}"
        )
    return sentiment


def _label(path: Path, line: int, cells: Mapping[str, str], columns: tuple[str, ...]) -> Label:
    start, end = (_time(path, line, name, cells[name]) for name in columns[:2])
    told = f"{path}, line {line}: {columns[0]} is {cells[columns[0]]} and {columns[1]} {cells[columns[1]]}"
    if start.absolute != end.absolute:
        raise InputError(f"{told}, of which one counts from the recording's start and the other does not")
    if end.ns <= start.ns:
        raise InputError(f"{told}: a label must end after it starts")
    return Label(
        start,
        end,
        read_emotion(path, line, cells["emotion"]),
        line,
        cells.get("recording", ""),
        cells.get("speaker", ""),
        read_sentiment(path, line, cells.get("sentiment", "")),
        cells.get("utterance", ""),
    )


def _time(path: Path, line: int, column: str, text: str) -> Time:
    time = read_time(text)
    if time is None:
        raise InputError(f"{path}, line {line}: {column} is {text!r}, which is no time; give {ACCEPTED}")
    if time.ns < 0:
        raise InputError(f"{path}, line {line}: {column} is {text}, before the recording; give 0 or more")
    return time


def seconds(ns: int) -> float:
    """For a person, and for JSON."""
    return round(ns / NS, 6)
