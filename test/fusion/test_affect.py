import numpy as np
import pytest

from mer_ros.emotion import EMOTIONS
from mer_ros.fusion.affect import SENTIMENT_OF_EMOTION, VALENCE_AROUSAL, sentiment_probabilities, valence_arousal


def only(emotion: str) -> np.ndarray:
    return np.eye(7)[EMOTIONS.index(emotion)]


def test_every_emotion_has_a_row_in_each_table():
    assert SENTIMENT_OF_EMOTION.shape == (7, 3)
    assert SENTIMENT_OF_EMOTION.sum(axis=1) == pytest.approx(np.ones(7))
    assert VALENCE_AROUSAL.shape == (7, 2)
    assert np.all(np.abs(VALENCE_AROUSAL) <= 1)


@pytest.mark.parametrize(
    ("emotion", "sentiment"),
    [("anger", 0), ("disgust", 0), ("fear", 0), ("joy", 2), ("neutral", 1), ("sadness", 0)],
)
def test_sentiment_of_an_emotion(emotion, sentiment):
    assert sentiment_probabilities(only(emotion)).argmax() == sentiment


@pytest.mark.parametrize(("heard", "sentiment"), [((0.1, 0.2, 0.7), 2), ((0.7, 0.2, 0.1), 0)])
def test_words_settle_the_kind_of_a_surprise(heard, sentiment):
    assert sentiment_probabilities(only("surprise"), np.array(heard)).argmax() == sentiment


def test_words_without_any_leaning_change_nothing():
    heard = np.array([0.0, 1.0, 0.0])
    assert sentiment_probabilities(only("surprise"), heard) == pytest.approx(sentiment_probabilities(only("surprise")))


def test_signs_of_valence_and_arousal():
    assert valence_arousal(only("joy"))[0] > 0 > valence_arousal(only("sadness"))[0]
    assert valence_arousal(only("anger"))[1] > 0 > valence_arousal(only("sadness"))[1]
    assert valence_arousal(only("neutral")) == (0.0, 0.0)
