"""An emotion estimate as a message mer_msgs/Emotion, of whichever classes: rclpy's, or rosbags' where ROS is not."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from mer_ros.emotion import EMOTIONS, DialogueTurn, EmotionEstimate, ModalityEstimate
from mer_ros.messages.stamps import time_parts

_UNKNOWN = np.full(len(EMOTIONS), np.nan, np.float32)


class MessageTypes(Protocol):
    """The classes that a message is made of; each takes its fields by name."""

    Emotion: Any
    ModalityEstimate: Any
    DialogueTurn: Any
    StageLatency: Any
    Header: Any
    Time: Any


def emotion_message(estimate: EmotionEstimate, types: MessageTypes, frame_id: str = "") -> Any:
    """The message of an estimate."""
    return types.Emotion(
        header=types.Header(stamp=time_message(estimate.start_ns, types), frame_id=frame_id),
        utterance_id=estimate.utterance_id,
        dialogue_id=estimate.dialogue_id,
        turn=estimate.turn,
        start=time_message(estimate.start_ns, types),
        end=time_message(estimate.end_ns, types),
        is_final=estimate.is_final,
        person_id=estimate.person_id,
        face_id=estimate.face_id,
        voice_id=estimate.voice_id,
        emotion=estimate.emotion,
        confidence=float(estimate.confidence),
        probabilities=np.asarray(estimate.probabilities, np.float32),
        sentiment=estimate.sentiment,
        sentiment_probabilities=np.asarray(estimate.sentiment_probabilities, np.float32),
        valence=float(estimate.valence),
        arousal=float(estimate.arousal),
        transcript=estimate.transcript,
        modalities=[_modality(item, types) for item in estimate.modalities],
        context=[turn_message(turn, types) for turn in estimate.context],
        shifted=bool(estimate.shifted),
        previous_emotion=estimate.previous_emotion,
        dialogue_shifted=bool(estimate.dialogue_shifted),
        dialogue_emotion=estimate.dialogue_emotion,
        latency=[types.StageLatency(stage=name, milliseconds=float(ms)) for name, ms in estimate.latency_ms.items()],
    )


def time_message(ns: int, types: MessageTypes) -> Any:
    """The time message of `ns`; what a message cannot hold is clamped."""
    seconds, rest = time_parts(ns)
    return types.Time(sec=seconds, nanosec=rest)


def _modality(item: ModalityEstimate, types: MessageTypes) -> Any:
    known = item.probabilities is not None
    return types.ModalityEstimate(
        modality=item.modality.value,
        available=item.available,
        reason=item.reason,
        probabilities=np.asarray(item.probabilities, np.float32) if known else _UNKNOWN,
        quality=float(item.quality),
        weight=float(item.weight),
        model=item.model,
    )


def turn_message(turn: DialogueTurn, types: MessageTypes) -> Any:
    """Return the message of an earlier turn."""
    return types.DialogueTurn(
        turn=turn.turn,
        start=time_message(turn.start_ns, types),
        end=time_message(turn.end_ns, types),
        person_id=turn.person_id,
        emotion=turn.emotion,
        confidence=float(turn.confidence),
        text=turn.text,
    )
