"""Labelled examples from single files that the user names, in the public layout of each corpus."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError
from mer_ros.utterance import SAMPLE_RATE

FACE_SIDE = 48


@dataclass(frozen=True)
class Lines:
    """texts: [n]. labels: int64 [n]."""

    texts: tuple[str, ...]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Clips:
    """paths: of sound files, [n]. labels: int64 [n]. speakers: [n]."""

    paths: tuple[Path, ...]
    labels: NDArray[np.int64]
    speakers: tuple[str, ...]


@dataclass(frozen=True)
class Faces:
    """images: uint8 [n, 48, 48], grey. labels: int64 [n]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def read_lines(path: Path) -> Lines:
    """MELD's csv: columns `Utterance` and `Emotion` (others are ignored). Raises InputError."""
    rows = _rows(path, ("Utterance", "Emotion"))
    return Lines(tuple(row["Utterance"] for row in rows), _labels(path, [row["Emotion"] for row in rows]))


def read_clips(path: Path, speakers: Collection[str] = (), corpus: str = "") -> Clips:
    """A csv with columns `path` (relative to it), `emotion` and `speaker` (corpus-number).

    speakers, corpus: keep only these. Raises InputError, also for a speaker that is not there.
    """
    rows = _rows(path, ("path", "emotion", "speaker"))
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
        _labels(path, [row["emotion"] for row in rows]),
        tuple(row["speaker"] for row in rows),
    )


def read_faces(path: Path) -> Faces:
    """An npz with `images` uint8 [n, 48, 48] and `labels`, numbers in the order of EMOTIONS. Raises InputError."""
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds one bare array")
        with archive:
            if missing := sorted({"images", "labels"} - set(archive.files)):
                raise InputError(f"{path} has no array {', '.join(missing)}; it must hold images and labels")
            images, labels = archive["images"], archive["labels"]
    except (OSError, EOFError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} cannot be read as npz ({error}); name a file with images and labels") from error
    if images.dtype != np.uint8 or images.shape != (len(labels), FACE_SIDE, FACE_SIDE) or not len(labels):
        raise InputError(
            f"{path}: images are {images.dtype} {list(images.shape)} for {len(labels)} labels; "
            f"they must be uint8 [n, {FACE_SIDE}, {FACE_SIDE}], n above 0"
        )
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= len(EMOTIONS):
        raise InputError(f"{path}: labels must be whole numbers from 0 to {len(EMOTIONS) - 1}, one an image")
    return Faces(images, labels.astype(np.int64))


def read_sound(path: Path) -> NDArray[np.int16]:
    """The sound of any file that FFmpeg reads: int16 [n], mixed to mono, resampled to 16 kHz. Raises InputError."""
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError(f"{path} holds no sound; name a file that does")
            frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        frames += resampler.resample(None)
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path} cannot be read as sound ({error}); name a FLAC, WAV or video file") from error
    return np.concatenate([np.zeros(0, np.int16), *(frame.to_ndarray()[0] for frame in frames)])


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            rows = list(table)
            found = table.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as csv ({error}); name a UTF-8 csv file") from error
    if missing := [column for column in columns if column not in found]:
        raise InputError(f"{path} has no column {', '.join(missing)}; its first line must name {', '.join(columns)}")
    if not rows:
        raise InputError(f"{path} has no rows; name a file with examples")
    for number, row in enumerate(rows, 1):
        if any(row[column] is None for column in columns):
            raise InputError(f"{path}: row {number} is cut short; each needs {', '.join(columns)}")
    return rows


def _labels(path: Path, names: list[str]) -> NDArray[np.int64]:
    if unknown := sorted(set(names) - set(EMOTIONS)):
        raise InputError(f"{path} has the label {unknown[0]!r}; labels must be {', '.join(EMOTIONS)}")
    return np.array([EMOTIONS.index(name) for name in names], np.int64)
