"""MCAP (mcap.dev/spec, version 0), read from its beginning on, so that a file with no end can be read as well.

Of the summary at the end only the list of channels is used: messages are taken in the order of the file.
"""

from __future__ import annotations

import io
import struct
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from mer_ros.errors import InputError
from mer_ros.replay.storage.channel import LONGEST_NAME, MAX_DEFINITION_BYTES, MAX_MESSAGE_BYTES, Channel, Notes
from mer_ros.replay.storage.compression import MAX_CHUNK_BYTES, inflate, open_zstd, zstd_errors

MAGIC = b"\x89MCAP0\r\n"
_FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _STATISTICS, _DATA_END = 2, 3, 4, 5, 6, 11, 15
_FOOTER_BYTES = 9 + 20 + len(MAGIC)
_RECORD = struct.Struct("<BQ")
_MESSAGE_HEADER = struct.Struct("<HIQQ")
_CHUNK_HEADER = struct.Struct("<QQQI")


class _BrokenError(Exception):
    """Nothing can be read from this byte on: the file or chunk ends there, or what follows is no record."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class McapFile:
    """An MCAP file. compressed: the whole file is, with zstd, as rosbag2 does in its mode FILE.

    Raises InputError when it is no MCAP file at all.
    """

    def __init__(self, path: Path, notes: Notes, *, compressed: bool = False) -> None:
        self.path = path
        self.extent_ns: tuple[int, int] | None = None
        self._notes = notes
        self._compressed = compressed
        self._schemas: dict[int, tuple[str, str, str]] = {0: ("", "", "")}
        self._channels: dict[int, Channel] = {}
        with self._open() as stream:
            if compressed or not self._read_summary(stream):
                self._schemas, self._channels = {0: ("", "", "")}, {}
                self._scan(stream)
        self.channels = tuple(self._channels.values())

    def messages(self, keys: Collection[int]) -> Iterator[tuple[int, int, bytes]]:
        """Key, time of recording (ns) and content of each message of these channels, in the order of the file."""
        with self._open() as stream:
            yield from self._read(stream, frozenset(keys))

    def _open(self) -> BinaryIO:
        try:
            file: BinaryIO = self.path.open("rb")
            return open_zstd(file) if self._compressed else file
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}") from error

    def _scan(self, stream: BinaryIO) -> None:
        """Learn the channels from the whole file, and what they hold; message contents are passed over."""
        counts: Counter[int] = Counter()
        first, last = 2**64, 0
        for key, log_ns, _ in self._read(stream, None):
            counts[key] += 1
            first, last = min(first, log_ns), max(last, log_ns)
        self._channels = {key: replace(channel, count=counts[key]) for key, channel in self._channels.items()}
        self.extent_ns = (first, last) if counts else None

    def _read(self, stream: BinaryIO, keys: frozenset[int] | None) -> Iterator[tuple[int, int, bytes]]:
        broken: tuple[type[Exception], ...] = (_BrokenError, *zstd_errors())
        try:
            stream.seek(0)
            magic = stream.read(len(MAGIC))
            if magic != MAGIC:
                state = "is empty" if not magic else f"is no MCAP file (it begins with {magic.hex(' ')})"
                raise InputError(f"{self.path} {state}: give a file that a recorder has written, or record it anew")
            yield from self._walk(stream, None, keys)
        except broken:
            self._notes.cut(self.path)
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror or error}") from error

    def _walk(self, stream: BinaryIO, end: int | None, keys: frozenset[int] | None) -> Iterator[tuple[int, int, bytes]]:
        """Messages up to `end`, with channels noted on the way. keys None: of all channels, without content."""
        for kind, begin, length in _records(stream, end):
            if kind == _MESSAGE:
                head = stream.read(_MESSAGE_HEADER.size)
                if length < _MESSAGE_HEADER.size or len(head) < _MESSAGE_HEADER.size:
                    raise _BrokenError(begin)
                key, _, log_ns, _ = _MESSAGE_HEADER.unpack(head)
                if keys is None:
                    yield key, log_ns, b""
                elif key in keys:
                    yield from self._message(stream, begin, length - len(head), key, log_ns)
            elif kind == _CHUNK:
                if end is not None:  # within another chunk
                    raise _BrokenError(begin)
                yield from self._chunk(stream, begin, length, keys)
            elif kind in (_SCHEMA, _CHANNEL):
                self._declare(kind, _Fields(stream, begin, length))
            elif kind in (_DATA_END, _FOOTER):
                return

    def _message(
        self, stream: BinaryIO, begin: int, length: int, key: int, log_ns: int
    ) -> Iterator[tuple[int, int, bytes]]:
        if length > MAX_MESSAGE_BYTES:
            self._notes.damage("oversized_messages", self.path, begin)
            return
        content = stream.read(length)
        if len(content) < length:
            raise _BrokenError(begin)
        yield key, log_ns, content

    def _chunk(
        self, stream: BinaryIO, begin: int, length: int, keys: frozenset[int] | None
    ) -> Iterator[tuple[int, int, bytes]]:
        """What a chunk holds; one that is damaged is left early, one that is cut off ends the file."""
        head = stream.read(_CHUNK_HEADER.size)
        if len(head) < _CHUNK_HEADER.size:
            raise _BrokenError(begin)
        _, _, size, crc = _CHUNK_HEADER.unpack(head)
        fields = _Fields(stream, begin, 4 + 4 + 8)  # the name of a method, lz4 or zstd, and the size
        try:
            method, packed = fields.text(), fields.number(8)
        except _BrokenError:
            method, packed = "", length
        start = stream.seek(begin + len(head) + fields.read)
        if start + packed > begin + length:
            self._notes.damage("damaged_chunks", self.path, begin)
            return
        if not method:
            try:
                yield from self._walk(stream, start + packed, keys)
            except _BrokenError as broken:
                if not _has(stream, start + packed):
                    raise
                self._notes.damage("damaged_chunks", self.path, broken.at)
            return
        content = stream.read(min(packed, MAX_CHUNK_BYTES))
        cut = len(content) < packed
        try:
            data = inflate(content, method, size, cut=cut, crc=crc)
            yield from self._walk(io.BytesIO(data), len(data), keys)
        except (InputError, _BrokenError):
            if not cut:
                self._notes.damage("damaged_chunks", self.path, begin)
        if cut:
            raise _BrokenError(begin)

    def _declare(self, kind: int, fields: _Fields) -> None:
        key = fields.number(2)
        if kind == _SCHEMA:
            name, encoding = fields.text(), fields.text()
            self._schemas[key] = (name, encoding, fields.text())
            return
        schema = self._schemas.get(fields.number(2), ("", "", ""))
        topic, encoding = fields.text(), fields.text()
        if max(map(len, (topic, encoding, schema[0]))) > LONGEST_NAME:
            self._notes.damage("damaged_topics", self.path, -key)
            return
        self._channels.setdefault(key, Channel(key, topic, schema[0], encoding, schema[2], schema[1]))

    def _read_summary(self, stream: BinaryIO) -> bool:
        """Learn the channels from the end of a file that is whole; False where it does not tell all of them."""
        size = stream.seek(0, io.SEEK_END)
        if size < len(MAGIC) + _FOOTER_BYTES:
            return False
        stream.seek(size - _FOOTER_BYTES)
        footer = stream.read(_FOOTER_BYTES)
        kind, length, summary = struct.unpack_from("<BQQ", footer)
        if not footer.endswith(MAGIC) or (kind, length) != (_FOOTER, 20) or not 0 < summary < size:
            return False
        told = 0
        counts: dict[int, int] = {}
        try:
            stream.seek(summary)
            for kind, begin, length in _records(stream, size - _FOOTER_BYTES):
                if kind in (_SCHEMA, _CHANNEL):
                    self._declare(kind, _Fields(stream, begin, length))
                elif kind == _STATISTICS:
                    told, counts = self._statistics(_Fields(stream, begin, length))
        except _BrokenError:
            return False
        if told != len(self._channels) or not counts.keys() <= self._channels.keys():
            return False
        self._channels = {key: replace(c, count=counts.get(key, 0)) for key, c in self._channels.items()}
        return True

    def _statistics(self, fields: _Fields) -> tuple[int, dict[int, int]]:
        """How many channels there are, 0 where it does not count the messages of each; messages of each."""
        messages = fields.number(8)
        fields.number(2)
        channels = fields.number(4)
        for _ in range(3):
            fields.number(4)
        extent = fields.number(8), fields.number(8)
        self.extent_ns = extent if messages else None
        counts = {fields.number(2): fields.number(8) for _ in range(fields.number(4) // 10)}
        return (channels if sum(counts.values()) == messages else 0), counts


def _records(stream: BinaryIO, end: int | None) -> Iterator[tuple[int, int, int]]:
    """Kind, first byte and length of each record's content up to `end`, the stream being there.

    What the caller leaves of a content is passed over. Raises _BrokenError where a record is not whole.
    """
    at = stream.tell()
    while end is None or at < end:
        head = stream.read(_RECORD.size)
        if len(head) < _RECORD.size:
            raise _BrokenError(at)
        kind, length = _RECORD.unpack(head)
        begin = at + _RECORD.size
        if kind == 0 or length >= 2**62 or (end is not None and begin + length > end):
            raise _BrokenError(at)
        yield kind, begin, length
        at = begin + length
        if stream.seek(at) != at:
            raise _BrokenError(begin)


def _has(stream: BinaryIO, byte: int) -> bool:
    """Whether the file goes on up to this byte."""
    stream.seek(byte - 1)
    return bool(stream.read(1))


class _Fields:
    """The fields of a record, one after another, from where the stream is; raises _BrokenError past its end."""

    def __init__(self, stream: BinaryIO, begin: int, length: int) -> None:
        if length > MAX_DEFINITION_BYTES:
            raise _BrokenError(begin)
        self._begin = begin
        self._content = stream.read(length)
        self.read = 0  # bytes

    def number(self, size: int) -> int:
        """An unsigned number of so many bytes."""
        return int.from_bytes(self._bytes(size), "little")

    def text(self) -> str:
        """A text, its length before it."""
        return self._bytes(self.number(4)).decode(errors="replace")

    def _bytes(self, size: int) -> bytes:
        piece = self._content[self.read : self.read + size]
        if len(piece) < size:
            raise _BrokenError(self._begin)
        self.read += size
        return piece
