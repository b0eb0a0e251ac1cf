"""A small recording, and what bag files of it are made of."""

from __future__ import annotations

import struct
from pathlib import Path

import lz4.frame
import numpy as np
from backports import zstd
from bags import NS
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer

from mer_ros.utterance import AudioChunk, Frame

START = 1_700_000_000 * NS
SUFFIX = {"mcap": "mcap", "sqlite3": "db3"}


def recording(seconds: float = 1.0):
    """Small frames at 15 Hz and chunks of 20 ms, all different."""
    rng = np.random.default_rng(7)
    frames = [
        Frame(START + n * NS // 15, rng.integers(0, 256, (16, 24, 3)).astype(np.uint8))
        for n in range(int(seconds * 15))
    ]
    chunks = [
        AudioChunk(START + n * NS // 50, rng.integers(-99, 99, 320).astype(np.int16), 16_000)
        for n in range(int(seconds * 50))
    ]
    return sorted([*frames, *chunks], key=lambda event: event.stamp_ns)


def said(events):
    return [(e.stamp_ns, (e.image if isinstance(e, Frame) else e.samples).tobytes()) for e in events]


EVENTS = recording()
WHOLE = said(EVENTS)


def file_in(folder: Path) -> Path:
    (file,) = [path for path in folder.iterdir() if path.name.endswith((".mcap", ".db3", ".zstd"))]
    return file


def rewritten(source: Path, target: Path, storage: str, mode: str) -> Path:
    """The same messages in a bag of another storage and compression."""
    writer = Writer(target, version=9, storage_plugin=StoragePlugin[storage.upper()])
    if mode != "none":
        writer.set_compression(CompressionMode[mode.upper()], CompressionFormat.ZSTD)
    with Reader(source) as reader, writer:
        known = {}
        for connection, log_ns, data in reader.messages():
            if connection.id not in known:
                known[connection.id] = writer.add_connection(
                    connection.topic, connection.msgtype, msgdef=connection.msgdef.data, rihs01=connection.digest
                )
            writer.write(known[connection.id], log_ns, data)
    return target


def chunk(kind: str, records: bytes, *, size: int | None = None, packed: bytes | None = None) -> bytes:
    pack = {"lz4": lz4.frame.compress, "zstd": zstd.compress, "": bytes}.get(kind, bytes)
    content = pack(records) if packed is None else packed
    name = kind.encode()
    head = struct.pack("<QQQII", 0, 0, len(records) if size is None else size, 0, len(name)) + name
    return record(6, head + struct.pack("<Q", len(content)) + content)


def record(kind: int, content: bytes) -> bytes:
    return struct.pack("<BQ", kind, len(content)) + content


def records_of(file: Path) -> bytes:
    """Schemas, channels and messages of a file whose chunks are not compressed."""
    content, at, found = file.read_bytes(), 8, b""
    while content[at] != 0x0F:
        kind, length = struct.unpack_from("<BQ", content, at)
        if kind == 6:
            (name,) = struct.unpack_from("<I", content, at + 9 + 28)
            assert name == 0
            found += content[at + 9 + 40 : at + 9 + length]
        at += 9 + length
    return found


MAGIC = b"\x89MCAP0\r\n"
END = record(15, bytes(4)) + record(2, bytes(20)) + MAGIC
