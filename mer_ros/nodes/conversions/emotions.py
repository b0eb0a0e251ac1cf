"""Emotion estimates to messages."""

from __future__ import annotations

import numpy as np
from mer_msgs.msg import DialogueTurn as DialogueTurnMsg
from mer_msgs.msg import Emotion as EmotionMsg
from mer_msgs.msg import ModalityEstimate as ModalityEstimateMsg
from mer_msgs.msg import StageLatency

from mer_ros.emotion import EMOTIONS, DialogueTurn, EmotionEstimate, ModalityEstimate
from mer_ros.nodes.conversions.stamps import header, to_time

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
