"""What follows from the seven probabilities: sentiment, valence and arousal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS

_SURPRISE = EMOTIONS.index("surprise")

# P(sentiment | emotion) in the training part of MELD (arXiv 1810.02508): only surprise can be of either kind.
# Rows follow EMOTIONS, columns SENTIMENTS.
SENTIMENT_OF_EMOTION = np.array(
    [
        [1.0, 0.0, 0.0],
        [1.0, 0.0, 0.0],
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.0, 1.0, 0.0],
        [1.0, 0.0, 0.0],
        [0.5095, 0.0, 0.4905],
    ]
)

# Mean pleasure and arousal of each emotion term on -1..1: Russell & Mehrabian 1977, "Evidence for a three-factor
# theory of emotions" (doi 10.1016/0092-6566(77)90037-X); neutral is the origin. Rows follow EMOTIONS.
VALENCE_AROUSAL = np.array(
    [
        [-0.51, 0.59],
        [-0.60, 0.35],
        [-0.64, 0.60],
        [0.76, 0.48],
        [0.00, 0.00],
        [-0.63, -0.27],
        [0.40, 0.67],
    ]
)


def sentiment_probabilities(
    probabilities: NDArray[np.floating], heard: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """Return float64 [3], the sentiment that goes with emotion `probabilities` [7].

    heard: float [3] of a model with a sentiment head; it settles whether a surprise is a good or a bad one.
    """
    table = SENTIMENT_OF_EMOTION
    if heard is not None and heard[0] + heard[2] > 0:
        table = table.copy()
        table[_SURPRISE] = [heard[0] / (heard[0] + heard[2]), 0.0, heard[2] / (heard[0] + heard[2])]
    return np.asarray(probabilities, dtype=np.float64) @ table


def valence_arousal(probabilities: NDArray[np.floating]) -> tuple[float, float]:
    """Return the expected valence and arousal, each in -1..1, under `probabilities` [7]."""
    valence, arousal = np.asarray(probabilities, dtype=np.float64) @ VALENCE_AROUSAL
    return float(valence), float(arousal)
