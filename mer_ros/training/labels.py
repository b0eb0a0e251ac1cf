"""Whether there is something to learn each emotion from: said before the training, not after it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mer_ros.emotion import EMOTIONS
from mer_ros.errors import InputError


def check_each_emotion(labels: NDArray[np.integer], what: str) -> None:
    """labels: [N], numbers in the order of EMOTIONS. what: one of these, for the sentence. Raises InputError."""
    missing = [name for i, name in enumerate(EMOTIONS) if not (labels == i).any()]
    if missing:
        raise InputError(f"no {what} is labelled {' or '.join(missing)}; add some of each emotion")
