"""Audio messages of several packages to chunks, told apart by their fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mer_ros.errors import InputError
from mer_ros.messages.pcm import PCM_FORMATS, from_portaudio, from_raw
from mer_ros.messages.stamps import stamp_of
from mer_ros.utterance import SAMPLE_RATE, AudioChunk


@dataclass(frozen=True)
class SoundFormat:
    """Of messages that do not say it themselves, such as audio_common's AudioData.

    rate_hz: samples a second. channels: interleaved. encoding: name of a sample format, one of `PCM_FORMATS`.
    """

    rate_hz: int = SAMPLE_RATE
    channels: int = 1
    encoding: str = "S16LE"


def chunk_of(message: Any, received_ns: int, format: SoundFormat | None = None) -> AudioChunk:
    """Return the chunk of any known audio message.

    received_ns: when the message came; the chunk of one that has no stamp is marked so, and ended then.
    Raises InputError for a message of another kind, or whose data does not fit its description.
    """
    told = format or SoundFormat()
    audio = getattr(message, "audio", message)  # stamped messages carry the other one in a field of this name
    if all(hasattr(message, name) for name in ("samples", "sample_rate", "channels")):
        samples = np.asarray(message.samples)
        return _chunk(message, received_ns, samples, message.channels, message.sample_rate)
    if hasattr(audio, "audio_data") and hasattr(audio, "info"):
        samples = from_portaudio(audio.audio_data, audio.info)
        return _chunk(message, received_ns, samples, audio.info.channels, audio.info.rate)
    if hasattr(audio, "data"):
        return _chunk(message, received_ns, from_raw(audio.data, told.encoding), told.channels, told.rate_hz)
    raise InputError(
        f"{type(message).__name__} is no known audio message; accepted are mer_msgs/AudioChunk, and AudioData, "
        "AudioDataStamped, Audio and AudioStamped of the packages called audio_common_msgs"
    )


def format_of(message: Any) -> SoundFormat:
    """The format that a message of audio_common's AudioInfo tells; raises InputError for one that cannot be read.

    Its strings may be empty: then it is raw S16LE, the package's own default.
    """
    coding, encoding = message.coding_format.lower(), message.sample_format.upper() or "S16LE"
    if coding not in ("", "wave", "wav", "pcm", "raw"):
        raise InputError(f"audio is coded as {message.coding_format!r}: record it as 'wave', which is raw samples")
    if encoding not in PCM_FORMATS:
        raise InputError(f"audio has sample format {encoding!r}: accepted are {', '.join(PCM_FORMATS)}")
    return SoundFormat(int(message.sample_rate), int(message.channels), encoding)


def _chunk(message: Any, received_ns: int, samples: np.ndarray, channels: int, rate: int) -> AudioChunk:
    """Return the chunk; a header that was never filled counts as none."""
    if channels < 1 or samples.size % channels:
        raise InputError(f"{samples.size} samples do not divide into {channels} channels")
    if channels > 1:
        samples = samples.reshape(-1, channels)
    if stamp_ns := stamp_of(message):
        return AudioChunk(stamp_ns, samples, int(rate))
    duration_ns = len(samples) * 1_000_000_000 // max(1, int(rate))
    return AudioChunk(max(0, received_ns - duration_ns), samples, int(rate), stamped=False)
