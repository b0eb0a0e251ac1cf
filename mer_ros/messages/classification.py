"""Emotions as vision_msgs/Classification, for whoever shows or logs classifications of any kind."""

from __future__ import annotations

from typing import Any

from mer_ros.emotion import EMOTIONS, EmotionEstimate
from mer_ros.messages.stamps import fill_stamp

CLASSIFICATION = "vision_msgs/msg/Classification"
HYPOTHESIS = "vision_msgs/msg/ObjectHypothesis"


def classification_message(estimate: EmotionEstimate, kind: Any, hypothesis: Any, frame_id: str = "") -> Any:
    """Return the message of an estimate: all seven emotions, the most probable one first.

    kind, hypothesis: the classes of vision_msgs' Classification and ObjectHypothesis, whose name of the class is
    called `class_id`, or `id` in releases before Humble. The stamp is the start of the utterance, as in /emotion.
    """
    message = kind()
    fill_stamp(message, estimate.start_ns, frame_id)
    ranked = sorted(zip(EMOTIONS, estimate.probabilities, strict=True), key=lambda pair: -pair[1])
    results = []
    for emotion, probability in ranked:
        result = hypothesis()
        setattr(result, "class_id" if hasattr(result, "class_id") else "id", emotion)
        result.score = float(probability)
        results.append(result)
    message.results = results
    return message
