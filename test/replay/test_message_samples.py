"""Samples of audio messages, whoever packed them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mer_ros.errors import InputError
from mer_ros.messages.audio import SoundFormat, chunk_of
from mer_ros.messages.image import pixels_of
from mer_ros.messages.kinds import is_audio, is_image
from mer_ros.messages.pcm import PCM_FORMATS, as_int16, from_portaudio, from_raw

VALUES = np.array([0, 1, -1, 256, -256, 32767, -32768, 12345], np.int64)
PACKED = np.stack([VALUES * 0, VALUES & 255, VALUES >> 8 & 255], axis=1).astype(np.uint8)  # 24 bits, the lowest empty


def raw(format: str) -> bytes:
    order = ">" if format.endswith("BE") else "<"
    if "24" in format:
        return (PACKED[:, ::-1] if order == ">" else PACKED).tobytes()
    if format.startswith("F"):
        return (VALUES / 32768).astype(f"{order}f{int(format[1:3]) // 8}").tobytes()
    bits = int(format[1:].rstrip("LBE"))
    if bits == 8:
        signed = VALUES >> 8
        return signed.astype(np.int8).tobytes() if format == "S8" else (signed + 128).astype(np.uint8).tobytes()
    return (VALUES << (bits - 16)).astype(f"{order}i{bits // 8}").tobytes()


@pytest.mark.parametrize("format", PCM_FORMATS)
@pytest.mark.parametrize("kind", [bytes, bytearray, list, lambda data: np.frombuffer(data, np.uint8)])
def test_raw_bytes_of_every_format(format, kind):
    found = as_int16(from_raw(kind(raw(format)), format))
    assert found.dtype == np.int16
    assert np.abs(found - VALUES).max() <= (255 if "8" in format else 0)


def portaudio(format, **data):
    fields = dict.fromkeys(("float32_data", "int32_data", "int16_data", "int8_data", "uint8_data"), ())
    info = SimpleNamespace(format=format, channels=1, rate=16_000, chunk=len(VALUES))
    return SimpleNamespace(**{**fields, **data}), info


@pytest.mark.parametrize(
    ("format", "data", "loss"),
    [
        (1, {"float32_data": VALUES / 32768}, 0),
        (2, {"int32_data": VALUES << 16}, 0),
        (8, {"int16_data": VALUES}, 0),
        (16, {"int8_data": VALUES >> 8}, 255),
        (32, {"uint8_data": (VALUES >> 8) + 128}, 255),
        (4, {"uint8_data": PACKED.reshape(-1)}, 0),
        (4, {"int8_data": PACKED.reshape(-1).view(np.int8)}, 0),
        (4, {"int32_data": VALUES << 8}, 0),
        (4, {"int24_data": VALUES << 8}, 0),
        (4, {"int24_data": np.frombuffer(PACKED.tobytes(), "<i4")}, 0),  # as the package's first release sent them
        (4, {}, None),
    ],
)
def test_every_format_of_portaudio(format, data, loss):
    found = as_int16(from_portaudio(*portaudio(format, **data)))
    if loss is None:
        assert not found.size
    else:
        assert np.abs(found - VALUES).max() <= loss


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: from_raw(b"1234567", "S24LE"), "multiple of 3"),
        (lambda: from_raw(b"123", "S16LE"), "an even number"),
        (lambda: from_raw(b"12345", "F32LE"), "multiple of 4"),
        (lambda: from_raw(b"", "MP3"), "'MP3'"),
        (lambda: from_portaudio(*portaudio(64)), "PortAudio format 64"),
        (lambda: from_portaudio(*portaudio(4, int32_data=[2**23])), "8388608"),
        (lambda: from_portaudio(*portaudio(4, uint8_data=[1, 2])), "multiple of 3"),
        (lambda: chunk_of(SimpleNamespace(text="x"), 0), "no known audio message"),
        (lambda: chunk_of(SimpleNamespace(data=b"1234"), 0, SoundFormat(8000, 4)), "channels"),
        (lambda: pixels_of(SimpleNamespace(points=1)), "no known image message"),
    ],
)
def test_what_does_not_fit_is_refused(make, part):
    with pytest.raises(InputError, match=part):
        make()


STAMP = {"header.stamp.sec": "int32", "header.stamp.nanosec": "uint32"}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({**STAMP, "format": "string", "data": "uint8[]"}, "image"),
        ({"format": "string", "data": "uint8[]"}, ""),
        ({"data": "uint8[]"}, "audio"),
        ({"data": "string"}, ""),
        ({"layout.data_offset": "uint32", "data": "uint8[]"}, ""),
        ({**STAMP, "audio.data": "uint8[]"}, "audio"),
        ({"sample_rate": "uint32", "channels": "uint8", "samples": "int16[]"}, "audio"),
        ({"sample_rate": "uint32", "samples": "int16[]"}, ""),
        ({**STAMP, "data": "float32[]", "format": "string"}, ""),
    ],
)
def test_types_are_sorted_by_their_fields(fields, kind):
    assert (is_image(fields), is_audio(fields)) == (kind == "image", kind == "audio")
