"""Recordings of all kinds: a rosbag2 folder or file, a video or sound file, and folders of these."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mer_ros.errors import InputError, OptionError
from mer_ros.messages.pcm import PCM_FORMATS
from mer_ros.replay.media import MediaSource, Recording
from mer_ros.replay.storage.bag import METADATA, in_order, is_bag_file, is_bag_folder

_SOUNDS = {"aac", "aif", "aiff", "au", "flac", "m4a", "mp2", "mp3", "oga", "ogg", "opus", "wav", "wma"}
_VIDEOS = {"3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts", "webm", "wmv"}


@dataclass(frozen=True)
class RecordingOptions:
    """What of a recording is used.

    image_topic, audio_topic: of a bag; empty takes the only one there is.
    audio_rate_hz, audio_channels, audio_format: of a bag's sound whose messages do not tell (audio_common's
    AudioData); 0 or empty takes what an AudioInfo in the bag tells, else 16000, 1 and S16LE.
    max_width: wider frames are scaled down to this, in pixels; 0 keeps every size.
    words: whether words of an outside recogniser are looked for. words_topic: where; empty takes the one that is
    called so, or the only one of a type for words. robot_speaking_topic: of std_msgs/Bool; empty likewise.
    """

    image_topic: str = ""
    audio_topic: str = ""
    audio_rate_hz: int = 0
    audio_channels: int = 0
    audio_format: str = ""
    max_width: int = 0
    words: bool = False
    words_topic: str = ""
    robot_speaking_topic: str = ""

    def __post_init__(self) -> None:
        for name, most in (("audio_rate_hz", 192_000), ("audio_channels", 64), ("max_width", 16_384)):
            if not 0 <= getattr(self, name) <= most:
                raise OptionError(f"{name} is {getattr(self, name)}: give a number from 0 to {most}")
        if self.audio_format and self.audio_format not in PCM_FORMATS:
            raise OptionError(f"audio_format is {self.audio_format!r}: give one of {', '.join(PCM_FORMATS)}")


def open_recording(path: str | Path, options: RecordingOptions | None = None) -> Recording:
    """Open a bag (folder or file), a video or a sound file. Raises InputError when it cannot be played."""
    path = Path(os.path.expanduser(path))
    chosen = options or RecordingOptions()
    if path.suffix.lower() == ".bag" and path.is_file():
        raise InputError(f"{path} is a bag of ROS 1: convert it with `rosbags-convert --src {path} --dst FOLDER`")
    if is_bag_folder(path) or (path.is_file() and is_bag_file(path)):
        from mer_ros.replay.bag_source import BagSource  # rosbags is loaded where a bag is opened

        return BagSource(path, chosen)
    if path.is_dir():
        raise InputError(f"{path} is a folder but no bag: give a bag, a video or sound file, or a folder of them")
    return MediaSource(path, max_width=chosen.max_width)


def find_recordings(path: str | Path) -> list[Path]:
    """The recordings that a path stands for: itself, or all that a folder holds, in the order of their names.

    A folder with metadata, or with nothing but the numbered files of one bag, is one recording; in any other, each
    bag, video and sound file is one, and each folder that is a bag. Raises InputError when there is none.
    """
    path = Path(os.path.expanduser(path))
    if not path.exists():
        raise InputError(f"there is no file or folder {path}: give a bag, a video or sound file, or a folder of them")
    if not path.is_dir() or (path / METADATA).is_file():
        return [path]
    try:
        inside = in_order([item for item in path.iterdir() if not item.name.startswith(".")])
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    found = [item for item in inside if is_bag_folder(item) or (item.is_file() and _is_recording(item))]
    if is_bag_folder(path) and all(item.is_file() and is_bag_file(item) for item in found):
        return [path]
    if not found:
        raise InputError(f"{path} holds no bag, video or sound file: give a folder of them, or one of them")
    return found


def _is_recording(path: Path) -> bool:
    return is_bag_file(path) or path.suffix.lower()[1:] in _SOUNDS | _VIDEOS
