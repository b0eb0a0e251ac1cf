"""A rosbag2 recording as time-stamped frames and audio chunks."""

from __future__ import annotations

import heapq
import statistics
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mer_ros.errors import InputError
from mer_ros.messages.audio import SoundFormat, chunk_of, format_of
from mer_ros.messages.image import frame_of
from mer_ros.messages.stamps import stamp_of
from mer_ros.messages.words import words_of
from mer_ros.replay.cues import Cue
from mer_ros.replay.ordering import TopicClock, by_log_time
from mer_ros.replay.storage.bag import Bag
from mer_ros.replay.storage.channel import MAX_MESSAGE_BYTES, Notes
from mer_ros.replay.storage.compression import ZSTD_MAGIC, inflate_message
from mer_ros.replay.topics import Topic, Topics
from mer_ros.utterance import SAMPLE_RATE, AudioChunk, Frame

if TYPE_CHECKING:
    from mer_ros.replay.bag import RecordingOptions

NS = 1_000_000_000
_REMEMBERED = 4  # messages of a topic that the next ones are compared with, to find those that come twice
_LOOK_AHEAD = 16  # frames by which the rate is told
Event = Frame | AudioChunk
Convert = Callable[[Any, int], Event | Cue]


class BagSource:
    """A bag, played like a `MediaSource`, but with its own stamps and its own chunks of sound.

    name: of the folder or file. zero_ns: the first stamp. duration_ns: by the times of recording, None when unknown.
    size: (width, height) of the first frame, (0, 0) without any. frame_rate_hz: of the first frames, 0 without.
    chosen: topic that is used as `image`, as `audio`, as `audio_info`, as `words`, and as `robot_speaking`.
    warnings: what was odd, grows while it is read. counts: of the last reading: images, audio_chunks, duplicates,
    refused_images, refused_audio_chunks, unstamped_images, unstamped_audio_chunks, messages_out_of_order,
    clock_jumps; and damaged_chunks, damaged_rows, oversized_messages of the files.

    Raises InputError when nothing in it can be played, or several topics could be and none is named.
    """

    def __init__(self, path: Path, options: RecordingOptions) -> None:
        self.path = path
        self.name = path.name
        self._options = options
        self._notes = Notes()
        self._bag = Bag(path, self._notes)
        self._counted: Counter[str] = Counter()
        self._counted_cues: Counter[str] = Counter()
        topics = Topics(self._bag)
        self._image = topics.choose("image", options.image_topic)
        self._audio = topics.choose("audio", options.audio_topic)
        self.chosen = {
            kind: topic.name for kind, topic in (("image", self._image), ("audio", self._audio)) if topic is not None
        }
        self._format = self._sound_format(topics)
        self._words = topics.named("words", options.words_topic) if options.words else None
        self._flag = topics.named("robot_speaking", options.robot_speaking_topic)
        for kind, topic in (("words", self._words), ("robot_speaking", self._flag)):
            if topic is not None:
                self.chosen[kind] = topic.name
        stamps: list[int] = []
        self.size = (0, 0)
        for _, frame in islice(self._frames(), _LOOK_AHEAD):
            self.size = self.size if stamps else (frame.image.shape[1], frame.image.shape[0])
            stamps.append(frame.stamp_ns)
        chunk = next(self._chunks(), None)
        self.has_video, self.has_audio = bool(stamps), chunk is not None
        if chunk is None and not stamps:
            raise self._useless(topics)
        for kind, has in (("images", self.has_video), ("sound", self.has_audio)):
            if not has:
                self._notes.warn(f"{self.name} holds no {kind} that can be used: the rest is used alone")
        self.zero_ns = min(stamps[:1] + ([chunk[1].stamp_ns] if chunk else []))
        steps = [after - before for before, after in pairwise(stamps) if after > before]
        self.frame_rate_hz = NS / statistics.median(steps) if steps else 0.0
        extent = self._bag.extent_ns
        self.duration_ns: int | None = extent[1] - extent[0] if extent else None

    @property
    def counts(self) -> Counter[str]:
        """What the last reading came to."""
        return Counter(
            {k: v for k, v in sorted((self._counted + self._counted_cues + self._notes.counts).items()) if v}
        )

    @property
    def is_whole(self) -> bool:
        """False where a file of the bag is missing, cut off, or damaged in places."""
        return self._notes.is_whole

    @property
    def warnings(self) -> list[str]:
        """What was odd so far, a sentence each."""
        return list(self._notes.warnings)

    def events(self, start_ns: int = 0, *, chunk_ms: int = 20) -> Iterator[Event]:
        """Give frames and chunks in the order of their stamps, `start_ns` added to each.

        Each topic is read for itself, in the order in which it was recorded, so that it does not matter how the
        file mixes them. Where a clock was set on the way, the stamps jump, and the order is that of recording.
        chunk_ms: ignored; chunks are those of the messages.
        """
        self._counted.clear()
        merged: Iterator[tuple[int, Any]] = heapq.merge(
            self._frames(self._counted), self._chunks(self._counted), key=itemgetter(0)
        )
        for _, event in merged:
            yield replace(event, stamp_ns=event.stamp_ns + start_ns) if start_ns else event

    def cues(self, start_ns: int = 0) -> Iterator[Cue]:
        """Words and when the robot itself spoke, in the order in which they were recorded, `start_ns` added."""
        counts = self._counted_cues
        counts.clear()
        heard: Iterator[tuple[int, Cue]] = heapq.merge(
            self._events(self._flag, "robot_speaking", lambda m, log_ns: Cue(log_ns, bool(m.data)), counts),
            self._events(self._words, "words", lambda m, log_ns: Cue(log_ns, words_of(m, log_ns)), counts),
            key=itemgetter(0),
        )
        for _, cue in heard:
            yield cue.moved(start_ns)

    def _useless(self, topics: Topics) -> InputError:
        """The error where not one message can be used."""
        for events in (self._frames(self._counted), self._chunks(self._counted)):
            next(events, None)
        refused = [warning for warning in self._notes.warnings if "cannot be used; the first" in warning]
        if refused:
            return InputError(f"{self.path}: {refused[0]}")
        damage = [warning for warning in self._notes.warnings if "damaged" in warning or "oversized" in warning]
        return InputError(str(topics.nothing()) + (f" ({damage[0]})" if damage else ""))

    def _frames(self, counts: Counter[str] | None = None) -> Iterator[tuple[int, Frame]]:
        def convert(message: Any, log_ns: int) -> Frame:
            frame = frame_of(message, log_ns)
            return replace(frame, image=_narrowed(frame.image, self._options.max_width))

        return self._events(self._image, "images", convert, counts)

    def _chunks(self, counts: Counter[str] | None = None) -> Iterator[tuple[int, AudioChunk]]:
        return self._events(
            self._audio, "audio_chunks", lambda message, log_ns: chunk_of(message, log_ns, self._format), counts
        )

    def _events(
        self, topic: Topic | None, kind: str, convert: Convert, told: Counter[str] | None
    ) -> Iterator[tuple[int, Any]]:
        """(Time to merge by, event) of each usable message. told: takes counts; then it is said what was refused."""
        if topic is None:
            return
        counts: Counter[str] = Counter() if told is None else told
        clock, recent = TopicClock(counts), deque[tuple[int, int, int]](maxlen=_REMEMBERED)
        total, reason = 0, ""
        stored = ((log_ns, (channel, content)) for channel, log_ns, content in self._bag.messages(topic.name))
        for log_ns, (channel, content) in by_log_time(stored, counts, lambda item: len(item[1])):
            total += 1
            try:
                message = topic.decode(channel, _unpacked(content))
                event = convert(message, log_ns)
            except InputError as error:
                counts[f"refused_{kind}"] += 1
                reason = reason or str(error)
                continue
            known = event.stamp_ns, len(content), hash(content)
            if known in recent:
                counts["duplicates"] += 1
                continue
            recent.append(known)
            counts[kind] += 1
            counts[f"unstamped_{kind}"] += not isinstance(event, Cue) and not stamp_of(message)
            yield clock.key(event.stamp_ns, log_ns), event
        if told is not None and reason:
            refused = counts[f"refused_{kind}"]
            self._notes.warn(f"{refused} of {total} messages of {topic.name} cannot be used; the first: {reason}")

    def _sound_format(self, topics: Topics) -> SoundFormat:
        """Of sound whose messages do not tell: the options, then what the bag tells, then a guess that is told."""
        options, told = self._options, None
        if self._audio is None or not self._audio.is_raw:
            return SoundFormat()
        if info := topics.info_of(self._audio):
            self.chosen["audio_info"] = info.name
            told = self._told_format(info)
        given = SoundFormat(
            options.audio_rate_hz or (told.rate_hz if told else 0) or SAMPLE_RATE,
            options.audio_channels or (told.channels if told else 0) or 1,
            options.audio_format or (told.encoding if told else SoundFormat().encoding),
        )
        if (
            self._audio
            and told is None
            and not (options.audio_rate_hz and options.audio_channels and options.audio_format)
        ):
            self._notes.warn(
                f"{self._audio.name} does not tell its format: taken for {given.rate_hz} Hz, {given.channels} "
                f"channel{'s' * (given.channels > 1)}, {given.encoding}; if that is wrong, set sample_rate, "
                f"channels and sample_format of the microphone"
            )
        return given

    def _told_format(self, info: Topic) -> SoundFormat | None:
        """What the first message tells; the sound is left out when it is of a kind that cannot be read."""
        for channel, _, content in islice(self._bag.messages(info.name), 1):
            try:
                return format_of(info.decode(channel, _unpacked(content)))
            except InputError as error:
                self._notes.warn(f"the sound is left out, as {info.name} tells: {error}")
                self._audio = None
                del self.chosen["audio"]
        return None


def _unpacked(content: bytes) -> bytes:
    """A message as it was published. rosbag2 may compress each by itself; no CDR message begins like that."""
    return inflate_message(content, MAX_MESSAGE_BYTES) if content.startswith(ZSTD_MAGIC) else content


def _narrowed(image: NDArray[np.uint8], max_width: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    if not 0 < max_width < width:
        return image
    size = (max_width, max(1, round(height * max_width / width)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
