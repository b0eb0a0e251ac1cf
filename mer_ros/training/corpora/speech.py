"""Acted speech: `speech.csv` (path, emotion, speaker, original_label, text_id) and the sound files that it names."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError


@dataclass(frozen=True)
class Clips:
    """paths: of sound files, [N]. labels: int64 [N], in the order of EMOTIONS. speakers, corpora: [N]."""

    paths: tuple[Path, ...]
    labels: NDArray[np.int64]
    speakers: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def corpora(self) -> tuple[str, ...]:
        """[N]: the corpus of each clip; a speaker is named corpus-number."""
        return tuple(speaker.split("-")[0] for speaker in self.speakers)

    def rows(self, rows: NDArray[np.integer]) -> Clips:
        """These rows alone."""
        return Clips(tuple(self.paths[i] for i in rows), self.labels[rows], tuple(self.speakers[i] for i in rows))


def load_speech(data: Path) -> Clips:
    """All clips of `data`/speech.csv. Raises InputError for a missing or odd file."""
    path = Path(data) / "speech.csv"
    if not path.is_file():
        raise InputError(f"{path} is missing; --data must name a folder that holds speech.csv and its sound files.")
    with path.open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        if missing := sorted({"path", "emotion", "speaker"} - set(table.fieldnames or ())):
            raise InputError(f"{path} has no column {', '.join(missing)}; path, emotion and speaker are needed.")
        rows = list(table)
    for row in rows:
        if row["emotion"] not in EMOTIONS:
            raise InputError(f'{path}: "{row["emotion"]}" is not one of {", ".join(EMOTIONS)}.')
        if not (path.parent / row["path"]).is_file():
            raise InputError(f"{path} names {row['path']}, which is missing; restore it, or remove the line.")
    return Clips(
        tuple(path.parent / row["path"] for row in rows),
        np.array([EMOTIONS.index(row["emotion"]) for row in rows], np.int64),
        tuple(row["speaker"] for row in rows),
    )


def split_speakers(clips: Clips, held_out: tuple[str, ...]) -> tuple[Clips, Clips]:
    """(rest, held out): the clips of these speakers are in the second alone."""
    inside = np.isin(clips.speakers, held_out)
    return clips.rows(np.flatnonzero(~inside)), clips.rows(np.flatnonzero(inside))


def speaker_folds(clips: Clips, folds: int, seed: int) -> NDArray[np.int64]:
    """int64 [N]: the fold of each clip; a speaker is in one fold alone, and each corpus is spread over all."""
    fold_of: dict[str, int] = {}
    generator = np.random.default_rng(seed)
    for corpus in sorted(set(clips.corpora)):
        speakers = sorted({s for s in clips.speakers if s.split("-")[0] == corpus})
        for i, speaker in enumerate(generator.permutation(speakers)):
            fold_of[str(speaker)] = i % folds
    return np.array([fold_of[speaker] for speaker in clips.speakers], np.int64)
