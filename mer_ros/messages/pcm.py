"""Samples as audio messages carry them: bytes of a named format, or arrays of one of PortAudio's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError

# Named as GStreamer names them, which audio_common's AudioInfo carries. 3 bytes: no type of NumPy has so many.
PCM_FORMATS: dict[str, str | None] = {
    "S8": "i1",
    "U8": "u1",
    "S16LE": "<i2",
    "S16BE": ">i2",
    "S24LE": None,
    "S24BE": None,
    "S32LE": "<i4",
    "S32BE": ">i4",
    "F32LE": "<f4",
    "F32BE": ">f4",
    "F64LE": "<f8",
    "F64BE": ">f8",
}
# PortAudio's sample formats (portaudio.h), as audio_common's AudioStamped carries them: field of the data, its type.
_PORTAUDIO = {
    1: ("float32_data", np.float32),
    2: ("int32_data", np.int32),
    8: ("int16_data", np.int16),
    16: ("int8_data", np.int8),
    32: ("uint8_data", np.uint8),
}
_INT24 = 4  # paInt24: three bytes a sample, packed
_WORDS_OF_INT24 = ("int24_data", "int32_data")
_BYTES_OF_INT24 = ("uint8_data", "int8_data")


def from_raw(data: Any, encoding: str) -> NDArray[Any]:
    """Samples of a buffer or a list of byte values: [n] int16, int32, uint8 or floats, 24 bits in the upper of int32.

    encoding: one of `PCM_FORMATS`. Raises InputError when the bytes do not divide into samples.
    """
    if encoding not in PCM_FORMATS:
        raise InputError(f"audio has sample format {encoding!r}: accepted are {', '.join(PCM_FORMATS)}")
    content = data.tobytes() if isinstance(data, np.ndarray) else bytes(bytearray(data))
    kind = PCM_FORMATS[encoding]
    size = 3 if kind is None else np.dtype(kind).itemsize
    if len(content) % size:
        wanted = {2: "an even number", 3: "a multiple of 3"}.get(size, f"a multiple of {size}")
        raise InputError(f"raw audio has {len(content)} bytes; {8 * size}-bit samples need {wanted}")
    if kind is None:
        return _int24(content, big=encoding.endswith("BE"))
    samples = np.frombuffer(content, kind)
    return _wide(samples.astype(samples.dtype.newbyteorder("="), copy=False))


def as_int16(samples: NDArray[Any]) -> NDArray[np.int16]:
    """Samples of any type that a chunk may have, as int16 of the same loudness."""
    if samples.dtype == np.int16:
        return samples
    if samples.dtype == np.uint8:
        return (samples.astype(np.int16) - 128) * 256
    scale = 2.0**15 if samples.dtype.kind == "f" else 2.0**-16
    return np.clip(np.rint(samples * scale), -(2**15), 2**15 - 1).astype(np.int16)


def from_portaudio(data: Any, info: Any) -> NDArray[Any]:
    """Samples of an AudioData that has one field a type. info: its `format` says which holds them.

    24 bits: the package's node does not send them (its first release did, as packed bytes read as 32-bit words in
    `int24_data`). Accepted are packed bytes, such words, and one value a sample, whichever fits `info.chunk`.
    """
    if info.format == _INT24:
        return _portaudio_int24(data, info)
    if info.format not in _PORTAUDIO:
        raise InputError(f"audio has PortAudio format {info.format}; accepted are {sorted([*_PORTAUDIO, _INT24])}")
    name, dtype = _PORTAUDIO[info.format]
    return _wide(np.asarray(getattr(data, name), dtype=dtype))


def _portaudio_int24(data: Any, info: Any) -> NDArray[np.int32]:
    for name in _BYTES_OF_INT24:
        if len(content := getattr(data, name, ())):
            packed = np.asarray(content, np.int16).astype(np.uint8).tobytes()
            if len(packed) % 3:
                raise InputError(f"raw audio has {len(packed)} bytes; 24-bit samples need a multiple of 3")
            return _int24(packed, big=False)
    for name in _WORDS_OF_INT24:
        if len(content := getattr(data, name, ())):
            words = np.asarray(content, np.int32)
            if 4 * len(words) == 3 * info.chunk * info.channels:
                return _int24(words.astype("<i4").tobytes(), big=False)
            if words.min() < -(2**23) or words.max() >= 2**23:
                raise InputError(f"audio of 24 bits holds values up to {np.abs(words.astype(np.int64)).max()}")
            return words * 256
    return np.empty(0, np.int32)


def _int24(content: bytes, big: bool) -> NDArray[np.int32]:
    """Packed three-byte samples, in the upper bits of int32 (so that they span its range)."""
    values = np.frombuffer(content, np.uint8).reshape(-1, 3)
    wide = np.zeros((len(values), 4), np.uint8)
    wide[:, 1:] = values[:, ::-1] if big else values
    return wide.view("<i4")[:, 0].astype(np.int32, copy=False)


def _wide(samples: NDArray[Any]) -> NDArray[Any]:
    """Signed bytes as int16, which the pipeline knows; all else as it is."""
    return samples.astype(np.int16) * 256 if samples.dtype == np.int8 else samples
