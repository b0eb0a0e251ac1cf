"""Speaks the lines of a csv in MELD's layout and writes what a recogniser makes of them, line by line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer_ros.corpora.tables import read_rows
from mer_ros.errors import InputError
from mer_ros.heard.voice import Speaker, Voice, choose_voice
from mer_ros.heard.word_errors import word_error_rate
from mer_ros.speech.recogniser import Recogniser
from mer_ros.text.tokens import clean
from mer_ros.utterance import SAMPLE_RATE

HEARD, VOICE = "Heard", "Voice"
_NEEDED = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
_LONGEST_S = 30.0  # what the recogniser takes at once

Row = dict[str, str]


@dataclass(frozen=True)
class HeardOptions:
    """kind: of voices, see `choose_voice`. dialogues: how many, any ones, by seed; 0: all. seed: of both choices."""

    kind: str = "piper"
    dialogues: int = 0
    seed: int = 1


def rows_to_hear(data: Path, options: HeardOptions) -> list[Row]:
    """The rows of a csv with MELD's columns: whole dialogues, in an order of their own. Raises InputError."""
    rows = read_rows(data, _NEEDED)
    if HEARD in rows[0]:
        raise InputError(f"{data} was heard already: it has the column {HEARD}; name the csv that it was made of")
    if longer := next((row for row in rows if None in row), None):  # csv keeps what is too much under None
        raise InputError(
            f"{data}: line {' '.join(_key(longer))} has more cells than there are columns; put texts that hold commas "
            "in quotes"
        )
    names = list(dict.fromkeys(row["Dialogue_ID"] for row in rows))
    if options.dialogues:
        names = [names[i] for i in np.random.default_rng(options.seed).permutation(len(names))][: options.dialogues]
    place = {name: i for i, name in enumerate(names)}
    return sorted((row for row in rows if row["Dialogue_ID"] in place), key=lambda row: place[row["Dialogue_ID"]])


def hear(rows: Iterable[Row], speaker: Speaker, recogniser: Recogniser, options: HeardOptions) -> Iterator[Row]:
    """Each row with `Heard`, the words recognised, and `Voice`, who said them."""
    for row in rows:
        voice = _voice(row, options)
        samples = speaker.say(clean(row["Utterance"]), voice)[: round(_LONGEST_S * SAMPLE_RATE)]
        recogniser.accept(samples)
        yield {**row, HEARD: recogniser.finish().text, VOICE: str(voice)}


def write_heard(
    rows: list[Row], output: Path, speaker: Speaker, recogniser: Recogniser, options: HeardOptions
) -> Iterator[Row]:
    """Write rows as they are heard, each yielded then; those that `output` already holds are left as they are.

    Raises InputError when `output` holds something else, or other voices.
    """
    done = _done(output, rows, options)
    output.parent.mkdir(parents=True, exist_ok=True)
    with open(output, "a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], HEARD, VOICE])
        if not output.stat().st_size:
            writer.writeheader()
        left = (row for row in rows if _key(row) not in done)
        for row in hear(left, speaker, recogniser, options):
            writer.writerow(row)
            file.flush()
            yield row


def read_heard(path: Path) -> list[tuple[str, str]]:
    """(said, heard) of each row that `write_heard` wrote. Raises InputError."""
    return [(row["Utterance"], row[HEARD]) for row in read_rows(path, ("Utterance", HEARD))]


def error_rate_of(path: Path) -> float:
    """The word error rate of a file that `write_heard` wrote."""
    return word_error_rate(read_heard(path))


def _voice(row: Row, options: HeardOptions) -> Voice:
    """Each person of a dialogue has one."""
    return choose_voice(f"{row['Dialogue_ID']}/{row['Speaker']}", options.kind, options.seed)


def _done(output: Path, rows: list[Row], options: HeardOptions) -> set[tuple[str, str]]:
    """What was heard before; a last line that was cut short is taken away."""
    if not output.exists() or not (text := output.read_bytes()):  # empty: stopped before the first line was heard
        return set()
    columns = next(csv.reader([text.partition(b"\n")[0].decode("utf-8", "replace")]), [])
    if columns != [*rows[0], HEARD, VOICE]:  # before anything of it is touched: it may be another file
        raise InputError(f"{output} is there and has other columns; remove it, or write elsewhere")
    if not text.endswith(b"\n"):
        output.write_bytes(text[: text.rfind(b"\n") + 1])
    with open(output, encoding="utf-8", newline="") as file:
        done = {_key(row): row for row in csv.DictReader(file)}
    for row in rows:
        heard = done.get(_key(row))
        if heard is not None and heard[VOICE] != str(_voice(row, options)):
            raise InputError(
                f"{output} was spoken by other voices: line {' '.join(_key(row))} by {heard[VOICE]}, not by "
                f"{_voice(row, options)}; use the same --voice and --seed, or write elsewhere"
            )
    return set(done)


def _key(row: Row) -> tuple[str, str]:
    return row["Dialogue_ID"], row["Utterance_ID"]
