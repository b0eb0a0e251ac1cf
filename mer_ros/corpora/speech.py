"""Acted speech: `speech.csv` (path, emotion, speaker, original_label, text_id) and the sound files that it names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mer_ros.corpora.tables import numbers_of, read_rows
from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError


@dataclass(frozen=True)
class Clips:
    """paths: of sound files, [N]. labels: int64 [N], in the order of EMOTIONS. speakers, corpora: [N].

    calm: bool [N], which of the neutral ones their corpus calls calm; None where nothing tells.
    """

    paths: tuple[Path, ...]
    labels: NDArray[np.int64]
    speakers: tuple[str, ...]
    calm: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def corpora(self) -> tuple[str, ...]:
        """[N]: the corpus of each clip; a speaker is named corpus-number."""
        return tuple(speaker.split("-")[0] for speaker in self.speakers)

    def rows(self, rows: NDArray[np.integer]) -> Clips:
        """These rows alone."""
        return Clips(
            tuple(self.paths[i] for i in rows),
            self.labels[rows],
            tuple(self.speakers[i] for i in rows),
            None if self.calm is None else self.calm[rows],
        )


def read_clips(path: Path, speakers: Collection[str] = (), corpus: str = "") -> Clips:
    """A csv with columns `path` (relative to it), `emotion` and `speaker` (corpus-number).

    speakers, corpus: keep only these. Raises InputError, also for a speaker that is not there.
    """
    rows = read_rows(path, ("path", "emotion", "speaker"))
    known = {row["speaker"] for row in rows}
    if unknown := sorted(set(speakers) - known):
        raise InputError(f"{path} has no speaker {', '.join(unknown)}; it has {', '.join(sorted(known))}")
    corpora = {name.split("-")[0] for name in known}
    if corpus and corpus not in corpora:
        raise InputError(f"{path} has no corpus {corpus!r}; it has {', '.join(sorted(corpora))}")
    rows = [
        row
        for row in rows
        if (not speakers or row["speaker"] in speakers) and (not corpus or row["speaker"].split("-")[0] == corpus)
    ]
    if not rows:
        raise InputError(f"{path} has no clip of those speakers in {corpus}; name other speakers or another corpus")
    return Clips(
        tuple(path.parent / row["path"] for row in rows),
        numbers_of(path, [row["emotion"] for row in rows], EMOTIONS),
        tuple(row["speaker"] for row in rows),
        np.array([row.get("original_label") == "calm" for row in rows]),
    )


def load_speech(data: Path) -> Clips:
    """All clips of speech.csv in folder `data`. Raises InputError, also for a sound file that is missing."""
    clips = read_clips(Path(data) / "speech.csv")
    if missing := [path for path in clips.paths if not path.is_file()]:
        raise InputError(f"speech.csv names {missing[0]}, which is missing; restore it, or remove the line")
    return clips


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
