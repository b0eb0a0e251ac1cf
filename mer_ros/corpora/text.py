"""Lines with emotions: MELD (`meld/*_sent_emo.csv`) and GoEmotions' Ekman mapping (`goemotions_ekman/*.tsv`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.corpora.tables import numbers_of, read_rows
from mer_ros.emotion import EMOTIONS, SENTIMENTS
from mer_ros.errors import InputError
from mer_ros.text.tokens import clean

NO_SENTIMENT = -1
_MARKS = re.compile(r"[?!]+")


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

    def places(self) -> list[tuple[int, int]]:
        """The dialogue and the turn of each line."""
        return list(zip(self.dialogues.tolist(), self.turns.tolist(), strict=True))

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

    def unmarked(self) -> Lines:
        """The same with full stops for exclamation marks, which recognisers do not write, and question marks alone."""
        return replace(self, texts=tuple(_MARKS.sub(_calmly, text) for text in self.texts))


def _calmly(marks: re.Match[str]) -> str:
    return marks[0] if "!" not in marks[0] else "?" if "?" in marks[0] else "."


def read_meld(path: Path, words: str = "Utterance") -> Lines:
    """A file in MELD's layout, in the order spoken. Raises InputError.

    words: the column that holds what was said; `Heard` in files that `mer heard` has made. It and `Emotion` must be
    there; without `Sentiment`, `Dialogue_ID`, `Utterance_ID` or `Speaker` the
    sentiment is unknown, each line its own dialogue, and the speaker empty.
    """
    found = read_rows(path, (words, "Emotion"))
    columns = found[0].keys()
    for number, row in enumerate(found):
        row.setdefault("Dialogue_ID", str(number))
        row.setdefault("Utterance_ID", "0")
    try:
        order = np.array([(int(row["Dialogue_ID"]), int(row["Utterance_ID"])) for row in found])
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: Dialogue_ID and Utterance_ID must be whole numbers ({error})") from error
    places = np.lexsort((order[:, 1], order[:, 0]))
    found = [found[i] for i in places]
    labels = numbers_of(path, [row["Emotion"] for row in found], EMOTIONS)
    sentiments: NDArray[np.int64] = np.full(len(found), NO_SENTIMENT)
    if "Sentiment" in columns:
        sentiments = numbers_of(path, [row["Sentiment"] for row in found], SENTIMENTS)
    return Lines(
        tuple(clean(row[words] or "") for row in found),
        np.eye(len(EMOTIONS), dtype=np.float32)[labels],
        sentiments,
        order[places, 0],
        order[places, 1],
        tuple(row.get("Speaker") or "" for row in found),
    )


def load_meld(data: Path, part: str) -> Lines:
    """One part of MELD, such as "train" or "dev", of the corpora in folder `data`. Raises InputError."""
    return read_meld(Path(data) / "meld" / f"{part}_sent_emo.csv")


def load_goemotions(data: Path, part: str) -> Lines:
    """One part of GoEmotions, "train" or "dev"; a line with several labels shares its one among them.

    Raises InputError.
    """
    folder = Path(data) / "goemotions_ekman"
    order = numbers_of(folder / "labels.txt", _read(folder / "labels.txt").split(), EMOTIONS)
    numbers = {str(place): number for place, number in enumerate(order)}
    texts, emotions = [], []
    for number, line in enumerate(_read(folder / f"{part}.tsv").removesuffix("\n").split("\n"), 1):
        fields = line.split("\t")
        try:
            labels = [numbers[label.strip()] for label in fields[1].split(",")]
        except (IndexError, KeyError):
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


def _read(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"{path} is missing; name a folder that holds {path.parent.name}/{path.name}")
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} cannot be read ({error}); save it as UTF-8") from error
