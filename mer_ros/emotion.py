"""The vocabulary of emotion: labels and estimates. No logic.

Probabilities are always float arrays in the order of `EMOTIONS` (or `SENTIMENTS`) that sum to one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
SENTIMENTS = ("negative", "neutral", "positive")
UNKNOWN = "unknown"  # in place of either, when the most probable one is not probable enough


class Modality(str, Enum):
    """A sense that gives an estimate of its own; the order is the one of every list and message."""

    FACE = "face"
    AUDIO = "audio"
    TEXT = "text"


@dataclass(frozen=True)
class ModalityEstimate:
    """What one modality says of an utterance.

    probabilities: float [7], or None when the modality is not available; `reason` then says why.
    sentiment: float [3], when the model has a head for it.
    quality: 0..1, of this input. weight: 0..1, the share that the fusion gave it.
    latency_ms: spent on its features and its model.
    """

    modality: Modality
    probabilities: NDArray[np.floating] | None = None
    reason: str = ""
    sentiment: NDArray[np.floating] | None = None
    quality: float = 0.0
    weight: float = 0.0
    model: str = ""
    latency_ms: float = 0.0

    @property
    def available(self) -> bool:
        """Whether there is anything to fuse."""
        return self.probabilities is not None


@dataclass(frozen=True)
class DialogueTurn:
    """One utterance of a dialogue, as it is remembered."""

    turn: int
    start_ns: int
    end_ns: int
    person_id: str
    emotion: str
    confidence: float
    probabilities: NDArray[np.floating]
    text: str = ""


@dataclass(frozen=True)
class EmotionEstimate:
    """What a speaker feels in one utterance: the content of a message on `/emotion`.

    emotion, sentiment: the most probable one; UNKNOWN when it is less probable than the fusion was told to ask for.
    An interim one tells the label that holds, which may be a little less probable than another.
    confidence: of the emotion told; of the most probable one where none is named.
    previous_emotion: of the speaker's turn before. dialogue_emotion: of the turn before, whoever spoke then.
    """

    utterance_id: int
    start_ns: int
    end_ns: int
    is_final: bool
    probabilities: NDArray[np.floating]
    sentiment_probabilities: NDArray[np.floating]
    emotion: str
    confidence: float
    sentiment: str
    valence: float
    arousal: float
    modalities: tuple[ModalityEstimate, ...]
    transcript: str = ""
    person_id: str = ""
    face_id: int = 0
    voice_id: str = ""
    dialogue_id: str = ""
    turn: int = 0
    context: tuple[DialogueTurn, ...] = ()
    previous_emotion: str = ""
    dialogue_emotion: str = ""
    latency_ms: dict[str, float] = field(default_factory=dict)

    @property
    def who(self) -> str:
        """The best name there is for who speaks or is seen; empty when nothing of them is known."""
        return self.person_id or (face_name(self.face_id) if self.face_id else self.voice_id)

    @property
    def shifted(self) -> bool:
        """Whether the speaker's emotion differs from that of their turn before; both must be known."""
        return self._differs(self.previous_emotion)

    @property
    def dialogue_shifted(self) -> bool:
        """Whether it differs from that of the turn before, whoever spoke then; both must be known."""
        return self._differs(self.dialogue_emotion)

    def _differs(self, before: str) -> bool:
        return before not in ("", UNKNOWN) and self.emotion not in (before, UNKNOWN)


def face_name(face_id: int) -> str:
    """Return what somebody is called while it is not known whose face it is."""
    return f"face-{face_id}"
