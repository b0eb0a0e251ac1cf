"""Writes a bag of rosbag2 in one MCAP file, as a stream.

What is written is readable as far as it goes whenever the process ends, since each chunk is whole in itself; a disk
that fills up costs the last chunk. Nothing in the file depends on the clock of the wall or on chance.

Format: MCAP 0 (mcap.dev/spec) with the profile "ros2"; metadata as rosbag2 of Jazzy writes them (version 9).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from mer_ros.replay.bag_metadata import BagTopic, bag_metadata

CHUNK_BYTES = 4 << 20
_MAGIC = b"\x89MCAP0\r\n"
_LIBRARY = "mer_ros"
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _MESSAGE_INDEX, _CHUNK_INDEX = range(1, 9)
_STATISTICS, _METADATA, _METADATA_INDEX, _SUMMARY_OFFSET, _DATA_END = 0x0B, 0x0C, 0x0D, 0x0E, 0x0F


@dataclass
class _Chunk:
    """Records that are not in the file yet. index: of each channel, the time and place of its messages."""

    records: bytearray = field(default_factory=bytearray)
    start_ns: int = 0
    end_ns: int = 0
    index: dict[int, list[tuple[int, int]]] = field(default_factory=dict)


class BagWriter:
    """A bag that is being written; use it as a context, which finishes the file however it is left.

    An existing file is written anew. chunk_bytes: how much is kept before it goes to the file. Memory grows by about
    300 bytes a chunk. The methods raise OSError where the file cannot be written; all chunks before are then kept.
    """

    def __init__(self, path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.path = path
        self.topics: list[BagTopic] = []
        self.start_ns = self.end_ns = 0
        self._chunk_bytes = chunk_bytes
        self._schemas: list[bytes] = []
        self._schema_ids: dict[str, int] = {}
        self._channels: list[bytes] = []
        self._chunk = _Chunk()
        self._chunk_indexes: list[bytes] = []
        self._file = open(path, "wb", buffering=0)  # noqa: SIM115 - closed by close()
        self._size = 0  # of what is whole
        self._append(_MAGIC + _record(_HEADER, _string("ros2") + _string(_LIBRARY)))

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def message_count(self) -> int:
        """Messages that are in the file, or will be with the chunk that is being filled."""
        return sum(topic.count for topic in self.topics)

    @property
    def size(self) -> int:
        """Bytes of the file so far."""
        return self._size

    def add_topic(
        self, name: str, type_name: str, definition: str, *, digest: str = "", qos: Sequence[dict[str, Any]] = ()
    ) -> int:
        """Declare a topic; return the number that `write` takes.

        type_name: for instance std_msgs/msg/String. definition: its .msg text with those that it needs, as rosbag2
        joins them. digest: its hash (REP 2016). qos: the publishers' profiles, see `bag_metadata.qos_profile`.
        """
        if type_name not in self._schema_ids:
            self._schema_ids[type_name] = len(self._schema_ids) + 1
            head = struct.pack("<H", self._schema_ids[type_name]) + _string(type_name) + _string("ros2msg")
            self._schemas.append(_record(_SCHEMA, head + _string(definition)))
            self._chunk.records += self._schemas[-1]
        self.topics.append(BagTopic(name, type_name, digest, tuple(qos)))
        profiles = yaml.safe_dump(list(qos), sort_keys=False).strip()
        content = struct.pack("<HH", len(self.topics), self._schema_ids[type_name]) + _string(name) + _string("cdr")
        content += _map(_string("offered_qos_profiles") + _string(profiles))
        self._channels.append(_record(_CHANNEL, content))
        self._chunk.records += self._channels[-1]
        return len(self.topics)

    def write(self, topic: int, stamp_ns: int, data: bytes | memoryview, *, sent_ns: int | None = None) -> None:
        """Add a serialised message (CDR) to the topic of this number.

        stamp_ns: time at which it is logged, and played. sent_ns: time at which it was published; None: the same.
        """
        chunk = self._chunk
        if not chunk.index:
            chunk.start_ns = chunk.end_ns = stamp_ns
        if not self.message_count:
            self.start_ns = self.end_ns = stamp_ns
        chunk.start_ns, chunk.end_ns = min(chunk.start_ns, stamp_ns), max(chunk.end_ns, stamp_ns)
        self.start_ns, self.end_ns = min(self.start_ns, stamp_ns), max(self.end_ns, stamp_ns)
        chunk.index.setdefault(topic, []).append((stamp_ns, len(chunk.records)))
        chunk.records += struct.pack("<BQ", _MESSAGE, 22 + len(data))
        chunk.records += struct.pack("<HIQQ", topic, 0, stamp_ns, stamp_ns if sent_ns is None else sent_ns)
        chunk.records += data
        self.topics[topic - 1].count += 1
        if len(chunk.records) >= self._chunk_bytes:
            self.flush()

    def flush(self) -> None:
        """Put what was written into the file."""
        chunk, self._chunk = self._chunk, _Chunk()
        if not chunk.records:
            return
        head = struct.pack("<QQQI", chunk.start_ns, chunk.end_ns, len(chunk.records), zlib.crc32(chunk.records))
        head += _string("") + struct.pack("<Q", len(chunk.records))
        start, length = self._size, 9 + len(head) + len(chunk.records)
        offsets, indexes, at = b"", b"", start + length
        for topic, places in chunk.index.items():
            offsets += struct.pack("<HQ", topic, at + len(indexes))
            entries = b"".join(struct.pack("<QQ", *place) for place in places)
            indexes += _record(_MESSAGE_INDEX, struct.pack("<H", topic) + _map(entries))
        try:
            self._append(struct.pack("<BQ", _CHUNK, len(head) + len(chunk.records)) + head, chunk.records, indexes)
        except OSError:
            for topic, places in chunk.index.items():
                self.topics[topic - 1].count -= len(places)
            raise
        content = struct.pack("<QQQQ", chunk.start_ns, chunk.end_ns, start, length) + _map(offsets)
        content += struct.pack("<Q", len(indexes)) + _string("") + struct.pack("<QQ", *[len(chunk.records)] * 2)
        self._chunk_indexes.append(_record(_CHUNK_INDEX, content))

    def metadata(self) -> dict[str, Any]:
        """What rosbag2 tells of the bag, as it stands in metadata.yaml under `rosbag2_bagfile_information`."""
        return bag_metadata(self.path.name, self.topics, self.start_ns, self.end_ns)

    def close(self) -> None:
        """Finish the file. It is closed in any case, and without its index where that finds no room."""
        if self._file.closed:
            return
        try:
            self.flush()
            self._finish()
        except OSError:
            with suppress(OSError):  # the room of the chunk that did not fit is enough for the index
                self._finish()
            raise
        finally:
            self._file.close()

    def _finish(self) -> None:
        """Append the end of the data, the summary and the footer."""
        text = yaml.safe_dump(self.metadata(), sort_keys=False).strip()
        entries = _map(_string("serialized_metadata") + _string(text))
        metadata = _record(_METADATA, _string("rosbag2") + entries)
        data_end = _record(_DATA_END, struct.pack("<I", 0))
        index = _record(_METADATA_INDEX, struct.pack("<QQ", self._size, len(metadata)) + _string("rosbag2"))
        groups = {
            _SCHEMA: b"".join(self._schemas),
            _CHANNEL: b"".join(self._channels),
            _STATISTICS: _record(_STATISTICS, self._statistics()),
            _CHUNK_INDEX: b"".join(self._chunk_indexes),
            _METADATA_INDEX: index,
        }
        start = at = self._size + len(metadata) + len(data_end)
        offsets = b""
        for code, records in groups.items():
            if records:
                offsets += _record(_SUMMARY_OFFSET, struct.pack("<BQQ", code, at, len(records)))
            at += len(records)
        summary = b"".join(groups.values()) + offsets
        footer = struct.pack("<BQQQ", _FOOTER, 20, start, at)
        footer += struct.pack("<I", zlib.crc32(summary + footer))
        self._append(metadata, data_end, summary, footer, _MAGIC)

    def _statistics(self) -> bytes:
        counts = b"".join(struct.pack("<HQ", number, topic.count) for number, topic in enumerate(self.topics, 1))
        sizes = len(self._schemas), len(self.topics), 0, 1, len(self._chunk_indexes)
        return struct.pack("<QHIIIIQQ", self.message_count, *sizes, self.start_ns, self.end_ns) + _map(counts)

    def _append(self, *parts: bytes | bytearray) -> None:
        """Write all parts, or none."""
        try:
            for part in parts:
                rest = memoryview(part)
                while rest:
                    rest = rest[self._file.write(rest) or 0 :]
        except OSError:
            with suppress(OSError):
                self._file.truncate(self._size)
                self._file.seek(self._size)
            raise
        self._size += sum(map(len, parts))


def _record(code: int, content: bytes) -> bytes:
    return struct.pack("<BQ", code, len(content)) + content


def _string(text: str) -> bytes:
    return _map(text.encode())


def _map(content: bytes) -> bytes:
    return struct.pack("<I", len(content)) + content
