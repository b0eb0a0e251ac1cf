"""Images as drivers send them (encodings of sensor_msgs/Image, JPEG, PNG) to RGB uint8 [height, width, 3]."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError

Image = NDArray[np.uint8]

MAX_SIDE_PX = 16_384
MAX_PIXELS = 40_000_000
MAX_COMPRESSED_BYTES = 64 * 1024 * 1024

# Channels, bytes of each, and which of the channels are red, green and blue.
# 16-bit values are taken to span the whole range. 8UC3 and 8UC4 hold OpenCV's order, BGR.
_PACKED: dict[str, tuple[int, int, tuple[int, int, int]]] = {
    "rgb8": (3, 1, (0, 1, 2)),
    "rgba8": (4, 1, (0, 1, 2)),
    "rgb16": (3, 2, (0, 1, 2)),
    "rgba16": (4, 2, (0, 1, 2)),
    "bgr8": (3, 1, (2, 1, 0)),
    "bgra8": (4, 1, (2, 1, 0)),
    "bgr16": (3, 2, (2, 1, 0)),
    "bgra16": (4, 2, (2, 1, 0)),
    "8UC3": (3, 1, (2, 1, 0)),
    "8UC4": (4, 1, (2, 1, 0)),
    "16UC3": (3, 2, (2, 1, 0)),
    "mono8": (1, 1, (0, 0, 0)),
    "8UC1": (1, 1, (0, 0, 0)),
    "mono16": (1, 2, (0, 0, 0)),
    "16UC1": (1, 2, (0, 0, 0)),
}
_YUV422 = {
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
    "yuyv": cv2.COLOR_YUV2RGB_YUY2,
}
_YUV420 = {"nv12": cv2.COLOR_YUV2RGB_NV12, "nv21": cv2.COLOR_YUV2RGB_NV21}
# ROS names a pattern by its first two rows; OpenCV's short names start at the second pixel of the second row.
_BAYER = {
    "bayer_rggb": cv2.COLOR_BayerBG2RGB,
    "bayer_bggr": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg": cv2.COLOR_BayerGB2RGB,
}
ENCODINGS = (*_PACKED, *_YUV422, *_YUV420, *(name + bits for name in _BAYER for bits in ("8", "16")))
COMPRESSED_FORMATS = ("jpeg", "png")


def decode_image(data: Any, encoding: str, width: int, height: int, step: int, is_bigendian: bool = False) -> Image:
    """Convert a raw image to RGB, uint8 [height, width, 3].

    data: bytes or any buffer of step * height bytes (the last row's padding may be absent; nv12 and nv21 have
    height / 2 more rows of colour). step: bytes from one row to the next. is_bigendian: of 16-bit values.
    Without padding, rgb8 is returned as a view of `data`, without a copy. Raises InputError.
    """
    _check_size(width, height)
    decoder, row_bytes, rows, even = _decoder(encoding)(width, height, bool(is_bigendian))
    if even and (width % 2 or (encoding in _YUV420 and height % 2)):
        raise InputError(
            f"{encoding} image is {width} x {height}: its width must be even, and for nv12 and nv21 its height"
        )
    if step < row_bytes:
        raise InputError(f"step is {step}: a row of {width} pixels of {encoding} takes {row_bytes} bytes or more")
    buffer = _as_bytes(data)
    full, least = step * rows, step * (rows - 1) + row_bytes
    if not least <= buffer.size <= full:
        raise InputError(
            f"image holds {buffer.size} bytes: {rows} rows of {step} bytes are {full} ({encoding}, {width} x {height})"
        )
    lines = np.lib.stride_tricks.as_strided(buffer, (rows, row_bytes), (step, 1), writeable=False)
    return decoder(lines)


def decode_compressed(data: Any, format: str = "") -> Image:
    """Decode JPEG or PNG to RGB, uint8 [height, width, 3]; what it is, is seen from its first bytes.

    format: as in sensor_msgs/CompressedImage ("jpeg", "rgb8; jpeg compressed bgr8"), for messages only.
    The size is read from the header before anything is decoded. Orientation tags are ignored, as a
    camera's calibration does. Raises InputError for other formats, huge, damaged or truncated images.
    """
    buffer = _as_bytes(data)
    if not 0 < buffer.size <= MAX_COMPRESSED_BYTES:
        raise InputError(f"compressed image holds {buffer.size} bytes: give 1 to {MAX_COMPRESSED_BYTES}, JPEG or PNG")
    content = buffer.tobytes()
    if content.startswith(b"\xff\xd8"):
        width, height = _jpeg_size(content)
    elif content.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = _png_size(content)
    else:
        raise InputError(
            f"compressed image of format {format!r} starts with {content[:4].hex(' ')}: give one of "
            f"{', '.join(COMPRESSED_FORMATS)}"
        )
    _check_size(width, height)
    try:
        decoded = cv2.imdecode(buffer, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise InputError("compressed image is damaged: send it again") from error
    if decoded is None or decoded.shape != (height, width, 3):
        raise InputError(f"compressed image of {buffer.size} bytes is damaged: send it again")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


_Plan = tuple[Callable[[Image], Image], int, int, bool]  # decoder, bytes a row, rows, whether width must be even


def _decoder(encoding: str) -> Callable[[int, int, bool], _Plan]:
    if encoding in _PACKED:
        return lambda width, height, big: _plan_packed(encoding, width, height, big)
    if encoding in _YUV422:
        return lambda width, height, big: (
            lambda rows: _convert(rows.reshape(height, width, 2), _YUV422[encoding]),
            2 * width,
            height,
            True,
        )
    if encoding in _YUV420:
        return lambda width, height, big: (
            lambda rows: _convert(rows, _YUV420[encoding]),
            width,
            height + height // 2,
            True,
        )
    pattern, size = (encoding[:-2], 2) if encoding.endswith("16") else (encoding[:-1], 1)
    if encoding in ENCODINGS:
        return lambda width, height, big: (
            lambda rows: _convert(_to_8_bit(rows, size, big), _BAYER[pattern]),
            size * width,
            height,
            True,
        )
    raise InputError(f"unknown image encoding {encoding!r}: give one of {', '.join(ENCODINGS)}")


def _plan_packed(encoding: str, width: int, height: int, big: bool) -> _Plan:
    channels, size, order = _PACKED[encoding]

    def decode(rows: Image) -> Image:
        pixels = _to_8_bit(rows, size, big).reshape(height, width, channels)
        if channels == 3 and order == (0, 1, 2):
            return pixels
        if channels == 1:
            return _convert(pixels, cv2.COLOR_GRAY2RGB)
        codes = {(3, 2): cv2.COLOR_BGR2RGB, (4, 0): cv2.COLOR_RGBA2RGB, (4, 2): cv2.COLOR_BGRA2RGB}
        return _convert(pixels, codes[channels, order[0]])

    return decode, channels * size * width, height, False


def _to_8_bit(rows: Image, size: int, big: bool) -> Image:
    if size == 1:
        return rows
    values = np.ascontiguousarray(rows).view(">u2" if big else "<u2")
    return (values >> 8).astype(np.uint8)


def _convert(pixels: Image, code: int) -> Image:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), code), np.uint8)


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE_PX and 0 < height <= MAX_SIDE_PX and width * height <= MAX_PIXELS):
        raise InputError(
            f"image is {width} x {height}: give 1 to {MAX_SIDE_PX} pixels a side, {MAX_PIXELS} at most in all"
        )


def _as_bytes(data: Any) -> Image:
    try:
        return np.frombuffer(data, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        if isinstance(data, bytes | bytearray | memoryview) and not len(data):
            return np.empty(0, np.uint8)
        raise InputError(f"image data is a {type(data).__name__}: give bytes or another contiguous buffer") from error


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Width and height from the frame header (ITU-T T.81, B.2.2) of a JPEG that has an end."""
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            # Inside of the coded data FF is always escaped, so this finds the true end, if there is one.
            if content.find(b"\xff\xd9", at) < 0:
                raise InputError(f"JPEG image of {len(content)} bytes is cut off: send all of it")
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    raise InputError(f"JPEG image of {len(content)} bytes has no frame header: send all of it")


def _png_size(content: bytes) -> tuple[int, int]:
    """Width and height from the header chunk (ISO/IEC 15948, 11.2.2) of a PNG that has an end."""
    if content[12:16] != b"IHDR" or b"IEND" not in content[-64:]:
        raise InputError(f"PNG image of {len(content)} bytes is cut off: send all of it")
    width, height = struct.unpack(">II", content[16:24])
    return width, height
