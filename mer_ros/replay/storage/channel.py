"""What all kinds of bag files give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

MAX_MESSAGE_BYTES = 384 * 1024 * 1024  # the largest raw image that is decoded: 40 megapixels of four 16-bit channels
MAX_DEFINITION_BYTES = 1024 * 1024
LONGEST_NAME = 1000  # of a topic or a type
_MOST_PLACES = 100_000


@dataclass(frozen=True)
class Channel:
    """A topic as one file has it.

    key: number by which the file names it. encoding: of the messages, `cdr` in ROS 2. definition: of the type and
    all types in it; empty where the file holds none. definition_format: ros2msg or ros2idl.
    count: of its messages, None when unknown.
    """

    key: int
    topic: str
    type_name: str
    encoding: str
    definition: str = ""
    definition_format: str = ""
    count: int | None = None


class BagFile(Protocol):
    """One file of a bag. extent_ns: first and last time of recording, None when unknown."""

    path: Path
    channels: tuple[Channel, ...]
    extent_ns: tuple[int, int] | None

    def messages(self, keys: Collection[int]) -> Iterator[tuple[int, int, bytes]]:
        """Key, time of recording and content of each message of these channels, in the order of the file.

        Ends early where the file is damaged; `Notes` tells so.
        """
        ...


class Notes:
    """What was odd while reading: sentences and counts. A file is read once for each topic; its damage counts once."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.is_whole = True
        self.counts: Counter[str] = Counter()
        self._places: set[tuple[Path, int]] = set()

    def warn(self, sentence: str) -> None:
        """Keep a sentence, once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def cut(self, path: Path) -> None:
        """Say that a file lacks its end, or is damaged so that it cannot be read up to there."""
        self.is_whole = False
        self.warn(f"{path.name} is cut off or damaged: it is read as far as it goes")

    def damage(self, kind: str, path: Path, place: int) -> None:
        """Count what cannot be read at one place of a file."""
        if len(self._places) < _MOST_PLACES and (path, place) not in self._places:
            self._places.add((path, place))
            self.is_whole = False
            self.counts[kind] += 1
            self.warn(f"{path.name} has {kind.replace('_', ' ')}, which are passed over")
