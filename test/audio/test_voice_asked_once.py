"""A voice that was judged at a pause is not judged again at the end, and the answer is the same."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from mer_ros.audio.emotion import AudioEmotion
from mer_ros.utterance import SpeechState, Utterance

SIZE = 3


class Heard:
    """A model with a memory, whose answer depends on samples and past."""

    def __init__(self) -> None:
        shapes = {"samples": (None, None), "prosody": (None, 36), "past": (None, SIZE), "heard": (None, 1)}
        inputs = {name: SimpleNamespace(shape=shape) for name, shape in shapes.items()}
        self.entry = SimpleNamespace(name="heard", inputs=inputs)
        self.runs = 0

    def run(self, *, samples, prosody, past, heard):
        self.runs += 1
        loud = np.abs(samples).mean(axis=1, keepdims=True) + past.mean(axis=1, keepdims=True) + heard
        logits = np.hstack([loud * (k + 1) for k in range(7)])
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return {
            "probabilities": (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32),
            "voice": np.tile(loud, (1, SIZE)).astype(np.float32),
        }


def said(seed: int = 0) -> Utterance:
    noise = np.random.default_rng(seed).normal(0, 3000, 32_000).astype(np.int16)
    return Utterance(1, SpeechState.ENDED, 0, 2_000_000_000, noise, snr_db=20.0)


def test_the_same_samples_are_asked_about_once_and_remembered_once():
    model, fresh = Heard(), Heard()
    voice, other = AudioEmotion(model), AudioEmotion(fresh)
    early = voice.estimate(said(), "anna", remember=False)
    final = voice.estimate(replace(said(), snr_db=5.0), "anna")
    assert model.runs == 1
    assert np.array_equal(early.probabilities, final.probabilities)
    assert final.quality < early.quality  # what is known of the utterance by now counts, not what was then
    other.estimate(said(), "anna")
    later = [it.estimate(said(1), "anna").probabilities for it in (voice, other)]
    assert np.array_equal(*later)


@pytest.mark.parametrize("change", ["samples", "length", "memory", "forgotten"])
def test_what_differs_is_asked_about_again(change):
    model = Heard()
    voice = AudioEmotion(model)
    utterance = said()
    voice.estimate(utterance, "anna", remember=change == "memory")
    if change == "samples":
        utterance = replace(utterance, samples=np.roll(utterance.samples, 1))
    elif change == "length":
        utterance = replace(utterance, samples=utterance.samples[:-1])
    elif change == "forgotten":
        voice.forget("somebody")
    voice.estimate(utterance, "anna")
    assert model.runs == 2


def test_who_is_unknown_shares_an_answer_and_who_is_known_has_an_own_one():
    model = Heard()
    voice = AudioEmotion(model)
    voice.estimate(said(), "", remember=False)
    voice.estimate(said(), "anna", remember=False)
    assert model.runs == 1
    voice.estimate(said(1), "anna")
    voice.estimate(said(1), "")
    assert model.runs == 2
    voice.estimate(said(1), "anna")  # who now is known
    assert model.runs == 3
