"""An emotion as vision_msgs/Classification."""

import numpy as np
import pytest
from message_standins import CLASSIFICATION, HYPOTHESES

from mer_ros.emotion import EMOTIONS, EmotionEstimate
from mer_ros.messages.classification import classification_message
from mer_ros.messages.stamps import stamp_of

START = 1_700_000_000_123_456_789
PROBABILITIES = np.array([0.1, 0.02, 0.03, 0.4, 0.3, 0.05, 0.1])
ESTIMATE = EmotionEstimate(
    1, START, START + 1, True, PROBABILITIES, np.ones(3) / 3, "joy", 0.4, "positive", 0.5, 0.1, ()
)  # fmt: skip


@pytest.mark.parametrize("field", HYPOTHESES)
def test_all_emotions_the_most_probable_first(field):
    message = classification_message(ESTIMATE, CLASSIFICATION, HYPOTHESES[field], "mic")
    assert (stamp_of(message), message.header.frame_id) == (START, "mic")
    assert [getattr(result, field) for result in message.results] == [
        "joy", "neutral", "anger", "surprise", "sadness", "fear", "disgust",
    ]  # fmt: skip
    scores = {getattr(result, field): result.score for result in message.results}
    assert scores == dict(zip(EMOTIONS, PROBABILITIES, strict=True))


def test_the_real_message():
    types = pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed")
    message = classification_message(ESTIMATE, types.Classification, types.ObjectHypothesis)
    assert len(message.results) == 7
