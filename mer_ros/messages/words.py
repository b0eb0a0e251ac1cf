"""Words of other packages' recognisers to transcripts, told apart by their fields."""

from __future__ import annotations

import math
import re
from typing import Any

from mer_ros.errors import InputError
from mer_ros.messages.stamps import stamp_of, to_ns
from mer_ros.utterance import Transcript

LONGEST_TEXT = 10_000  # characters; ten seconds of speech hold some two hundred
_LONGEST_S = 3600.0
_NO_SPEECH = re.compile(r"(\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|\s)+")  # Whisper's notes: [BLANK_AUDIO], (music)


def words_of(message: Any, received_ns: int, source: str = "outside") -> Transcript:
    """Return the words of any known message, with `utterance_id` 0: which utterance they are of is not told.

    Known are std_msgs/String (final words that were said before they came), hri_msgs/LiveSpeech (incremental or
    final words, with `language`, `locale` or both, whichever release it is), whisper_ros' Transcription, which tells
    how long the sound was and how long it took, and mer_msgs/Transcript, which is taken by its times alone.
    received_ns: when it came, in the clock of the sound.
    Raises InputError for a message of another kind, or with values that cannot be.
    """
    if hasattr(message, "incremental") and hasattr(message, "final"):
        return _live_speech(message, received_ns, source)
    if hasattr(message, "audio_time") and hasattr(message, "transcription_time"):
        return _transcription(message, received_ns, source)
    if all(hasattr(message, name) for name in ("utterance_id", "is_final", "text", "start", "end")):
        return Transcript(
            0,
            to_ns(message.start),
            to_ns(message.end),
            sane_text(message.text),
            bool(message.is_final),
            float(message.confidence),
            message.language,
            message.source or source,
        )
    if isinstance(getattr(message, "data", None), str):
        return Transcript(0, received_ns, received_ns, sane_text(message.data), is_final=True, source=source)
    raise InputError(
        f"{type(message).__name__} holds no words that are known; accepted are std_msgs/String, hri_msgs/LiveSpeech, "
        "whisper_msgs/Transcription and mer_msgs/Transcript"
    )


def sane_text(text: str) -> str:
    """Return `text`; raises InputError when it is too long to be an utterance."""
    if len(text) > LONGEST_TEXT:
        raise InputError(f"a transcript has {len(text)} characters; at most {LONGEST_TEXT} are accepted")
    return text


def _live_speech(message: Any, received_ns: int, source: str) -> Transcript:
    stamp_ns = stamp_of(message) or received_ns
    is_final = bool(message.final.strip())
    told = is_final and 0.0 < message.confidence <= 1.0  # a field that was never filled reads 0
    language = getattr(message, "locale", "") or getattr(message, "language", "")
    return Transcript(
        0,
        stamp_ns,
        stamp_ns,
        sane_text(message.final if is_final else message.incremental),
        is_final,
        float(message.confidence) if told else math.nan,
        language.replace("_", "-"),  # a locale (en_GB) as BCP 47 writes it
        source,
    )


def _transcription(message: Any, received_ns: int, source: str) -> Transcript:
    for name in ("audio_time", "transcription_time"):
        value = getattr(message, name)
        if not 0.0 <= value <= _LONGEST_S:
            raise InputError(f"a transcription has {name} {value} s; it must lie in 0..{_LONGEST_S:g}")
    text = sane_text(message.text)
    end_ns = max(0, received_ns - round(message.transcription_time * 1e9))
    return Transcript(
        0,
        max(0, end_ns - round(message.audio_time * 1e9)),
        end_ns,
        "" if _NO_SPEECH.fullmatch(text) else text,
        is_final=True,
        source=source,
        latency_ms=float(message.transcription_time) * 1e3,
    )
