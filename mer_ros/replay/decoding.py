"""Raw messages to objects with their fields, by the definitions that a bag holds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from mer_ros import resources
from mer_ros.errors import InputError
from mer_ros.replay.storage.channel import MAX_MESSAGE_BYTES, Channel

# Of bags that hold no definitions: the audio messages of both packages called audio_common_msgs. Their type names
# are different where it matters, as the AudioData of the second is sent inside of its other messages alone.
_AUDIO_COMMON = {
    "AudioData": "uint8[] data\n",
    "AudioDataStamped": "std_msgs/Header header\naudio_common_msgs/AudioData audio\n",
    "AudioInfo": "uint8 channels\nuint32 sample_rate\nstring sample_format\nuint32 bitrate\nstring coding_format\n",
}
_AUDIO_COMMON_PORTAUDIO = {
    "AudioData": "".join(f"{name}[] {name}_data\n" for name in ("float32", "int32", "int16", "int8", "uint8")),
    "AudioInfo": "int32 format\nint32 channels\nint32 rate\nint32 chunk\n",
    "Audio": "audio_common_msgs/AudioData audio_data\naudio_common_msgs/AudioInfo info\n",
    "AudioStamped": "std_msgs/Header header\naudio_common_msgs/Audio audio\n",
}
_IDL_SEPARATOR = "=" * 80 + "\n"
_DEEPEST = 8  # types in types


class Decoder:
    """Decodes the messages of one channel.

    fields: type of each field, nested ones by dotted names (`header.stamp.sec`), sequences and arrays with `[]`.
    Raises InputError when the type is not known, or is not serialised as ROS 2 does it.
    """

    def __init__(self, channel: Channel) -> None:
        if channel.encoding != "cdr":
            raise InputError(f"{channel.topic} is encoded as {channel.encoding!r}: accepted is cdr, that of ROS 2")
        self._name = _full_name(channel.type_name)
        self._store = _store_of(self._name, channel.definition, channel.definition_format)
        self.fields: Mapping[str, str] = dict(_flat(self._store.fielddefs, self._name))

    def decode(self, content: bytes) -> Any:
        """The message; raises InputError for content that does not fit the type."""
        from rosbags.serde import SerdeError

        try:
            return self._store.deserialize_cdr(content, self._name)
        except (SerdeError, ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            raise InputError(f"a message is no {self._name}: {error}") from error


def _full_name(name: str) -> str:
    """`package/msg/Type`; older writers leave the middle out."""
    return name if name.count("/") != 1 else name.replace("/", "/msg/")


@cache
def _store_of(name: str, definition: str, form: str) -> Any:
    """A store that knows the type: of the definition, else of those that this package knows."""
    from rosbags.typesys import Stores, TypesysError, get_typestore

    store = get_typestore(Stores.EMPTY)
    try:
        store.register(_parsed(name, definition, form))
        store.get_msgdef(name)
    except (TypesysError, ValueError, KeyError, TypeError, AssertionError, RecursionError, SyntaxError) as error:
        store = _known(portaudio=name in ("audio_common_msgs/msg/AudioStamped", "audio_common_msgs/msg/Audio"))
        if name not in store.fielddefs:
            why = f"its definition cannot be read ({error})" if definition else "the bag holds no definition of it"
            raise InputError(f"type {name} is not known: {why}") from error
    store.max_sequence_length = MAX_MESSAGE_BYTES
    return store


def _parsed(name: str, definition: str, form: str) -> Any:
    from rosbags.typesys import get_types_from_idl, get_types_from_msg

    if form != "ros2idl":
        return get_types_from_msg(definition, name) if definition else {}
    if not definition.startswith(f"{_IDL_SEPARATOR}IDL: "):
        return get_types_from_idl(definition)
    types = {}
    for part in definition.split(_IDL_SEPARATOR)[1:]:
        types.update(get_types_from_idl(part.partition("\n")[2]))
    return types


@cache
def _known(portaudio: bool) -> Any:
    """The types of ROS 2, of this package's messages, and of one of the two audio_common_msgs."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.LATEST)
    texts = {
        f"audio_common_msgs/msg/{k}": v for k, v in (_AUDIO_COMMON_PORTAUDIO if portaudio else _AUDIO_COMMON).items()
    }
    for file in sorted(resources.messages_dir().glob("*.msg")):
        texts[f"mer_msgs/msg/{file.stem}"] = file.read_text(encoding="utf-8")
    types: Any = {}
    for name, text in texts.items():
        types.update(get_types_from_msg(text, name))
    store.register(types)
    return store


def _flat(types: Mapping[str, Any], name: str, before: str = "", depth: int = 0) -> list[tuple[str, str]]:
    """Fields with their types, those of the types within included."""
    from rosbags.interfaces import Nodetype

    found: list[tuple[str, str]] = []
    for field, (node, what) in types[name][1]:
        path = before + field
        if node == Nodetype.NAME:
            if depth < _DEEPEST and what in types:
                found += _flat(types, what, f"{path}.", depth + 1)
        elif node == Nodetype.BASE:
            found.append((path, what[0]))
        else:
            (inner, base), _ = what
            found.append((path, f"{base[0] if inner == Nodetype.BASE else base}[]"))
    return found
