"""A bag of one or several files, opened with or without its metadata."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import yaml

from mer_ros.errors import InputError
from mer_ros.replay.storage.channel import BagFile, Channel, Notes
from mer_ros.replay.storage.compression import open_zstd, zstd_errors
from mer_ros.replay.storage.mcap import McapFile
from mer_ros.replay.storage.sqlite import SqliteFile

METADATA = "metadata.yaml"
SUFFIXES = (".mcap", ".db3", ".mcap.zstd", ".db3.zstd")
_LARGEST_METADATA = 16 * 1024 * 1024
_NUMBERED = re.compile(r"(.*)_(\d+)")
_COPY_BYTES = 16 * 1024 * 1024
_MOST_TIMES = 1000  # so well nothing is compressed that a camera saw
_SPARE_BYTES = 1024 * 1024 * 1024  # of the temporary folder's disk, which are never filled


class Bag:
    """The files of a bag in their order. Raises InputError when none of them can be read.

    path: a folder, or one file. files: those that could be opened.
    """

    def __init__(self, path: Path, notes: Notes) -> None:
        self.path = path
        self.files: list[BagFile] = []
        errors: list[InputError] = []
        for file in _files_of(path, notes):
            try:
                self.files.append(_open(file, notes))
            except InputError as error:
                errors.append(error)
        if not self.files:
            raise errors[0] if errors else InputError(f"{path} holds no bag: give a folder or file of rosbag2")
        notes.is_whole &= not errors
        for refused in errors:
            notes.warn(f"{refused}; the other files of the bag are read")

    @property
    def topics(self) -> dict[str, list[Channel]]:
        """The channels of each topic, in the order of their names."""
        found: dict[str, list[Channel]] = {}
        for file in self.files:
            for channel in file.channels:
                found.setdefault(channel.topic, []).append(channel)
        return dict(sorted(found.items()))

    @property
    def extent_ns(self) -> tuple[int, int] | None:
        """First and last time of recording; None when unknown."""
        extents = [extent for file in self.files if (extent := file.extent_ns)]
        return (min(e[0] for e in extents), max(e[1] for e in extents)) if extents else None

    def messages(self, topic: str) -> Iterator[tuple[Channel, int, bytes]]:
        """Channel, time of recording (ns) and content of each message of a topic, file after file."""
        for file in self.files:
            channels = {channel.key: channel for channel in file.channels if channel.topic == topic}
            if channels:
                for key, log_ns, content in file.messages(channels.keys()):
                    yield channels[key], log_ns, content


def is_bag_file(path: Path) -> bool:
    """Whether a file's name is one of a bag's."""
    return path.name.lower().endswith(SUFFIXES)


def is_bag_folder(path: Path) -> bool:
    """Whether a folder is one bag: it has metadata, or nothing but the numbered files of one recording."""
    if not path.is_dir():
        return False
    if (path / METADATA).is_file():
        return True
    files = [file for file in path.iterdir() if is_bag_file(file)]
    return bool(files) and len({_series(file)[0] for file in files}) == 1


def in_order(paths: list[Path]) -> list[Path]:
    """Sorted by name, numbers in names by their value: `a_2` before `a_10`."""
    return sorted(paths, key=lambda path: [(not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in _parts(path)])


def _parts(path: Path) -> list[str]:
    return [part for part in re.split(r"(\d+)", path.name) if part]


def _series(path: Path) -> tuple[str, int]:
    """The name that the files of a split recording share, and the number of this one."""
    name = path.name.lower().removesuffix(".zstd")
    stem = name.rpartition(".")[0]
    match = _NUMBERED.fullmatch(stem)
    return (match[1], int(match[2])) if match else (stem, 0)


def _files_of(path: Path, notes: Notes) -> list[Path]:
    if path.is_file():
        return [path]
    present = in_order([file for file in path.iterdir() if file.is_file() and is_bag_file(file)])
    listed = _listed(path, notes)
    if listed is None:
        return present
    files = []
    for name in listed:
        candidates = [path / name, path / f"{name}.zstd"]
        file = next((candidate for candidate in candidates if candidate in present), None)
        if file is None:
            notes.is_whole = False
            notes.warn(f"{path.name} lacks its file {name}")
        elif file not in files:
            files.append(file)
    # A recorder that was killed has written its last metadata before its last file.
    late = [file for file in present if file not in files and _series(file)[0] in {_series(f)[0] for f in files}]
    for file in late or (present if not files else []):
        notes.warn(f"{file.name} is not in the metadata of {path.name}: it is read all the same")
    return files + late or present


def _listed(path: Path, notes: Notes) -> list[str] | None:
    """Names of the files that the metadata lists, whatever folder it puts them in; None without usable metadata."""
    file = path / METADATA
    if not file.is_file():
        notes.warn(f"{path.name} has no {METADATA}: its files are read in the order of their names")
        return None
    try:
        if file.stat().st_size > _LARGEST_METADATA:
            raise ValueError("it is too large")
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        names = content["rosbag2_bagfile_information"]["relative_file_paths"]
        return [PurePosixPath(str(name).replace("\\", "/")).name for name in names]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError, RecursionError) as error:
        reason = str(error).split("\n")[0]
        notes.warn(f"{METADATA} of {path.name} cannot be used ({reason}): files are read in the order of their names")
        return None


def _open(path: Path, notes: Notes) -> BagFile:
    name = path.name.lower()
    compressed = name.endswith(".zstd")
    if name.removesuffix(".zstd").endswith(".mcap"):
        return McapFile(path, notes, compressed=compressed)
    if not compressed:
        return SqliteFile(path, notes)
    folder = Path(tempfile.mkdtemp(prefix="mer-bag-"))
    try:
        file = SqliteFile(_unpacked(path, folder, notes), notes)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(file, shutil.rmtree, folder, ignore_errors=True)
    return file


def _unpacked(path: Path, folder: Path, notes: Notes) -> Path:
    """A copy that SQLite can read: it needs a file that is not compressed."""
    target, size = folder / path.name[: -len(".zstd")], path.stat().st_size
    try:
        with path.open("rb") as packed, target.open("wb") as out, open_zstd(packed) as source:
            while block := source.read(_COPY_BYTES):
                if shutil.disk_usage(folder).free < _SPARE_BYTES:
                    raise InputError(
                        f"{path} does not fit into {folder.parent} when unpacked: set TMPDIR to a larger one"
                    )
                out.write(block)
                if out.tell() > max(_SPARE_BYTES, _MOST_TIMES * size):
                    raise InputError(f"{path} holds more than {_MOST_TIMES} times its size: that is no recording")
    except zstd_errors() as error:
        notes.is_whole = False
        notes.warn(f"{path.name} is cut off or damaged: it is read as far as it can be ({error})")
    except OSError as error:
        raise InputError(f"{path} cannot be unpacked into {folder.parent}: {error.strerror or error}") from error
    return target
