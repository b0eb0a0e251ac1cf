"""What the page is told of an estimate: plain JSON, of bounded size whatever a message holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS, EmotionEstimate
from mer_ros.terminal import printable

NAME, WORDS, REASON = 60, 2_000, 200  # characters at most
MOST_SENSES, MOST_STAGES = 8, 24
NS = 1_000_000_000


def name_of(it: EmotionEstimate) -> str:
    """The best name there is for the one who speaks or is seen."""
    return text(it.who or "nobody in view", NAME)


def person(it: EmotionEstimate) -> dict[str, Any]:
    """Somebody now, of an interim estimate; that of who is silent names no utterance."""
    return {"who": name_of(it), "speaks": it.utterance_id != 0, "words": text(it.transcript, WORDS), **_feels(it)}


def utterance(it: EmotionEstimate, after_s: float, origin_ns: int) -> dict[str, Any]:
    """An utterance with its final estimate. after_s: from its end to the arrival of that. origin_ns: time 0."""
    return {
        "at": number((it.start_ns - origin_ns) / NS, 2),
        "seconds": number((it.end_ns - it.start_ns) / NS, 2),
        "turn": it.turn,
        "who": name_of(it),
        "words": text(it.transcript, WORDS),
        **_feels(it),
        "sentiment": text(it.sentiment, NAME),
        "valence": number(it.valence, 2),
        "arousal": number(it.arousal, 2),
        "before": text(it.previous_emotion, NAME) if it.shifted else "",
        "senses": [
            {
                "sense": modality.modality.value,
                "probabilities": None if modality.probabilities is None else shares(modality.probabilities),
                "weight": number(modality.weight),
                "reason": text(modality.reason, REASON),
            }
            for modality in it.modalities[:MOST_SENSES]
        ],
        "latency": [[text(stage, NAME), number(ms, 1)] for stage, ms in list(it.latency_ms.items())[:MOST_STAGES]],
        "after": number(after_s, 2),
    }


def text(content: str, most: int) -> str:
    """A text without control characters and marks that turn its direction round, cut to a length."""
    plain = printable(content[: most + 1])
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def number(value: float, digits: int = 3) -> float | None:
    """A number that JSON has, rounded; None for NaN and infinity."""
    return round(float(value), digits) if math.isfinite(value) else None


def shares(probabilities: NDArray[np.floating] | Sequence[float]) -> list[float | None]:
    """Seven probabilities in the order of EMOTIONS."""
    return [number(value) for value in list(probabilities)[: len(EMOTIONS)]]


def _feels(it: EmotionEstimate) -> dict[str, Any]:
    confidence, probabilities = number(it.confidence), shares(it.probabilities)
    return {"emotion": text(it.emotion, NAME), "confidence": confidence, "probabilities": probabilities}
