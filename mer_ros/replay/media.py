"""A sound or video file as time-stamped frames and audio chunks, streamed."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from mer_ros.audio.samples import RATES_HZ
from mer_ros.errors import InputError
from mer_ros.replay.chunks import cut_chunks
from mer_ros.utterance import AudioChunk, Frame

NS = 1_000_000_000
NOMINAL_RATE_HZ = 25  # for a video stream that names no rate and whose frames carry no time
MISSING_NS = 3 * NS  # by so much a file may end before the length that it states: some round it, or guess
ATTACHED_PICTURE = 0x0400  # FFmpeg's disposition flag for the cover art of a sound file


class Recording(Protocol):
    """Something that can be played: a bag, a file, or the sample dialogue.

    name: for people. duration_ns: None when unknown. size: (width, height) of the frames, frame_rate_hz: about;
    both 0 without video. zero_ns: the first stamp when `events` is called with `start_ns` 0.
    """

    name: str
    duration_ns: int | None
    has_audio: bool
    has_video: bool
    size: tuple[int, int]
    frame_rate_hz: float
    zero_ns: int

    @property
    def counts(self) -> Counter[str]:
        """What was odd while reading, in numbers."""
        ...

    @property
    def is_whole(self) -> bool:
        """False where what was read so far is cut off, or damaged in places."""
        ...

    @property
    def warnings(self) -> list[str]:
        """What was odd while reading, a sentence each; complete once `events` has come to its end."""
        ...

    @property
    def chosen(self) -> dict[str, str]:
        """What of the recording is used, by `image` and `audio`: a topic, or a stream."""
        ...

    def events(self, start_ns: int = 0, *, chunk_ms: int = 20) -> Iterator[Frame | AudioChunk]:
        """Give what it holds in the order of the stamps."""
        ...


class MediaSource:
    """A recording in a file: whatever FFmpeg's libraries can open.

    name: the file's name. duration_ns: as the file states it, None when it does not.
    size: (width, height) of the frames that are given, (0, 0) without video.
    frame_rate_hz: nominal, 0 without video. chosen: number and codec of the streams.
    counts: `broken_packets` that could not be decoded, `frames_without_time`, `missing_s` of the stated length.

    max_width: frames wider than this are scaled down to it, in proportion; 0 keeps every size.
    Raises InputError when the file is absent, is no recording, or holds neither sound nor video.
    """

    def __init__(self, path: str | Path, *, max_width: int = 0) -> None:
        self.path = Path(path).expanduser()
        self.name = self.path.name
        self.zero_ns = 0
        self.chosen: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self._max_width = max_width
        with self._open() as container:
            video, audio = _streams(container)
            self._left_out = _left_out(container, audio)
            if video is None and audio is None:
                why = f" ({'; '.join(self._left_out)})" if self._left_out else ""
                raise InputError(f"{self.path} holds neither sound nor video{why}: give a sound or video file")
            self.has_video, self.has_audio = video is not None, audio is not None
            for kind, stream in (("image", video), ("audio", audio)):
                if stream is not None:
                    self.chosen[kind] = f"stream {stream.index}, {stream.codec_context.name}"
            self.duration_ns = None if not container.duration else container.duration * (NS // av.time_base)
            starts = [
                Fraction(s.start_time) * s.time_base
                for s in (video, audio)
                if s is not None and s.start_time is not None
            ]
            self._zero = min(starts, default=Fraction(0))
            self.size = (0, 0)
            self.frame_rate_hz = 0.0
            if video is not None:
                self.frame_rate_hz = float(video.average_rate or NOMINAL_RATE_HZ)
                self.size = self._scaled(video.width, video.height)

    def events(self, start_ns: int = 0, *, chunk_ms: int = 20) -> Iterator[Frame | AudioChunk]:
        """Give frames and chunks in the order of their stamps; the earliest of both streams is at `start_ns`.

        Sound keeps its rate and channels: int16 [n, channels], `chunk_ms` milliseconds long but for the last
        and those before a gap. Sound and video are read apart from each other, so that memory stays bounded
        however badly a file interleaves them. Raises InputError when nothing in the file can be decoded.
        """
        if chunk_ms < 1:
            raise InputError(f"chunk_ms is {chunk_ms}: give at least 1")
        end_ns: int | None = None
        streams = (self._frames(start_ns), self._chunks(start_ns, chunk_ms))
        merged: Iterator[Any] = heapq.merge(*streams, key=attrgetter("stamp_ns"))
        for event in merged:
            end_ns = event.stamp_ns - start_ns
            yield event
        if end_ns is None:
            raise InputError(f"nothing in {self.path} can be decoded: the file is damaged or cut short")
        missing_ns = (self.duration_ns or 0) - end_ns
        if missing_ns > MISSING_NS:
            self.counts["missing_s"] = round(missing_ns / NS)

    @property
    def is_whole(self) -> bool:
        """Whether all that was read so far could be decoded."""
        return not (self.counts["broken_packets"] or self.counts["missing_s"])

    @property
    def warnings(self) -> list[str]:
        """What was odd so far, a sentence each."""
        said = {
            "broken_packets": "{} packets of {} cannot be decoded: it is damaged or cut off",
            "missing_s": "the last {} s of {} are missing: it is cut off, or states a wrong length",
            "frames_without_time": "{} frames of {} carry no time: they are taken to come at its rate",
        }
        told = [f"{self.name}: {what}" for what in self._left_out]
        told += [text.format(self.counts[name], self.name) for name, text in said.items() if self.counts[name]]
        missing = [kind for kind, there in (("sound", self.has_audio), ("video", self.has_video)) if not there]
        return told + [f"{self.name} holds no {kind}: the rest is used alone" for kind in missing]

    def _open(self) -> Any:
        if not self.path.is_file():
            what = f"{self.path} is no file" if self.path.exists() else f"there is no file {self.path}"
            raise InputError(f"{what}: give the path of a sound or video file, or of a bag")
        try:
            return av.open(str(self.path))
        except (av.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{self.path} is no sound or video file that can be read: {reason}") from error

    def _ns(self, pts: int, time_base: Fraction) -> int:
        """Time since the start of the recording; what a decoder gives before it counts as its start."""
        return max(0, round((pts * time_base - self._zero) * NS))

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:  # cut short: what came before it is good
                self.counts["broken_packets"] += 1
                return
            if packet is None:
                return
            try:
                yield from packet.decode()
            except av.FFmpegError:
                self.counts["broken_packets"] += 1

    def _scaled(self, width: int, height: int) -> tuple[int, int]:
        if not 0 < self._max_width < width:
            return width, height
        return self._max_width, max(1, round(height * self._max_width / width))

    def _frames(self, start_ns: int) -> Iterator[Frame]:
        if not self.has_video:
            return
        with self._open() as container:
            stream = _streams(container)[0]
            stream.thread_type = "AUTO"
            scaler = VideoReformatter()  # one for all frames: making it takes longer than its work
            period_ns = round(NS / (stream.average_rate or NOMINAL_RATE_HZ))
            last_ns = -period_ns
            for frame in self._decoded(container, stream):
                if frame.pts is None:
                    self.counts["frames_without_time"] += 1
                time_ns = -1 if frame.pts is None else self._ns(frame.pts, frame.time_base)
                if time_ns <= last_ns:
                    time_ns = last_ns + period_ns
                last_ns = time_ns
                width, height = self._scaled(frame.width, frame.height)
                image = scaler.reformat(frame, width, height, "rgb24").to_ndarray()
                turns = round(frame.rotation / 90) % 4  # as a phone was held; counter-clockwise
                yield Frame(start_ns + time_ns, np.ascontiguousarray(np.rot90(image, turns)))

    def _chunks(self, start_ns: int, chunk_ms: int) -> Iterator[AudioChunk]:
        if not self.has_audio:
            return
        with self._open() as container:
            stream = _streams(container)[1]
            rate = stream.rate
            pieces = (
                (
                    None if block.pts is None else start_ns + self._ns(block.pts, block.time_base),
                    block.to_ndarray().reshape(-1, block.layout.nb_channels),
                )
                for block in self._resampled(container, stream)
            )
            yield from cut_chunks(pieces, rate, max(1, rate * chunk_ms // 1000), start_ns)

    def _resampled(self, container: Any, stream: Any) -> Iterator[Any]:
        """Blocks as packed int16, at the stream's own rate and layout (which may change on the way)."""
        to_int16 = av.AudioResampler(format="s16", layout=stream.layout, rate=stream.rate)
        for block in self._decoded(container, stream):
            try:
                yield from to_int16.resample(block)
            except (av.FFmpegError, ValueError):  # format changed within the stream
                to_int16 = av.AudioResampler(format="s16", layout=stream.layout, rate=stream.rate)
                yield from to_int16.resample(block)
        yield from to_int16.resample(None)


