"""Emotion estimates to messages, and back."""

from __future__ import annotations

import numpy as np
from mer_msgs.msg import DialogueTurn as DialogueTurnMsg
from mer_msgs.msg import Emotion as EmotionMsg
from mer_msgs.msg import ModalityEstimate as ModalityEstimateMsg
from mer_msgs.msg import StageLatency

from mer_ros.emotion import EMOTIONS, DialogueTurn, EmotionEstimate, Modality, ModalityEstimate
from mer_ros.nodes.conversions.stamps import header, to_ns, to_time

_UNKNOWN = np.full(len(EMOTIONS), np.nan, np.float32)


def emotion_message(estimate: EmotionEstimate, frame_id: str = "") -> EmotionMsg:
    """Return the message of an estimate."""
    return EmotionMsg(
        header=header(estimate.start_ns, frame_id),
        utterance_id=estimate.utterance_id,
        dialogue_id=estimate.dialogue_id,
        turn=estimate.turn,
        start=to_time(estimate.start_ns),
        end=to_time(estimate.end_ns),
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
        modalities=[_modality_message(item) for item in estimate.modalities],
        context=[_turn_message(turn) for turn in estimate.context],
        shifted=estimate.shifted,
        previous_emotion=estimate.previous_emotion,
        latency=[StageLatency(stage=stage, milliseconds=float(value)) for stage, value in estimate.latency_ms.items()],
    )


def estimate_of(message: EmotionMsg) -> EmotionEstimate:
    """Return the estimate of a message; the turns before it are left out, as their probabilities are not in it."""
    return EmotionEstimate(
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
                modality=Modality(item.modality),
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
        latency_ms={item.stage: item.milliseconds for item in message.latency},
    )


def _modality_message(item: ModalityEstimate) -> ModalityEstimateMsg:
    known = item.probabilities is not None
    return ModalityEstimateMsg(
        modality=item.modality.value,
        available=item.available,
        reason=item.reason,
        probabilities=np.asarray(item.probabilities, np.float32) if known else _UNKNOWN,
        quality=float(item.quality),
        weight=float(item.weight),
        model=item.model,
    )


def _turn_message(turn: DialogueTurn) -> DialogueTurnMsg:
    return DialogueTurnMsg(
        turn=turn.turn,
        start=to_time(turn.start_ns),
        end=to_time(turn.end_ns),
        person_id=turn.person_id,
        emotion=turn.emotion,
        confidence=float(turn.confidence),
        text=turn.text,
    )
