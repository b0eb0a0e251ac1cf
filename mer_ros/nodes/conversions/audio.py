"""Chunks to messages; utterances to messages and back."""

from __future__ import annotations

import numpy as np
from mer_msgs.msg import AudioChunk as AudioChunkMsg
from mer_msgs.msg import Utterance as UtteranceMsg

from mer_ros.errors import InputError
from mer_ros.nodes.conversions.stamps import header, to_ns, to_time
from mer_ros.utterance import SAMPLE_RATE, AudioChunk, SpeechState, Utterance


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
