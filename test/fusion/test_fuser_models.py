"""Models that fail or have nothing to say, of single senses, of all together, of the dialogue."""

import numpy as np
import pytest
from told_experts import (
    OPTIONS,
    UNIFORM,
    expert,
    experts,
    failing,
    feed,
    feeling,
    now,
    utterance,
    words,
)

from mer_ros.emotion import Modality, ModalityEstimate
from mer_ros.fusion.experts import EarlyExpert, Expert, Experts
from mer_ros.fusion.fuser import EmotionFuser
from mer_ros.fusion.options import FusionOptions


def test_a_model_that_raises_costs_only_its_own_modality():
    fuser = EmotionFuser(experts(audio=Expert(failing, UNIFORM, 0.8)), OPTIONS)
    (emotion,) = feed(fuser, 1)
    assert emotion.modalities[1].reason == "the model broke"
    assert emotion.emotion == "joy"
    assert fuser.counts["audio_model_failed"] == 1


def test_the_dialogue_model_reads_only_the_past():
    seen = []

    def dialogue(probabilities, history, same):
        seen.append((history.copy(), same.copy()))
        return probabilities

    fuser = EmotionFuser(Experts(audio=expert(Modality.AUDIO), dialogue=dialogue), OPTIONS)
    for number in (1, 2, 3):
        fuser.utterance(utterance(number), now(number))
    assert [int(same.sum()) for _, same in seen] == [1, 2]  # the first turn has no past to read
    assert all(history.shape == (6, 7) for history, _ in seen)


def test_early_fusion_decides_only_when_all_three_are_there():
    early = EarlyExpert(lambda *_: (feeling("fear", 0.9), np.array([1.0, 0, 0])), "early")
    fuser = EmotionFuser(experts(early=early), FusionOptions(target_prior=tuple(UNIFORM), early=True))
    (emotion,) = feed(fuser, 1)
    assert emotion.emotion == "fear"
    assert all(np.isnan(m.weight) for m in emotion.modalities)
    feed(fuser, 2, "ut")
    (emotion,) = fuser.flush(now(2))
    assert emotion.emotion == "joy"


def test_a_dialogue_model_that_fails_costs_only_the_dialogue():
    fuser = EmotionFuser(Experts(audio=expert(Modality.AUDIO), dialogue=failing), OPTIONS)
    emotions = [e for n in (1, 2) for e in fuser.utterance(utterance(n), now(n))]
    assert [e.emotion for e in emotions] == ["joy", "joy"]
    assert fuser.counts["dialogue_model_failed"] == 1


@pytest.mark.parametrize("bad", [np.full(7, np.nan), np.zeros(7), -feeling("joy")])
def test_an_expert_that_gives_no_distribution_is_unavailable(bad):
    broken = Expert(lambda *_: ModalityEstimate(Modality.TEXT, bad, quality=1.0), UNIFORM, 0.8)
    (emotion,) = feed(EmotionFuser(experts(text=broken), OPTIONS), 1)
    assert [m.available for m in emotion.modalities] == [True, True, False]


def test_an_input_of_no_quality_has_no_say():
    fuser = EmotionFuser(Experts(audio=expert(Modality.AUDIO, quality=0.0)), OPTIONS)
    assert fuser.utterance(utterance(1), now(1)) == []
    assert fuser.counts["nothing_to_fuse"] == 1


def test_a_fault_of_a_model_loses_no_utterance():
    def breaks(part, *_):
        if part.utterance_id == 1:
            raise ZeroDivisionError
        return ModalityEstimate(Modality.TEXT, feeling("joy"), quality=1.0)

    fuser = EmotionFuser(experts(text=Expert(breaks, UNIFORM, 0.8)), OPTIONS)
    feed(fuser, 1, "uw")
    feed(fuser, 2, "uwt", after_s=-8.0)
    first, second = fuser.transcript(words(1), now(1, 2))
    assert (first.utterance_id, first.modalities[2].available) == (1, False)
    assert (second.utterance_id, second.modalities[2].available) == (2, True)
