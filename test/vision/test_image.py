from __future__ import annotations

import array

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_ros.errors import InputError
from mer_ros.vision.image import ENCODINGS, decode_compressed, decode_image

RED, GREEN, BLUE = (200, 40, 30), (20, 180, 60), (10, 70, 220)


def smooth(height: int = 32, width: int = 48) -> np.ndarray:
    """An RGB picture without hard edges, which survives halved colour."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([60 + 2 * x, 200 - 3 * y, 90 + x + y], axis=-1).astype(np.uint8)


def encode(rgb: np.ndarray, encoding: str, big: bool = False) -> np.ndarray:
    """The rows of an image message, uint8 [rows, bytes a row]: an encoder apart from the decoder."""
    wide = ">u2" if big else "<u2"
    grey = np.round(rgb @ [0.299, 0.587, 0.114]).astype(np.uint8)
    order = {"rgb": [0, 1, 2], "bgr": [2, 1, 0], "8UC": [2, 1, 0], "16U": [2, 1, 0]}.get(encoding[:3])
    if encoding in ("mono8", "8UC1"):
        return grey
    if encoding in ("mono16", "16UC1"):
        return (grey.astype(np.uint16) * 257).astype(wide).view(np.uint8)
    if encoding.startswith("bayer"):
        letters = {"r": 0, "g": 1, "b": 2}
        names = [letters[c] for c in encoding[6:10]]
        mosaic = np.empty(rgb.shape[:2], np.uint8)
        for n, channel in enumerate(names):
            mosaic[n // 2 :: 2, n % 2 :: 2] = rgb[n // 2 :: 2, n % 2 :: 2, channel]
        return (mosaic.astype(np.uint16) * 257).astype(wide).view(np.uint8) if encoding[-2:] == "16" else mosaic
    if order is not None:
        pixels = rgb[..., order]
        if encoding[3] == "a" or encoding.endswith("C4"):
            pixels = np.concatenate([pixels, np.full((*rgb.shape[:2], 1), 255, np.uint8)], axis=-1)
        flat = np.ascontiguousarray(pixels).reshape(rgb.shape[0], -1)
        return (flat.astype(np.uint16) * 257).astype(wide).view(np.uint8) if "16" in encoding else flat
    # BT.601, limited range.
    red, green, blue = (rgb[..., n].astype(float) for n in range(3))
    luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    cb = 128 - 0.148 * red - 0.291 * green + 0.439 * blue
    cr = 128 + 0.439 * red - 0.368 * green - 0.071 * blue
    if encoding in ("nv12", "nv21"):
        pair = [cb, cr] if encoding == "nv12" else [cr, cb]
        colour = np.stack([plane[::2, ::2] for plane in pair], axis=-1).reshape(rgb.shape[0] // 2, -1)
        return np.round(np.concatenate([luma, colour])).astype(np.uint8)
    out = np.empty((*rgb.shape[:2], 2))
    luma_at = 0 if encoding in ("yuyv", "yuv422_yuy2") else 1
    out[..., luma_at] = luma
    out[:, ::2, 1 - luma_at], out[:, 1::2, 1 - luma_at] = cb[:, ::2], cr[:, ::2]
    return np.round(out).astype(np.uint8).reshape(rgb.shape[0], -1)


@pytest.mark.parametrize("padding", [0, 8])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_gives_the_picture_back(encoding: str, big: bool, padding: int) -> None:
    rgb = smooth()
    rows = np.pad(encode(rgb, encoding, big), ((0, 0), (0, padding)), constant_values=255)
    out = decode_image(rows.tobytes(), encoding, 48, 32, rows.shape[1], big)
    assert out.shape == (32, 48, 3)
    assert out.dtype == np.uint8
    if encoding in ("mono8", "mono16", "8UC1", "16UC1"):
        grey = np.round(rgb @ [0.299, 0.587, 0.114])
        assert all(np.abs(out[..., n] - grey).max() <= 1 for n in range(3))
    else:
        exact = encoding[:3] in ("rgb", "bgr", "8UC", "16U")
        inner = (slice(2, -2), slice(2, -2))  # a mosaic's border is a guess
        assert np.abs(out[inner].astype(int) - rgb[inner]).max() <= (0 if exact else 6)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("colour", [RED, GREEN, BLUE])
def test_colours_are_not_swapped(encoding: str, colour: tuple[int, int, int]) -> None:
    if encoding in ("mono8", "mono16", "8UC1", "16UC1"):
        return
    rgb = np.full((16, 16, 3), colour, np.uint8)
    rows = encode(rgb, encoding)
    out = decode_image(rows.tobytes(), encoding, 16, 16, rows.shape[1])
    assert np.abs(out[8, 8].astype(int) - colour).max() <= 4


def test_rgb8_without_padding_is_not_copied() -> None:
    data = smooth().tobytes()
    assert np.shares_memory(decode_image(data, "rgb8", 48, 32, 144), np.frombuffer(data, np.uint8))


def test_buffers_of_many_kinds_and_an_unpadded_last_row() -> None:
    rows = np.pad(encode(smooth(), "bgr8"), ((0, 0), (0, 16)))
    for data in (rows.tobytes(), bytearray(rows.tobytes()), array.array("B", rows.tobytes()), rows.reshape(-1)):
        assert np.array_equal(decode_image(data, "bgr8", 48, 32, 160), smooth())
    assert np.array_equal(decode_image(rows.tobytes()[:-16], "bgr8", 48, 32, 160), smooth())


BAD = [
    # data, encoding, width, height, step, words in the message
    (b"x" * 12, "rgb9", 2, 2, 6, "rgb8, rgba8"),
    (b"x" * 12, "", 2, 2, 6, "unknown image encoding ''"),
    (b"", "rgb8", 2, 2, 6, "0 bytes"),
    (b"x" * 11, "rgb8", 2, 2, 6, "11 bytes"),
    (b"x" * 13, "rgb8", 2, 2, 6, "13 bytes"),
    (b"x" * 12, "rgb8", 0, 2, 6, "0 x 2"),
    (b"x" * 12, "rgb8", 2, -2, 6, "2 x -2"),
    (b"x" * 12, "rgb8", 2, 2, 5, "step is 5"),
    (b"x" * 12, "rgb8", 2, 2, 0, "step is 0"),
    (b"x" * 12, "rgb8", 10**6, 10**6, 3 * 10**6, "1000000 x 1000000"),
    (b"x" * 12, "uyvy", 3, 2, 6, "even"),
    (b"x" * 9, "nv12", 2, 3, 2, "even"),
    ([1, 2, 3], "rgb8", 1, 1, 3, "list"),
    ("abc", "rgb8", 1, 1, 3, "str"),
    (None, "rgb8", 1, 1, 3, "NoneType"),
]


@pytest.mark.parametrize(("data", "encoding", "width", "height", "step", "words"), BAD)
def test_bad_images_are_refused(data, encoding, width, height, step, words) -> None:
    with pytest.raises(InputError, match=words):
        decode_image(data, encoding, width, height, step)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ENCODINGS),
    st.integers(-1, 9),
    st.integers(-1, 9),
    st.integers(0, 80),
    st.integers(0, 700),
)
def test_any_size_decodes_or_is_refused(encoding, width, height, step, count) -> None:
    try:
        out = decode_image(bytes(count), encoding, width, height, step)
    except InputError:
        return
    assert out.shape == (height, width, 3)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ENCODINGS), st.integers(1, 6), st.integers(1, 6))
def test_small_images_of_the_right_size(encoding, width, height) -> None:
    even = encoding not in ENCODINGS[:15]
    width, height = (2 * width, 2 * height) if even else (width, height)
    rows = encode(smooth(height, width), encoding)
    assert decode_image(rows.tobytes(), encoding, width, height, rows.shape[1]).shape == (height, width, 3)


@pytest.mark.parametrize(("suffix", "tolerance"), [(".png", 0), (".jpg", 6)])
def test_compressed(suffix: str, tolerance: int) -> None:
    rgb = smooth(64, 80)
    data = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()
    out = decode_compressed(data, "rgb8; jpeg compressed bgr8")
    assert np.abs(out.astype(int) - rgb).max() <= tolerance
    grey = cv2.imencode(suffix, rgb[..., 0])[1].tobytes()
    assert decode_compressed(grey).shape == (64, 80, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("keep", [0, 1, 3, 10, 30, 0.5, 0.9])
def test_truncated_compressed_images_are_refused(suffix: str, keep: float) -> None:
    data = cv2.imencode(suffix, smooth(64, 80))[1].tobytes()
    part = data[: int(len(data) * keep)] if 0 < keep < 1 else data[: int(keep)]
    with pytest.raises(InputError):
        decode_compressed(part, "jpeg")


def test_huge_compressed_images_are_refused_before_decoding() -> None:
    data = bytearray(cv2.imencode(".png", smooth())[1].tobytes())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(InputError, match="60000 x 60000"):
        decode_compressed(bytes(data), "png")


def test_other_formats_are_refused() -> None:
    with pytest.raises(InputError, match="jpeg, png"):
        decode_compressed(b"GIF89a" + bytes(100), "gif")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xc0"]))
def test_noise_is_refused(noise: bytes, start: bytes) -> None:
    with pytest.raises(InputError):
        decode_compressed(start + noise, "jpeg")
