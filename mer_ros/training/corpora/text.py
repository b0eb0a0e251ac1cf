"""Lines with emotions: MELD (`meld/*_sent_emo.csv`) and GoEmotions' Ekman mapping (`goemotions_ekman/*.tsv`)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS, SENTIMENTS
from mer_ros.errors import InputError
from mer_ros.text.tokens import clean

NO_SENTIMENT = -1


@dataclass(frozen=True)
class Lines:
    """texts: cleaned, [N]. emotions: float32 [N, 7], the shares of the labels given, each row sums to one.

    sentiments: int64 [N], numbers in the order of SENTIMENTS, NO_SENTIMENT where unknown.
    dialogues, turns: int64 [N]; speakers: [N]. Lines of a dialogue follow one another in the order spoken;
    lines that belong to no dialogue are each their own.
    """

    texts: tuple[str, ...]
    emotions: NDArray[np.float32]
    sentiments: NDArray[np.int64]
    dialogues: NDArray[np.int64]
    turns: NDArray[np.int64]
    speakers: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def labels(self) -> NDArray[np.int64]:
        """int64 [N]: the first of each line's labels."""
        return self.emotions.argmax(axis=1)

    def rows(self, rows: NDArray[np.integer]) -> Lines:
        """These rows alone."""
        return Lines(
            tuple(self.texts[i] for i in rows),
            self.emotions[rows],
            self.sentiments[rows],
            self.dialogues[rows],
            self.turns[rows],
            tuple(self.speakers[i] for i in rows),
        )


def load_meld(data: Path, part: str) -> Lines:
    """One part of MELD, such as "train" or "dev". Raises InputError for a missing or odd file."""
    path = Path(data) / "meld" / f"{part}_sent_emo.csv"
    with _open(path) as file:
        table = csv.DictReader(file)
        needed = {"Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID"}
        if missing := sorted(needed - set(table.fieldnames or ())):
            raise InputError(f"{path} has no column {', '.join(missing)}; MELD's own csv file is needed.")
        found = list(table)
    if not found:
        raise InputError(f"{path} holds no utterance; MELD's own csv file is needed.")
    found.sort(key=lambda row: (int(row["Dialogue_ID"]), int(row["Utterance_ID"])))
    emotions = np.zeros((len(found), len(EMOTIONS)), np.float32)
    emotions[np.arange(len(found)), [_number(EMOTIONS, row["Emotion"], path) for row in found]] = 1.0
    return Lines(
        tuple(clean(row["Utterance"]) for row in found),
        emotions,
        np.array([_number(SENTIMENTS, row["Sentiment"], path) for row in found]),
        np.array([int(row["Dialogue_ID"]) for row in found]),
        np.array([int(row["Utterance_ID"]) for row in found]),
        tuple(row["Speaker"] for row in found),
    )


def load_goemotions(data: Path, part: str) -> Lines:
    """One part of GoEmotions, "train" or "dev"; a line with several labels shares its one among them."""
    folder = Path(data) / "goemotions_ekman"
    with _open(folder / "labels.txt") as file:
        order = [_number(EMOTIONS, name, folder / "labels.txt") for name in file.read().split()]
    texts, emotions = [], []
    with _open(folder / f"{part}.tsv") as file:
        for number, line in enumerate(file, 1):
            fields = line.rstrip("\n").split("\t")
            try:
                labels = [order[int(label)] for label in fields[1].split(",")]
            except (IndexError, ValueError):
                raise InputError(
                    f"{folder / part}.tsv, line {number}: {line.strip()!r} is not text, label numbers, id."
                ) from None
            texts.append(clean(fields[0]))
            emotions.append(np.bincount(labels, minlength=len(EMOTIONS)) / len(labels))
    n = len(texts)
    return Lines(
        tuple(texts),
        np.array(emotions, np.float32).reshape(n, len(EMOTIONS)),
        np.full(n, NO_SENTIMENT),
        np.arange(n),
        np.zeros(n, np.int64),
        ("",) * n,
    )


def split_dialogues(lines: Lines, share: float, seed: int) -> tuple[Lines, Lines]:
    """(rest, held out): a fixed random share of the dialogues, none of them in both."""
    names = np.unique(lines.dialogues)
    held_out = np.random.default_rng(seed).permutation(names)[: max(1, round(len(names) * share))]
    inside = np.isin(lines.dialogues, held_out)
    return lines.rows(np.flatnonzero(~inside)), lines.rows(np.flatnonzero(inside))


def _open(path: Path):  # type: ignore[no-untyped-def]
    if not path.is_file():
        raise InputError(f"{path} is missing; --data must name a folder that holds {path.parent.name}/{path.name}.")
    return path.open(encoding="utf-8", newline="" if path.suffix == ".csv" else "\n")


def _number(names: Sequence[str], name: str, path: Path) -> int:
    if name not in names:
        raise InputError(f'{path}: "{name}" is not one of {", ".join(names)}.')
    return names.index(name)
