from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mer_ros.audio.emotion import AudioEmotion, AudioEmotionOptions, voice_quality
from mer_ros.audio.features import feature_matrix
from mer_ros.emotion import Modality
from mer_ros.errors import InputError, ModelError, OptionError
from mer_ros.utterance import SpeechState, Utterance


class FakeModel:
    """Remembers what it was given."""

    entry = SimpleNamespace(name="fake")

    def __init__(self, outputs=7):
        self.outputs = outputs
        self.seen = []

    def run(self, **arrays):
        self.seen.append(arrays)
        return {"probabilities": np.full((1, self.outputs), 1 / self.outputs, np.float32)}


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
