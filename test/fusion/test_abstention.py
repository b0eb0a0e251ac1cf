"""An emotion that is not probable enough is not named, and everything else of its message stays."""

from dataclasses import replace

import numpy as np
import pytest

from mer_ros.emotion import EMOTIONS, UNKNOWN, Modality, ModalityEstimate
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.fusion.options import FusionOptions
from mer_ros.utterance import SpeechState, Utterance

SECOND = 1_000_000_000
UNIFORM = np.full(7, 1 / 7)


def spoken(heights: list[float], **options):
    """The emotions of utterances whose voice gives joy these probabilities."""
    told = iter(heights)

    def estimate(_utterance, _person_id):
        height = next(told)
        probabilities = np.full(7, (1 - height) / 6)
        probabilities[EMOTIONS.index("joy")] = height
        return ModalityEstimate(Modality.AUDIO, probabilities, quality=1.0)

    fuser = EmotionFuser(
        Experts(audio=Expert(estimate, UNIFORM, 1.0)), FusionOptions(target_prior=tuple(UNIFORM), **options)
    )
    emotions = []
    for number in range(len(heights)):
        start = number * 5 * SECOND
        utterance = Utterance(number + 1, SpeechState.ENDED, start, start + SECOND, np.zeros(16_000, np.int16))
        emotions += fuser.utterance(utterance, start + SECOND)
    return emotions


def test_never_unless_asked_for():
    assert [e.emotion for e in spoken([0.2, 0.9])] == ["joy", "joy"]


@pytest.mark.parametrize(("threshold", "named"), [(0.59, True), (0.6, True), (0.61, False)])
def test_the_threshold_is_on_the_confidence(threshold, named):
    (emotion,) = spoken([0.6], abstain=threshold - 1e-9 if threshold == 0.6 else threshold)
    assert emotion.emotion == ("joy" if named else UNKNOWN)
    assert emotion.confidence == pytest.approx(0.6)


def test_what_is_not_named_is_still_told_and_remembered():
    plain, careful = (spoken([0.9, 0.5, 0.9], abstain=abstain) for abstain in (0.0, 0.7))
    assert [e.emotion for e in careful] == ["joy", UNKNOWN, "joy"]
    for one, other in zip(plain, careful, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities)
        assert (one.confidence, one.valence, one.turn) == (other.confidence, other.valence, other.turn)
    assert [t.emotion for t in careful[2].context] == ["joy", UNKNOWN]


def test_an_unknown_emotion_is_no_shift():
    emotions = spoken([0.9, 0.5, 0.9], abstain=0.7)
    assert [e.shifted for e in emotions] == [False, False, False]
    assert emotions[2].previous_emotion == UNKNOWN
    assert replace(emotions[0], previous_emotion="anger").shifted
