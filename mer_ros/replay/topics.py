"""Which topics of a bag hold images and sound, and which of them are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mer_ros.errors import InputError
from mer_ros.messages import kinds
from mer_ros.replay.decoding import Decoder
from mer_ros.replay.storage.bag import Bag
from mer_ros.replay.storage.channel import Channel

_SHOWN = 20  # topics in a sentence
_DEPTH_IMAGES = "/compressedDepth"  # of image_transport: no picture, though its type is the same


@dataclass
class Topic:
    """A topic with what decodes the messages of each of its channels."""

    name: str
    type_name: str
    decoders: dict[Channel, Decoder] = field(default_factory=dict)

    @property
    def is_raw(self) -> bool:
        """Of sound: whether its messages are bytes that do not tell their rate and format."""
        return any({"data", "audio.data"} & decoder.fields.keys() for decoder in self.decoders.values())

    @property
    def is_clear(self) -> bool:
        """Of words: whether its type can hold nothing else."""
        return not any(kinds.is_text(decoder.fields) for decoder in self.decoders.values())

    def decode(self, channel: Channel, content: bytes) -> Any:
        """A message of one of the topic's channels; raises InputError."""
        if channel not in self.decoders:
            raise InputError(f"{self.name} has messages of type {channel.type_name} too")
        return self.decoders[channel].decode(content)


class Topics:
    """The topics of a bag by what they hold. Those that have no message are left out, where that is known."""

    def __init__(self, bag: Bag) -> None:
        self._path = bag.path
        self._unknown: dict[str, str] = {}
        self._silent: set[str] = set()
        self.images: dict[str, Topic] = {}
        self.audio: dict[str, Topic] = {}
        self.audio_info: dict[str, Topic] = {}
        self.words: dict[str, Topic] = {}
        self.flags: dict[str, Topic] = {}
        for name, channels in bag.topics.items():
            for channel in channels:
                self._sort(name, channel)
            if all(channel.count == 0 for channel in channels):
                self._silent.add(name)
        self._names = list(bag.topics)

    def choose(self, kind: str, wanted: str) -> Topic | None:
        """The topic of images or audio: the one named, else the only one; None when there is none.

        Raises InputError when the one named is not there, or there are several and none is named.
        """
        found: Mapping[str, Topic] = {"image": self.images, "audio": self.audio}[kind]
        if wanted:
            name = wanted if wanted.startswith("/") else f"/{wanted}"
            if name in found:
                return found[name]
            held = f"its topics of that kind are {_list(found)}" if found else "it has no topic of that kind"
            why = f" ({self._unknown[name]})" if name in self._unknown else ""
            raise InputError(f"{self._path} has no {kind} topic {name}{why}: {held}")
        sounding = {name: topic for name, topic in found.items() if name not in self._silent}
        if len(sounding) > 1:
            raise InputError(
                f"{self._path} has {len(sounding)} {kind} topics, {_list(sounding)}: name the one to use as "
                f"{kind} topic"
            )
        return next(iter(sounding.values()), None)

    def named(self, kind: str, wanted: str) -> Topic | None:
        """The topic of words or of a flag: the one named `wanted`, else the only one whose last name is usual.

        Words of a type that holds nothing else need no usual name, if there is one topic of them alone. Raises
        InputError as `choose` does.
        """
        found = {"words": self.words, "robot_speaking": self.flags}[kind]
        if wanted:
            name = wanted if wanted.startswith("/") else f"/{wanted}"
            if name not in found:
                held = _list(found) if found else "none"
                raise InputError(f"{self._path} has no topic {name} that could be {kind}; of its type it has {held}")
            return found[name]
        usual = {name: topic for name, topic in found.items() if name.rpartition("/")[2] == kind}
        clear = {name: topic for name, topic in found.items() if kind == "words" and topic.is_clear}
        for candidates in (usual, clear):
            if len(candidates) > 1:
                option = kind.replace("_", "-")
                raise InputError(
                    f"{self._path} has {len(candidates)} topics that could be {kind}, {_list(candidates)}: name the "
                    f"one to use with --{option}-topic"
                )
            if candidates:
                return next(iter(candidates.values()))
        return None

    def info_of(self, audio: Topic) -> Topic | None:
        """What tells the format of the sound: the only one, or the only one in the same namespace."""
        space = audio.name.rpartition("/")[0]
        near = [topic for topic in self.audio_info.values() if topic.name.rpartition("/")[0] == space]
        for topics in (near, list(self.audio_info.values())):
            if len(topics) == 1:
                return topics[0]
        return None

    def nothing(self) -> InputError:
        """The error of a bag in which there is nothing to see or hear."""
        if not self._names or self._silent == set(self._names):
            return InputError(
                f"{self._path} holds no messages: it is empty, or was cut off before the first; record it anew"
            )
        unknown = next((f"; {reason}" for reason in self._unknown.values()), "")
        silent = ", ".join(sorted(self._silent & (self.images.keys() | self.audio.keys())))
        empty = f"; {silent} has no messages" if silent else ""
        return InputError(
            f"{self._path} holds neither images nor sound of a known type: its topics are {_some(self._names)}"
            f"{empty}{unknown}"
        )

    def _sort(self, name: str, channel: Channel) -> None:
        tests: tuple[tuple[dict[str, Topic], Callable[[Mapping[str, str]], bool]], ...] = (
            (self.images, kinds.is_image),
            (self.audio, kinds.is_audio),
            (self.audio_info, kinds.is_audio_info),
            (self.words, kinds.is_words),
            (self.flags, kinds.is_flag),
        )
        if name.endswith(_DEPTH_IMAGES):
            return
        try:
            decoder = Decoder(channel)
        except InputError as error:
            self._unknown[name] = str(error)
            return
        for topics, fits in tests:
            if fits(decoder.fields):
                topics.setdefault(name, Topic(name, channel.type_name)).decoders[channel] = decoder


def _list(topics: Mapping[str, Topic]) -> str:
    return _some([f"{topic.name} ({topic.type_name})" for topic in topics.values()])


def _some(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest
