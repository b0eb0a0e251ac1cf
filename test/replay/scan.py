"""What an MCAP file holds, finished or not, by its uncompressed chunks alone: read by the specification."""

from __future__ import annotations

import struct
from pathlib import Path


def scan(path: Path) -> list[tuple[str, int]]:
    """The topic and the time of every message of every whole chunk."""
    content = path.read_bytes()
    topics: dict[int, str] = {}
    found = []
    for code, record in _records(content, 8):
        if code != 0x06:
            continue
        (name_length,) = struct.unpack_from("<I", record, 28)
        assert name_length == 0, "a compressed chunk"
        for inner, data in _records(record, 40):
            if inner == 0x04:
                number, _, length = struct.unpack_from("<HHI", data)
                topics[number] = data[8 : 8 + length].decode()
            elif inner == 0x05:
                number, _, stamp = struct.unpack_from("<HIQ", data)
                found.append((topics[number], stamp))
    return found


def _records(content: bytes, at: int) -> list[tuple[int, bytes]]:
    records = []
    while at + 9 <= len(content):
        code, length = struct.unpack_from("<BQ", content, at)
        if at + 9 + length > len(content):
            break
        records.append((code, content[at + 9 : at + 9 + length]))
        at += 9 + length
    return records
