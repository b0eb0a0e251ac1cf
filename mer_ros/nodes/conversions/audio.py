"""Audio messages of several packages to chunks; utterances to messages and back.

Types are told apart by their fields, so that no package but mer_msgs has to be installed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mer_msgs.msg import AudioChunk as AudioChunkMsg
from mer_msgs.msg import Utterance as UtteranceMsg

from mer_ros.errors import InputError
from mer_ros.nodes.conversions.stamps import header, to_ns, to_time
from mer_ros.utterance import SAMPLE_RATE, AudioChunk, SpeechState, Utterance

# PortAudio's sample formats, as audio_common's AudioStamped carries them: field of the data, and its type.
_PORTAUDIO = {
    1: ("float32_data", np.float32),
    2: ("int32_data", np.int32),
    8: ("int16_data", np.int16),
    16: ("int8_data", np.int8),
    32: ("uint8_data", np.uint8),
}


def chunk_of(message: Any, received_ns: int, rate: int = SAMPLE_RATE, channels: int = 1) -> AudioChunk:
    """Return the chunk of any known audio message.

    rate, channels: of messages that do not say (audio_common's AudioData is raw signed 16-bit little-endian).
    received_ns: when the message came; the chunk of one that has no stamp is marked so, and ended then.
    Raises InputError for a message of another kind, or whose data does not fit its description.
    """
    fields = set(message.get_fields_and_field_types())
    if {"samples", "sample_rate", "channels"} <= fields:
        samples = np.asarray(message.samples)
        return _chunk(message, received_ns, samples, message.channels, message.sample_rate)
    if "audio" in fields and hasattr(message.audio, "audio_data"):
        return _stamped_portaudio(message, received_ns)
    if "audio" in fields and hasattr(message.audio, "data"):
        return _chunk(message, received_ns, _raw(message.audio.data), channels, rate)
    if "data" in fields:
        return _chunk(message, received_ns, _raw(message.data), channels, rate)
    raise InputError(
        f"{type(message).__name__} is no known audio message; accepted are mer_msgs/AudioChunk, and AudioData, "
        "AudioDataStamped and AudioStamped of the packages called audio_common_msgs"
    )


def chunk_message(chunk: AudioChunk, frame_id: str = "") -> AudioChunkMsg:
    """Return the message of a chunk with int16 samples [n] or [n, channels]."""
    if chunk.samples.dtype != np.int16:
        raise InputError(f"samples are {chunk.samples.dtype}; an AudioChunk message carries int16")
    channels = 1 if chunk.samples.ndim == 1 else chunk.samples.shape[1]
    message = AudioChunkMsg(header=header(chunk.stamp_ns, frame_id), sample_rate=chunk.sample_rate, channels=channels)
    message.samples.frombytes(np.ascontiguousarray(chunk.samples).tobytes())
    return message


def utterance_message(utterance: Utterance, frame_id: str = "") -> UtteranceMsg:
    """Return the message of an utterance."""
    stamp = utterance.start_ns + utterance.first_sample * 1_000_000_000 // SAMPLE_RATE
    message = UtteranceMsg(
        header=header(stamp, frame_id),
        id=utterance.id,
        state=utterance.state.value,
        start=to_time(utterance.start_ns),
        end=to_time(utterance.end_ns),
        first_sample=utterance.first_sample,
        sample_rate=SAMPLE_RATE,
        snr_db=float(utterance.snr_db),
        lost_samples=utterance.lost_samples,
        ended_by=utterance.ended_by,
    )
    message.samples.frombytes(np.ascontiguousarray(utterance.samples, dtype=np.int16).tobytes())
    return message


def utterance_of(message: UtteranceMsg) -> Utterance:
    """Return the utterance of a message; raises InputError for another rate, an unknown state or odd times."""
    if message.sample_rate != SAMPLE_RATE:
        raise InputError(f"an utterance has {message.sample_rate} Hz; it must have {SAMPLE_RATE} Hz")
    if message.state not in {state.value for state in SpeechState}:
        raise InputError(f"an utterance has state {message.state}; it must be 0 (started), 1 (ongoing) or 2 (ended)")
    start_ns, end_ns = to_ns(message.start), to_ns(message.end)
    if end_ns < start_ns:
        raise InputError(f"utterance {message.id} ends {(start_ns - end_ns) / 1e9:.3f} s before it starts")
    return Utterance(
        id=message.id,
        state=SpeechState(message.state),
        start_ns=start_ns,
        end_ns=end_ns,
        samples=np.array(message.samples, dtype=np.int16),
        first_sample=message.first_sample,
        snr_db=message.snr_db,
        lost_samples=message.lost_samples,
        ended_by=message.ended_by,
    )


def _raw(data: Any) -> np.ndarray:
    content = bytes(bytearray(data))
    if len(content) % 2:
        raise InputError(f"raw audio has {len(content)} bytes; 16-bit samples need an even number")
    return np.frombuffer(content, dtype="<i2")


def _stamped_portaudio(message: Any, received_ns: int) -> AudioChunk:
    info = message.audio.info
    if info.format not in _PORTAUDIO:
        raise InputError(f"audio has PortAudio format {info.format}; accepted are {sorted(_PORTAUDIO)}")
    name, dtype = _PORTAUDIO[info.format]
    samples = np.asarray(getattr(message.audio.audio_data, name), dtype=dtype)
    if dtype is np.int8:
        samples = samples.astype(np.int16) * 256
    return _chunk(message, received_ns, samples, info.channels, info.rate)


def _chunk(message: Any, received_ns: int, samples: np.ndarray, channels: int, rate: int) -> AudioChunk:
    """Return the chunk; a header that was never filled counts as none."""
    if channels < 1 or samples.size % channels:
        raise InputError(f"{samples.size} samples do not divide into {channels} channels")
    if channels > 1:
        samples = samples.reshape(-1, channels)
    stamp = getattr(getattr(message, "header", None), "stamp", None)
    stamp_ns = to_ns(stamp) if stamp is not None else 0
    if stamp_ns:
        return AudioChunk(stamp_ns, samples, int(rate))
    duration_ns = len(samples) * 1_000_000_000 // max(1, int(rate))
    return AudioChunk(max(0, received_ns - duration_ns), samples, int(rate), stamped=False)
