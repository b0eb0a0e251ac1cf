"""The bags that other tests read are what they should be."""

from __future__ import annotations

import numpy as np
import pytest
from bags import (
    ENCODINGS,
    NS,
    PORTAUDIO_FORMATS,
    SOUNDS,
    STORAGES,
    Layout,
    TestBag,
    as_portaudio,
    cut,
    encode,
    write_recording,
)
from rosbags.highlevel import AnyReader

from mer_ros.utterance import AudioChunk, Frame
from mer_ros.vision.image import ENCODINGS as KNOWN
from mer_ros.vision.image import decode_image

GREY = ("mono8", "mono16", "8UC1", "16UC1")


def picture() -> np.ndarray:
    """Smooth, so that halving and interpolating its colour loses little."""
    y, x = np.mgrid[0:24, 0:32]
    return np.stack([60 + 3 * x, 40 + 5 * y, 200 - 2 * x - 2 * y], axis=-1).astype(np.uint8)


def test_every_encoding_that_can_be_decoded_is_written():
    assert set(ENCODINGS) == set(KNOWN)


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_pixels_come_back(encoding, big_endian):
    pixels = picture()
    rows = encode(pixels, encoding, big_endian)
    back = decode_image(rows.tobytes(), encoding, 32, 24, rows.shape[1], big_endian).astype(int)
    wanted = pixels.astype(int)
    if encoding in GREY:
        wanted = np.repeat((wanted @ [0.299, 0.587, 0.114])[..., None], 3, axis=2)
    lossy = encoding.startswith(("bayer", "yuv", "yuyv", "uyvy", "nv")) or encoding in GREY
    inner = slice(2, -2), slice(2, -2)
    assert np.abs(back - wanted)[inner].max() <= (10 if lossy else 0)


@pytest.mark.parametrize("portaudio", [False, True])
@pytest.mark.parametrize("storage", STORAGES)
def test_messages_come_back(tmp_path, storage, portaudio):
    kinds = [kind for kind in SOUNDS if kind == "mer" or ("portaudio" in kind) == portaudio]  # one package a bag
    samples = np.arange(-400, 400, dtype=np.int16).reshape(-1, 2)
    with TestBag(tmp_path / "bag", storage, portaudio=portaudio) as bag:
        bag.image("/image", NS, picture(), "bgr8", padding=5)
        bag.compressed("/image/compressed", 2 * NS, picture(), "png")
        for number, kind in enumerate(kinds):
            bag.sound(f"/sound{number}", 3 * NS, samples, 16000, kind)
        bag.add("/words", "std_msgs/msg/String", 4 * NS, data="hello")
    with AnyReader([tmp_path / "bag"]) as reader:
        found = {
            c.topic: reader.deserialize(data, c.msgtype) for c, _, data in reader.messages() if "sound" not in c.topic
        }
        counts = {c.topic: c.msgcount for c in reader.connections}
    assert counts == dict.fromkeys(("/image", "/image/compressed", "/words"), 1) | {
        f"/sound{number}": 1 for number in range(len(kinds))
    }
    assert (found["/image"].step, found["/image"].header.stamp.sec) == (32 * 3 + 5, 1)
    assert found["/words"].data == "hello"


def test_portaudio_formats_keep_the_signal():
    samples = np.array([-32768, -256, 0, 256, 32512], np.int16)
    for name in PORTAUDIO_FORMATS:
        wide = as_portaudio(samples, name).astype(float)
        scale = {"float32": 1, "int32": 2**31, "int24": 2**31, "int16": 2**15, "int8": 2**7, "uint8": 2**7}[name]
        assert (wide - (128 if name == "uint8" else 0)) / scale == pytest.approx(samples / 32768, abs=1e-9)


def recording() -> list[Frame | AudioChunk]:
    frames = [Frame(NS + n * NS // 10, picture()) for n in range(10)]
    chunks = [AudioChunk(NS + n * NS // 50, np.full((320, 1), n, np.int16), 16000) for n in range(50)]
    return sorted([*frames, *chunks], key=lambda event: event.stamp_ns)


def test_a_recording_is_laid_out_as_told(tmp_path):
    layout = Layout(image_late_s=0.5, audio_until_s=0.9, delay_image_s=0.03, jump_at_s=0.7, jump_s=5.0)
    path = write_recording(tmp_path / "bag", recording(), layout=layout)
    with AnyReader([path]) as reader:
        times = {c.topic: [t for d, t, _ in reader.messages() if d.topic == c.topic] for c in reader.connections}
    assert times["/image_raw"] == [NS + NS // 10 * n + (5 * NS if n >= 7 else 0) + 3 * NS // 100 for n in range(5, 10)]
    assert len(times["/audio"]) == 45


def test_a_cut_file_has_no_end(tmp_path):
    path = write_recording(tmp_path / "bag", recording())
    whole = (path / "bag.mcap").stat().st_size
    cut(path, 0.5)
    assert (path / "bag.mcap").stat().st_size == whole // 2
    assert not (path / "metadata.yaml").exists()
