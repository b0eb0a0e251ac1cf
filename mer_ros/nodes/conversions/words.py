"""Transcripts to messages and back."""

from __future__ import annotations

from typing import Any

from mer_msgs.msg import Transcript as TranscriptMsg

from mer_ros.messages.humans import human_message
from mer_ros.messages.words import sane_text
from mer_ros.nodes.conversions.stamps import header, to_ns, to_time
from mer_ros.standards.facts import Spoken
from mer_ros.utterance import Transcript


def transcript_message(transcript: Transcript) -> TranscriptMsg:
    """Return the message of a transcript."""
    return TranscriptMsg(
        header=header(transcript.start_ns),
        utterance_id=transcript.utterance_id,
        start=to_time(transcript.start_ns),
        end=to_time(transcript.end_ns),
        text=transcript.text,
        is_final=transcript.is_final,
        confidence=float(transcript.confidence),
        language=transcript.language,
        source=transcript.source,
        latency_ms=float(transcript.latency_ms),
    )


def words_message(words: Transcript, kind: Any) -> Any | None:
    """Return the words as a recogniser publishes them.

    kind: mer_msgs/Transcript, hri_msgs/LiveSpeech, or std_msgs/String, which has no place for partial words. None for
    what a type cannot tell.
    """
    message = kind()
    if kind is TranscriptMsg:
        return transcript_message(words)
    if hasattr(message, "incremental") and hasattr(message, "final"):
        said = Spoken("", words.start_ns, words.text, words.is_final, words.confidence, words.language)
        return human_message(said, kind)
    if not isinstance(getattr(message, "data", None), str) or not words.is_final:
        return None
    message.data = words.text
    return message


def transcript_of(message: TranscriptMsg) -> Transcript:
    """Return the transcript of a message; raises InputError when its text is absurdly long."""
    return Transcript(
        utterance_id=message.utterance_id,
        start_ns=to_ns(message.start),
        end_ns=to_ns(message.end),
        text=sane_text(message.text),
        is_final=message.is_final,
        confidence=message.confidence,
        language=message.language,
        source=message.source,
        latency_ms=message.latency_ms,
    )
