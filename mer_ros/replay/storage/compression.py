"""Compressed content to bytes, of a bounded size, and what there is of one that was cut off."""

from __future__ import annotations

import zlib
from typing import BinaryIO, cast

from mer_ros.errors import InputError

MAX_CHUNK_BYTES = 512 * 1024 * 1024
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def inflate(content: bytes, method: str, size: int, *, cut: bool = False, crc: int = 0) -> bytes:
    """Decompress `content` to at most `size` bytes.

    method: zstd, lz4 (a frame) or nothing. cut: `content` is known to lack its end; what can be had is returned.
    crc: of the result (CRC-32), 0 when there is none. Raises InputError for damaged content, an unknown method,
    or one that promises more than half a gigabyte.
    """
    if size > MAX_CHUNK_BYTES:
        raise InputError(f"compressed content promises {size} bytes: at most {MAX_CHUNK_BYTES} are accepted")
    if method == "":
        data = content
    elif method == "zstd":
        data = _inflate_zstd(content, size)
    elif method == "lz4":
        data = _inflate_lz4(content, size)
    else:
        raise InputError(f"content is compressed with {method!r}: accepted are zstd and lz4")
    if not cut and len(data) != size:
        raise InputError(f"compressed content holds {len(data)} bytes, not the {size} that it promises")
    if not cut and crc and zlib.crc32(data) != crc:
        raise InputError("compressed content does not fit its checksum")
    return data


def inflate_message(content: bytes, most: int) -> bytes:
    """Decompress a message that was compressed by itself; its size is not known before. Raises InputError."""
    data = _inflate_zstd(content, most + 1)
    if len(data) > most:
        raise InputError(f"a compressed message holds more than {most} bytes")
    return data


def open_zstd(file: BinaryIO) -> BinaryIO:
    """A file compressed as a whole, as a stream that is read forwards. Raises EOFError where it was cut off."""
    return cast(BinaryIO, _zstd().ZstdFile(file))


def zstd_errors() -> tuple[type[Exception], ...]:
    """What reading from `open_zstd` may raise beside OSError."""
    return (EOFError, _zstd().ZstdError)


def _zstd():  # type: ignore[no-untyped-def]
    from backports import zstd  # comes with rosbags, and is needed where a bag is opened alone

    return zstd


def _inflate_zstd(content: bytes, size: int) -> bytes:
    zstd = _zstd()
    try:
        return bytes(zstd.ZstdDecompressor().decompress(content, max_length=size))
    except zstd.ZstdError as error:
        raise InputError(f"content that should be compressed with zstd is damaged: {error}") from error


def _inflate_lz4(content: bytes, size: int) -> bytes:
    import lz4.frame

    try:
        return bytes(lz4.frame.LZ4FrameDecompressor().decompress(content, max_length=size))
    except (RuntimeError, EOFError) as error:
        raise InputError(f"content that should be compressed with lz4 is damaged: {error}") from error
