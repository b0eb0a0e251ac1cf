"""The folder of a run, written as the emotions come."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EmotionEstimate
from mer_ros.errors import InputError, OutputError
from mer_ros.files import write_whole
from mer_ros.replay.emotion_bag import EmotionBag
from mer_ros.replay.records import (
    BAG_FILE,
    EMOTIONS_FILE,
    REPORT_FILE,
    RUN_FILE,
    SUMMARY_FILE,
    TIMINGS_FILE,
    line,
    read_object,
    record,
    timing,
)

THUMBNAILS = "thumbnails"
SCORES_FILE = "scores.json"
FILES = (EMOTIONS_FILE, TIMINGS_FILE, BAG_FILE, SUMMARY_FILE, RUN_FILE, REPORT_FILE, SCORES_FILE)
JPEG_QUALITY = 85


def check_usable(folder: Path) -> None:
    """Raise OutputError for a folder that no run can be written to; nothing is made or changed."""
    try:
        if folder.is_dir():
            if any(folder.iterdir()) and not is_run(folder):
                raise OutputError(f"{folder} holds something else than a replay: give another folder, or empty it")
        elif folder.exists() or folder.is_symlink():
            raise OutputError(f"{folder} is no folder: name another one with --output, or remove it")
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    except OSError as error:
        raise cannot_write(folder, error) from error
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "you may not write to it" if there.is_dir() else "it is no folder"
        inside = "" if there == folder else f" lies in {there}, and"
        raise OutputError(f"{folder}{inside} cannot be written, as {why}: write elsewhere with --output")


def prepare(folder: Path) -> None:
    """Make the folder of a run, or empty one that was a run's, with those of the recordings that it had.

    Raises OutputError for a folder of something else.
    """
    check_usable(folder)
    try:
        for part in _recordings(folder):
            _clear(part)
            with suppress(OSError):  # there is something in it that is not of the run
                part.rmdir()
        folder.mkdir(parents=True, exist_ok=True)
        _clear(folder)
        (folder / EMOTIONS_FILE).touch()
    except OSError as error:
        raise cannot_write(folder, error) from error


def _recordings(folder: Path) -> list[Path]:
    """The folders of the recordings of a run of several."""
    try:
        told = read_object(folder / SUMMARY_FILE).get("recordings")
    except InputError:
        return []
    names = [item.get("recording") for item in told if isinstance(item, dict)] if isinstance(told, list) else []
    inside = [name for name in names if isinstance(name, str) and name == Path(name).name and name not in ("", "..")]
    return [folder / name for name in inside if is_run(folder / name) and not (folder / name).is_symlink()]


def _clear(folder: Path) -> None:
    """Remove what a run has written."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    if (folder / THUMBNAILS).is_dir():
        shutil.rmtree(folder / THUMBNAILS)


def is_run(folder: Path) -> bool:
    """Whether a replay has written this folder."""
    return (folder / EMOTIONS_FILE).is_file()


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The error for a person."""
    room = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    mend = "make room, or write elsewhere with --output" if room else "write elsewhere with --output"
    return OutputError(f"{path} cannot be written ({error.strerror or error}); what was written before is kept: {mend}")


class RunFolder:
    """Writes each emotion at once, so that what was computed is kept whatever happens. Use it as a context.

    recording: the name of the input. zero_ns: stamp at which it begins. OutputError where a file cannot be written.
    """

    def __init__(self, folder: Path, recording: str, zero_ns: int) -> None:
        prepare(folder)
        self.folder, self._recording, self._zero_ns = folder, recording, zero_ns
        try:
            self._emotions, self._timings = Lines(folder / EMOTIONS_FILE), Lines(folder / TIMINGS_FILE)
            self._bag = EmotionBag(folder / BAG_FILE)
        except OSError as error:
            raise cannot_write(folder, error) from error

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._emotions.close()
        self._timings.close()
        try:
            self._bag.close()
        except OSError as failure:
            if kind is None:
                raise cannot_write(self.folder / BAG_FILE, failure) from failure

    def write(self, estimate: EmotionEstimate) -> None:
        """Add a final estimate."""
        self._emotions.write(line(record(estimate, self._recording, self._zero_ns)))
        self._timings.write(line(timing(estimate, self._recording)))
        try:
            self._bag.write(estimate)
        except OSError as error:
            raise cannot_write(self.folder / BAG_FILE, error) from error

    def thumbnail(self, utterance: int, face: NDArray[np.uint8]) -> None:
        """Keep a picture of a speaker: uint8 [height, width, 3], RGB."""
        path = self.folder / THUMBNAILS / f"{utterance}.jpg"
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(face[..., ::-1]), quality)
        try:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(encoded.tobytes())
        except OSError as error:
            raise cannot_write(path, error) from error


class Lines:
    """A text file that holds whole lines alone, also when the disk is full."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = open(path, "wb", buffering=0)  # noqa: SIM115 - closed by close()
        self._size = 0

    def write(self, text: str) -> None:
        """Add a line. Raises OutputError, with nothing added."""
        content = text.encode()
        try:
            written = self._file.write(content)
            if written != len(content):  # a disk takes less than all of it when it is just full
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._file.truncate(self._size)
            self._file.seek(self._size)
            raise cannot_write(self._path, error) from error
        self._size += len(content)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file of JSON, whole or not at all; see `write_whole`. Raises OutputError."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    try:
        write_whole(path, text)
    except OSError as error:
        raise cannot_write(path, error) from error
