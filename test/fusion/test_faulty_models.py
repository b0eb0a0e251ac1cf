"""Models that fail in a way that nobody thought of: they lose their say, and no utterance is lost."""

import numpy as np
import pytest

from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.fusion.experts import Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.fusion.options import FusionOptions
from mer_ros.utterance import SpeechState, Transcript, Utterance, VisualWindow

SECOND = 1_000_000_000
UNIFORM = np.full(7, 1 / 7)


def broken(*_part, **_how):
    raise RuntimeError("index 7 is out of bounds")


def told(modality):
    return lambda *_part, **_how: ModalityEstimate(modality, UNIFORM, quality=1.0, model="told")


def spoken(fuser, number):
    start = number * 10 * SECOND
    end = start + SECOND
    emotions = fuser.window(VisualWindow(number, True, start, end, 3, (), 1, 30, 640, 480), end)
    emotions += fuser.transcript(Transcript(number, start, end, "hello there", True), end)
    said = Utterance(number, SpeechState.ENDED, start, end, np.zeros(16_000, np.int16))
    return emotions + fuser.utterance(said, end)


@pytest.mark.parametrize("modality", Modality)
def test_a_model_that_raises_costs_its_say_alone(modality):
    ways = {m.value: Expert(broken if m is modality else told(m), UNIFORM, 0.8) for m in Modality}
    fuser = EmotionFuser(Experts(**ways), FusionOptions())
    for number in (1, 2, 3):
        (emotion,) = spoken(fuser, number)
        assert emotion.utterance_id == number
        for item in emotion.modalities:
            assert item.available == (item.modality is not modality)
        (failed,) = (item for item in emotion.modalities if item.modality is modality)
        assert failed.reason == f"the {modality.value} model failed: RuntimeError"
    assert fuser.counts[f"{modality.value}_model_failed"] == 3


def test_a_dialogue_model_that_raises_leaves_the_emotion_as_it_was():
    ways = {m.value: Expert(told(m), UNIFORM, 0.8) for m in Modality}
    fuser = EmotionFuser(Experts(**ways, dialogue=broken), FusionOptions())
    assert [emotion.turn for number in (1, 2, 3) for emotion in spoken(fuser, number)] == [1, 2, 3]
    assert fuser.counts["dialogue_model_failed"] == 2
