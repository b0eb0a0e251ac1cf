from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mer_ros.audio.emotion import LONGEST_PART_S, AudioEmotion, AudioEmotionOptions, voice_quality
from mer_ros.audio.features import feature_matrix
from mer_ros.audio.prosody import prosody
from mer_ros.emotion import Modality
from mer_ros.errors import InputError, ModelError, OptionError
from mer_ros.utterance import SpeechState, Utterance

REMEMBERING = ("samples", "prosody", "past", "heard")


class FakeModel:
    """Remembers what it was given; the number of a voice is its first sample."""

    def __init__(self, outputs=7, inputs=("features",)):
        self.entry = SimpleNamespace(name="fake", inputs=dict.fromkeys(inputs, SimpleNamespace(shape=(None, 1))))
        self.outputs = outputs
        self.seen = []

    def run(self, **arrays):
        self.seen.append(arrays)
        rows = len(next(iter(arrays.values())))
        told = {"probabilities": np.full((rows, self.outputs), 1 / self.outputs, np.float32)}
        return told | ({"voice": arrays["samples"][:, :1] * 32768} if "samples" in arrays else {})


def utterance(samples, state=SpeechState.ENDED, **more):
    return Utterance(1, state, 0, len(samples) * 62_500, np.asarray(samples, np.int16), **more)


def voice(seconds=2.0, peak=8000):
    t = np.arange(int(seconds * 16_000)) / 16_000
    return (peak * np.sin(2 * np.pi * 200 * t)).astype(np.int16)


def test_features_go_through_the_model():
    model = FakeModel()
    estimate = AudioEmotion(model).estimate(utterance(voice(), snr_db=30.0))
    (seen,) = model.seen
    assert list(seen) == ["features"]
    assert seen["features"].dtype == np.float32
    np.testing.assert_array_equal(seen["features"], feature_matrix(voice())[None])
    assert estimate.available
    assert estimate.modality is Modality.AUDIO
    assert estimate.probabilities.shape == (7,)
    assert estimate.model == "fake"
    assert estimate.quality == 1.0
    assert estimate.latency_ms > 0


@pytest.mark.parametrize(
    ("seconds", "parts"),
    [(0.3, 1), (LONGEST_PART_S, 1), (LONGEST_PART_S + 1 / 16_000, 2), (60.0, 8)],
)
def test_a_long_voice_is_heard_in_parts(seconds, parts):
    model = FakeModel(inputs=("samples", "prosody"))
    samples = voice(seconds)
    estimate = AudioEmotion(model).estimate(utterance(samples))
    (seen,) = model.seen
    assert seen["samples"].dtype == seen["prosody"].dtype == np.float32
    assert seen["samples"].shape == (parts, len(samples) // parts)
    np.testing.assert_array_equal(seen["samples"].ravel()[:4000] * 32768, samples[:4000])
    np.testing.assert_array_equal(seen["prosody"][-1], prosody(seen["samples"][-1]))
    assert estimate.probabilities.shape == (7,)


def test_a_person_is_heard_after_what_they_said_before():
    model = FakeModel(inputs=REMEMBERING)
    audio = AudioEmotion(model)

    def past(number, person_id="", **how):
        audio.estimate(utterance(np.r_[number, voice()[1:]]), person_id, **how)
        seen = model.seen[-1]
        assert seen["past"].dtype == seen["heard"].dtype == np.float32
        return seen["past"].item(), seen["heard"].item()

    assert past(10, "ann") == (0, 0)
    assert past(20, "ann", remember=False) == (10, 1)
    assert past(30, "ann") == (10, 1)
    assert past(50, "ben") == (0, 0)
    assert past(60) == (0, 0)
    assert past(70) == (0, 0)
    assert past(0, "ann") == (20, 2)
    audio.forget()
    assert past(0, "ann") == (0, 0)


def test_the_parts_of_a_long_voice_are_one_utterance():
    model = FakeModel(inputs=REMEMBERING)
    audio = AudioEmotion(model)
    for _ in range(2):
        audio.estimate(utterance(np.full(20 * 16_000, 7) + voice(20.0)), "ann")
    np.testing.assert_array_equal(model.seen[1]["heard"], [[1.0]] * 3)
    first = model.seen[0]["samples"][:, 0].mean() * 32768
    np.testing.assert_allclose(model.seen[1]["past"], first, rtol=1e-5)


def test_a_model_that_knows_nobody_is_not_told_who_speaks():
    model = FakeModel()
    AudioEmotion(model).estimate(utterance(voice()), "ann")
    assert list(model.seen[0]) == ["features"]


def test_a_model_with_other_inputs_is_refused():
    with pytest.raises(ModelError, match="fake takes pictures"):
        AudioEmotion(FakeModel(inputs=("pictures",)))


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (voice(0.0), "too short"),
        (voice(0.25), "too short: 250 ms of 300"),
        (np.zeros(16_000), "silent"),
        (np.full(16_000, 5000), "silent"),
        (voice(1.0, peak=10), "silent"),
    ],
)
def test_no_estimate_without_a_voice(samples, reason):
    model = FakeModel()
    estimate = AudioEmotion(model).estimate(utterance(samples))
    assert not estimate.available
    assert reason in estimate.reason
    assert estimate.quality == 0.0
    assert not model.seen


@pytest.mark.parametrize("state", [SpeechState.STARTED, SpeechState.ONGOING])
def test_an_utterance_that_goes_on_is_refused(state):
    with pytest.raises(InputError, match="goes on"):
        AudioEmotion(FakeModel()).estimate(utterance(voice(), state))


def test_a_model_with_other_labels_is_refused():
    with pytest.raises(ModelError, match="fake"):
        AudioEmotion(FakeModel(outputs=6)).estimate(utterance(voice()))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (utterance(voice(), snr_db=15.0), utterance(voice(), snr_db=5.0)),
        (utterance(voice(), snr_db=15.0), utterance(voice())),
        (utterance(voice(1.4)), utterance(voice(0.5))),
        (utterance(voice(peak=30_000)), utterance(np.clip(voice(peak=32767).astype(int) * 3, -32768, 32767))),
        (utterance(voice()), utterance(voice(), lost_samples=8000)),
    ],
    ids=["snr", "unknown snr", "duration", "clipping", "loss"],
)
def test_quality_falls(better, worse):
    assert 0 < voice_quality(worse) < voice_quality(better) <= 1


@pytest.mark.parametrize("snr_db", [-50.0, 0.0, 200.0, float("nan")])
def test_quality_stays_within_bounds(snr_db):
    assert 0 <= voice_quality(utterance(voice(), snr_db=snr_db, lost_samples=10**9)) <= 1
    assert voice_quality(utterance([], snr_db=snr_db)) == 0


def test_bad_options_are_refused():
    with pytest.raises(OptionError, match="shortest_ms"):
        AudioEmotionOptions(shortest_ms=float("nan"))
