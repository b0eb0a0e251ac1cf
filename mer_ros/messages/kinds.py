"""What a message type is for, by its fields: names say little, as two packages are called audio_common_msgs."""

from __future__ import annotations

from collections.abc import Mapping

_BYTES = {"uint8[]", "int8[]", "byte[]", "char[]", "octet[]"}
_STAMP = {"header.stamp.sec", "header.stamp.nanosec"}
_IMAGE = {"height", "width", "encoding", "is_bigendian", "step", "data"}
_CHUNK = {"sample_rate", "channels", "samples"}
_INFO = {"channels", "sample_rate", "sample_format", "coding_format"}


def is_image(fields: Mapping[str, str]) -> bool:
    """Raw or compressed images. fields: type of each field, nested ones by dotted names, sequences with `[]`."""
    if not fields.keys() >= _STAMP or fields.get("data") not in _BYTES:
        return False
    return fields.keys() >= _IMAGE or fields.get("format") == "string"


def is_audio(fields: Mapping[str, str]) -> bool:
    """Sound of any package known to `chunk_of`."""
    if fields.keys() >= _CHUNK:
        return fields["samples"] == "int16[]"
    names = {name.removeprefix("audio.") for name in fields}
    if names >= {"info.format", "info.channels", "info.rate", "audio_data.int16_data"}:
        return True
    return fields.get("audio.data") in _BYTES or (fields.keys() == {"data"} and fields["data"] in _BYTES)


def is_words(fields: Mapping[str, str]) -> bool:
    """Words of any recogniser known to `words_of`."""
    return is_text(fields) or any(
        fields.keys() >= names
        for names in (
            {"incremental", "final", "confidence"},
            {"text", "audio_time", "transcription_time"},
            {"utterance_id", "start.sec", "end.sec", "text", "is_final"},
        )
    )


def is_text(fields: Mapping[str, str]) -> bool:
    """A text alone (std_msgs/String), which may be anything."""
    return dict(fields) == {"data": "string"}


def is_flag(fields: Mapping[str, str]) -> bool:
    """Yes or no (std_msgs/Bool)."""
    return dict(fields) == {"data": "bool"}


def is_audio_info(fields: Mapping[str, str]) -> bool:
    """What a topic beside the sound says of it (audio_common's AudioInfo)."""
    return fields.keys() >= _INFO
