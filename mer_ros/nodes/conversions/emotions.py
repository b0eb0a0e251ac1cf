"""Emotion estimates to messages, and back."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
from builtin_interfaces.msg import Time
from mer_msgs.msg import DialogueTurn as DialogueTurnMsg
from mer_msgs.msg import Emotion as EmotionMsg
from mer_msgs.msg import ModalityEstimate as ModalityEstimateMsg
from mer_msgs.msg import StageLatency
from std_msgs.msg import Header

from mer_ros.emotion import (
    EMOTIONS,
    SENTIMENTS,
    UNKNOWN,
    DialogueTurn,
    EmotionEstimate,
    Modality,
    ModalityEstimate,
)
from mer_ros.errors import InputError
from mer_ros.nodes.conversions.stamps import to_ns
from mer_ros.replay import emotion_message as mapping

_ONE = 1 + 1e-4  # as far as float32 sums to it

_TYPES = SimpleNamespace(
    Emotion=EmotionMsg,
    ModalityEstimate=ModalityEstimateMsg,
    DialogueTurn=DialogueTurnMsg,
    StageLatency=StageLatency,
    Header=Header,
    Time=Time,
)


def emotion_message(estimate: EmotionEstimate, frame_id: str = "") -> EmotionMsg:
    """Return the message of an estimate."""
    return mapping.emotion_message(estimate, _TYPES, frame_id)


def turn_message(turn: DialogueTurn) -> DialogueTurnMsg:
    """Return the message of a turn of the dialogue."""
    return cast(DialogueTurnMsg, mapping.turn_message(turn, _TYPES))


def estimate_of(message: EmotionMsg) -> EmotionEstimate:
    """Return the estimate of a message; the turns before it are left out, as their probabilities are not in it.

    Raises InputError for an emotion, a sentiment or a modality that is none, and for numbers that are none.
    """
    estimate = EmotionEstimate(
        utterance_id=message.utterance_id,
        start_ns=to_ns(message.start),
        end_ns=to_ns(message.end),
        is_final=message.is_final,
        probabilities=np.array(message.probabilities),
        sentiment_probabilities=np.array(message.sentiment_probabilities),
        emotion=message.emotion,
        confidence=message.confidence,
        sentiment=message.sentiment,
        valence=message.valence,
        arousal=message.arousal,
        modalities=tuple(
            ModalityEstimate(
                modality=_modality(item.modality),
                probabilities=np.array(item.probabilities) if item.available else None,
                reason=item.reason,
                quality=item.quality,
                weight=item.weight,
                model=item.model,
            )
            for item in message.modalities
        ),
        transcript=message.transcript,
        person_id=message.person_id,
        face_id=message.face_id,
        voice_id=message.voice_id,
        dialogue_id=message.dialogue_id,
        turn=message.turn,
        previous_emotion=message.previous_emotion,
        dialogue_emotion=message.dialogue_emotion,
        latency_ms={item.stage: item.milliseconds for item in message.latency},
    )
    check(estimate)
    return estimate


def check(estimate: EmotionEstimate) -> None:
    """Raise InputError for labels that there are not, or numbers out of range: who reads it need not ask for them."""
    for what, label, labels in (
        ("emotion", estimate.emotion, EMOTIONS),
        ("sentiment", estimate.sentiment or UNKNOWN, SENTIMENTS),
    ):
        if label not in (*labels, UNKNOWN):
            raise InputError(f"an emotion has the {what} '{label[:40]}'; it must be {', '.join(labels)} or {UNKNOWN}")
    shares = (*estimate.probabilities, *estimate.sentiment_probabilities, estimate.confidence)
    if not all(0 <= share <= _ONE for share in shares):
        raise InputError("an emotion has a probability that does not lie in 0..1")
    if not all(-_ONE <= value <= _ONE for value in (estimate.valence, estimate.arousal)):
        raise InputError(f"an emotion has valence {estimate.valence:g}, arousal {estimate.arousal:g}; they are -1..1")


def _modality(name: str) -> Modality:
    try:
        return Modality(name)
    except ValueError as error:
        known = ", ".join(modality.value for modality in Modality)
        raise InputError(f"an emotion has the modality '{name[:40]}'; it must be one of: {known}") from error
