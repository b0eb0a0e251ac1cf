"""Bags for tests: every encoding, both packages called audio_common_msgs, clocks that jump, files that are cut off.

    with TestBag(path, "mcap") as bag:                       # or "sqlite3"; path becomes a folder, as rosbag2 writes it
        bag.image("/camera/image_raw", stamp_ns, pixels, "bgr8", padding=8)
        bag.compressed("/camera/image_raw/compressed", stamp_ns, pixels, "png")
        bag.sound("/mic", stamp_ns, samples, 16000, "stamped_portaudio_int16")
        bag.add("/words", "std_msgs/msg/String", stamp_ns, data="hello")
    cut(path)                                                # no metadata, the file unfinished

Messages are logged at their stamp, or at `logged_ns`; they are written in the order of the calls. `events(...)` writes
a whole recording, for instance the sample dialogue's, with all of these options.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from mer_ros import resources
from mer_ros.replay.messages import with_types
from mer_ros.utterance import AudioChunk, Frame

NS = 1_000_000_000
STORAGES = ("sqlite3", "mcap")
AUDIO = "audio_common_msgs/msg/"

# github.com/ros-drivers/audio_common, branch ros2: raw data, mostly signed 16-bit little-endian, with and without stamp
RAW = {
    "AudioData": "uint8[] data",
    "AudioDataStamped": "std_msgs/Header header\naudio_common_msgs/AudioData audio",
    "AudioInfo": "uint8 channels\nuint32 sample_rate\nstring sample_format\nuint32 bitrate\nstring coding_format",
}
# github.com/mgonzs13/audio_common: PortAudio's samples, always with a stamp
PORTAUDIO = {
    "AudioData": "float32[] float32_data\nint32[] int32_data\nint16[] int16_data\nint8[] int8_data\nuint8[] uint8_data",
    "AudioInfo": "int32 format\nint32 channels\nint32 rate\nint32 chunk",
    "Audio": "audio_common_msgs/AudioData audio_data\naudio_common_msgs/AudioInfo info",
    "AudioStamped": "std_msgs/Header header\naudio_common_msgs/Audio audio",
}
# PortAudio's number of each sample type (portaudio.h); 24 bit come as int32 with the low byte empty
PORTAUDIO_FORMATS = {"float32": 1, "int32": 2, "int24": 4, "int16": 8, "int8": 16, "uint8": 32}
SOUNDS = (
    "mer",  # mer_msgs/AudioChunk
    "raw",  # AudioData of ros-drivers: no stamp, no rate
    "stamped_raw",  # AudioDataStamped
    *(f"stamped_portaudio_{name}" for name in PORTAUDIO_FORMATS if name != "int24"),
)
ENCODINGS = (
    *("rgb8", "bgr8", "rgba8", "bgra8", "rgb16", "bgr16", "rgba16", "bgra16", "8UC3", "8UC4", "16UC3"),
    *("mono8", "mono16", "8UC1", "16UC1", "yuv422", "uyvy", "yuv422_yuy2", "yuyv", "nv12", "nv21"),
    *(f"bayer_{pattern}{bits}" for pattern in ("rggb", "bggr", "gbrg", "grbg") for bits in (8, 16)),
)


class TestBag:
    """A bag that is being written. Image data: uint8 [height, width, 3], RGB; width and height even."""

    __test__ = False  # for pytest

    def __init__(self, path: Path, storage: str = "mcap", *, portaudio: bool = False) -> None:
        """portaudio: which of the two packages called audio_common_msgs the bag knows, unless `sound` needs one."""
        self.path = path
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin[storage.upper()])
        self._portaudio = portaudio
        self._stores: dict[bool, Any] = {}
        self._topics: dict[str, tuple[Any, Any]] = {}

    def __enter__(self) -> TestBag:
        self._writer.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def types(self, portaudio: bool | None = None) -> Any:
        """The typestore with mer_msgs and one of the two audio_common_msgs."""
        chosen = self._portaudio if portaudio is None else portaudio
        if chosen not in self._stores:
            store = with_types(get_typestore(Stores.ROS2_JAZZY), resources.messages_dir(), "mer_msgs")
            for name, text in (PORTAUDIO if chosen else RAW).items():
                store.register(get_types_from_msg(text, AUDIO + name))
            self._stores[chosen] = store
        return self._stores[chosen]

    def define(self, type_name: str, text: str) -> None:
        """Make a type of the test's own known, for instance one that no reader understands."""
        self.types().register(get_types_from_msg(text, type_name))

    def add(
        self,
        topic: str,
        kind: str,
        stamp_ns: int,
        *,
        logged_ns: int | None = None,
        portaudio: bool | None = None,
        **fields,
    ) -> None:
        """Write any message; a field `header` is made of the stamp, unless it is given."""
        store = self.types(portaudio)
        names = {name for name, _ in store.fielddefs[kind][1]}
        if "header" in names and "header" not in fields:
            fields["header"] = self.header(stamp_ns)
        if topic not in self._topics:
            self._topics[topic] = self._writer.add_connection(topic, kind, typestore=store), store
        connection, store = self._topics[topic]
        data = store.serialize_cdr(store.types[kind](**fields), kind)
        self._writer.write(connection, stamp_ns if logged_ns is None else logged_ns, data)

    def announce(self, topic: str, kind: str) -> None:
        """A topic that is there and has no message."""
        self._topics[topic] = self._writer.add_connection(topic, kind, typestore=self.types()), self.types()

    def raw(self, topic: str, kind: str, logged_ns: int, data: bytes) -> None:
        """Write bytes that may be no message at all."""
        if topic not in self._topics:
            self.announce(topic, kind)
        self._writer.write(self._topics[topic][0], logged_ns, data)

    def image(
        self,
        topic: str,
        stamp_ns: int,
        pixels: np.ndarray,
        encoding: str = "rgb8",
        *,
        padding: int = 0,
        big_endian: bool = False,
        logged_ns: int | None = None,
    ) -> None:
        """Write sensor_msgs/Image; padding: bytes after each row."""
        rows = encode(pixels, encoding, big_endian)
        rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xAB)
        self.add(
            topic,
            "sensor_msgs/msg/Image",
            stamp_ns,
            logged_ns=logged_ns,
            height=pixels.shape[0],
            width=pixels.shape[1],
            encoding=encoding,
            is_bigendian=int(big_endian),
            step=rows.shape[1],
            data=rows.reshape(-1),
        )

    def compressed(
        self, topic: str, stamp_ns: int, pixels: np.ndarray, format: str = "jpeg", *, logged_ns: int | None = None
    ) -> None:
        """Write sensor_msgs/CompressedImage; format: jpeg or png."""
        done, data = cv2.imencode("." + format, np.ascontiguousarray(pixels[..., ::-1]))
        assert done
        said = f"rgb8; {format} compressed bgr8"  # as image_transport's plug-in says it
        self.add(
            topic, "sensor_msgs/msg/CompressedImage", stamp_ns, logged_ns=logged_ns, format=said, data=data.reshape(-1)
        )

    def sound(
        self,
        topic: str,
        stamp_ns: int,
        samples: np.ndarray,
        rate: int,
        kind: str = "mer",
        *,
        logged_ns: int | None = None,
    ) -> None:
        """Write a chunk; samples: int16 [n] or [n, channels]; kind: one of SOUNDS.

        What has no stamp is logged, unless told otherwise, when its last sample is taken.
        """
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        flat = np.ascontiguousarray(samples).reshape(-1)
        if kind == "mer":
            fields = {"sample_rate": rate, "channels": channels, "samples": flat}
            self.add(topic, "mer_msgs/msg/AudioChunk", stamp_ns, logged_ns=logged_ns, **fields)
            return
        types = self.types("portaudio" in kind).types
        if kind == "raw":
            end_ns = stamp_ns + len(samples) * NS // rate
            data = flat.astype("<i2").view(np.uint8)
            logged_ns = end_ns if logged_ns is None else logged_ns
            self.add(topic, AUDIO + "AudioData", stamp_ns, logged_ns=logged_ns, portaudio=False, data=data)
            return
        if kind == "stamped_raw":
            audio = types[AUDIO + "AudioData"](data=flat.astype("<i2").view(np.uint8))
            self.add(topic, AUDIO + "AudioDataStamped", stamp_ns, logged_ns=logged_ns, portaudio=False, audio=audio)
            return
        name = kind.rpartition("_")[2]
        arrays = {f"{key}_data": np.zeros(0, key) for key in PORTAUDIO_FORMATS if key != "int24"}
        arrays[f"{name.replace('int24', 'int32')}_data"] = as_portaudio(flat, name)
        info = types[AUDIO + "AudioInfo"](
            format=PORTAUDIO_FORMATS[name], channels=channels, rate=rate, chunk=len(samples)
        )
        audio = types[AUDIO + "Audio"](audio_data=types[AUDIO + "AudioData"](**arrays), info=info)
        self.add(topic, AUDIO + "AudioStamped", stamp_ns, logged_ns=logged_ns, portaudio=True, audio=audio)

    def header(self, stamp_ns: int) -> Any:
        """std_msgs/Header."""
        types = self.types().types
        stamp = types["builtin_interfaces/msg/Time"](sec=stamp_ns // NS, nanosec=stamp_ns % NS)
        return types["std_msgs/msg/Header"](stamp=stamp, frame_id="test")


@dataclass(frozen=True)
class Layout:
    """How `write_recording` puts a recording into a bag. Empty topics leave that sense out.

    image_late_s, audio_late_s: what comes before that time is left out; *_until_s: what comes after it.
    delay_image_s, delay_audio_s: how late a message is logged; where the two differ, topics are interleaved
    differently from their stamps. jump_at_s, jump_s: from that time of the recording on, all clocks are off by so much.
    order: "logged" (as a recorder writes), "image" or "audio" (that topic first, as a converter may write).
    """

    image_topic: str = "/image_raw"
    audio_topic: str = "/audio"
    encoding: str = "rgb8"  # or jpeg, png
    padding: int = 0
    big_endian: bool = False
    sound: str = "mer"
    image_late_s: float = 0.0
    audio_late_s: float = 0.0
    image_until_s: float = float("inf")
    audio_until_s: float = float("inf")
    delay_image_s: float = 0.0
    delay_audio_s: float = 0.0
    jump_at_s: float = float("inf")
    jump_s: float = 0.0
    order: str = "logged"


def write_recording(
    path: Path, events: Iterable[Frame | AudioChunk], storage: str = "mcap", layout: Layout | None = None
) -> Path:
    """Write frames and chunks (with stamps from the bag's start on) as a bag; return `path`."""
    layout = layout or Layout()
    placed: list[tuple[tuple[int, int], int, int, Frame | AudioChunk]] = []
    zero_ns = -1
    for number, event in enumerate(events):
        zero_ns = event.stamp_ns if zero_ns < 0 else zero_ns
        is_frame, at_s = isinstance(event, Frame), (event.stamp_ns - zero_ns) / NS
        topic = layout.image_topic if is_frame else layout.audio_topic
        late_s = layout.image_late_s if is_frame else layout.audio_late_s
        until_s = layout.image_until_s if is_frame else layout.audio_until_s
        if not topic or not late_s <= at_s < until_s:
            continue
        stamp_ns = event.stamp_ns + (round(layout.jump_s * NS) if at_s >= layout.jump_at_s else 0)
        taken_ns = stamp_ns if is_frame else stamp_ns + len(event.samples) * NS // event.sample_rate
        logged_ns = taken_ns + round((layout.delay_image_s if is_frame else layout.delay_audio_s) * NS)
        first = 0 if layout.order == "logged" else int(is_frame != (layout.order == "image"))
        when = logged_ns if layout.jump_s >= 0 else number  # a clock that jumps back is logged as it came
        heapq.heappush(placed, ((first, when), number, logged_ns, _at(event, stamp_ns)))
    with TestBag(path, storage) as bag:
        while placed:
            _, _, logged_ns, event = heapq.heappop(placed)
            if not isinstance(event, Frame):
                bag.sound(
                    layout.audio_topic,
                    event.stamp_ns,
                    event.samples,
                    event.sample_rate,
                    layout.sound,
                    logged_ns=logged_ns,
                )
            elif layout.encoding in ("jpeg", "png"):
                bag.compressed(layout.image_topic, event.stamp_ns, event.image, layout.encoding, logged_ns=logged_ns)
            else:
                bag.image(
                    layout.image_topic,
                    event.stamp_ns,
                    event.image,
                    layout.encoding,
                    padding=layout.padding,
                    big_endian=layout.big_endian,
                    logged_ns=logged_ns,
                )
    return path


def _at(event: Frame | AudioChunk, stamp_ns: int) -> Frame | AudioChunk:
    if isinstance(event, Frame):
        return Frame(stamp_ns, event.image)
    return AudioChunk(stamp_ns, event.samples, event.sample_rate)


def encode(pixels: np.ndarray, encoding: str, big_endian: bool = False) -> np.ndarray:
    """RGB uint8 [height, width, 3] as rows of bytes in a ROS encoding, uint8 [rows, bytes a row].

    A decoder gives the same pixels back but for what the encoding loses: colour of mono, half of it of YUV, and all but
    one colour a pixel of bayer. 16-bit values are the 8-bit ones with an upper byte of the same: v * 257.
    """
    height, width = pixels.shape[:2]
    if encoding.startswith("bayer_"):
        pattern, bits = encoding[6:10], encoding[10:]
        mosaic = np.empty((height, width), np.uint8)
        for place, colour in enumerate(pattern):
            row, column = divmod(place, 2)
            mosaic[row::2, column::2] = pixels[row::2, column::2, "rgb".index(colour)]
        return _wide(mosaic, bits == "16", big_endian)
    if encoding in ("nv12", "nv21"):
        planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YUV_I420).reshape(-1)
        size = width * height
        u, v = planes[size : size + size // 4], planes[size + size // 4 :]
        colour = np.stack([u, v] if encoding == "nv12" else [v, u], axis=-1)
        return np.concatenate([planes[:size], colour.reshape(-1)]).reshape(-1, width)
    if encoding in ("yuv422", "uyvy", "yuv422_yuy2", "yuyv"):
        # BT.601 of video range, as OpenCV and the drivers mean it; two pixels share their colour
        red, green, blue = (pixels[..., k].astype(float) for k in range(3))
        luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
        u = (128 - 0.148 * red - 0.291 * green + 0.439 * blue).reshape(height, -1, 2).mean(axis=2)
        v = (128 + 0.439 * red - 0.368 * green - 0.071 * blue).reshape(height, -1, 2).mean(axis=2)
        first, second = luma[:, ::2], luma[:, 1::2]
        parts = [u, first, v, second] if encoding in ("yuv422", "uyvy") else [first, u, second, v]
        return np.round(np.clip(np.stack(parts, axis=-1), 0, 255)).astype(np.uint8).reshape(height, -1)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    name = {"8UC3": "bgr8", "8UC4": "bgra8", "16UC3": "bgr16", "8UC1": "mono8", "16UC1": "mono16"}.get(
        encoding, encoding
    )
    if name.startswith("mono"):
        return _wide(grey, name.endswith("16"), big_endian)
    order = [("rgba".index(letter)) for letter in name.rstrip("0123456789")]
    opaque = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
    return _wide(opaque[..., order].reshape(height, -1), name.endswith("16"), big_endian)


def as_portaudio(samples: np.ndarray, name: str) -> np.ndarray:
    """int16 samples as another of PortAudio's types; 8 bit lose the lower byte."""
    wide = samples.astype(np.int32)
    if name == "float32":
        return (samples / 32768).astype(np.float32)
    if name in ("int32", "int24"):
        return wide << 16
    if name == "int8":
        return (wide >> 8).astype(np.int8)
    if name == "uint8":
        return ((wide >> 8) + 128).astype(np.uint8)
    return samples.astype(np.int16)


def cut(path: Path, share: float = 0.7, *, keep_metadata: bool = False) -> Path:
    """Cut off a bag's file as a crash would: its first `share` of bytes stays, metadata.yaml goes; return `path`.

    (Of a sqlite3 file the rest may be unreadable as a whole; a killed recorder leaves one as `unfinished` does.)
    """
    (file,) = [p for p in path.iterdir() if p.suffix in (".mcap", ".db3")]
    with file.open("r+b") as stream:
        stream.truncate(int(file.stat().st_size * share))
    if not keep_metadata:
        (path / "metadata.yaml").unlink()
    return path


def unfinished(path: Path) -> Path:
    """Take away what a recorder writes only at its end: metadata.yaml, and an MCAP file's summary; return `path`."""
    (path / "metadata.yaml").unlink()
    for file in path.glob("*.mcap"):
        content = file.read_bytes()
        # the footer is 8 + 8 + 4 bytes before the last magic; its first number is where the summary starts
        (summary,) = struct.unpack("<Q", content[-28:-20])
        at = summary - 13  # before it lies the record DataEnd
        assert content[at] == 0x0F
        file.write_bytes(content[:at])
    return path


def _wide(values: np.ndarray, sixteen: bool, big_endian: bool) -> np.ndarray:
    """Rows of 8-bit values as bytes, or as 16-bit values of either order."""
    if not sixteen:
        return values
    return (
        (values.astype(np.uint16) * 257).astype(">u2" if big_endian else "<u2").view(np.uint8).reshape(len(values), -1)
    )