def _streams(container: Any) -> tuple[Any, Any]:
    """The first real video stream and the first sound stream that a decoder exists for; None where there is none."""
    video = next(
        (
            s
            for s in container.streams.video
            if s.codec_context is not None and not int(s.disposition) & ATTACHED_PICTURE
        ),
        None,
    )
    audio = next((s for s in container.streams.audio if not _fault(s)), None)
    return video, audio


def _fault(sound: Any) -> str:
    """Why a stream cannot be heard; empty where it can."""
    if sound.codec_context is None:
        return "is of a kind that nothing here decodes, and is left out"
    rate = sound.rate or 0
    if RATES_HZ[0] <= rate <= RATES_HZ[1]:
        return ""
    return f"has {rate} Hz, and is left out; {RATES_HZ[0]} to {RATES_HZ[1]} are taken"


def _left_out(container: Any, audio: Any) -> list[str]:
    """What is not heard of the sound streams, and why; `audio` is the one that is."""
    faults = {s.index: _fault(s) for s in container.streams.audio}
    told = [f"the sound of stream {index} {fault}" for index, fault in faults.items() if fault]
    others = [str(s.index) for s in container.streams.audio if s is not audio and not faults[s.index]]
    if audio is not None and others:
        told.append(f"stream {audio.index} alone is heard, of its sound streams {audio.index}, {', '.join(others)}")
    return told
